/** A table as it was at the end of an epoch. */
import { strict as assert } from 'node:assert'
import type { Dataset } from './dataset.ts'
import { historyKey, type Key, versionsKey } from './keys.ts'
import { decodeRecord } from './record.ts'
import type { Version } from './records.ts'
import type { Source, Table } from './table.ts'

/** Old records of a kind kept decoded for each view, twice this many at most: about 2 MB of chunks. */
const DECODED_MAX = 256
/** The same beneath a clone, whose own tables keep what they have read. */
export const DECODED_BENEATH_MAX = 4

export class PastTable<K extends Key, V> implements Source<K, V> {
  readonly #dataset: Dataset
  readonly #table: Table<K, V>
  readonly #epoch: number
  readonly #decodedMax: number
  #young = new Map<string, V>()
  #old = new Map<string, V>()

  constructor(dataset: Dataset, table: Table<K, V>, epoch: number, decodedMax = DECODED_MAX) {
    this.#decodedMax = decodedMax
    this.#dataset = dataset
    this.#table = table
    this.#epoch = epoch
  }

  /** @throws FsError IO where a record on disk fails its checksum */
  get(key: K): V | undefined {
    const { value, birth } = this.#table.entry(key)
    if (value !== undefined && birth <= this.#epoch) return value
    if (this.#epoch >= this.#dataset.epoch) return undefined
    const { kind } = this.#table.spec
    const version = this.#among(this.#dataset.versions.get(versionsKey(kind, key)))
    return version && this.#decoded(historyKey(kind, key, version.end))
  }

  /** The one of the versions that was live at the end of the epoch. */
  #among(versions: readonly Version[] | undefined): Version | undefined {
    const version = versions && firstEndingAfter(versions, this.#epoch)
    return version !== undefined && version.birth <= this.#epoch ? version : undefined
  }

  async prefetch(keys: readonly K[]): Promise<void> {
    await this.#table.prefetch(keys)
    if (this.#epoch >= this.#dataset.epoch) return
    const { kind } = this.#table.spec
    const old = keys.filter((key) => {
      const now = this.#table.known(key)
      return now !== undefined && (now.value === undefined || now.birth > this.#epoch)
    })
    const { versions, history } = this.#dataset
    await versions.prefetch(old.map((key) => versionsKey(kind, key)))
    const names = old.flatMap((key) => {
      const version = this.#among(versions.known(versionsKey(kind, key))?.value)
      return version === undefined ? [] : [historyKey(kind, key, version.end)]
    })
    await history.prefetch(names)
  }

  async getMany(keys: readonly K[]): Promise<readonly (V | undefined)[]> {
    const peeked = await this.#table.peek(keys)
    // What was live when it was looked at, and old enough, stays what the epoch had.
    const values = peeked.map((record) =>
      record !== undefined && record.birth <= this.#epoch ? record.value : undefined,
    )
    const others = keys.filter((_, at) => values[at] === undefined)
    if (others.length === 0) return values
    await this.prefetch(others)
    return keys.map((key, at) => values[at] ?? this.#readable(key))
  }

  #readable(key: K): V | undefined {
    try {
      return this.get(key)
    } catch {
      return undefined
    }
  }

  #decoded(name: string): V {
    const known = this.#young.get(name)
    if (known !== undefined) return known
    const value = this.#old.get(name) ?? this.#decode(name)
    if (this.#young.size >= this.#decodedMax) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(name, value)
    return value
  }

  #decode(name: string): V {
    const record = this.#dataset.history.get(name)
    assert(record, `version ${name} is listed, but not there`)
    return decodeRecord(this.#table.spec.codec, record).value
  }
}

/** The version that was live at the end of `epoch` is the first that ended later. */
function firstEndingAfter(versions: readonly Version[], epoch: number): Version | undefined {
  let low = 0
  let high = versions.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((versions[middle]?.end ?? 0) > epoch) high = middle
    else low = middle + 1
  }
  return versions[low]
}
