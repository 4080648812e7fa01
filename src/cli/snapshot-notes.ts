/** `zerofs-nfs snapshot hold|release|tag|rename`: what is noted about a snapshot. */
import { NO_CHANGE, type SnapshotChange } from '../snapshot/notes.ts'
import type { Context } from './context.ts'
import { Exit, UsageError } from './errors.ts'
import { explained, withDataset } from './operations.ts'
import type { Command, Given } from './options.ts'
import { changedJson } from './snapshot-text.ts'

/** Changes the snapshot that the first argument names, and says so. */
function change(
  context: Context,
  given: Given,
  command: string,
  changes: Partial<SnapshotChange>,
  said: string,
): Promise<number> {
  const [name = ''] = given.args
  return withDataset(context, given, command, async (operations) => {
    const asked = operations.changeSnapshot(name, { ...NO_CHANGE, ...changes })
    const snapshot = await explained(operations, name, asked)
    context.print(said)
    context.printJson(changedJson(operations.dataset, snapshot))
    return Exit.OK
  })
}

export const snapshotHold: Command = {
  name: 'snapshot hold',
  args: '<name> <hold>',
  usage: 'NAME HOLD',
  about: 'keep a snapshot from being deleted, until the hold is released',
  options: [],
  ofDataset: true,
  json: 'document',
  notes:
    'A snapshot can have several holds, each with a name of its own, so that whoever needs it\n' +
    'releases theirs alone. While there is one, nothing deletes or prunes it.',
  examples: [
    'zerofs-nfs snapshot hold before-upgrade backup',
    'zerofs-nfs snapshot hold 2026-11-22 legal --data /srv/data',
  ],
  run(context, given) {
    const [name = '', hold = ''] = given.args
    const said = `snapshot '${name}' is held by '${hold}'`
    return change(context, given, 'snapshot hold', { hold }, said)
  },
}

export const snapshotRelease: Command = {
  name: 'snapshot release',
  args: '<name> <hold>',
  usage: 'NAME HOLD',
  about: 'let go of a hold, so that a snapshot without others can be deleted',
  options: [],
  ofDataset: true,
  json: 'document',
  examples: ['zerofs-nfs snapshot release before-upgrade backup'],
  run(context, given) {
    const [name = '', release = ''] = given.args
    const said = `hold '${release}' of snapshot '${name}' is released`
    return change(context, given, 'snapshot release', { release }, said)
  },
}

export const snapshotTag: Command = {
  name: 'snapshot tag',
  args: '<name>',
  usage: 'NAME',
  about: "change a snapshot's tags and its comment",
  options: [
    { name: 'add', value: 'TAG', many: true, about: 'a word or KEY=VALUE, as often as wanted' },
    { name: 'remove', value: 'TAG', many: true, about: 'a tag or KEY, as often as wanted' },
    { name: 'comment', value: 'TEXT', about: 'one line, in the place of the one that is there' },
    { name: 'clear-comment', about: 'take the comment away' },
  ],
  ofDataset: true,
  json: 'document',
  notes: 'A tag KEY=VALUE takes the place of the one with the same KEY.',
  examples: [
    'zerofs-nfs snapshot tag before-upgrade --add release=1.4 --add tested',
    "zerofs-nfs snapshot tag before-upgrade --remove tested --comment 'the upgrade went well'",
  ],
  run(context, given) {
    const addTags = given.values('add')
    const removeTags = given.values('remove')
    const cleared = given.flag('clear-comment')
    const comment = given.value('comment') ?? (cleared ? '' : undefined)
    if (cleared && comment !== '') {
      throw new UsageError('--comment and --clear-comment are opposites: give one of them')
    }
    if (comment === undefined && addTags.length + removeTags.length === 0) {
      throw new UsageError("'snapshot tag' needs --add, --remove, --comment or --clear-comment")
    }
    const said = `snapshot '${given.args[0]}' is changed`
    return change(context, given, 'snapshot tag', { addTags, removeTags, comment }, said)
  },
}

export const snapshotRename: Command = {
  name: 'snapshot rename',
  args: '<old> <new>',
  usage: 'OLD NEW',
  about: 'give a snapshot another name',
  options: [],
  ofDataset: true,
  json: 'document',
  notes: 'Whoever has files of it open reads on.',
  examples: [
    'zerofs-nfs snapshot rename before-upgrade 1.3-final',
    'zerofs-nfs snapshot rename before-upgrade 1.3-final --dataset projects',
  ],
  run(context, given) {
    const [old = '', name = ''] = given.args
    const said = `snapshot '${old}' is named '${name}' now`
    return change(context, given, 'snapshot rename', { name }, said)
  },
}
