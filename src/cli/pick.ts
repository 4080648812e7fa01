/** Picking a version of a file to restore, where a person sits at a terminal and named no snapshot. */
import type { FileVersion } from '../control/history.ts'
import { FsError } from '../fs/error.ts'
import type { Context } from './context.ts'
import { forEachEntry } from './entries.ts'
import { CommandError, Exit, Interrupted } from './errors.ts'
import { versionLines } from './history.ts'
import type { Given } from './options.ts'
import { parsePath } from './paths.ts'
import { type Place, withPlace } from './place.ts'
import { columns, printable } from './text.ts'

/** Versions offered, the newest. */
const OFFERED_MAX = 30
/** Options that say where to restore from. */
const SOURCES = ['snapshot', 'at']

/**
 * The command line with the snapshot that was picked; as it was given where there is nobody to ask,
 * nothing to ask, or not a single file.
 *
 * @throws CommandError where nothing is picked; FsError NOENT where the file never was
 */
export async function withPick(context: Context, given: Given): Promise<Given> {
  const { io, json } = context
  const paths = [...given.args, ...given.values('source')]
  const [path] = paths
  if (json || io.ask === undefined || path === undefined || paths.length > 1) return given
  if (SOURCES.some((name) => given.flag(name))) return given
  const from = [parsePath(path)]
  return withPlace(context, given, 'restore', { from }, async (place, signal) => {
    const found = await offered(place, parsePath(path), signal)
    if (found === undefined) return given
    const [newest] = found
    if (newest === undefined) {
      throw new FsError('NOENT', `'${path}' is in no snapshot: there is no version to restore`)
    }
    const { snapshots } = await pick(context, path, found, signal)
    return given.with('snapshot', snapshots[0] ?? '')
  })
}

/** The versions that a snapshot has, the newest first; undefined for a directory. */
async function offered(
  place: Place,
  path: Uint8Array,
  signal: AbortSignal,
): Promise<readonly FileVersion[] | undefined> {
  const found: FileVersion[] = []
  try {
    await forEachEntry(signal, place.operations.versions(place.inside(path)), (version) => {
      if (version.snapshots.length > 0 && found.length < OFFERED_MAX) found.push(version)
    })
  } catch (error) {
    if (error instanceof FsError && error.code === 'ISDIR') return undefined
    throw error
  }
  return found
}

async function pick(
  { io }: Context,
  path: string,
  found: readonly FileVersion[],
  signal: AbortSignal,
): Promise<FileVersion> {
  const [head = '', ...lines] = versionLines(found)
  const rows = [['', head], ...lines.map((line, i) => [String(i + 1), line])]
  const numbers = found.length === 1 ? '1' : `1-${found.length}`
  io.stderr.write(`Versions of ${printable(Buffer.from(path))}:\n${columns(rows).join('\n')}\n`)
  for (;;) {
    const answer = await io.ask?.(
      `Restore which one (${numbers}, or nothing to leave it)? `,
      signal,
    )
    if (signal.aborted) throw new Interrupted('interrupted; nothing was restored')
    const word = answer?.trim() ?? ''
    if (word === '')
      throw new CommandError('no version was picked: nothing was restored', Exit.ERROR)
    const picked = /^\d{1,3}$/.test(word) ? found[Number(word) - 1] : undefined
    if (picked !== undefined) return picked
    io.stderr.write(`'${printable(Buffer.from(word))}' is none of them\n`)
  }
}
