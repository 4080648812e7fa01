/** `zerofs-nfs versions` and `zerofs-nfs deleted`: what there was of files, and where it is to be had. */
import type { DeletedEntry, FileVersion } from '../control/history.ts'
import { type Context, datasetWords } from './context.ts'
import { forEachEntry, jsonPath, shown, typeName } from './entries.ts'
import { Exit } from './errors.ts'
import type { Command, Given } from './options.ts'
import { parsePath } from './paths.ts'
import { withPlace } from './place.ts'
import { columns, count, counted, isoTime, localTime, printable, size } from './text.ts'

/** Names of snapshots in one line. */
const NAMES_SHOWN_MAX = 3

export const versions: Command = {
  name: 'versions',
  args: '<path>',
  usage: 'PATH',
  about: 'list the versions of a file: what it held in each snapshot, and holds now',
  options: [],
  ofDataset: true,
  json: 'document',
  notes:
    'Versions are told apart by what is in them, not by their dates: snapshots in which the file\n' +
    'holds the same bytes are one line. The newest comes first. The file may be deleted now.',
  examples: [
    'zerofs-nfs versions project/config.yml',
    'zerofs-nfs versions config.yml --dataset projects',
    "zerofs-nfs versions project/config.yml --json | jq -r '.versions[0].snapshots[0]'",
  ],
  run: (context, given) => {
    const path = parsePath(given.args[0] ?? '')
    return withPlace(context, given, 'versions', { from: [path] }, async (place, signal) => {
      const found: FileVersion[] = []
      const all = place.operations.versions(place.inside(path))
      await forEachEntry(signal, all, (version) => found.push(version))
      const [head = '', ...lines] = versionLines(found)
      context.print(context.style('bold', head))
      for (const line of lines) context.print(line)
      context.printJson({ ...jsonPath(path), versions: found.map(versionJson) })
      return Exit.OK
    })
  },
}

/** A headline, and a line for each version. */
export function versionLines(versions: readonly FileVersion[]): readonly string[] {
  const rows = versions.map((version) => {
    return [localTime(version.mtime), size(version.size), holders(version)]
  })
  return columns([['MODIFIED', 'SIZE', 'IN'], ...rows])
}

/** `now, tuesday, monday and 12 more` */
function holders({ isNow, snapshots, snapshotCount }: FileVersion): string {
  const names = snapshots.slice(0, NAMES_SHOWN_MAX)
  const more = snapshotCount - names.length
  const all = [...(isNow ? ['now'] : []), ...names].join(', ')
  return more > 0 ? `${all} and ${count(more)} more` : all
}

function versionJson(version: FileVersion): Record<string, unknown> {
  const { type, size: bytes, mtime, mode, uid, gid, isNow, since, ...snapshots } = version
  const attributes = { mode: mode.toString(8).padStart(4, '0'), uid, gid }
  return {
    ...{ type: typeName(type), size: bytes, modified: isoTime(mtime), ...attributes },
    ...{ now: isNow, ...snapshots, since: since === undefined ? null : isoTime(since) },
  }
}

export const deleted: Command = {
  name: 'deleted',
  args: '[dir]',
  usage: '[DIR]',
  about: 'list what is in snapshots and no longer there, in a directory and below it',
  options: [
    {
      name: 'all',
      about: 'each file of a deleted directory too, and what has only moved elsewhere',
    },
  ],
  ofDataset: true,
  json: 'lines',
  notes:
    'Each line names the newest snapshot that has it. A directory that is gone is one line, with what\n' +
    'is in it. Without DIR it looks everywhere. It takes time with the number of directories times\n' +
    "that of snapshots; 'diff' is quicker where it is known since when something is missing.",
  examples: [
    'zerofs-nfs deleted project',
    'zerofs-nfs deleted project --all',
    'zerofs-nfs deleted --dataset projects',
    'zerofs-nfs deleted project --json | jq -r \'select(.event == "deleted").path\'',
  ],
  run: (called, given) => {
    const path = parsePath(given.args[0] ?? '')
    return withPlace(called, given, 'deleted', { from: [path] }, async (place, signal) => {
      const context = place.context(called)
      const request = { path: place.inside(path), all: given.flag('all') }
      let entries = 0
      await forEachEntry(signal, place.operations.listDeleted(request), (found) => {
        const entry = seen(context, found)
        entries++
        context.print(deletedLine(entry))
        context.printJson(deletedJson(entry))
      })
      advise(context, given, entries)
      context.printJson({ event: 'end', entries })
      return Exit.OK
    })
  },
}

function seen(context: Context, { path, now, ...entry }: DeletedEntry): DeletedEntry {
  return { ...entry, path: context.seen(path), now: now && context.seen(now) }
}

/** On a terminal. */
function advise({ io, json, warn }: Context, given: Given, entries: number): void {
  if (json || !io.stdout.isTTY) return
  const restore = `zerofs-nfs restore PATH --snapshot NAME${datasetWords(given)}`
  warn(entries === 0 ? 'nothing is gone' : `'${restore}' brings one back`)
}

function deletedLine(entry: DeletedEntry): string {
  const { path, type, snapshot, size: bytes, files, isElsewhere, now } = entry
  const what = files === 1 ? size(bytes) : `${counted(files, 'file')}, ${size(bytes)}`
  const elsewhere = now === undefined ? 'under another name' : `at ${printable(now)}`
  const moved = isElsewhere ? `; now ${elsewhere}` : ''
  return `${shown(path, type)}  (${what}) in ${snapshot}${moved}`
}

function deletedJson(entry: DeletedEntry): Record<string, unknown> {
  const { path, type, snapshot, mtime, size: bytes, files, isElsewhere, now } = entry
  return {
    ...{ event: 'deleted', ...jsonPath(path), type: typeName(type), snapshot },
    ...{ modified: isoTime(mtime), size: bytes, files, elsewhere: isElsewhere },
    ...(now === undefined ? {} : jsonPath(now, 'now', 'nowBase64')),
  }
}
