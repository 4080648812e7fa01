/** Snapshots as they are printed. */
import type { Freeing, SnapshotInfo } from '../control/operations.ts'
import { bar } from './progress.ts'
import { ago, count, isoTime, localTime, size } from './text.ts'

/** A snapshot, and what deleting it alone would free, where that was asked for. */
export interface Shown extends SnapshotInfo {
  readonly unique: number | undefined
}

/** For programs. */
export function snapshotJson({ id, name, created, comment, tags, holds }: SnapshotInfo) {
  return { id, name, created: isoTime(created), comment, tags, holds }
}

/** As `snapshotJson`, with `uniqueBytes` where it is known. */
export function shownJson(snapshot: Shown) {
  const { unique } = snapshot
  return { ...snapshotJson(snapshot), ...(unique === undefined ? {} : { uniqueBytes: unique }) }
}

/** A column of a table of snapshots. */
interface Column {
  readonly head: string
  /** Whether it is there even where all of it is empty. */
  readonly always: boolean
  cell(snapshot: Shown): string
}

const uniqueSize = ({ unique }: Shown) => (unique === undefined ? '' : size(unique))

/** Rows for `columns`, the headings first; a column that would be empty is left out. */
export function snapshotTable(snapshots: readonly Shown[], nowMs: number): string[][] {
  const all: readonly Column[] = [
    { head: 'NAME', always: true, cell: ({ name }) => name },
    { head: 'MADE', always: true, cell: ({ created }) => localTime(created) },
    { head: '', always: true, cell: ({ created }) => ago(created, nowMs) },
    { head: 'UNIQUE', always: false, cell: uniqueSize },
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

/** Rows for `columns`: all there is to know about one. */
export function snapshotRows(snapshot: Shown, nowMs: number): string[][] {
  const { name, created, comment, tags, holds } = snapshot
  const none = (text: string) => (text === '' ? 'none' : text)
  return [
    ['name', name],
    ['made', `${localTime(created)}, ${ago(created, nowMs)}`],
    ['unique', `${uniqueSize(snapshot)} that deleting it alone would free`],
    ['holds', none(holds.join(', '))],
    ['tags', none(tags.join(', '))],
    ['comment', none(comment)],
  ]
}

/** `[####----------------]  20% of 1,204 records, 3.2 GiB freed` */
export function freeingText({ versions, total, bytes }: Freeing): string {
  if (total === 0) return 'counting what is to be freed'
  return `${bar(versions, total)} of ${count(total)} records, ${size(bytes)} freed`
}
