/** `zerofs-nfs restore`: back into the file system, or out to this machine's disk. */
import { type Operations, OVERWRITE } from '../control/operations.ts'
import { type Context, dataFolder, onStderr } from './context.ts'
import { Exit } from './errors.ts'
import { exportCommand } from './export.ts'
import { tarCommand } from './export-tar.ts'
import { explained, withOperations } from './operations.ts'
import type { Command } from './options.ts'
import { pickVersion } from './pick.ts'
import { restoreInside } from './restore-inside.ts'
import { ARCHIVE, type Asked, askedOf } from './restore-options.ts'
import { ago, isoTime, localTime } from './text.ts'
import { pickSnapshot } from './when.ts'

export const restore: Command = {
  name: 'restore',
  args: '[...paths]',
  usage: 'PATH... --snapshot NAME|--at TIME',
  about: 'put files and trees back as they were in a snapshot',
  options: [
    { name: 'snapshot', value: 'NAME', about: 'the snapshot to restore from' },
    {
      name: 'at',
      value: 'TIME',
      about: 'the newest snapshot not after it: latest, latest~2, "2 hours ago", 14:30, 2026-11-22',
    },
    { name: 'to', value: 'PATH', about: 'restore to another path of the file system' },
    {
      name: 'output',
      value: 'LOCAL',
      about: "to this machine's disk, into the folder or under the new name; - for a tar on stdout",
    },
    {
      name: 'overwrite',
      value: 'RULE',
      about: `what is there already: ${OVERWRITE.join(', ')} (default: if-changed)`,
    },
    {
      name: 'delete',
      about: 'remove what was not there then, so that trees are exactly as they were',
    },
    { name: 'verify', about: 'compare in the end what is there now with the snapshot' },
    { name: 'dry-run', about: 'tell what would be done, and do nothing' },
    {
      name: 'include',
      value: 'GLOB',
      many: true,
      about: "restore only what matches: '*.txt' anywhere, '/project/*.txt' from the root on",
    },
    { name: 'exclude', value: 'GLOB', many: true, about: 'do not restore what matches' },
    { name: 'source', value: 'PATH', many: true, about: 'the same as PATH' },
    { name: 'destination', value: 'LOCAL', about: 'the same as --output LOCAL' },
  ],
  json: 'lines',
  notes:
    'PATH counts from the root of what is served. Restoring inside the file system copies no data. In\n' +
    'place (without --to and --output) it makes a snapshot first, and says how to go back to it. What\n' +
    'was made since the snapshot stays, unless --delete is given. A restore that was interrupted is\n' +
    'completed by the same command. A TIME stands for all of what it names (2026-11-22: that day), and\n' +
    'is local unless it ends in Z or +01:00. On a terminal, and without both, the versions of PATH are\n' +
    'told, and one can be picked.',
  examples: [
    'zerofs-nfs restore project/config.yml --snapshot before-upgrade',
    'zerofs-nfs restore project/config.yml --at "2 hours ago"',
    "zerofs-nfs restore / --at yesterday --include '*.conf' --exclude /tmp --dry-run",
    'zerofs-nfs restore project --snapshot before-upgrade --to project-before',
    'zerofs-nfs restore project --snapshot before-upgrade --output /tmp',
    'zerofs-nfs restore project --at latest --output - | ssh other tar -x',
    'zerofs-nfs restore --source project --destination /tmp/project --snapshot before-upgrade',
    'zerofs-nfs restore --snapshot before-upgrade -- -strange-name',
  ],
  async run(called, given) {
    const asked = askedOf(called, given)
    const { output, ...what } = asked
    const context = output === ARCHIVE ? onStderr(called) : called
    const directory = dataFolder(context, given)
    return withOperations(context, directory, 'restore', async (operations, signal) => {
      const snapshot = await nameOf(context, operations, asked)
      if (snapshot === undefined) return Exit.OK
      const request = { ...what, snapshot }
      if (output === undefined) return restoreInside(context, given, operations, request, signal)
      if (output === ARCHIVE) {
        return explained(operations, snapshot, tarCommand(context, operations, request, signal))
      }
      const exporting = exportCommand(context, operations, { ...request, output }, signal)
      return explained(operations, snapshot, exporting)
    })
  },
}

/** The snapshot's name; which one a time has led to is told. undefined: none was picked. */
async function nameOf(
  context: Context,
  operations: Operations,
  { snapshot, paths }: Asked,
): Promise<string | undefined> {
  const [path = new Uint8Array()] = paths
  if (snapshot === undefined) return pickVersion(context, operations, path)
  if (typeof snapshot === 'string') return snapshot
  const { name, created } = pickSnapshot(snapshot, await operations.listSnapshots())
  const made = `${localTime(created)}, ${ago(created, context.io.now())}`
  context.print(`from snapshot '${name}' (${made})`)
  context.printJson({ event: 'snapshot', snapshot: name, created: isoTime(created) })
  return name
}
