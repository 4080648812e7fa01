/**
 * What directories say of inodes, and inodes of contents, for one window of numbers: the walk
 * through the window (walk.ts) has what it is compared with.
 */
import { type Key, Kind, parseKey } from '../store/keys.ts'
import { FileType } from '../store/records.ts'
import { inodeSpec, nameSpec } from '../store/tables.ts'
import { type Format, type Records, readHistory, readSealed } from './reader.ts'
import { isEmpty, type Span } from './spans.ts'
import { LIVE } from './timeline.ts'
import { ALL_NUMBERS, type Numbers, ownerOf, type Version, type View } from './view.ts'

/** A name that stands for an inode. */
export interface Link extends Span {
  readonly dir: number
  readonly cookie: number
  readonly type: FileType
}

/** A regular file, whose data is a content. */
export interface Owner extends Span {
  readonly ino: number
  readonly size: number
  readonly used: number
}

export interface Facts {
  /** By ino. */
  readonly links: Map<number, Link[]>
  /** By content number. */
  readonly owners: Map<number, Owner[]>
}

export async function collectFacts(view: View, numbers: Numbers): Promise<Facts> {
  const facts: Facts = { links: new Map(), owners: new Map() }
  const wanted = (number: number): boolean => number >= numbers.from && number < numbers.to
  await eachVersion(view, nameSpec, ({ value, from, to }, key) => {
    const { ino, type, cookie } = value
    if (wanted(ino)) append(facts.links, ino, { from, to, dir: ownerOf(key), cookie, type })
  })
  await eachVersion(view, inodeSpec, ({ value, from, to }, key) => {
    const { type, content, size, used } = value
    if (type !== FileType.REG || !wanted(content)) return
    append(facts.owners, content, { from, to, ino: Number(key), size, used })
  })
  return facts
}

function append<V>(map: Map<number, V[]>, key: number, value: V): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

/** Every version of every record of a kind that somebody can see, in no particular order. */
export async function eachVersion<V>(
  view: View,
  spec: Format<V>,
  visit: (version: Version<V>, key: Key) => void,
): Promise<void> {
  for (const kept of [true, false]) {
    const cursor = kept
      ? await view.history(spec.kind, ALL_NUMBERS)
      : await view.live(spec.kind, ALL_NUMBERS)
    for (; cursor.head !== undefined; await cursor.next()) {
      const found = versionAt(view, spec, cursor, kept)
      if (found !== undefined && !isEmpty(found.version)) visit(found.version, found.key)
    }
  }
}

/** The version that a cursor stands at. @param kept whether it goes through history */
export function versionAt<V>(
  view: View,
  spec: Format<V>,
  cursor: Records,
  kept: boolean,
): { readonly key: Key; readonly version: Version<V> } | undefined {
  if (cursor.head === undefined) return undefined
  const [bytes, sealed] = cursor.head
  const text = parseKey(bytes).key
  if (!kept) {
    const read = readSealed(spec, sealed)
    return read && { key: text, version: view.version(read, LIVE) }
  }
  const at = String(text).lastIndexOf('@')
  const name = String(text).slice(1, at)
  const read = readHistory(spec, sealed)
  if (read === undefined) return undefined
  const key = spec.kind === Kind.INODE ? Number(name) : name
  return { key, version: view.version(read, Number(String(text).slice(at + 1))) }
}
