/**
 * What the command line, or any tool, can ask of a store: the same whether a server runs (asked
 * over its control socket) or not (the command opens the store itself).
 *
 * Paths are bytes relative to the dataset's root directory, `/` between names, no leading or
 * trailing one; the root directory itself is the empty path. Errors that a caller can cause are
 * FsErrors whose message is a sentence for people: what was not found, and what is there.
 */

import type { ScrubAction, ScrubStatus } from '../check/scrub.ts'
import type { FileType, Time } from '../fs/filesystem.ts'
import type { Freeing } from '../snapshot/delete.ts'
import type { SnapshotChange } from '../snapshot/notes.ts'
import type {
  Overwrite,
  PlanAction,
  PlanEntry,
  RestorePhase,
  RestoreProgress,
  RestoreRequest,
  RestoreSummary,
} from '../snapshot/restore-request.ts'
import { OVERWRITE } from '../snapshot/restore-request.ts'
import type { Period } from '../snapshot/retention.ts'
import type { PolicyChange } from '../snapshot/schedule.ts'
import type { Accounts } from './accounts.ts'
import type { BackupOperations } from './backup.ts'
import type { DatasetOperations, PromotionStatus } from './datasets.ts'
import type { HistoryOperations } from './history.ts'
import type { RecursiveOperations } from './recursive.ts'
import type { RollbackOperations } from './rollback.ts'

export type {
  DatasetInfo,
  DatasetOperations,
  NewClone,
  NewDataset,
  PromotionProgress,
  Quota,
} from './datasets.ts'
export type {
  Freeing,
  Overwrite,
  Period,
  PlanAction,
  PlanEntry,
  PolicyChange,
  RestorePhase,
  RestoreProgress,
  RestoreRequest,
  RestoreSummary,
  SnapshotChange,
}
export { OVERWRITE }

export interface SnapshotInfo {
  /** The snapshot's number in the store, never used again. */
  readonly id: number
  readonly name: string
  readonly created: Time
  /** One line, or nothing. */
  readonly comment: string
  /** Words, or `key=value`. */
  readonly tags: readonly string[]
  /** While there is one, the snapshot cannot be deleted. */
  readonly holds: readonly string[]
}

/** What deleting a snapshot alone would free. */
export interface SnapshotSize {
  readonly id: number
  /** Bytes of blocks that only it holds. */
  readonly unique: number
}

export interface DeletionRequest {
  /** Names, ranges `A..B` and patterns (snapshot/select.ts). */
  readonly words: readonly string[]
  /** Only tells what would be done. */
  readonly dryRun: boolean
  /** Answers when the snapshots are gone for everybody who looks: their blocks are freed later. */
  readonly background: boolean
}

export interface DeletionReport {
  /** Of the snapshots, oldest first. */
  readonly names: readonly string[]
  /** Bytes that are free now, or would be; 0 where they are freed in the background. */
  readonly bytes: number
}

export interface Status {
  /** Where the store is. */
  readonly directory: string
  readonly version: string
  readonly pid: number
  /** `serving`, `offline` (the command opened the store itself) or `failed` (with the reason). */
  readonly state: 'serving' | 'offline' | 'failed'
  readonly reason: string | undefined
  /** Seconds since the server started; 0 where none runs. */
  readonly uptime: number
  readonly durability: 'sync' | 'async'
  /** `127.0.0.1:2049`, for each address served. */
  readonly addresses: readonly string[]
  readonly connections: number
  /** Resident memory of the server, and its ceiling, in bytes; undefined where none runs. */
  readonly memory: { readonly used: number; readonly max: number } | undefined
  /** Of all datasets. */
  readonly snapshots: number
  /** Bytes of file data in the store, shared blocks counted once. */
  readonly dataBytes: number
  /** Bytes that the host's disk has free. */
  readonly freeBytes: number
  /** Bytes of the intent log that a crash now would have to replay. */
  readonly logBytes: number
  /** What deleted snapshots held, and is being freed; undefined where nothing is. */
  readonly freeing: Freeing | undefined
  /** Clones that are being made independent. */
  readonly promoting: readonly PromotionStatus[]
  /** Undefined where none is set. */
  readonly schedule: ScheduleStatus | undefined
}

export interface ScheduleStatus {
  /** When a snapshot is taken next, of any dataset. */
  readonly next: Time
  /** Why one cannot be taken or pruned; undefined while all is well. */
  readonly failure: string | undefined
}

/** A file of a snapshot, for streaming it to the operator's disk. */
export interface EntryInfo {
  readonly name: Uint8Array
  readonly type: FileType
  readonly ino: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly nlink: number
  readonly size: number
  readonly used: number
  readonly major: number
  readonly minor: number
  readonly atime: Time
  readonly mtime: Time
  /** Of a symlink; empty otherwise. */
  readonly target: Uint8Array
}

export interface Listing {
  readonly entries: readonly EntryInfo[]
  /** Where the next page begins; undefined after the last one. */
  readonly next: number | undefined
}

/** A stretch of a file: `data`, then `hole` bytes of zeros that nothing is stored for. */
export interface Piece {
  readonly data: Uint8Array
  /** CRC-32 of `data` (zlib's), taken where the blocks' own checksums were verified. */
  readonly crc: number
  /** Bytes behind `data` that are a hole, to be passed over; 0 is always allowed. */
  readonly hole: number
  /** True where `data` and `hole` reach the end of the file. */
  readonly eof: boolean
}

