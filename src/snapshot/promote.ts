/**
 * Promotion: makes a clone independent of the snapshot that it was made of, a bounded number of
 * records in each transaction, while clients go on.
 *
 * File by file of the snapshot, what the clone still reads there becomes records of its own; and
 * the blocks that it shares become its own, which is one reference more to each. A block is made
 * its own by the epoch of its birth in the chunk: the clone's first epoch in place of the origin's.
 * That happens in one transaction to all versions of a chunk, so that they go on saying the same of
 * a block, and nothing has to remember how far the promotion is. (The clone's record does, so that
 * one that was interrupted need not begin again; doing a file twice is harmless.)
 *
 * Then the origin is forgotten; at last the tombstones go, which hide nothing any more.
 */
import assert from 'node:assert/strict'
import { chunkCodec } from '../store/codecs.ts'
import type { Dataset } from '../store/dataset.ts'
import { historyKey, type Key, Kind, kindRange, parseKey, versionsKey } from '../store/keys.ts'
import { decodeRecord, encodeRecord, isTombstone } from '../store/record.ts'
import type { Chunk, Origin } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import type { Table } from '../store/table.ts'
import type { Transaction } from '../store/transaction.ts'
import { type Item, inosOf, itemsOf } from './clone-records.ts'

/** Work that is done in one turn of the event loop: some milliseconds. */
const STEP_WORK = 128
/** Steps after which all that was done is made durable. */
const STEPS_PER_COMMIT = 16
/** Each version of a chunk has up to 256 blocks to look at, any other record none. */
const CHUNK_WORK = 8

/** How far a promotion is. */
export interface Promoting {
  /** Files and directories of the snapshot that are done, and how many there are. */
  readonly done: number
  readonly total: number
}

export class Promotion {
  readonly #store: Store
  readonly #dataset: Dataset
  readonly #stopped: () => boolean
  readonly #total: number
  #done: number
  /** The last file that is done. */
  #ino: number
  #steps = 0

  /** @param stopped whether no further step may be done: the store is about to be closed */
  constructor(store: Store, dataset: Dataset, stopped: () => boolean) {
    this.#store = store
    this.#dataset = dataset
    this.#stopped = () => stopped() || dataset.record.deleting
    const { origin } = dataset.record
    const snapshot = origin && store.snapshots.get(origin.snapshot)
    this.#total = snapshot?.referenced.inodes ?? 0
    this.#done = origin?.doneInodes ?? 0
    this.#ino = origin?.doneIno ?? 0
  }

