/** What a clone reads in the snapshot that it was made of: records of another dataset, at an epoch. */
import type { SealedRecord } from '../store/database.ts'
import { type Key, type Kind, keyBytes } from '../store/keys.ts'
import type { Format, Read, Records } from './reader.ts'
import type { Numbers, View } from './view.ts'

/** Bytes of a key before the record's own part: dataset and kind; in history a second kind. */
const LIVE_PREFIX_BYTES = 5
const HISTORY_PREFIX_BYTES = 6
/** Bytes of the epoch at the end of a key of history, and of a birth, a length, a checksum. */
const WORD_BYTES = 4
/** A birth and a checksum, and nothing between. */
const TOMBSTONE_BYTES = 2 * WORD_BYTES

/** Whether a record with versions says that there is none. */
export const isSealedTombstone = (sealed: Buffer): boolean => sealed.length === TOMBSTONE_BYTES

export class Inherited {
  readonly #view: View
  readonly #origin: View
  readonly #epoch: number

  /** @param origin the dataset of the snapshot, which may be a clone itself */
  constructor(view: View, origin: View, epoch: number) {
    this.#view = view
    this.#origin = origin
    this.#epoch = epoch
  }

  /** The clone's first epoch: what it reads in its origin counts as written then. */
  get first(): number {
    return this.#epoch + 1
  }

  /** One record, whether or not the clone has one of its own in its place. */
  get<V>(spec: Format<V>, key: Key): Read<V> | undefined {
    const versions = this.#origin.versions(spec, key)
    const seen = versions.find(({ birth, end }) => birth <= this.#epoch && end > this.#epoch)
    return seen && { birth: this.first, value: seen.value }
  }

  /** Those of a kind that the clone sees, its own among them. */
  async records(kind: Kind, numbers: Numbers, own: Records): Promise<Records> {
    const live = await Sifted.open(await this.#origin.live(kind, numbers), (record) =>
      record[1].readUInt32BE(0) <= this.#epoch ? record : undefined,
    )
    const past = await Sifted.open(await this.#origin.history(kind, numbers), (record) =>
      this.#past(kind, record),
    )
    const inherited = await Sifted.open(new Merged(live, past), (record) =>
      this.#unlessOwn(kind, record),
    )
    const there = await Sifted.open(own, (record) =>
      isSealedTombstone(record[1]) ? undefined : record,
    )
    return new Merged(there, inherited)
  }

  /** A record of history as it was when it was live, if that was at the epoch. */
  #past(kind: Kind, [key, sealed]: SealedRecord): SealedRecord | undefined {
    if (key.readUInt32BE(key.length - WORD_BYTES) <= this.#epoch) return undefined
    if (sealed.length < 4 * WORD_BYTES) return undefined
    const length = Math.min(sealed.readUInt32BE(WORD_BYTES), sealed.length - 3 * WORD_BYTES)
    const record = sealed.subarray(2 * WORD_BYTES, 2 * WORD_BYTES + length)
    if (record.length < WORD_BYTES || record.readUInt32BE(0) > this.#epoch) return undefined
    const own = key.subarray(HISTORY_PREFIX_BYTES, -WORD_BYTES)
    // Nobody looks at the checksum again.
    return [this.#key(kind, own), Buffer.concat([record, Buffer.alloc(WORD_BYTES)])]
  }

  #unlessOwn(kind: Kind, [key, sealed]: SealedRecord): SealedRecord | undefined {
    const own = this.#key(kind, key.subarray(LIVE_PREFIX_BYTES))
    if (this.#view.database.get(own) !== undefined) return undefined
    const record = Buffer.from(sealed)
    record.writeUInt32BE(this.first)
    return [own, record]
  }

  #key(kind: Kind, own: Buffer): Buffer {
    const prefix = keyBytes(this.#view.id, kind, 0).subarray(0, LIVE_PREFIX_BYTES)
    return Buffer.concat([prefix, own])
  }
}

/** Some of the records, changed or as they are. */
class Sifted implements Records {
  readonly #records: Records
  readonly #sift: (record: SealedRecord) => SealedRecord | undefined
  #head: SealedRecord | undefined

  private constructor(records: Records, sift: (record: SealedRecord) => SealedRecord | undefined) {
    this.#records = records
    this.#sift = sift
  }

  /** @param sift what becomes of a record; undefined leaves it out */
  static async open(
    records: Records,
    sift: (record: SealedRecord) => SealedRecord | undefined,
  ): Promise<Sifted> {
    const sifted = new Sifted(records, sift)
    await sifted.#find()
    return sifted
  }

  get head(): SealedRecord | undefined {
    return this.#head
  }

  async next(): Promise<void> {
    await this.#records.next()
    await this.#find()
  }

  async #find(): Promise<void> {
    for (; this.#records.head !== undefined; await this.#records.next()) {
      this.#head = this.#sift(this.#records.head)
      if (this.#head !== undefined) return
    }
    this.#head = undefined
  }

  close(): Promise<void> {
    return this.#records.close()
  }
}

/** Two in one, in the order of their keys. */
class Merged implements Records {
  readonly #one: Records
  readonly #other: Records

  constructor(one: Records, other: Records) {
    this.#one = one
    this.#other = other
  }

  get #lower(): Records {
    const one = this.#one.head?.[0].subarray(LIVE_PREFIX_BYTES)
    const other = this.#other.head?.[0].subarray(LIVE_PREFIX_BYTES)
    if (one === undefined) return this.#other
    return other === undefined || one.compare(other) <= 0 ? this.#one : this.#other
  }

  get head(): SealedRecord | undefined {
    return this.#lower.head
  }

  next(): Promise<void> {
    return this.#lower.next()
  }

  async close(): Promise<void> {
    await this.#one.close()
    await this.#other.close()
  }
}
