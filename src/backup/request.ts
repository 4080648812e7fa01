/** What a backup is asked for, what it tells on its way, and what it comes to. */

export interface BackupRequest {
  /** Where to: an absolute path. */
  readonly directory: string
  /** The most bytes of file data that are copied in a second; 0 is no limit. */
  readonly bytesPerSecond: number
}

export const BACKUP_PHASES = ['compare', 'copy', 'finish'] as const
export type BackupPhase = (typeof BACKUP_PHASES)[number]

export interface BackupProgress {
  readonly phase: BackupPhase
  /** Records that were compared. */
  readonly records: number
  /** Bytes of file data that were copied, or found there, of `totalBytes`. */
  readonly doneBytes: number
  /** 0 until it is known: in the first phase. */
  readonly totalBytes: number
}

export interface BackupCounts {
  /** Whether nothing was there before. */
  readonly first: boolean
  /** Records that were compared, those written, and those that are gone. */
  readonly records: number
  readonly written: number
  readonly deleted: number
  /** Bytes of file data that were copied. */
  readonly copiedBytes: number
  /** Bytes of file data that the store has. */
  readonly totalBytes: number
}

export interface BackupSummary extends BackupCounts {
  /** What could not be copied because it is damaged, a sentence each; it is damaged there, too. */
  readonly problems: readonly string[]
}
