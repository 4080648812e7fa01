/** `zerofs-nfs snapshot create|list|delete` */
import { dataFolder } from './context.ts'
import { abortable, Exit } from './errors.ts'
import { explained, withOperations } from './operations.ts'
import type { Command } from './options.ts'
import { snapshotJson, snapshotTable } from './snapshot-text.ts'
import { columns, localTime } from './text.ts'

const one = (name: string | undefined) => name ?? ''

export const snapshotCreate: Command = {
  name: 'snapshot create',
  args: '<name>',
  usage: 'NAME',
  about: 'make a snapshot of everything, as it is at this instant',
  options: [
    { name: 'comment', value: 'TEXT', about: 'one line about it' },
    { name: 'tag', value: 'TAG', many: true, about: 'a word or KEY=VALUE, as often as wanted' },
  ],
  json: 'document',
  notes:
    'It takes no time and no space until something changes. Clients see it at once, read-only, as\n' +
    '.snapshots/NAME in every directory.',
  examples: [
    'zerofs-nfs snapshot create before-upgrade',
    'zerofs-nfs snapshot create "$(date +%F)" --data /srv/data',
    "zerofs-nfs snapshot create before-upgrade --comment 'as it was with 1.3' --tag release=1.3",
  ],
  run: (context, given) =>
    withOperations(context, dataFolder(context, given), 'snapshot create', async (operations) => {
      const [name = ''] = given.args
      const comment = given.value('comment') ?? ''
      const snapshot = await operations.createSnapshot(name, comment, given.values('tag'))
      context.print(`snapshot '${snapshot.name}' made at ${localTime(snapshot.created)}`)
      context.printJson(snapshotJson(snapshot))
      return Exit.OK
    }),
}

export const snapshotList: Command = {
  name: 'snapshot list',
  args: '',
  usage: '',
  about: 'list the snapshots, oldest first',
  options: [],
  json: 'document',
  examples: [
    'zerofs-nfs snapshot list',
    "zerofs-nfs snapshot list --json | jq -r '.snapshots[].name'",
  ],
  run: (context, given) =>
    withOperations(context, dataFolder(context, given), 'snapshot list', async (operations) => {
      const snapshots = await operations.listSnapshots()
      if (snapshots.length === 0) {
        context.print("there are no snapshots; 'zerofs-nfs snapshot create NAME' makes one")
      } else {
        const [head = '', ...lines] = columns(snapshotTable(snapshots, context.io.now()))
        context.print(context.style('bold', head.trimEnd()))
        for (const line of lines) context.print(line.trimEnd())
      }
      context.printJson({ snapshots: snapshots.map(snapshotJson) })
      return Exit.OK
    }),
}

export const snapshotDelete: Command = {
  name: 'snapshot delete',
  args: '<name>',
  usage: 'NAME',
  about: 'delete a snapshot, and free what only it held',
  options: [],
  json: 'document',
  examples: ['zerofs-nfs snapshot delete before-upgrade'],
  run: (context, given) => {
    const name = one(given.args[0])
    const directory = dataFolder(context, given)
    return withOperations(context, directory, 'snapshot delete', async (operations, signal) => {
      const interrupted = 'interrupted; a deletion that has begun goes on by itself'
      const deletion = explained(operations, name, operations.deleteSnapshot(name))
      await abortable(signal, deletion, interrupted)
      context.print(`snapshot '${name}' deleted`)
      context.printJson({ deleted: name })
      return Exit.OK
    })
  },
}
