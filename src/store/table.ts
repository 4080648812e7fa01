/**
 * One kind of record of one dataset, in its newest state.
 *
 * A table is cache and overlay at once: what it holds in memory is authoritative, whether the
 * database has it already (clean) or not yet (dirty). Clean entries are forgotten when the cache
 * is full, dirty ones never. A key that does not exist may have an entry too: that it is absent.
 */
import type { Codec } from '../xdr/codec.ts'
import type { Absence } from './absence.ts'
import type { Cache } from './cache.ts'
import { type Key, type Kind, keyBytes } from './keys.ts'
import { decodeRecord, isTombstone } from './record.ts'

/** Something that can be read by key: a table, or a table as a snapshot saw it. */
export interface Source<K extends Key, V> {
  get(key: K): V | undefined
  /**
   * Brings records that are about to be read into memory, all at once and without keeping the turn.
   * Those that cannot be read are left to `get`, which says why. Never rejects.
   */
  prefetch(keys: readonly K[]): Promise<void>
  /**
   * The values of many records, for who goes through a lot of them once: they take no room in
   * memory from those that are used more often. undefined where there is none, or where `get` has
   * to say why it cannot be read. Never rejects.
   */
  getMany(keys: readonly K[]): Promise<readonly (V | undefined)[]>
}

/** What is the same in the tables of all datasets. */
export interface TableSpec<V> {
  readonly kind: Kind
  readonly codec: Codec<V>
  /** Whether snapshots see older versions of its records. */
  readonly versioned: boolean
  /** About how many bytes of memory an entry takes. */
  readonly cost: (value: V | undefined) => number
}

/** Reads one record of the database, its checksum verified; undefined where there is none. */
export type Load = (key: Buffer) => Uint8Array | undefined

/**
 * Reads many as the database has them now, and hands each to `take` with the place of its key. Those
 * that cannot be read are left out. Never rejects.
 */
export type LoadMany = (
  keys: readonly Buffer[],
  take: (at: number, record: Uint8Array | undefined) => void,
) => Promise<void>

/** A key's newest state. `value` is undefined where there is no such record. */
export interface Entry<V> {
  readonly table: Table<Key, V>
  readonly key: Key
  value: V | undefined
  /** The epoch in which the value was written. */
  birth: number
  /** 0: the database has it. Positive: the checkpoint that will write it. Negative: is writing. */
  dirty: number
  /** The last transaction that changed it. */
  changedBy: number
  /** The last gathering of a commit group that it was in (commit.ts). */
  gathering: number
  /** It is absent from a clone whose origin has it: that takes a record of its own, a tombstone. */
  hides: boolean
}

/** A record that was looked at, and may not be in memory. */
export type Peeked<V> = Pick<Entry<V>, 'value' | 'birth'>

/** What a clone's table has beneath its own records. */
export interface Base<K extends Key, V> {
  readonly source: Source<K, V>
  /** The epoch in which what is read there counts as written. */
  readonly birth: number
}

export class Table<K extends Key, V> implements Source<K, V> {
  readonly dataset: number
  readonly spec: TableSpec<V>
  readonly #load: Load
  readonly #loadMany: LoadMany | undefined
  readonly #cache: Cache
  readonly #absence: Absence | undefined
  /** Of a clone, or of one that was: what was never stored here may come from elsewhere. */
  #inherits = false
  #base: Base<K, V> | undefined
  /** The highest of the keys that are numbers that ever were in memory. */
  #highest = -1
  #young = new Map<K, Entry<V>>()
  #old = new Map<K, Entry<V>>()

  /**
   * @param loadMany without it, nothing is read before it is asked for
   * @param absence what it says is absent is not looked for
   */
  constructor(
    dataset: number,
    spec: TableSpec<V>,
    load: Load,
    cache: Cache,
    loadMany?: LoadMany,
    absence?: Absence,
  ) {
    this.dataset = dataset
    this.spec = spec
    this.#load = load
    this.#loadMany = loadMany
    this.#cache = cache
    this.#absence = spec.versioned ? absence : undefined
    cache.register(this)
  }

  /** @throws FsError IO where the record on disk fails its checksum */
  get(key: K): V | undefined {
    return this.entry(key).value
  }

  /** The key's entry, loaded where it is not in memory. For transactions and views. */
  entry(key: K): Entry<V> {
    return this.#young.get(key) ?? this.#promote(key)
  }

  /** The key's entry where it is in memory. */
  known(key: K): Entry<V> | undefined {
    return this.#young.get(key) ?? this.#old.get(key)
  }

  /** The entry of a key that no record has ever had: the database is not asked. */
  newEntry(key: K): Entry<V> {
    // Numbers are used in their order: above all that came here, none is in memory.
    if (typeof key === 'number' && key > this.#highest) return this.#keep(key, this.#absent(key))
    return this.#young.get(key) ?? this.#again(key) ?? this.#keep(key, this.#absent(key))
  }

  #promote(key: K): Entry<V> {
    const entry = this.#again(key)
    if (entry !== undefined) return entry
    return this.#keep(key, this.#isAbsent(key) ? this.#absent(key) : this.#read(key))
  }

