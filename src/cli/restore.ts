/** `zerofs-nfs restore`: back into the file system, or out to this machine's disk. */
import { OVERWRITE } from '../control/operations.ts'
import { type Context, onStderr } from './context.ts'
import { exportCommand } from './export.ts'
import { tarCommand } from './export-tar.ts'
import { explained } from './operations.ts'
import type { Command, Given } from './options.ts'
import { withPick } from './pick.ts'
import { type Place, withPlace } from './place.ts'
import { restoreInside } from './restore-inside.ts'
import { ARCHIVE, type Asked, askedOf } from './restore-options.ts'
import { AT_OPTION, nameOf } from './which-snapshot.ts'

export const restore: Command = {
  name: 'restore',
  args: '[...paths]',
  usage: 'PATH... --snapshot NAME|--at TIME',
  about: 'put files and trees back as they were in a snapshot',
  options: [
    { name: 'snapshot', value: 'NAME', about: 'the snapshot to restore from' },
    AT_OPTION,
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
  ofDataset: true,
  json: 'lines',
  notes:
    'PATH counts from the root of what is served, datasets being directories there, or from that of\n' +
    'the dataset that --dataset names; the snapshot is one of the same dataset. Restoring inside the\n' +
    'file system copies no data. In place (without --to and --output) it makes a snapshot first, and\n' +
    'says how to go back to it. What was made since the snapshot stays, unless --delete is given. A\n' +
    'restore that was interrupted is completed by the same command. A TIME stands for all of what it\n' +
    'names (2026-11-22: that day), and is local unless it ends in Z or +01:00. On a terminal, a file\n' +
    'without a snapshot lists its versions to pick from.',
  examples: [
    'zerofs-nfs restore project/config.yml --snapshot before-upgrade',
    'zerofs-nfs restore project/config.yml --at "2 hours ago"',
    'zerofs-nfs restore config.yml --snapshot before-upgrade --dataset projects',
    "zerofs-nfs restore / --at yesterday --include '*.conf' --exclude /tmp --dry-run",
    'zerofs-nfs restore project --snapshot before-upgrade --to project-before',
    'zerofs-nfs restore project --snapshot before-upgrade --output /tmp',
    'zerofs-nfs restore project --at latest --output - | ssh other tar -x',
    'zerofs-nfs restore --source project --destination /tmp/project --snapshot before-upgrade',
    'zerofs-nfs restore --snapshot before-upgrade -- -strange-name',
  ],
  async run(called, given) {
    const asked = askedOf(await withPick(called, given), called.io.now())
    const printing = asked.output === ARCHIVE ? onStderr(called) : called
    const { paths: from, to } = asked
    return withPlace(printing, given, 'restore', { from, to }, (place, signal) =>
      restoreAt(place.context(printing), given, place, asked, signal),
    )
  },
}

async function restoreAt(
  context: Context,
  given: Given,
  place: Place,
  asked: Asked,
  signal: AbortSignal,
): Promise<number> {
  const { operations } = place
  const { output, ...what } = asked
  const inside = {
    paths: asked.paths.map((path) => place.inside(path)),
    to: asked.to && place.inside(asked.to),
    ...place.patterns(asked),
  }
  const snapshot = await nameOf(context, operations, asked.snapshot)
  const request = { ...what, ...inside, snapshot }
  if (output === undefined) return restoreInside(context, given, operations, request, signal)
  if (output === ARCHIVE) {
    return explained(operations, snapshot, tarCommand(context, operations, request, signal))
  }
  const exporting = exportCommand(context, operations, { ...request, output }, signal)
  return explained(operations, snapshot, exporting)
}
