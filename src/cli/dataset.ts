/** `zerofs-nfs dataset create|list|info|rename|set|delete` */
import type { DatasetInfo, Quota } from '../control/operations.ts'
import { FsError } from '../fs/error.ts'
import { dataFolder } from './context.ts'
import { abortable, Exit, UsageError } from './errors.ts'
import { type Ids, idsOf } from './ids.ts'
import { withOperations } from './operations.ts'
import type { Command, Given, OptionSpec } from './options.ts'
import { limitOf, parseCount, parseSize } from './size.ts'
import { didYouMean } from './suggest.ts'
import { columns, count, counted, isoTime, localTime, size } from './text.ts'

export const QUOTA_OPTIONS: readonly OptionSpec[] = [
  { name: 'quota', value: 'SIZE', about: 'the most that its files may take: 500M, 10G, none' },
  { name: 'inodes', value: 'COUNT', about: 'the most files and directories: 100000, none' },
]

/** @returns what is given of the two, the rest as it was. @throws UsageError */
export function quotaOf(given: Given, before: Quota): Quota {
  return {
    bytes: limitOf(given, 'quota', parseSize, '10G') ?? before.bytes,
    inodes: limitOf(given, 'inodes', parseCount, '100000') ?? before.inodes,
  }
}

/** @throws UsageError */
function ownerOf(given: Given, uid: number): Ids {
  return idsOf(given, 'owner') ?? { uid, gid: uid === 0 ? 0 : uid }
}

export const asJson = ({ created, origin, ...info }: DatasetInfo) => ({
  ...info,
  created: isoTime(created),
  origin: origin ?? null,
})

export const shown = (name: string) => (name === '' ? '/' : name)
const limit = (value: number, text: (value: number) => string) => (value === 0 ? '-' : text(value))

const originText = (origin: DatasetInfo['origin']) =>
  origin === undefined ? '' : `${shown(origin.dataset)}@${origin.snapshot}`

/** What it is a clone of, and what is a clone of it. */
function cloneRows({ name, origin }: DatasetInfo, all: readonly DatasetInfo[]): string[][] {
  const of = `snapshot '${origin?.snapshot}' of dataset '${shown(origin?.dataset ?? '')}'`
  const clones = all.filter((one) => one.origin?.dataset === name)
  const told = clones.map((one) => `${one.name} (of snapshot '${one.origin?.snapshot}')`)
  return [
    ...(origin === undefined ? [] : [['clone of', of]]),
    ...(told.length === 0 ? [] : [['clones', told.join(', ')]]),
  ]
}

/** @throws FsError NOENT, with the name that may have been meant */
function pick(datasets: readonly DatasetInfo[], name: string): DatasetInfo {
  const wanted = name === '/' ? '' : name
  const found = datasets.find((one) => one.name === wanted)
  if (found !== undefined) return found
  const names = datasets.map((one) => shown(one.name))
  const there = `there are: ${names.join(', ')}`
  throw new FsError('NOENT', `no dataset '${name}'; ${there}${didYouMean(name, names)}`)
}

/** The name of a dataset that is there, which may be written as it is mounted: `/NAME`. */
export function datasetNamed(word = ''): string {
  return word === '/' ? word : word.replace(/^\/|\/$/g, '')
}

const first = (given: Given) => datasetNamed(given.args[0])

export const datasetCreate: Command = {
  name: 'dataset create',
  args: '<name>',
  usage: 'NAME',
  about: 'make a dataset: a file system of its own, seen as /NAME',
  options: [
    ...QUOTA_OPTIONS,
    { name: 'owner', value: 'UID:GID', about: 'of its root directory (default: yours)' },
  ],
  json: 'document',
  notes:
    'It has its own snapshots, statistics and quota, and is mounted as HOST:/NAME, or seen as a\n' +
    'directory of HOST:/. Commands about snapshots, schedules and files take --dataset NAME.',
  examples: [
    'zerofs-nfs dataset create projects',
    'zerofs-nfs dataset create home --quota 100G --inodes 1000000 --owner 1000:1000',
  ],
  run: (context, given) => {
    const quota = quotaOf(given, { bytes: 0, inodes: 0 })
    const owner = ownerOf(given, context.io.uid)
    const directory = dataFolder(context, given)
    return withOperations(context, directory, 'dataset create', async ({ datasets }) => {
      const made = await datasets.create({ name: given.args[0] ?? '', quota, ...owner })
      context.print(`dataset '${made.name}' made; mount it as HOST:/${made.name}`)
      context.printJson(asJson(made))
      return Exit.OK
    })
  },
}

export const datasetList: Command = {
  name: 'dataset list',
  args: '',
  usage: '',
  about: 'list the datasets, with what they take',
  options: [],
  json: 'document',
  examples: ['zerofs-nfs dataset list', 'zerofs-nfs dataset list --json'],
  run: (context, given) =>
    withOperations(context, dataFolder(context, given), 'dataset list', async ({ datasets }) => {
      const all = await datasets.list()
      const cloned = all.some(({ origin }) => origin !== undefined)
      const rows = all.map(({ name, bytes, inodes, quota, snapshots, origin }) => [
        shown(name),
        size(bytes),
        limit(quota.bytes, size),
        count(inodes),
        limit(quota.inodes, count),
        count(snapshots),
        ...(cloned ? [originText(origin)] : []),
      ])
      const head = ['NAME', 'USED', 'QUOTA', 'INODES', 'INODE QUOTA', 'SNAPSHOTS']
      if (cloned) head.push('CLONE OF')
      const [titles = '', ...lines] = columns([head, ...rows])
      context.print(context.style('bold', titles.trimEnd()))
      for (const line of lines) context.print(line.trimEnd())
      context.printJson({ datasets: all.map(asJson) })
      return Exit.OK
    }),
}