  #isAbsent(key: K): boolean {
    if (typeof key !== 'string' || this.#absence === undefined || this.#inherits) return false
    return this.#absence.has(this.dataset, this.spec.kind, key)
  }

  /** The entry, which is used again, out of the old half. */
  #again(key: K): Entry<V> | undefined {
    const entry = this.#old.get(key)
    if (entry === undefined) return undefined
    this.#old.delete(key)
    return this.#keep(key, entry)
  }

  #keep(key: K, entry: Entry<V>): Entry<V> {
    if (typeof key === 'number' && key > this.#highest) this.#highest = key
    this.#young.set(key, entry)
    this.#cache.grow(this.spec.cost(entry.value))
    return entry
  }

  #absent(key: K): Entry<V> {
    const table = this as unknown as Table<Key, V>
    return {
      table,
      key,
      value: undefined,
      birth: 0,
      dirty: 0,
      changedBy: 0,
      gathering: 0,
      hides: false,
    }
  }

  async prefetch(keys: readonly K[]): Promise<void> {
    const { dataset, spec } = this
    const wanted = keys.filter((key) => this.known(key) === undefined)
    if (wanted.length === 0) return
    const { ages } = this.#cache
    const bytes = wanted.map((key) => Buffer.from(keyBytes(dataset, spec.kind, key)))
    const beneath: K[] = []
    await this.#loadMany?.(bytes, (at, record) => {
      const key = wanted[at]
      // What came into memory meanwhile is newer. Where that was forgotten again, nobody can tell.
      if (key === undefined || this.#cache.ages !== ages || this.known(key) !== undefined) return
      if (record === undefined && this.#base !== undefined) beneath.push(key)
      else this.#keep(key, this.#decoded(key, record))
    })
    await this.#base?.source.prefetch(beneath)
  }

  async getMany(keys: readonly K[]): Promise<readonly (V | undefined)[]> {
    return (await this.peek(keys)).map((record) => record?.value)
  }

  /** Records with their births, as `getMany`; undefined also where one is to be read beneath. */
  async peek(keys: readonly K[]): Promise<readonly (Peeked<V> | undefined)[]> {
    const { dataset, spec } = this
    const peeked: (Peeked<V> | undefined)[] = keys.map((key) => this.known(key))
    const wanted = [...peeked.keys()].filter((at) => peeked[at] === undefined)
    const bytes = wanted.map((at) => Buffer.from(keyBytes(dataset, spec.kind, keys[at] as K)))
    if (bytes.length === 0) return peeked
    await this.#loadMany?.(bytes, (i, record) => {
      const at = wanted[i]
      if (at === undefined || record === undefined) return
      if (!spec.versioned || !isTombstone(record)) peeked[at] = decodeRecord(spec.codec, record)
    })
    return peeked
  }

  /** A record of this key is about to be stored, or to be deleted. */
  stores(key: K): void {
    if (typeof key === 'string') this.#absence?.note(this.dataset, this.spec.kind, key)
  }

  #read(key: K): Entry<V> {
    this.#cache.loads++
    return this.#decoded(key, this.#load(keyBytes(this.dataset, this.spec.kind, key)))
  }

  /** @param record as the database has it */
  #decoded(key: K, record: Uint8Array | undefined): Entry<V> {
    const entry = this.#absent(key)
    if (record === undefined) {
      entry.value = this.#base?.source.get(key)
      if (entry.value !== undefined) entry.birth = this.#base?.birth ?? 0
    } else if (this.spec.versioned && isTombstone(record)) {
      entry.hides = true
    } else {
      const { birth, value } = decodeRecord(this.spec.codec, record)
      entry.birth = birth
      entry.value = value
    }
    return entry
  }

  /** A record in memory is another now. Most begin small, and grow where they are. */
  resized(before: V | undefined, after: V | undefined): void {
    const more = this.spec.cost(after) - this.spec.cost(before)
    if (more > 0) this.#cache.grow(more)
  }

  /** What is read where there is no record. */
  setBase(base: Base<K, V>): void {
    this.#base = base
    this.#inherits = true
  }

  clearBase(): void {
    this.#base = undefined
  }

  /** Whether a record of this key would be seen if there were none here. */
  inherits(key: K): boolean {
    return this.#base !== undefined && this.#base.source.get(key) !== undefined
  }

  /** Forgets the clean entries that were not used since the last call. */
  age(): void {
    const kept = new Map<K, Entry<V>>()
    for (const [key, entry] of this.#old) if (entry.dirty !== 0) kept.set(key, entry)
    this.#old = this.#young
    this.#young = kept
  }
}
