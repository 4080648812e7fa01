/** One dataset as the checker looks at it: all versions of its records, and who sees them. */
import type { FrozenDatabase, KeyRange } from '../store/database.ts'
import { historyKey, type Key, Kind, keyBytes, parseKey } from '../store/keys.ts'
import type { DatasetRecord, Inode, SnapshotRecord } from '../store/records.ts'
import { historySpec, inodeSpec } from '../store/tables.ts'
import { Inherited } from './inherited.ts'
import type { Pace } from './pace.ts'
import type { Problems } from './problems.ts'
import {
  Cursor,
  type Format,
  type Lengths,
  listedVersions,
  type Read,
  type Records,
  readHistory,
  readSealed,
} from './reader.ts'
import { changed, type Repair } from './repairs.ts'
import type { Span } from './spans.ts'
import { LIVE, Timeline } from './timeline.ts'
import { WrittenCheck } from './written.ts'

/** Bytes of a key before the record's own part: dataset and kind; in history a second kind. */
const LIVE_PREFIX_BYTES = 5
const HISTORY_PREFIX_BYTES = 6
/** Bytes of the epoch at the end of a key of history. */
const END_BYTES = 4
/** Bytes of the records' own part. */
const OWN_BYTES: { readonly [kind in Kind]?: Lengths } = {
  [Kind.INODE]: { least: 8, most: 8 },
  [Kind.NAME]: { least: 8, most: 8 + 255 },
  [Kind.PAGE]: { least: 16, most: 16 },
  [Kind.CHUNK]: { least: 16, most: 16 },
  [Kind.BITMAP]: { least: 17, most: 17 },
}

/** One version of a record, and the states that see it. */
export interface Version<V> extends Span {
  readonly value: V
  readonly birth: number
  /** The epoch in which it ended, or LIVE. */
  readonly end: number
}

/** All versions of a record, oldest first. */
export interface Chain<V> {
  readonly key: Key
  readonly versions: readonly Version<V>[]
}

/** Numbers `from` to `to`, the latter not included: of inodes, and of contents. */
export interface Numbers {
  readonly from: number
  readonly to: number
}

export const ALL_NUMBERS: Numbers = { from: 0, to: 2 ** 53 }

/** The number that a key begins with: an inode's, a directory's, a content's. */
export function ownerOf(key: Key): number {
  return typeof key === 'number' ? key : Number(key.slice(0, key.indexOf('/')))
}

export class View {
  readonly database: FrozenDatabase
  readonly id: number
  readonly record: DatasetRecord
  readonly timeline: Timeline
  readonly written: WrittenCheck
  readonly problems: Problems
  readonly pace: Pace
  /** Of a clone, unless it is being deleted: then nobody looks at it. */
  #inherited: Inherited | undefined

  constructor(
    database: FrozenDatabase,
    id: number,
    record: DatasetRecord,
    snapshots: readonly SnapshotRecord[],
    problems: Problems,
    pace: Pace,
  ) {
    this.database = database
    this.id = id
    this.record = record
    this.timeline = new Timeline(snapshots)
    this.written = new WrittenCheck(snapshots)
    this.problems = problems
    this.pace = pace
  }

  /** It is a clone. @param origin the dataset of the snapshot of `epoch` */
  inherit(origin: View, epoch: number): void {
    this.#inherited = new Inherited(this, origin, epoch)
  }

  get inherited(): Inherited | undefined {
    return this.#inherited
  }

  /** The first epoch of blocks that it has references to: in a clone, others are its origin's. */
  get first(): number {
    return (this.record.origin?.epoch ?? 0) + 1
  }

  /** @param states in which it is so */
  problem(text: string, ino?: number, states: Span = this.timeline.all, repair?: Repair): void {
    const subject = ino === undefined ? undefined : { dataset: this.id, ino, states }
    this.problems.add(text, subject, repair)
  }

  /**
   * What corrects a counter of a live inode; undefined where only some of the states that see the
   * record would have it so.
   */
  inodeRepair(
    ino: number,
    version: Version<Inode> | undefined,
    span: Span,
    text: string,
    by: Partial<Inode>,
  ): Repair | undefined {
    if (version === undefined || version.end !== LIVE) return undefined
    if (version.from !== span.from || version.to !== span.to) return undefined
    return changed(`inode ${ino}: ${text}`, this.id, inodeSpec, ino, (inode) => ({
      ...inode,
      ...by,
    }))
  }

  version<V>({ birth, value }: Read<V>, end: number): Version<V> {
    return { value, birth, end, ...this.timeline.span(birth, end) }
  }

  /** All versions of one record, looked up. */
  versions<V>(spec: Format<V>, key: Key): Version<V>[] {
    const found: Version<V>[] = []
    for (const { end } of listedVersions(this.database, this.id, spec.kind, key)) {
      const name = historyKey(spec.kind, key, end)
      const sealed = this.database.get(keyBytes(this.id, historySpec.kind, name))
      const read = sealed && readHistory(spec, sealed)
      if (read !== undefined) found.push(this.version(read, end))
    }
    const own = this.database.get(keyBytes(this.id, spec.kind, key))
    const live = own === undefined ? this.#inherited?.get(spec, key) : readSealed(spec, own)
    if (live !== undefined) found.push(this.version(live, LIVE))
    return found
  }

