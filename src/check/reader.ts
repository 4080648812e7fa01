/**
 * Records for the checker, read from a frozen database past all caches.
 *
 * Damage is told once, by records.ts. What cannot be decoded is passed over here; what can, though
 * its checksum does not match, is taken as it is, so that one flipped bit is one problem.
 */
import type { FrozenDatabase, KeyRange, SealedRecord } from '../store/database.ts'
import { type Key, Kind, keyBytes, versionsKey } from '../store/keys.ts'
import { CHUNK_BLOCKS, type Version as ListedVersion } from '../store/records.ts'
import type { TableSpec } from '../store/table.ts'
import { versionsSpec } from '../store/tables.ts'
import { XdrReader } from '../xdr/reader.ts'

const NO_VERSIONS: readonly ListedVersion[] = []

/** Bytes of the checksum behind a record. */
const CRC_BYTES = 4

/** What is needed of a table to read its records. */
export type Format<V> = Pick<TableSpec<V>, 'kind' | 'codec'>

/** How long keys may be, in bytes. */
export interface Lengths {
  readonly least: number
  readonly most: number
}

const ANY_LENGTH: Lengths = { least: 0, most: Number.POSITIVE_INFINITY }

/** A record and the epoch in which it was written. */
export interface Read<V> {
  readonly birth: number
  readonly value: V
}

/** @throws XdrError, or another Error, where the bytes are no such record */
export function decodeWhole<V>(spec: Format<V>, record: Uint8Array): Read<V> {
  const reader = new XdrReader(record)
  const birth = reader.uint32()
  // A chunk says first how large it is, and its arrays are made before they are read.
  if (spec.kind === Kind.CHUNK && !reader.bool() && reader.uint32() > CHUNK_BLOCKS) {
    throw new Error(`has more than ${CHUNK_BLOCKS} blocks`)
  }
  const whole = new XdrReader(record, 4)
  const value = spec.codec.decode(whole)
  if (whole.remaining > 0) throw new Error(`has ${whole.remaining} bytes too many`)
  return { birth, value }
}

/** Birth and record, whatever the checksum says. */
export function unsealed(sealed: Buffer): Uint8Array {
  return sealed.subarray(0, Math.max(0, sealed.length - CRC_BYTES))
}

/** The record, or undefined where it cannot be decoded. */
export function readSealed<V>(spec: Format<V>, sealed: Buffer): Read<V> | undefined {
  return tryDecode(spec, unsealed(sealed))
}

/** The superseded record inside a record of history; undefined where it cannot be decoded. */
export function readHistory<V>(spec: Format<V>, sealed: Buffer): Read<V> | undefined {
  try {
    const reader = new XdrReader(unsealed(sealed), 4)
    return decodeWhole(spec, new Uint8Array(reader.opaque(sealed.length)))
  } catch {
    return undefined
  }
}

function tryDecode<V>(spec: Format<V>, record: Uint8Array): Read<V> | undefined {
  try {
    return decodeWhole(spec, record)
  } catch {
    return undefined
  }
}

/** Records to be gone through, one at a time. */
export interface Records {
  /** The record it stands at; undefined behind the last one. */
  readonly head: SealedRecord | undefined
  next(): Promise<void>
  close(): Promise<void>
}

/** Goes through a range, one record at a time. Keys of other lengths are passed over. */
export class Cursor implements Records {
  readonly #batches: AsyncGenerator<readonly SealedRecord[]>
  readonly #lengths: Lengths
  #batch: readonly SealedRecord[] = []
  #at = 0

  private constructor(batches: AsyncGenerator<readonly SealedRecord[]>, lengths: Lengths) {
    this.#batches = batches
    this.#lengths = lengths
  }

  static async open(
    database: FrozenDatabase,
    range: KeyRange,
    lengths: Lengths = ANY_LENGTH,
  ): Promise<Cursor> {
    const cursor = new Cursor(database.batches(range), lengths)
    cursor.#at = -1
    await cursor.next()
    return cursor
  }

  /** The record it stands at; undefined behind the last one. */
  get head(): SealedRecord | undefined {
    return this.#batch[this.#at]
  }

  async next(): Promise<void> {
    const { least, most } = this.#lengths
    do {
      this.#at++
      if (this.#at >= this.#batch.length && !(await this.#fill())) return
    } while (this.#length < least || this.#length > most)
  }

  get #length(): number {
    return this.head?.[0].length ?? 0
  }

  async #fill(): Promise<boolean> {
    const { value } = await this.#batches.next()
    this.#batch = value ?? []
    this.#at = 0
    return this.#batch.length > 0
  }

  async close(): Promise<void> {
    await this.#batches.return(undefined)
  }
}

/** The newest state of a key. */
export function readLive<V>(
  database: FrozenDatabase,
  dataset: number,
  spec: Format<V>,
  key: Key,
): Read<V> | undefined {
  const sealed = database.get(keyBytes(dataset, spec.kind, key))
  return sealed && readSealed(spec, sealed)
}

/** What the list of a key's versions says. */
export function listedVersions(
  database: FrozenDatabase,
  dataset: number,
  kind: Kind,
  key: Key,
): readonly ListedVersion[] {
  const read = readLive(database, dataset, versionsSpec, versionsKey(kind, key))
  return read?.value ?? NO_VERSIONS
}
