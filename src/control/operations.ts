/**
 * What the command line, or any tool, can ask of a store: the same whether a server runs (asked
 * over its control socket) or not (the command opens the store itself).
 *
 * Paths are bytes relative to the root directory, `/` between names, no leading or trailing one;
 * the root directory itself is the empty path. Errors that a caller can cause are FsErrors whose
 * message is a sentence for people: what was not found, and what is there.
 */
import type { FileType, Time } from '../fs/filesystem.ts'
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

export type {
  Overwrite,
  PlanAction,
  PlanEntry,
  RestorePhase,
  RestoreProgress,
  RestoreRequest,
  RestoreSummary,
}
export { OVERWRITE }

export interface SnapshotInfo {
  /** The snapshot's number in the store, never used again. */
  readonly id: number
  readonly name: string
  readonly created: Time
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
  readonly snapshots: number
  /** Bytes of file data in the store, shared blocks counted once. */
  readonly dataBytes: number
  /** Bytes that the host's disk has free. */
  readonly freeBytes: number
  /** Bytes of the intent log that a crash now would have to replay. */
  readonly logBytes: number
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

/** Entries that one `list` answers at most. */
export const LIST_ENTRIES_MAX = 256
/** Bytes that one `read` answers at most. */
export const READ_BYTES_MAX = 4 * 1024 * 1024

export interface Operations {
  status(): Promise<Status>
  /** @throws FsError EXIST, INVAL (the name), NOSPC */
  createSnapshot(name: string): Promise<SnapshotInfo>
  /** Oldest first. */
  listSnapshots(): Promise<readonly SnapshotInfo[]>
  /** Resolves when what only the snapshot held is free. @throws FsError NOENT */
  deleteSnapshot(name: string): Promise<void>
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
  close(): Promise<void>
}
