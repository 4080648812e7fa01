/** Where the paths of a restore lead to in the snapshot, and where they go. */
import { FsError } from '../fs/error.ts'
import type { Live } from '../fs/live.ts'
import type { Reader } from '../store/dataset.ts'
import { FileType } from '../store/records.ts'
import { child, joined, type Located, locate, namesOf, printable } from './paths.ts'
import type { RestoreRequest } from './restore-request.ts'

/** One of the paths: its names and what they lead to in the snapshot, and where that goes. */
export interface Planned {
  readonly names: readonly Uint8Array[]
  readonly source: Located
  readonly place: readonly Uint8Array[]
}

/** @throws FsError NOENT, NOTDIR, INVAL where two paths go to one place */
export function planRestore(live: Live, past: Reader, request: RestoreRequest): readonly Planned[] {
  const { root } = live.dataset
  const plan = request.paths.map((path) => {
    const names = namesOf(path)
    const source = locate(past, root, names, `snapshot '${request.snapshot}'`)
    return { names, source, place: placeOf(live, request, names, source) }
  })
  requireDistinct(plan)
  return plan
}

function placeOf(
  live: Live,
  { to, paths }: RestoreRequest,
  names: readonly Uint8Array[],
  source: Located,
): readonly Uint8Array[] {
  if (to === undefined) return names
  const place = namesOf(to)
  const { reader, dataset } = live
  const parent = locate(reader, dataset.root, place.slice(0, -1), 'the file system')
  const last = place.at(-1)
  const there = last === undefined ? parent : child(reader, parent.ino, last)
  const name = names.at(-1)
  if (there?.inode.type === FileType.DIR && name !== undefined) return [...place, name]
  if (paths.length > 1) {
    throw new FsError('NOTDIR', `'${printable(to)}' is no directory, to which several paths can go`)
  }
  if (
    parent.inode.type !== FileType.DIR ||
    (last === undefined && source.inode.type !== FileType.DIR)
  ) {
    throw new FsError('NOTDIR', `'${printable(to)}' cannot be made: its parent is no directory`)
  }
  return place
}

/** @throws FsError INVAL where two paths go to one place */
function requireDistinct(plan: readonly Planned[]): void {
  const places = new Map<string, Planned>()
  for (const one of plan) {
    const key = Buffer.from(joined(one.place)).toString('latin1')
    const other = places.get(key)
    places.set(key, one)
    if (other === undefined) continue
    const [a, b, to] = [other.names, one.names, one.place].map((names) => printable(joined(names)))
    throw new FsError('INVAL', `'${a}' and '${b}' cannot both come to '${to}'`)
  }
}
