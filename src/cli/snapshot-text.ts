/** Snapshots as they are printed. */
import type { SnapshotInfo } from '../control/operations.ts'
import { ago, isoTime, localTime } from './text.ts'

/** For programs. */
export function snapshotJson({ id, name, created, comment, tags, holds }: SnapshotInfo) {
  return { id, name, created: isoTime(created), comment, tags, holds }
}

/** A column of a table of snapshots. */
interface Column {
  readonly head: string
  /** Whether it is there even where all of it is empty. */
  readonly always: boolean
  cell(snapshot: SnapshotInfo): string
}

/** Rows for `columns`, the headings first; a column that would be empty is left out. */
export function snapshotTable(snapshots: readonly SnapshotInfo[], nowMs: number): string[][] {
  const all: readonly Column[] = [
    { head: 'NAME', always: true, cell: ({ name }) => name },
    { head: 'MADE', always: true, cell: ({ created }) => localTime(created) },
    { head: '', always: true, cell: ({ created }) => ago(created, nowMs) },
    { head: 'HOLDS', always: false, cell: ({ holds }) => holds.join(',') },
    { head: 'TAGS', always: false, cell: ({ tags }) => tags.join(',') },
    { head: 'COMMENT', always: false, cell: ({ comment }) => comment },
  ]
  const shown = all.filter(
    ({ always, cell }) => always || snapshots.some((snapshot) => cell(snapshot) !== ''),
  )
  const rows = snapshots.map((snapshot) => shown.map(({ cell }) => cell(snapshot)))
  return [shown.map(({ head }) => head), ...rows]
}
