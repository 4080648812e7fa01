/** The snapshot that a command goes back to: the one that is named, or the one of a time. */
import type { Operations } from '../control/operations.ts'
import { type Context, datasetHint, datasetWords } from './context.ts'
import { UsageError } from './errors.ts'
import type { Given, OptionSpec } from './options.ts'
import { ago, isoTime, localTime } from './text.ts'
import { parseWhen, pickSnapshot, type When } from './when.ts'

export const AT_OPTION: OptionSpec = {
  name: 'at',
  value: 'TIME',
  about: 'the newest snapshot not after it: latest, latest~2, "2 hours ago", 14:30, 2026-11-22',
}

/**
 * @param command how it is called
 * @param named the snapshot's name, where it is given
 * @param naming how it is given: `--snapshot`
 * @param needs the same as the help has it: `--snapshot NAME`
 * @param nowMs milliseconds since 1970
 * @throws UsageError where neither a name nor a time is given, or both are
 */
export function askedSnapshot(
  given: Given,
  command: string,
  { named, naming, needs }: { named: string | undefined; naming: string; needs: string },
  nowMs: number,
): string | When {
  const at = given.value('at')
  if (named !== undefined && at !== undefined) {
    throw new UsageError(`${naming} and --at both say where from: give one of them`)
  }
  const snapshot = at === undefined ? named : parseWhen(at, nowMs)
  if (snapshot !== undefined) return snapshot
  const list = `zerofs-nfs snapshot list${datasetWords(given)}`
  throw new UsageError(`'${command}' needs ${needs} or --at TIME ('${list}' tells them)`)
}

/**
 * The snapshot's name; which one a time has led to is told.
 *
 * @throws CommandError NOT_FOUND where there is none of that time
 */
export async function nameOf(
  context: Context,
  operations: Operations,
  snapshot: string | When,
): Promise<string> {
  if (typeof snapshot === 'string') return snapshot
  const all = await operations.listSnapshots()
  const { name, created } = pickSnapshot(snapshot, all, datasetHint(operations.dataset))
  const made = `${localTime(created)}, ${ago(created, context.io.now())}`
  context.print(`from snapshot '${name}' (${made})`)
  const { dataset } = operations
  context.printJson({ event: 'snapshot', dataset, snapshot: name, created: isoTime(created) })
  return name
}
