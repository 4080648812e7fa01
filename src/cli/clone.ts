/** `zerofs-nfs clone`, which is `zerofs-nfs dataset clone` too, and `zerofs-nfs dataset promote` */
import type { DatasetInfo, PromotionProgress } from '../control/operations.ts'
import { FsError } from '../fs/error.ts'
import { dataFolder } from './context.ts'
import { asJson, datasetNamed, QUOTA_OPTIONS, quotaOf, shown } from './dataset.ts'
import { abortable, Exit } from './errors.ts'
import { explained, withDataset, withOperations } from './operations.ts'
import type { Command } from './options.ts'
import { bar, Progress } from './progress.ts'
import { didYouMean } from './suggest.ts'
import { counted } from './text.ts'

const NO_QUOTA = { bytes: 0, inodes: 0 }
const INTERRUPTED = 'interrupted; a promotion that has begun goes on by itself'

export const clone: Command = {
  name: 'clone',
  args: '<snapshot> <name>',
  usage: 'SNAPSHOT NEWDATASET',
  about: 'make a writable dataset of a snapshot, in an instant',
  options: [...QUOTA_OPTIONS],
  ofDataset: true,
  json: 'document',
  notes:
    'It is seen as /NEWDATASET, and mounted as HOST:/NEWDATASET. It takes no time and no room,\n' +
    'whatever the snapshot holds: what nobody changes is shared. Nothing that is done in it changes\n' +
    'the dataset that it was made of, nor the other way round.\n\n' +
    "The snapshot cannot be deleted, nor its dataset, while there is a clone of it: 'dataset\n" +
    "promote' makes the clone independent of both.",
  examples: [
    'zerofs-nfs clone before-upgrade try',
    'zerofs-nfs clone monday restored --dataset projects --quota 100G',
  ],
  run: (context, given) => {
    const [snapshot = '', name = ''] = given.args
    const quota = quotaOf(given, NO_QUOTA)
    return withDataset(context, given, 'clone', async (operations) => {
      const { datasets, dataset } = operations
      const origin = { dataset, snapshot }
      const made = await explained(operations, snapshot, datasets.clone({ origin, name, quota }))
      const what = `snapshot '${snapshot}' of dataset '${shown(origin.dataset)}'`
      context.print(`dataset '${name}' made, a clone of ${what}; mount it as HOST:/${name}`)
      context.printJson(asJson(made))
      return Exit.OK
    })
  },
}

export const datasetClone: Command = {
  ...clone,
  name: 'dataset clone',
  examples: clone.examples.map((example) => example.replace('clone', 'dataset clone')),
}

export const datasetPromote: Command = {
  name: 'dataset promote',
  args: '<name>',
  usage: 'NAME',
  about: 'make a clone independent of its snapshot, which can then be deleted',
  options: [],
  json: 'lines',
  notes:
    'What it shares with the snapshot becomes its own: one record after the other, without reading\n' +
    'or writing file data, while clients work on. A server that is stopped or killed goes on with\n' +
    "it when it starts; 'status' tells how far it is.",
  examples: ['zerofs-nfs dataset promote try'],
  run: (context, given) => {
    const name = datasetNamed(given.args[0])
    const directory = dataFolder(context, given)
    return withOperations(context, directory, 'dataset promote', async (operations, signal) => {
      const { datasets } = operations
      const { origin } = requireClone(await datasets.list(), name)
      const progress = new Progress(context)
      const promotion = datasets.promote(name, (promoting) =>
        progress.update(() => ({ text: promotionText(promoting), json: { ...promoting } })),
      )
      await abortable(signal, promotion, INTERRUPTED)
      progress.end()
      const of = `snapshot '${origin?.snapshot}' of dataset '${shown(origin?.dataset ?? '')}'`
      context.print(`dataset '${name}' is independent of ${of}`)
      context.printJson({ event: 'promoted', promoted: name, origin })
      return Exit.OK
    })
  },
}

/** @throws FsError NOENT, INVAL */
function requireClone(all: readonly DatasetInfo[], name: string): DatasetInfo {
  const names = all.map((one) => shown(one.name))
  const found = all.find((one) => shown(one.name) === name)
  if (found === undefined) {
    const there = `there are: ${names.join(', ')}`
    throw new FsError('NOENT', `no dataset '${name}'; ${there}${didYouMean(name, names)}`)
  }
  if (found.origin !== undefined) return found
  throw new FsError('INVAL', `dataset '${name}' is no clone: it depends on no snapshot`)
}

/** `[####----------------]  20% of 1,204 files` */
export function promotionText({ done, total }: PromotionProgress): string {
  if (total === 0) return 'independent; what is left of it is being removed'
  return `${bar(done, total)} of ${counted(total, 'file')}`
}
