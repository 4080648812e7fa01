/** What a restore can be asked for, and what it tells. */
import { FsError } from '../fs/error.ts'

/**
 * What to do with a file that is there already and is not as it was: leave it; put the snapshot's
 * in its place; do that where the snapshot's was changed later; or put the snapshot's beside it.
 * `always` does so with what is as it was, too.
 */
export type Overwrite = 'never' | 'if-changed' | 'if-newer' | 'always' | 'keep-both'
export const OVERWRITE = ['never', 'if-changed', 'if-newer', 'always', 'keep-both'] as const

export interface RestoreRequest {
  readonly snapshot: string
  /** Relative to the root directory, which is the empty path. */
  readonly paths: readonly Uint8Array[]
  /** Where to; undefined restores in place. An existing directory receives the path below it. */
  readonly to: Uint8Array | undefined
  readonly overwrite: Overwrite
  /** Changes nothing, and tells in `plan` what would be done. */
  readonly dryRun?: boolean
  /** Removes what is in restored directories and was not in them, once everything else is back. */
  readonly delete?: boolean
  /** Compares, in the end, all that was restored with the snapshot; what differs has failed. */
  readonly verify?: boolean
  /** Patterns (glob.ts) of what is restored, by its path in the snapshot; none: everything. */
  readonly include?: readonly string[]
  /** And of what is not; see filter.ts. */
  readonly exclude?: readonly string[]
}

/** What a restore is at: putting back, removing what was not there, comparing. */
export type RestorePhase = 'restore' | 'delete' | 'verify'
export const RESTORE_PHASES = ['restore', 'delete', 'verify'] as const

/** What was put back. */
export interface RestoreAmount {
  readonly files: number
  readonly directories: number
  /** Bytes of the restored files, all of them shared with the snapshot. */
  readonly bytes: number
}

export interface RestoreProgress extends RestoreAmount {
  readonly phase: RestorePhase
  /** Entries of this phase that are done, whatever became of them, and how many there are. */
  readonly done: number
  /** undefined where they are not counted (yet). */
  readonly total: number | undefined
}

/** What is done with an entry. `attributes`: of a directory that is there, and nothing else. */
export type PlanAction = 'create' | 'replace' | 'unchanged' | 'skip' | 'delete' | 'attributes'
export const PLAN_ACTIONS = [
  ...(['create', 'replace', 'unchanged', 'skip', 'delete', 'attributes'] as const),
] as const

export interface PlanEntry {
  readonly action: PlanAction
  /** Where it is, or would be, in the live file system. */
  readonly path: Uint8Array
  /** Of the file that is restored; 0 for what is no regular file, and for further names. */
  readonly bytes: number
}

/** Entries that a plan lists at most; the others are only counted. */
export const PLAN_ENTRIES_MAX = 100_000

export interface RestoreSummary extends RestoreAmount {
  /** Files that were as they were, and files that were left alone, as `overwrite` says. */
  readonly unchanged: number
  readonly skipped: number
  /** Directories that were there and got the attributes back that they had. */
  readonly attributes: number
  /** Files and directories that were removed. */
  readonly deleted: number
  /** With `verify`: entries that are as they were. */
  readonly verified: number
  /** Paths that could not be restored, and why. */
  readonly failed: readonly { readonly path: Uint8Array; readonly reason: string }[]
  /** The snapshot made before an in-place restore changed anything. */
  readonly safetySnapshot: string | undefined
  /** With `dryRun`: at most PLAN_ENTRIES_MAX entries. */
  readonly plan: readonly PlanEntry[]
}

/** @throws FsError INVAL for what cannot go together */
export function requirePossible(request: RestoreRequest): void {
  if (!request.delete) return
  if (request.overwrite === 'keep-both') {
    throw new FsError('INVAL', 'what is there cannot both be kept and be deleted')
  }
  if (request.include?.length || request.exclude?.length) {
    throw new FsError('INVAL', 'what patterns leave out cannot be told from what is to be deleted')
  }
}
