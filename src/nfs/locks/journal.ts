/**
 * What of the locks outlives the server: the seam to the store, which this folder does not see.
 */
import type { FsError } from '../../fs/error.ts'
import type { FileId } from '../../fs/filesystem.ts'
import type { Client } from './clients.ts'
import type { Reservation } from './shares.ts'
import type { Lock } from './table.ts'

/** What one operation changes: kept together or not at all. */
export interface JournalChange {
  readonly locks?: readonly Lock[]
  readonly shares?: readonly Reservation[]
  /** Numbers of locks and reservations that are gone. */
  readonly dropped?: readonly number[]
  readonly clients?: readonly Client[]
  readonly droppedClients?: readonly number[]
}

export interface Journal {
  /** @throws FsError IO where the store takes no more changes: nothing has changed then */
  save(change: JournalChange): void
  /** Calls back once everything saved before is on stable storage, or with why it is not. */
  barrier(done: (error?: FsError) => void): void
}

/** Equal for equal files only: a snapshot's file is another one than the live file. */
export function fileKey({ dataset, snapshot, ino, generation }: FileId): string {
  return `${dataset}/${snapshot}/${ino}/${generation}`
}
