/** Telling what `restore --dry-run` would do: one line an entry, and what it comes to. */
import type { PlanEntry } from '../control/operations.ts'
import type { Context } from './context.ts'
import { jsonPath } from './failures.ts'
import { count, counted, printable, size } from './text.ts'

const ACTION_COLUMNS = 'attributes'.length

/** Counts of a restore that was done, or is planned. */
export interface Counts {
  readonly files: number
  readonly directories: number
  readonly bytes: number
  readonly unchanged: number
  readonly skipped: number
}

export function printEntry(context: Context, { action, bytes, ...entry }: PlanEntry): void {
  const path = context.seen(entry.path)
  const amount = bytes > 0 ? `  (${size(bytes)})` : ''
  context.print(`${action.padEnd(ACTION_COLUMNS)}  ${printable(path) || '/'}${amount}`)
  context.printJson({ event: 'plan', action, ...jsonPath(path), bytes })
}

/** `2 unchanged`, `3 left alone`: what is not restored. */
export function leftOut({ unchanged, skipped }: Counts): readonly string[] {
  return [
    ...(unchanged > 0 ? [`${count(unchanged)} unchanged`] : []),
    ...(skipped > 0 ? [`${count(skipped)} left alone`] : []),
  ]
}

/** `3 files in 1 folder` */
export function amount({ files, directories }: Counts): string {
  const folders = directories > 0 ? ` in ${counted(directories, 'folder')}` : ''
  return `${counted(files, 'file')}${folders}`
}

/** `would restore 3 files in 1 folder, 12 KiB, 2 unchanged; nothing was changed` */
export function plannedSentence(counts: Counts, attributes: number, deleted: number): string {
  return `${[
    `would restore ${amount(counts)}`,
    size(counts.bytes),
    ...leftOut(counts),
    ...(attributes > 0 ? [`attributes of ${counted(attributes, 'folder')}`] : []),
    ...(deleted > 0 ? [`delete ${counted(deleted, 'entry', 'entries')}`] : []),
  ].join(', ')}; nothing was changed`
}
