/**
 * What the command line can ask about the past of files. The answers are lists of any length, made
 * as they are asked for: ask no further, and the work ends.
 */
import type { DeletedEntry, DeletedRequest } from '../snapshot/deleted.ts'
import type { DiffEntry, DiffKind, DiffRequest } from '../snapshot/diff.ts'
import type { FileVersion } from '../snapshot/versions.ts'

export type { DeletedEntry, DeletedRequest, DiffEntry, DiffKind, DiffRequest, FileVersion }

export interface HistoryOperations {
  /**
   * What changed from one snapshot to another, or to now, in the order of the newer tree.
   *
   * @throws FsError (with the first entry) NOENT no such snapshot
   */
  diff(request: DiffRequest): AsyncGenerator<DiffEntry>
  /**
   * The contents that a path has had, the one that was there last first.
   *
   * @throws FsError (with the first entry) NOENT never there, ISDIR
   */
  versions(path: Uint8Array): AsyncGenerator<FileVersion>
  /**
   * What a directory, and those below it, had in a snapshot and have no more.
   *
   * @throws FsError (with the first entry) NOENT in no snapshot, NOTDIR
   */
  listDeleted(request: DeletedRequest): AsyncGenerator<DeletedEntry>
}
