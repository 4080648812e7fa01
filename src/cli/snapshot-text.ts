/** Snapshots as they are printed. */
import type { Account } from '../control/accounts.ts'
import type { Freeing, SnapshotInfo } from '../control/operations.ts'
import { bar } from './progress.ts'
import { ago, counted, isoTime, localTime, size } from './text.ts'

/** A snapshot with its sizes; undefined where they are not asked for, or not known. */
export interface Shown extends SnapshotInfo {
  /** What it refers to, and how much of that the snapshot before does not have. */
  readonly account: Account | undefined
  /** What deleting it alone would free. */
  readonly unique: number | undefined
  /** Names of the datasets that are clones of it, and need it. */
  readonly clones: readonly string[]
}

/** For programs: a snapshot that was made or changed, and of which dataset. */
export function changedJson(dataset: string, snapshot: SnapshotInfo) {
  const { id, name, ...notes } = snapshotJson(snapshot)
  return { id, dataset, name, ...notes }
}

/** For programs. */
export function snapshotJson({ id, name, created, comment, tags, holds }: SnapshotInfo) {
  return { id, name, created: isoTime(created), comment, tags, holds }
}

/** For programs: what files take. */
export function accountJson(account: Account | undefined) {
  if (account === undefined) return {}
  const { bytes, inodes, written } = account
  return { referencedBytes: bytes, referencedInodes: inodes, writtenBytes: written }
}

/** As `snapshotJson`, with clones where there are some, and sizes as far as they are known. */
export function shownJson(snapshot: Shown) {
  const { unique, clones } = snapshot
  const cloned = clones.length === 0 ? {} : { clones }
  const sizes = { ...accountJson(snapshot.account), uniqueBytes: unique }
  return { ...snapshotJson(snapshot), ...cloned, ...sizes }
}

/** A column of a table of snapshots. */
interface Column {
  readonly head: string
  /** Whether it is there even where all of it is empty. */
  readonly always: boolean
  cell(snapshot: Shown): string
}

const sizeOf = (bytes: number | undefined) => (bytes === undefined ? '' : size(bytes))

/**
 * Rows for `columns`, the headings first; a column that would be empty is left out.
 *
 * @param referenced whether to tell what each refers to
 */
export function snapshotTable(
  snapshots: readonly Shown[],
  nowMs: number,
  referenced: boolean,
): string[][] {
  // Where there are more sizes than one, the time in words gives way: a terminal has 80 columns.
  const sized = referenced || snapshots.some(({ unique }) => unique !== undefined)
  const all: readonly Column[] = [
    { head: 'NAME', always: true, cell: ({ name }) => name },
    { head: 'MADE', always: true, cell: ({ created }) => localTime(created) },
    { head: '', always: !sized, cell: ({ created }) => (sized ? '' : ago(created, nowMs)) },
    {
      head: 'REFERS',
      always: false,
      cell: ({ account }) => (referenced ? sizeOf(account?.bytes) : ''),
    },
    { head: 'WRITTEN', always: false, cell: ({ account }) => sizeOf(account?.written) },
    { head: 'UNIQUE', always: false, cell: ({ unique }) => sizeOf(unique) },
    { head: 'HOLDS', always: false, cell: ({ holds }) => holds.join(',') },
    { head: 'CLONES', always: false, cell: ({ clones }) => clones.join(',') },
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
  const { name, created, comment, tags, holds, clones, account, unique } = snapshot
  const none = (text: string) => (text === '' ? 'none' : text)
  return [
    ['name', name],
    ['made', `${localTime(created)}, ${ago(created, nowMs)}`],
    ...(account === undefined ? [] : accountRows(account)),
    ['unique', `${sizeOf(unique)} that deleting it alone would free`],
    ['holds', none(holds.join(', '))],
    ...(clones.length === 0 ? [] : [['clones', clones.join(', ')]]),
    ['tags', none(tags.join(', '))],
    ['comment', none(comment)],
  ]
}

function accountRows({ bytes, inodes, written }: Account): string[][] {
  return [
    ['referenced', `${size(bytes)} in ${counted(inodes, 'inode')}`],
    ['written', `${size(written)} that the snapshot before does not have`],
  ]
}

/** `[####----------------]  20% of 1,204 records, 3.2 GiB freed` */
export function freeingText({ versions, total, bytes }: Freeing): string {
  if (total === 0) return 'counting what is to be freed'
  return `${bar(versions, total)} of ${counted(total, 'record')}, ${size(bytes)} freed`
}
