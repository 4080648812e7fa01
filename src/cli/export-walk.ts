/** Going through a tree of a snapshot, as far as its entries are wanted. */
import type { EntryInfo, Operations } from '../control/operations.ts'
import { FileType } from '../fs/filesystem.ts'
import type { Filter, Position } from '../snapshot/filter.ts'
import { namesOf } from '../snapshot/paths.ts'

/** An entry of the snapshot. */
export interface Source {
  readonly path: Uint8Array
  readonly info: EntryInfo
  /** Whether it is wanted, and what is below it. */
  readonly position: Position
}

export interface WalkOptions {
  readonly operations: Operations
  readonly snapshot: string
  readonly filter: Filter
  readonly signal: AbortSignal
}

/** An entry of a folder of the snapshot. */
export function sourceBelow(filter: Filter, above: Source, info: EntryInfo): Source {
  const separator = above.path.length === 0 ? [] : [above.path, Buffer.from('/')]
  const path = Buffer.concat([...separator, info.name])
  const position = filter.below(above.position, info.name, info.type === FileType.DIR)
  return { path, info, position }
}

/** What is at a path of the snapshot. @throws FsError NOENT, NOTDIR */
export async function sourceAt(
  { operations, snapshot, filter }: Omit<WalkOptions, 'signal'>,
  path: Uint8Array,
): Promise<Source> {
  const info = await operations.stat(snapshot, path)
  return { path, info, position: filter.at(namesOf(path), info.type === FileType.DIR) }
}

/** An entry and all below it, folders before what is in them; ends early where it is aborted. */
export async function* walk(options: WalkOptions, from: Source): AsyncGenerator<Source> {
  const { operations, snapshot, filter, signal } = options
  const folders: { source: Source; entries: EntryInfo[]; next: number | undefined }[] = []
  function* visit(source: Source) {
    if (source.position.wanted === 'no') return
    if (source.info.type === FileType.DIR) folders.push({ source, entries: [], next: 0 })
    yield source
  }
  yield* visit(from)
  for (let last = folders.at(-1); last !== undefined && !signal.aborted; last = folders.at(-1)) {
    const info = last.entries.pop()
    if (info !== undefined) yield* visit(sourceBelow(filter, last.source, info))
    else if (last.next === undefined) folders.pop()
    else {
      const page = await operations.list(snapshot, last.source.info.ino, last.next)
      last.entries = page.entries.toReversed()
      last.next = page.next
    }
  }
}
