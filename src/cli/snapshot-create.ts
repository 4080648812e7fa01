/** `zerofs-nfs snapshot create` */
import { Exit } from './errors.ts'
import { withDataset } from './operations.ts'
import type { Command } from './options.ts'
import { createEverywhere, isRecursive, RECURSIVE } from './snapshot-recursive.ts'
import { changedJson } from './snapshot-text.ts'
import { localTime } from './text.ts'

export const snapshotCreate: Command = {
  name: 'snapshot create',
  args: '<name>',
  usage: 'NAME',
  about: 'make a snapshot of all of a dataset, as it is at this instant',
  options: [
    { name: 'comment', value: 'TEXT', about: 'one line about it' },
    RECURSIVE,
    { name: 'tag', value: 'TAG', many: true, about: 'a word or KEY=VALUE, as often as wanted' },
  ],
  ofDataset: true,
  json: 'document',
  notes:
    'It takes no time and no space until something changes. Clients see it at once, read-only, as\n' +
    '.snapshots/NAME in every directory.\n\n' +
    'With --recursive all datasets have one of this name, all of the same instant: where one is of\n' +
    'the moment before a change, so are all. Where one cannot be made, none is.',
  examples: [
    'zerofs-nfs snapshot create before-upgrade',
    'zerofs-nfs snapshot create "$(date +%F)" --data /srv/data',
    'zerofs-nfs snapshot create before-upgrade --dataset projects',
    'zerofs-nfs snapshot create before-upgrade --recursive',
    "zerofs-nfs snapshot create before-upgrade --comment 'as it was with 1.3' --tag release=1.3",
  ],
  run: (context, given) =>
    withDataset(context, given, 'snapshot create', async (operations) => {
      if (isRecursive(given)) return createEverywhere(context, given, operations)
      const [name = ''] = given.args
      const comment = given.value('comment') ?? ''
      const snapshot = await operations.createSnapshot(name, comment, given.values('tag'))
      context.print(`snapshot '${snapshot.name}' made at ${localTime(snapshot.created)}`)
      context.printJson(changedJson(operations.dataset, snapshot))
      return Exit.OK
    }),
}
