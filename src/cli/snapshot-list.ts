/** `zerofs-nfs snapshot list|info` */
import type { Operations } from '../control/operations.ts'
import { FsError } from '../fs/error.ts'
import { hasTag } from '../snapshot/notes.ts'
import { type Context, datasetWords } from './context.ts'
import { abortable, Exit } from './errors.ts'
import { withDataset } from './operations.ts'
import type { Command, Given } from './options.ts'
import { type Shown, shownJson, snapshotRows, snapshotTable } from './snapshot-text.ts'
import { didYouMean } from './suggest.ts'
import { columns } from './text.ts'

const SORTS = ['created', 'name', 'unique'] as const
const INTERRUPTED = 'interrupted'

const ORDERS: Record<(typeof SORTS)[number], (a: Shown, b: Shown) => number> = {
  // They come in this order.
  created: () => 0,
  name: (a, b) => (a.name < b.name ? -1 : 1),
  unique: (a, b) => (b.unique ?? 0) - (a.unique ?? 0),
}

/** @param sized whether to find out what deleting each alone would free */
async function shownSnapshots(operations: Operations, sized: boolean): Promise<Shown[]> {
  const snapshots = await operations.listSnapshots()
  const sizes = sized && snapshots.length > 0 ? await operations.measureSnapshots([]) : []
  const unique = new Map(sizes.map((size) => [size.id, size.unique]))
  return snapshots.map((snapshot) => ({ ...snapshot, unique: unique.get(snapshot.id) }))
}

function printTable(context: Context, given: Given, snapshots: readonly Shown[]): void {
  if (snapshots.length === 0) {
    const create = `'zerofs-nfs snapshot create NAME${datasetWords(given)}' makes one`
    const none = `there are no snapshots; ${create}`
    context.print(given.flag('tag') ? 'no snapshot has these tags' : none)
    return
  }
  const [head = '', ...lines] = columns(snapshotTable(snapshots, context.io.now()))
  context.print(context.style('bold', head.trimEnd()))
  for (const line of lines) context.print(line.trimEnd())
}

export const snapshotList: Command = {
  name: 'snapshot list',
  args: '',
  usage: '',
  about: 'list the snapshots, oldest first',
  options: [
    { name: 'size', about: 'what deleting each of them alone would free' },
    {
      name: 'sort',
      value: 'ORDER',
      about: 'created (default), name, or unique: by size, the largest first',
    },
    { name: 'tag', value: 'TAG', many: true, about: 'only those with this tag or KEY; with all' },
  ],
  ofDataset: true,
  json: 'document',
  notes:
    'UNIQUE is exactly what is freed when that snapshot alone is deleted. What several snapshots\n' +
    "share counts for none of them: 'snapshot delete --dry-run' tells of several together. Finding\n" +
    'it out takes the time of going through what only they hold, so it is done when asked for. What\n' +
    'clients removed a moment ago counts as soon as the server has taken it apart.',
  examples: [
    'zerofs-nfs snapshot list',
    'zerofs-nfs snapshot list --sort unique --dataset projects',
    "zerofs-nfs snapshot list --tag release --json | jq -r '.snapshots[].name'",
  ],
  run(context, given) {
    const sort = given.word('sort', SORTS, 'created')
    const sized = given.flag('size') || sort === 'unique'
    const tags = given.values('tag')
    return withDataset(context, given, 'snapshot list', async (operations, signal) => {
      const all = await abortable(signal, shownSnapshots(operations, sized), INTERRUPTED)
      const snapshots = all
        .filter((snapshot) => tags.every((tag) => hasTag(snapshot, tag)))
        .sort(ORDERS[sort])
      printTable(context, given, snapshots)
      context.printJson({ snapshots: snapshots.map(shownJson) })
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
      const [size] = await abortable(signal, operations.measureSnapshots([name]), INTERRUPTED)
      const shown = { ...found, unique: size?.unique }
      for (const line of columns(snapshotRows(shown, context.io.now()))) context.print(line)
      context.printJson(shownJson(shown))
      return Exit.OK
    })
  },
}