  get progress(): Promoting {
    return { done: this.#done, total: this.#total }
  }

  /** @returns whether it is independent now; false where it was stopped before */
  async run(): Promise<boolean> {
    const { origin } = this.#dataset.record
    if (origin !== undefined) {
      if (!(await this.#takeAll(origin))) return false
      this.#forgetOrigin()
      await this.#store.flush()
    }
    return this.#sweep()
  }

  async #takeAll(origin: Origin): Promise<boolean> {
    const { objsets, database } = this.#store
    // The scan sees the database: what is only in memory has to be there first.
    await this.#store.checkpoint()
    const frozen = database.freeze()
    try {
      const snapshot = objsets.get(origin.dataset).at(origin.epoch)
      const taking = new Taking(this.#dataset, origin.epoch)
      for await (const ino of inosOf(frozen, objsets, origin, origin.doneIno)) {
        const inode = snapshot.inodes.get(ino)
        if (inode === undefined) continue
        for (const item of itemsOf(snapshot, ino, inode)) {
          taking.add(item)
          if (taking.work >= STEP_WORK && !(await this.#step(taking))) return false
        }
        this.#done++
        this.#ino = ino
      }
      return this.#step(taking)
    } finally {
      await frozen.close()
    }
  }

  /** @returns whether there may be another one */
  async #step(taking: Taking): Promise<boolean> {
    if (this.#stopped()) return false
    this.#transact((tx) => {
      taking.take(tx)
      const { origin } = this.#dataset.record
      assert(origin, 'a clone has an origin until it is promoted')
      const done = { ...origin, doneIno: this.#ino, doneInodes: this.#done }
      this.#store.objsets.change(tx, this.#dataset, { origin: done })
    })
    taking.clear()
    await this.#pause()
    return !this.#stopped()
  }

  #forgetOrigin(): void {
    const change = { origin: undefined, tombstones: true }
    this.#store.transact((tx) => this.#store.objsets.change(tx, this.#dataset, change))
    this.#dataset.disinherit()
  }

  /** Removes the tombstones. @returns false where it was stopped before */
  async #sweep(): Promise<boolean> {
    const { inodes, names, pages, bitmaps, chunks } = this.#dataset
    await this.#store.checkpoint()
    const swept =
      (await this.#sweepAll(Kind.CHUNK, chunks)) &&
      (await this.#sweepAll(Kind.NAME, names)) &&
      (await this.#sweepAll(Kind.PAGE, pages)) &&
      (await this.#sweepAll(Kind.BITMAP, bitmaps)) &&
      (await this.#sweepAll(Kind.INODE, inodes))
    if (!swept) return false
    const change = { tombstones: false }
    this.#store.transact((tx) => this.#store.objsets.change(tx, this.#dataset, change))
    await this.#store.flush()
    return true
  }

  async #sweepAll<K extends Key, V>(kind: Kind, table: Table<K, V>): Promise<boolean> {
    let keys: K[] = []
    const range = kindRange(this.#dataset.id, kind)
    for await (const { key, record } of this.#store.database.scan(range)) {
      if (!isTombstone(record)) continue
      keys.push(parseKey(key).key as K)
      if (keys.length < STEP_WORK) continue
      if (this.#stopped()) return false
      await this.#remove(table, keys)
      keys = []
    }
    if (this.#stopped()) return false
    await this.#remove(table, keys)
    return true
  }

  async #remove<K extends Key, V>(table: Table<K, V>, keys: readonly K[]): Promise<void> {
    this.#transact((tx) => {
      // Since the scan, another record may have come in its place.
      for (const key of keys) if (table.get(key) === undefined) tx.delete(table, key)
    })
    await this.#pause()
  }

  #transact(body: (tx: Transaction) => void): void {
    this.#store.pace.step(() => this.#store.transact(body))
  }

  /** Others have their turn; now and then the disk catches up. */
  async #pause(): Promise<void> {
    this.#steps++
    if (this.#steps % STEPS_PER_COMMIT === 0) await this.#store.flush()
    await this.#store.pace.rest()
  }
}

/** Records that one transaction makes the clone's own. */
class Taking {
  readonly #dataset: Dataset
  /** The clone's first epoch: what is born before is its origin's. */
  readonly #first: number
  #items: Item[] = []
  work = 0

  constructor(dataset: Dataset, epoch: number) {
    this.#dataset = dataset
    this.#first = epoch + 1
  }

  add(item: Item): void {
    this.#items.push(item)
    this.work++
    if (item.kind !== Kind.CHUNK) return
    const versions = this.#dataset.versions.get(versionsKey(Kind.CHUNK, item.key))
    this.work += CHUNK_WORK * (1 + (versions?.length ?? 0))
  }

  clear(): void {
    this.#items = []
    this.work = 0
  }

  take(tx: Transaction): void {
    const { inodes, names, pages, bitmaps } = this.#dataset
    for (const { kind, key } of this.#items) {
      if (kind === Kind.INODE) this.#own(tx, inodes, Number(key))
      else if (kind === Kind.NAME) this.#own(tx, names, String(key))
      else if (kind === Kind.PAGE) this.#own(tx, pages, String(key))
      else if (kind === Kind.BITMAP) this.#own(tx, bitmaps, String(key))
      else this.#chunk(tx, String(key))
    }
  }

  /** What was changed since has a record of its own already; so does what was deleted. */
  #own<K extends Key, V>(tx: Transaction, table: Table<K, V>, key: K): void {
    const { value, birth } = table.entry(key)
    if (value !== undefined && birth === this.#first) tx.rewrite(table, key, value, birth)
  }

  /**
   * All versions of a chunk. A block of the origin is in consecutive versions, from the first on,
   * and never comes back: that is one reference.
   */
  #chunk(tx: Transaction, key: string): void {
    const { chunks, history, versions } = this.#dataset
    const shared: (number | undefined)[] = []
    for (const { end } of versions.get(versionsKey(Kind.CHUNK, key)) ?? []) {
      const name = historyKey(Kind.CHUNK, key, end)
      const record = history.get(name)
      assert(record, `version ${key}@${end} is listed, but not there`)
      const { birth, value } = decodeRecord(chunkCodec, record)
      const own = this.#ownChunk(value, shared)
      if (own === value) continue
      tx.put(history, name, new Uint8Array(encodeRecord(chunkCodec, birth, own)))
    }
    const { value, birth } = chunks.entry(key)
    if (value !== undefined) tx.rewrite(chunks, key, this.#ownChunk(value, shared), birth)
    referToAll(tx, shared)
  }

  /** @param shared by slot, the blocks that become its own */
  #ownChunk(chunk: Chunk, shared: (number | undefined)[]): Chunk {
    const birth = chunk.birth.slice()
    let changed = false
    for (const [slot, address] of chunk.address.entries()) {
      if (address === 0 || this.#dataset.owns(birth[slot] ?? 0)) continue
      assert((shared[slot] ?? address) === address, 'a slot has one block of the origin')
      shared[slot] = address
      birth[slot] = this.#first
      changed = true
    }
    return changed ? { ...chunk, birth } : chunk
  }
}

/** One more reference to each, in runs of neighbours. */
function referToAll(tx: Transaction, blocks: readonly (number | undefined)[]): void {
  let start = 0
  let count = 0
  for (const address of blocks) {
    if (address === undefined) continue
    if (count > 0 && address === start + count) {
      count++
      continue
    }
    if (count > 0) tx.refer(start, count)
    start = address
    count = 1
  }
  if (count > 0) tx.refer(start, count)
}
