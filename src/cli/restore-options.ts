/** What `restore` is asked for, out of its options. */
import { OVERWRITE, type RestoreRequest } from '../control/operations.ts'
import { FsError } from '../fs/error.ts'
import { Filter, PATTERNS_MAX } from '../snapshot/filter.ts'
import { UsageError } from './errors.ts'
import type { Given } from './options.ts'
import { parsePath } from './paths.ts'
import type { When } from './when.ts'
import { askedSnapshot } from './which-snapshot.ts'

/** The `--output` that is an archive on stdout. */
export const ARCHIVE = '-'

export interface Asked extends Omit<RestoreRequest, 'snapshot'> {
  readonly snapshot: string | When
  /** A place on this machine's disk, as the user wrote it. */
  readonly output: string | undefined
}

/** @throws UsageError */
export function askedOf(given: Given, nowMs: number): Asked {
  const name = { named: given.value('snapshot'), naming: '--snapshot', needs: '--snapshot NAME' }
  const snapshot = askedSnapshot(given, 'restore', name, nowMs)
  const sources = [...given.args, ...given.values('source')]
  if (sources.length === 0) throw new UsageError("'restore' needs a PATH; / restores everything")
  const output = outputOf(given)
  const to = given.value('to')
  if (to !== undefined && output !== undefined) {
    throw new UsageError('--to is inside the file system and --output outside: give one of them')
  }
  const asked = {
    ...{ snapshot, output, paths: sources.map(parsePath) },
    to: to === undefined ? undefined : parsePath(to),
    overwrite: given.word('overwrite', OVERWRITE, 'if-changed'),
    dryRun: given.flag('dry-run'),
    delete: given.flag('delete'),
    verify: given.flag('verify'),
    ...patternsOf(given),
  }
  if (asked.delete) requireDeletable(asked)
  if (output === ARCHIVE) requireArchivable(given)
  return asked
}

function outputOf(given: Given): string | undefined {
  const output = given.value('output')
  const destination = given.value('destination')
  if (destination !== undefined && output !== undefined) {
    throw new UsageError('--output and --destination are the same: give one of them')
  }
  return output ?? destination
}

function patternsOf(given: Given): Pick<RestoreRequest, 'include' | 'exclude'> {
  const patterns = { include: given.values('include'), exclude: given.values('exclude') }
  for (const [name, { length }] of Object.entries(patterns)) {
    if (length > PATTERNS_MAX) throw new UsageError(`--${name} may be given ${PATTERNS_MAX} times`)
  }
  try {
    new Filter(patterns)
  } catch (error) {
    throw error instanceof FsError ? new UsageError(error.message) : error
  }
  return patterns
}

function requireArchivable(given: Given): void {
  for (const name of ['overwrite', 'dry-run', 'verify']) {
    if (given.flag(name))
      throw new UsageError(`--${name} means nothing for an archive (--output -)`)
  }
}

function requireDeletable({ output, overwrite, include, exclude }: Asked): void {
  if (output !== undefined) {
    throw new UsageError('--delete is for trees inside the file system: not with --output')
  }
  if (overwrite === 'keep-both') {
    throw new UsageError('--delete and --overwrite keep-both contradict each other')
  }
  if (include?.length || exclude?.length) {
    throw new UsageError(
      '--delete makes whole trees what they were: not with --include or --exclude',
    )
  }
}
