/** `zerofs-nfs snapshot list|info` */
import type { Account } from '../control/accounts.ts'
import type { DatasetInfo, Operations } from '../control/operations.ts'
import { FsError } from '../fs/error.ts'
import { hasTag } from '../snapshot/notes.ts'
import { type Context, datasetWords } from './context.ts'
import { abortable, Exit } from './errors.ts'
import { withDataset } from './operations.ts'
import type { Command, Given } from './options.ts'
import { accountJson, type Shown, shownJson, snapshotRows, snapshotTable } from './snapshot-text.ts'
import { didYouMean } from './suggest.ts'
import { columns, size } from './text.ts'

const SORTS = ['created', 'name', 'referenced', 'written', 'unique'] as const
const INTERRUPTED = 'interrupted'

const ORDERS: Record<(typeof SORTS)[number], (a: Shown, b: Shown) => number> = {
  // They come in this order.
  created: () => 0,
  name: (a, b) => (a.name < b.name ? -1 : 1),
  referenced: (a, b) => (b.account?.bytes ?? 0) - (a.account?.bytes ?? 0),
  written: (a, b) => (b.account?.written ?? 0) - (a.account?.written ?? 0),
  unique: (a, b) => (b.unique ?? 0) - (a.unique ?? 0),
}

/** @returns the names of the datasets that are clones of a snapshot */
async function clonesOf({
  datasets,
  dataset,
}: Operations): Promise<(snapshot: string) => string[]> {
  const all = await datasets.list()
  const isOf = ({ origin }: DatasetInfo, snapshot: string) =>
    origin?.dataset === dataset && origin.snapshot === snapshot
  return (snapshot) => all.filter((one) => isOf(one, snapshot)).map(({ name }) => name)
}

interface Listed {
  readonly snapshots: readonly Shown[]
  /** Of the live files. */
  readonly live: Account
}

/** @param sized whether to find out what deleting each alone would free */
async function listAll(operations: Operations, sized: boolean): Promise<Listed> {
  const snapshots = await operations.listSnapshots()
  const accounts = await operations.accounts()
  const sizes = sized && snapshots.length > 0 ? await operations.measureSnapshots([]) : []
  const unique = new Map(sizes.map((size) => [size.id, size.unique]))
  const account = new Map(accounts.snapshots.map((one) => [one.id, one]))
  const clones = await clonesOf(operations)
  const shown = snapshots.map((snapshot) => ({
    ...{ ...snapshot, account: account.get(snapshot.id), unique: unique.get(snapshot.id) },
    clones: clones(snapshot.name),
  }))
  return { snapshots: shown, live: accounts.live }
}

/** @param referenced whether to tell what each refers to */
function printTable(
  context: Context,
  given: Given,
  snapshots: readonly Shown[],
  referenced: boolean,
): void {
  if (snapshots.length === 0) {
    const create = `'zerofs-nfs snapshot create NAME${datasetWords(given)}' makes one`
    const none = `there are no snapshots; ${create}`
    context.print(given.flag('tag') ? 'no snapshot has these tags' : none)
    return
  }
  const rows = snapshotTable(snapshots, context.io.now(), referenced)
  const [head = '', ...lines] = columns(rows)
  context.print(context.style('bold', head.trimEnd()))
  for (const line of lines) context.print(line.trimEnd())
}

export const snapshotList: Command = {
  name: 'snapshot list',
  args: '',
  usage: '',
  about: 'list the snapshots, oldest first',
  options: [
    { name: 'size', about: 'also what each refers to, and what deleting it alone would free' },
    {
      name: 'sort',
      value: 'ORDER',
      about: 'created (default), name; referenced, written or unique: the largest first',
    },
    { name: 'tag', value: 'TAG', many: true, about: 'only those with this tag or KEY; with all' },
  ],
  ofDataset: true,
  json: 'document',
  notes:
    'WRITTEN is what a snapshot has and the one before it has not: data that came since and is there\n' +
    'still. REFERS is what the files take that it refers to, whoever else holds them.\n\n' +
    'UNIQUE is exactly what is freed when that snapshot alone is deleted. What several snapshots\n' +
    "share counts for none of them: 'snapshot delete --dry-run' tells of several together. Finding\n" +
    'it out takes the time of going through what only they hold, so it is done when asked for. What\n' +
    'clients removed a moment ago counts as soon as the server has taken it apart.',
  examples: [
    'zerofs-nfs snapshot list',
    'zerofs-nfs snapshot list --sort unique --dataset projects',
    'zerofs-nfs snapshot list --size --sort written',
    "zerofs-nfs snapshot list --tag release --json | jq -r '.snapshots[].name'",
  ],
  run(context, given) {
    const sort = given.word('sort', SORTS, 'created')
    const sized = given.flag('size') || sort === 'unique'
    const referenced = given.flag('size') || sort === 'referenced'
    const tags = given.values('tag')
    return withDataset(context, given, 'snapshot list', async (operations, signal) => {
      const all = await abortable(signal, listAll(operations, sized), INTERRUPTED)
      const snapshots = all.snapshots
        .filter((snapshot) => tags.every((tag) => hasTag(snapshot, tag)))
        .sort(ORDERS[sort])
      printTable(context, given, snapshots, referenced)
      const { live } = all
      const newest = all.snapshots.at(-1)
      if (given.flag('size') && newest !== undefined) {
        context.print(`${size(live.written)} written since '${newest.name}', the newest`)
      }
      const listed = { snapshots: snapshots.map(shownJson), live: accountJson(live) }
      context.printJson({ dataset: operations.dataset, ...listed })
      return Exit.OK
    })
  },
}

export const snapshotInfo: Command = {
  name: 'snapshot info',
  args: '<name>',
  usage: 'NAME',
  about: 'tell all about a snapshot, and what deleting it would free',
  options: [],
  ofDataset: true,
  json: 'document',
  examples: [
    'zerofs-nfs snapshot info before-upgrade',
    "zerofs-nfs snapshot info before-upgrade --json | jq '.uniqueBytes'",
  ],
  run(context, given) {
    const [name = ''] = given.args
    return withDataset(context, given, 'snapshot info', async (operations, signal) => {
      const snapshots = await operations.listSnapshots()
      const found = snapshots.find((snapshot) => snapshot.name === name)
      if (found === undefined) {
        const names = snapshots.map((snapshot) => snapshot.name)
        throw new FsError('NOENT', `there is no snapshot '${name}'${didYouMean(name, names)}`)
      }
      const [unique] = await abortable(signal, operations.measureSnapshots([name]), INTERRUPTED)
      const accounts = await operations.accounts()
      const account = accounts.snapshots.find(({ id }) => id === found.id)
      const clones = (await clonesOf(operations))(name)
      const shown = { ...found, account, unique: unique?.unique, clones }
      for (const line of columns(snapshotRows(shown, context.io.now()))) context.print(line)
      context.printJson({ dataset: operations.dataset, ...shownJson(shown) })
      return Exit.OK
    })
  },
}