export const datasetInfo: Command = {
  name: 'dataset info',
  args: '<name>',
  usage: 'NAME',
  about: 'tell about one dataset (/ is the root)',
  options: [],
  json: 'document',
  examples: ['zerofs-nfs dataset info projects', 'zerofs-nfs dataset info /'],
  run: (context, given) =>
    withOperations(context, dataFolder(context, given), 'dataset info', async ({ datasets }) => {
      const all = await datasets.list()
      const info = pick(all, first(given))
      const { bytes, inodes, quota, written } = info
      const of = (value: number, most: string) => (value === 0 ? '' : ` of ${most}`)
      const rows = [
        ['name', shown(info.name)],
        ['mounted as', `HOST:/${info.name}`],
        ['made', localTime(info.created)],
        ['owner', `${info.uid}:${info.gid}`],
        ['used', `${size(bytes)}${of(quota.bytes, size(quota.bytes))}`],
        ['inodes', `${count(inodes)}${of(quota.inodes, count(quota.inodes))}`],
        ['snapshots', count(info.snapshots)],
        ['written', `${size(written)}${info.snapshots > 0 ? ' since the newest snapshot' : ''}`],
        ...cloneRows(info, all),
      ]
      for (const line of columns(rows)) context.print(line)
      context.printJson(asJson(info))
      return Exit.OK
    }),
}

export const datasetRename: Command = {
  name: 'dataset rename',
  args: '<name> <to>',
  usage: 'NAME NEW',
  about: 'give a dataset another name',
  options: [],
  json: 'document',
  notes: 'Clients that have it mounted go on; new mounts use the new name.',
  examples: ['zerofs-nfs dataset rename projects archive'],
  run: (context, given) =>
    withOperations(context, dataFolder(context, given), 'dataset rename', async ({ datasets }) => {
      const [, to = ''] = given.args
      const name = first(given)
      pick(await datasets.list(), name)
      await datasets.rename(name === '/' ? '' : name, to)
      context.print(`dataset '${name}' is now '${to}'`)
      context.printJson({ renamed: name, to })
      return Exit.OK
    }),
}

export const datasetSet: Command = {
  name: 'dataset set',
  args: '<name>',
  usage: 'NAME',
  about: 'change the quota of a dataset (/ is the root)',
  options: QUOTA_OPTIONS,
  json: 'document',
  notes:
    'A quota counts what the live files take; snapshots do not count. Where more is used already,\n' +
    'nothing is lost, and nothing can be added.',
  examples: [
    'zerofs-nfs dataset set projects --quota 200G',
    'zerofs-nfs dataset set projects --quota none --inodes none',
  ],
  run: (context, given) => {
    if (given.value('quota') === undefined && given.value('inodes') === undefined) {
      throw new UsageError("'dataset set' needs --quota or --inodes")
    }
    quotaOf(given, { bytes: 0, inodes: 0 })
    const directory = dataFolder(context, given)
    return withOperations(context, directory, 'dataset set', async ({ datasets }) => {
      const before = pick(await datasets.list(), first(given))
      const quota = quotaOf(given, before.quota)
      await datasets.setQuota(before.name, quota)
      const bytes = quota.bytes === 0 ? 'no quota' : `a quota of ${size(quota.bytes)}`
      const inodes = quota.inodes === 0 ? 'no limit of inodes' : counted(quota.inodes, 'inode')
      context.print(`dataset '${shown(before.name)}' has ${bytes}, and ${inodes}`)
      context.printJson(asJson({ ...before, quota }))
      return Exit.OK
    })
  },
}

export const datasetDelete: Command = {
  name: 'dataset delete',
  args: '<name>',
  usage: 'NAME',
  about: 'delete a dataset and all of its files',
  options: [{ name: 'with-snapshots', about: 'delete its snapshots too' }],
  json: 'document',
  notes: 'It is gone at once; what it held is freed while the command waits.',
  examples: ['zerofs-nfs dataset delete scratch', 'zerofs-nfs dataset delete old --with-snapshots'],
  run: (context, given) => {
    const name = first(given)
    const directory = dataFolder(context, given)
    return withOperations(context, directory, 'dataset delete', async ({ datasets }, signal) => {
      pick(await datasets.list(), name)
      const interrupted = 'interrupted; a deletion that has begun goes on by itself'
      const wanted = name === '/' ? '' : name
      const deletion = datasets.delete(wanted, given.flag('with-snapshots'))
      await abortable(signal, deletion, interrupted)
      context.print(`dataset '${name}' deleted`)
      context.printJson({ deleted: name })
      return Exit.OK
    })
  },
}
