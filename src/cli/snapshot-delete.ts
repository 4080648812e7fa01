/** `zerofs-nfs snapshot delete` */
import type { DeletionReport } from '../control/operations.ts'
import type { Context } from './context.ts'
import { abortable, Exit } from './errors.ts'
import { explained, withDataset } from './operations.ts'
import type { Command, Given } from './options.ts'
import { Progress } from './progress.ts'
import { deleteEverywhere, isRecursive, RECURSIVE } from './snapshot-recursive.ts'
import { freeingText } from './snapshot-text.ts'
import { counted, size } from './text.ts'

const INTERRUPTED = 'interrupted; a deletion that has begun goes on by itself'

export const snapshotDelete: Command = {
  name: 'snapshot delete',
  args: '<...names>',
  usage: 'NAME...',
  about: 'delete snapshots, and free what only they held',
  options: [
    { name: 'dry-run', about: 'only tell which, and what deleting them together would free' },
    RECURSIVE,
    { name: 'background', about: 'do not wait until everything is freed' },
  ],
  ofDataset: true,
  json: 'document',
  notes:
    "A NAME can be a range, 'A..B', from A to B by age, both included ('A..' and '..B' go to the\n" +
    "newest and the oldest), or a pattern, 'daily-*', in quotes, so that the shell leaves it alone.\n" +
    'Whatever is named so: where one of them has a hold, or a clone, none is deleted.\n\n' +
    'They are gone at once for whoever looks. What only they held is freed in small steps, while\n' +
    "clients work on; a server that is stopped or killed goes on with it when it starts; 'status'\n" +
    'tells how far it is.\n\n' +
    'With --recursive the names are looked for in every dataset, and all that is found goes at once.',
  examples: [
    'zerofs-nfs snapshot delete before-upgrade',
    "zerofs-nfs snapshot delete 'daily-2025-*' --dry-run",
    'zerofs-nfs snapshot delete before-upgrade --recursive',
    'zerofs-nfs snapshot delete ..2025-12-31 --background --dataset projects',
  ],
  run: (context, given) =>
    withDataset(context, given, 'snapshot delete', async (operations, signal) => {
      const dryRun = given.flag('dry-run')
      const background = given.flag('background')
      const request = { words: given.args, dryRun, background }
      if (isRecursive(given)) return deleteEverywhere(context, request, operations, signal)
      const progress = new Progress(context)
      const asked = operations.deleteSnapshots(request, (freeing) => {
        if (!context.json) progress.update(() => ({ text: freeingText(freeing), json: {} }))
      })
      const [first = ''] = given.args
      const named = given.args.length === 1 ? explained(operations, first, asked) : asked
      const report = await abortable(signal, named, INTERRUPTED)
      progress.end()
      print(context, given, operations.dataset, report)
      return Exit.OK
    }),
}

function print(
  context: Context,
  given: Given,
  dataset: string,
  { names, bytes }: DeletionReport,
): void {
  const [first] = names
  const which = names.length === 1 ? `snapshot '${first}'` : counted(names.length, 'snapshot')
  if (given.flag('dry-run')) {
    for (const name of names) context.print(name)
    context.print(`deleting ${which} would free ${size(bytes)}`)
    context.printJson({ dataset, wouldDelete: names, wouldFreeBytes: bytes })
  } else if (given.flag('background')) {
    context.print(`${which} deleted; 'zerofs-nfs status' tells what is still being freed`)
    context.printJson({ dataset, deleted: names })
  } else {
    context.print(`${which} deleted, ${size(bytes)} freed`)
    context.printJson({ dataset, deleted: names, freedBytes: bytes })
  }
}