  async live(kind: Kind, numbers: Numbers): Promise<Records> {
    const own = await this.#cursor(kind, kind, 0, numbers)
    return this.#inherited === undefined ? own : this.#inherited.records(kind, numbers, own)
  }

  /** Whether it has records of its own, or had, that begin with a number. */
  async hasOwn(kind: Kind, number: number): Promise<boolean> {
    for (const letters of [kind, `${Kind.HISTORY}${kind}`]) {
      const own = this.#range(letters, { from: number, to: number + 1 })
      const cursor = await Cursor.open(this.database, own)
      const isThere = cursor.head !== undefined
      await cursor.close()
      if (isThere) return true
    }
    return false
  }

  history(kind: Kind, numbers: Numbers): Promise<Records> {
    return this.#cursor(kind, `${Kind.HISTORY}${kind}`, END_BYTES, numbers)
  }

  #cursor(kind: Kind, letters: string, behind: number, numbers: Numbers): Promise<Cursor> {
    const { least, most } = OWN_BYTES[kind] ?? { least: 0, most: 0 }
    const others = 4 + letters.length + behind
    const lengths = { least: least + others, most: most + others }
    return Cursor.open(this.database, this.#range(letters, numbers), lengths)
  }

  #range(letters: string, { from, to }: Numbers): KeyRange {
    const bound = (number: number): Buffer => {
      const bytes = Buffer.alloc(4 + letters.length + 8)
      bytes.writeUInt32BE(this.id)
      bytes.write(letters, 4, 'latin1')
      bytes.writeBigUInt64BE(BigInt(number), 4 + letters.length)
      return bytes
    }
    return { gte: bound(from), lt: bound(to) }
  }

  /** All records of a kind with all of their versions, in the order of their keys. */
  chains<V>(spec: Format<V>, numbers: Numbers): Promise<Chains<V>> {
    return Chains.open(this, spec, numbers)
  }
}

/** Live records and history side by side. Of names, whose keys have no fixed length, it is no use. */
export class Chains<V> {
  readonly #view: View
  readonly #spec: Format<V>
  readonly #live: Records
  readonly #history: Records
  #head: Chain<V> | undefined

  private constructor(view: View, spec: Format<V>, live: Records, history: Records) {
    this.#view = view
    this.#spec = spec
    this.#live = live
    this.#history = history
  }

  static async open<V>(view: View, spec: Format<V>, numbers: Numbers): Promise<Chains<V>> {
    const live = await view.live(spec.kind, numbers)
    const chains = new Chains(view, spec, live, await view.history(spec.kind, numbers))
    await chains.next()
    return chains
  }

  /** The record it stands at; undefined behind the last one. */
  get head(): Chain<V> | undefined {
    return this.#head
  }

  /** The number that the record's key begins with; infinite behind the last one. */
  get owner(): number {
    return this.#head === undefined ? Number.POSITIVE_INFINITY : ownerOf(this.#head.key)
  }

  async next(): Promise<void> {
    const versions: Version<V>[] = []
    let key: Buffer | undefined
    for (;;) {
      const [from, kept] = this.#lower(key)
      if (from === undefined) break
      const [bytes, sealed] = from.head ?? []
      if (bytes === undefined || sealed === undefined) break
      const own = kept
        ? bytes.subarray(HISTORY_PREFIX_BYTES, -END_BYTES)
        : bytes.subarray(LIVE_PREFIX_BYTES)
      key = own
      const read = kept ? readHistory(this.#spec, sealed) : readSealed(this.#spec, sealed)
      const end = kept ? bytes.readUInt32BE(bytes.length - END_BYTES) : LIVE
      if (read !== undefined) versions.push(this.#view.version(read, end))
      await from.next()
    }
    this.#head = key && { key: this.#key(key), versions }
  }

  /** The cursor with the lower key, history first; neither where that is no longer `key`. */
  #lower(key: Buffer | undefined): readonly [Records | undefined, boolean] {
    const live = this.#live.head?.[0].subarray(LIVE_PREFIX_BYTES)
    const past = this.#history.head?.[0].subarray(HISTORY_PREFIX_BYTES, -END_BYTES)
    if (key !== undefined) {
      if (past?.equals(key)) return [this.#history, true]
      return live?.equals(key) ? [this.#live, false] : [undefined, false]
    }
    if (past !== undefined && (live === undefined || past.compare(live) <= 0)) {
      return [this.#history, true]
    }
    return [live && this.#live, false]
  }

  #key(own: Buffer): Key {
    const prefix = Buffer.alloc(LIVE_PREFIX_BYTES)
    prefix.write(this.#spec.kind, LIVE_PREFIX_BYTES - 1, 'latin1')
    return parseKey(Buffer.concat([prefix, own])).key
  }

  async close(): Promise<void> {
    await this.#live.close()
    await this.#history.close()
  }
}
