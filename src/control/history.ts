/**
 * What the command line can ask about the past of files. The answers are lists of any length, made
 * as they are asked for: ask no further, and the work ends.
 */
import type { DiffEntry, DiffKind, DiffRequest } from '../snapshot/diff.ts'

export type { DiffEntry, DiffKind, DiffRequest }

export interface HistoryOperations {
  /**
   * What changed from one snapshot to another, or to now, in the order of the newer tree.
   *
   * @throws FsError (with the first entry) NOENT no such snapshot
   */
  diff(request: DiffRequest): AsyncGenerator<DiffEntry>
}