export interface CheckReport {
  readonly inodes: number
  readonly blocks: number
  readonly snapshots: number
  /** One sentence a problem; empty where the store is sound. */
  readonly problems: readonly string[]
}

/** How it stands with one period of a schedule. */
export interface PeriodInfo {
  readonly period: Period
  /** How many of its snapshots are kept. */
  readonly keep: number
  /** How many there are. */
  readonly snapshots: number
  /** When the newest of them was taken. */
  readonly newest: Time | undefined
  /** When the next one is taken, at the earliest now; undefined where none is kept. */
  readonly next: Time | undefined
}

export interface ScheduleInfo {
  /** Whether one is set. */
  readonly on: boolean
  /** Those that are scheduled, or have snapshots left; shortest first. */
  readonly periods: readonly PeriodInfo[]
}

/** What the policy makes of a snapshot that the schedule has taken. */
export interface Verdict {
  readonly name: string
  readonly period: Period
  /** False where it is pruned. */
  readonly keep: boolean
  readonly why: string
}

/** Entries that one `list` answers at most. */
export const LIST_ENTRIES_MAX = 256
/** Bytes that one `read` answers at most. */
export const READ_BYTES_MAX = 4 * 1024 * 1024

/**
 * Snapshots, files and the schedule are those of one dataset: at first of the root dataset.
 * `status`, `check`, `backup`, `datasets` and `recursive` are about the whole store, whichever that is.
 */
export interface Operations extends HistoryOperations, RollbackOperations, BackupOperations {
  readonly datasets: DatasetOperations
  /** Snapshots of all datasets together. */
  readonly recursive: RecursiveOperations
  /** The name of that dataset; empty for the root dataset. */
  readonly dataset: string
  /**
   * The same about another dataset, for as long as it has that name. It is not closed by itself.
   * @throws FsError NOENT, with the datasets that there are; so does whatever is asked of it later
   */
  in(dataset: string): Promise<Operations>
  status(): Promise<Status>
  /** @throws FsError EXIST, INVAL (the name, the comment, a tag), NOSPC */
  createSnapshot(name: string, comment?: string, tags?: readonly string[]): Promise<SnapshotInfo>
  /** Oldest first. */
  listSnapshots(): Promise<readonly SnapshotInfo[]>
  /**
   * Resolves when what only the snapshots held is free, or at once if that is wanted.
   * @throws FsError NOENT, INVAL (a range, a pattern), ACCES (a hold, a restore): none is deleted
   */
  deleteSnapshots(
    request: DeletionRequest,
    progress: (progress: Freeing) => void,
  ): Promise<DeletionReport>
  /** @throws FsError NOENT (the snapshot or a path: nothing was changed then), NOSPC */
  restore(
    request: RestoreRequest,
    progress: (progress: RestoreProgress) => void,
  ): Promise<RestoreSummary>
  /** @throws FsError NOENT, NOTDIR */
  stat(snapshot: string, path: Uint8Array): Promise<EntryInfo>
  /** Names of a directory without `.` and `..`, from `after` on (0: from the first). */
  list(snapshot: string, ino: number, after: number): Promise<Listing>
  /**
   * Bytes from `offset` on: at most `count`, and some unless a hole or the file's end is there.
   * @throws FsError NOENT, ISDIR, INVAL, IO (a checksum does not match)
   */
  read(snapshot: string, ino: number, offset: number, count: number): Promise<Piece>
  /** Proves the store's invariants (docs/architecture.md). */
  check(progress: (done: string) => void): Promise<CheckReport>
  /** Begins a check beside the work of clients, ends it, or only tells of it. */
  scrub(action: ScrubAction): Promise<ScrubStatus>
  schedule(): Promise<ScheduleInfo>
  /** @throws FsError INVAL a count that cannot be, or nothing to keep at all */
  setSchedule(change: PolicyChange): Promise<ScheduleInfo>
  /** What the schedule has taken stays. */
  endSchedule(): Promise<ScheduleInfo>
  /** Takes what is due now, and answers what that was. @throws FsError NOENT no schedule is set */
  runSchedule(): Promise<readonly SnapshotInfo[]>
  /**
   * Deletes what the policy does not keep; with `dryRun` it only tells.
   * @param pruned is told the name of each that is gone
   * @throws FsError NOENT no schedule is set
   */
  pruneSchedule(dryRun: boolean, pruned: (name: string) => void): Promise<readonly Verdict[]>
  /**
   * Changes a snapshot's name, or what is noted about it.
   * @throws FsError NOENT (the snapshot, a tag, a hold), EXIST (the new name, the hold), INVAL
   */
  changeSnapshot(name: string, change: SnapshotChange): Promise<SnapshotInfo>
  /**
   * What deleting each of the snapshots alone would free.
   * @param words as in DeletionRequest; none: all of them
   * @throws FsError NOENT, INVAL
   */
  measureSnapshots(words: readonly string[]): Promise<readonly SnapshotSize[]>
  /** What the files take, now and in the snapshots. */
  accounts(): Promise<Accounts>
  close(): Promise<void>
}
