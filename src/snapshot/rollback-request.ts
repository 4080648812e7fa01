/** What a rollback can be asked for, and what it tells. */

export interface RollbackRequest {
  readonly snapshot: string
  /** Changes nothing, and tells in `plan` what would be done. */
  readonly dryRun?: boolean
}

/** What a rollback is at: looking for what changed, putting back, removing what came since. */
export type RollbackPhase = 'compare' | 'restore' | 'delete'
export const ROLLBACK_PHASES = ['compare', 'restore', 'delete'] as const

/** What became of something, each change counted once. */
export interface RollbackCounts {
  /** Directories that came back, and names of files that did. */
  readonly created: number
  /** Files whose content went back, and those of which only attributes did, as of directories. */
  readonly replaced: number
  readonly attributes: number
  /** Files and directories that got their former name back. */
  readonly moved: number
  /** Names that were removed. */
  readonly deleted: number
  /** Bytes of the files that came back or whose content went back, all shared with the snapshot. */
  readonly bytes: number
}

export interface RollbackProgress extends RollbackCounts {
  readonly phase: RollbackPhase
  /** Files, directories and names of this phase that were looked at. */
  readonly done: number
}

/** What is done with an entry; see RollbackCounts. */
export const ROLLBACK_ACTIONS = ['create', 'replace', 'move', 'attributes', 'delete'] as const
export type RollbackAction = (typeof ROLLBACK_ACTIONS)[number]

export interface RollbackEntry {
  readonly action: RollbackAction
  /** Where it is in the snapshot; of what is deleted, where it is now. */
  readonly path: Uint8Array
  /** Of a file that comes back, or whose content goes back; 0 otherwise. */
  readonly bytes: number
}

/** Entries that a plan lists at most; the others are only counted. */
export const ROLLBACK_PLAN_MAX = 100_000

export interface RollbackSummary extends RollbackCounts {
  /** Paths that could not be put back, and why. */
  readonly failed: readonly { readonly path: Uint8Array; readonly reason: string }[]
  /** The snapshot made before anything changed; undefined where nothing had to. */
  readonly safetySnapshot: string | undefined
  /** With `dryRun`: at most ROLLBACK_PLAN_MAX entries. */
  readonly plan: readonly RollbackEntry[]
}
