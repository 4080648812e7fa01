/** A dataset: its tables, its epoch, its snapshots; and how it looked at an epoch of the past. */
import { strict as assert } from 'node:assert'
import type { Cache } from './cache.ts'
import { type Key, nameKey } from './keys.ts'
import type { NameFinder } from './name-finder.ts'
import type { PackedPages } from './packed-pages.ts'
import { PastTable } from './past.ts'
import {
  type Account,
  type Chunk,
  type DatasetRecord,
  type Inode,
  type NameRecord,
  NO_ACCOUNT,
  type Orphan,
  type Page,
  type ScheduleRecord,
  type SnapshotRecord,
  type Usage,
  type Version,
} from './records.ts'
import type { Source, Table, TableSpec } from './table.ts'
import * as tables from './tables.ts'

/** Everything that reading code needs: a live dataset, or one at an epoch. */
export interface Reader {
  readonly inodes: Source<number, Inode>
  readonly names: Source<string, NameRecord>
  readonly pages: Source<string, Page>
  readonly bitmaps: Source<string, Uint8Array>
  readonly chunks: Source<string, Chunk>
  /** What a name of a directory stands for, as `names.get` answers, and sooner. */
  findName(dir: number, name: Uint8Array): NameRecord | undefined
  /**
   * How many records were read from the database so far, of all datasets: each takes some
   * microseconds, in which nothing else is done.
   */
  readonly loads: number
}

/** What the datasets of a store share. */
export interface SharedMemory {
  readonly cache: Pick<Cache, 'ages' | 'loads'>
  readonly finder: NameFinder
  readonly packed: PackedPages
}

/** Opens the table of one kind of record of this dataset. */
export type OpenTable = <K extends Key, V>(dataset: number, spec: TableSpec<V>) => Table<K, V>

/** A snapshot and its number. */
export interface Snapshot extends SnapshotRecord {
  readonly id: number
}

export class Dataset implements Reader {
  /** Its number; also what its fsid is made of. */
  readonly id: number
  #record: DatasetRecord
  /** The epoch in which changes are made now. Only `setEpoch` moves it. */
  epoch: number
  readonly inodes: Table<number, Inode>
  readonly names: Table<string, NameRecord>
  readonly pages: Table<string, Page>
  readonly bitmaps: Table<string, Uint8Array>
  readonly chunks: Table<string, Chunk>
  readonly history: Table<string, Uint8Array>
  readonly versions: Table<string, readonly Version[]>
  readonly dead: Table<string, true>
  readonly orphans: Table<number, Orphan>
  /** See accounts.ts. */
  readonly usages: Table<number, Account>
  /** At most one record, with key 0. */
  readonly schedules: Table<number, ScheduleRecord>
  #snapshots: readonly Snapshot[] = []
  #byId: ReadonlyMap<number, Snapshot> = new Map()
  /** Epochs of the snapshots that are not being deleted, ascending. */
  #seen: readonly number[] = []
  readonly memory: SharedMemory

  constructor(id: number, record: DatasetRecord, open: OpenTable, memory: SharedMemory) {
    this.id = id
    this.memory = memory
    this.#record = record
    this.epoch = record.epoch
    this.inodes = open(id, tables.inodeSpec)
    this.names = open(id, tables.nameSpec)
    this.pages = open(id, tables.pageSpec)
    this.bitmaps = open(id, tables.bitmapSpec)
    this.chunks = open(id, tables.chunkSpec)
    this.history = open(id, tables.historySpec)
    this.versions = open(id, tables.versionsSpec)
    this.dead = open(id, tables.deadSpec)
    this.orphans = open(id, tables.orphanSpec)
    this.usages = open(id, tables.usageSpec)
    this.schedules = open(id, tables.scheduleSpec)
  }

  findName(dir: number, name: Uint8Array): NameRecord | undefined {
    return this.memory.finder.find(this.names, dir, name)
  }

  get loads(): number {
    return this.memory.cache.loads
  }

  /**
   * It is a clone: what it has no record of is as in the origin's snapshot, and counts as written
   * in the clone's first epoch.
   */
  inherit(reader: Reader, birth: number): void {
    this.inodes.setBase({ source: reader.inodes, birth })
    this.names.setBase({ source: reader.names, birth })
    this.pages.setBase({ source: reader.pages, birth })
    this.bitmaps.setBase({ source: reader.bitmaps, birth })
    this.chunks.setBase({ source: reader.chunks, birth })
  }

  /** From now on it has only what it has records of. */
  disinherit(): void {
    for (const table of [this.inodes, this.names, this.pages, this.bitmaps, this.chunks]) {
      table.clearBase()
    }
  }

  /**
   * Whether a block that came into a file in epoch `birth` is this dataset's, which then has a
   * reference to it. In a clone, what came before its first epoch is its origin's.
   */
  owns(birth: number): boolean {
    return birth > (this.#record.origin?.epoch ?? 0)
  }

  /** The ino of its root directory. */
  get root(): number {
    return this.#record.root
  }

  /** Its name, its quota and so on; `epoch` and `snapshots` are newer than what is in here. */
  get record(): DatasetRecord {
    return this.#record
  }

  setRecord(record: DatasetRecord): void {
    this.#record = record
  }

  get quota(): Usage {
    return this.#record.quota
  }

  /** What its live files take, without data that is still dirty. */
  get usage(): Usage {
    const { bytes, inodes } = this.accountAt(0)
    return { bytes, inodes }
  }

  /** An account by its key: 0 for the live files, or a snapshot's epoch. */
  accountAt(key: number): Account {
    return this.usages.get(key) ?? NO_ACCOUNT
  }

  /** The key of the account that data is on which came in epoch `birth` (accounts.ts). */
  accountOf(birth: number): number {
    if (birth > this.newestVersion) return 0
    let low = 0
    let high = this.#snapshots.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#snapshots[middle]?.epoch ?? 0) < birth) low = middle + 1
      else high = middle
    }
    return this.#snapshots[low]?.epoch ?? 0
  }

  /** All snapshots, those being deleted included, oldest first. */
  get snapshots(): readonly Snapshot[] {
    return this.#snapshots
  }

  snapshotById(id: number): Snapshot | undefined {
    return this.#byId.get(id)
  }

  /** Replaces the list of snapshots and the epoch, which change together. */
  setSnapshots(snapshots: readonly Snapshot[], epoch: number): void {
    this.#snapshots = [...snapshots].sort((a, b) => a.epoch - b.epoch)
    const newest = this.newestVersion
    assert(epoch > newest, `epoch ${epoch} is not behind the newest snapshot's, ${newest}`)
    this.#byId = new Map(snapshots.map((snapshot) => [snapshot.id, snapshot]))
    this.#seen = this.#snapshots.filter(({ deleting }) => !deleting).map((s) => s.epoch)
    this.epoch = epoch
  }

  /** Epoch of the newest snapshot that is not being deleted; 0 where there is none. */
  get newestSnapshot(): number {
    return this.#seen.at(-1) ?? 0
  }

  /** Epoch of the newest snapshot of all: history may hold what was born at or before it. */
  get newestVersion(): number {
    return this.#snapshots.at(-1)?.epoch ?? 0
  }

  /** Whether a snapshot sees what was born in epoch `birth` and ended in epoch `end`. */
  seenBySnapshot(birth: number, end: number): boolean {
    return birth <= this.newestSnapshot && seenBy(this.#seen, birth, end)
  }

  /**
   * The dataset as it was at the end of `epoch`, which must be a snapshot's.
   *
   * @param decodedMax as for PastTable
   */
  at(epoch: number, decodedMax?: number): Reader {
    const names = new PastTable(this, this.names, epoch, decodedMax)
    const { cache } = this.memory
    return {
      inodes: new PastTable(this, this.inodes, epoch, decodedMax),
      names,
      findName: (dir, name) => names.get(nameKey(dir, name)),
      get loads() {
        return cache.loads
      },
      pages: new PastTable(this, this.pages, epoch, decodedMax),
      bitmaps: new PastTable(this, this.bitmaps, epoch, decodedMax),
      chunks: new PastTable(this, this.chunks, epoch, decodedMax),
    }
  }
}

/**
 * Whether one of the snapshots sees what was born in epoch `birth` and ended in epoch `end`.
 *
 * @param epochs theirs, ascending
 */
export function seenBy(epochs: readonly number[], birth: number, end: number): boolean {
  let low = 0
  let high = epochs.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((epochs[middle] ?? 0) < birth) low = middle + 1
    else high = middle
  }
  const first = epochs[low]
  return first !== undefined && first < end
}
