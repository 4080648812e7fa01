/**
 * A transaction: the changes of one operation, which take effect together or not at all.
 *
 * The body runs in one turn of the event loop and changes the tables in place; where it throws,
 * everything it did is undone. What it leaves behind goes into the commit group's log entry: every
 * record it changed, once, and every change of a block's reference count.
 *
 * A live record born at or before a snapshot is moved to history by the first change after it.
 * The old record stays as it was, found by way of the key's list of versions (snapshots look it up)
 * and by the epoch in which it ended (deleting a snapshot looks it up).
 */
import { strict as assert } from 'node:assert'
import { AccountChanges } from './accounts.ts'
import type { Dataset } from './dataset.ts'
import { deadKey, historyKey, type Key, Kind, versionsKey } from './keys.ts'
import { encodeRecord } from './record.ts'
import { BLOCK_BYTES, type Chunk, type Inode, runEnd } from './records.ts'
import type { Extent, SpaceMap } from './space.ts'
import type { Entry, Table } from './table.ts'
import type { Time } from './time.ts'

/** What a transaction needs to know and tell while it runs. */
export interface TransactionHost {
  readonly space: SpaceMap
  dataset(id: number): Dataset
  /** An entry is about to change: a checkpoint may want it as it is, or will want it later. */
  dirtied(entry: Entry<unknown>): void
}

/** A change of reference counts, for the log. */
export interface Delta {
  readonly address: number
  readonly count: number
  readonly by: 1 | -1
}

/** Blocks to be written as part of the commit. */
export interface BlockWrite {
  /** The first block. */
  readonly address: number
  /** What goes there and into the blocks behind it (block-buffers.ts). */
  readonly buffers: readonly Uint8Array[]
}

interface Touched {
  readonly entry: Entry<unknown>
  readonly value: unknown
  readonly birth: number
  readonly dirty: number
  readonly changedBy: number
}

export class Transaction {
  /** One time for everything that the transaction does. */
  readonly now: Time
  readonly touched: Touched[] = []
  readonly deltas: Delta[] = []
  readonly writes: BlockWrite[] = []
  readonly #host: TransactionHost
  readonly #number: number
  readonly #undo: (() => void)[] = []
  readonly #stand: (() => void)[] = []
  readonly #accounts = new AccountChanges()

  /** @param number this transaction's own, never used again */
  constructor(host: TransactionHost, number: number, now: Time) {
    this.#host = host
    this.#number = number
    this.now = now
  }

  put<K extends Key, V>(table: Table<K, V>, key: K, value: V): void {
    this.#change(table, key, value)
  }

  /** Puts a record of a key that none has ever had, which need not be looked for. */
  putNew<K extends Key, V>(table: Table<K, V>, key: K, value: V): void {
    this.#set(table.newEntry(key), value)
  }

  delete<K extends Key, V>(table: Table<K, V>, key: K): void {
    this.#change(table, key, undefined)
  }

  /**
   * Deletes a record that is out of reach since epoch `end`: it goes to history only where a
   * snapshot of an earlier epoch sees it.
   */
  deleteEnded<K extends Key, V>(table: Table<K, V>, key: K, end: number): void {
    this.#change(table, key, undefined, end)
  }

  /** Undoes state that is kept outside of tables, should the transaction not come to its end. */
  onUndo(action: () => void): void {
    this.#undo.push(action)
  }

  /** Does what can only be done once the transaction stands. */
  onStand(action: () => void): void {
    this.#stand.push(action)
  }

  /** It stands: its body has ended, and it will be committed. */
  stand(): void {
    for (const action of this.#stand) action()
  }

  #change<K extends Key, V>(table: Table<K, V>, key: K, value: V | undefined, end?: number): void {
    this.#set(table.entry(key), value, end)
  }

  #set<V>(entry: Entry<V>, value: V | undefined, end?: number): void {
    const { table } = entry
    const dataset = table.spec.versioned ? this.#host.dataset(table.dataset) : undefined
    if (entry.changedBy !== this.#number) this.#touch(entry as Entry<unknown>)
    this.#host.dirtied(entry as Entry<unknown>)
    if (dataset !== undefined) {
      const kept = this.#keep(dataset, entry as Entry<unknown>, end ?? dataset.epoch)
      if (table.spec.kind === Kind.INODE) {
        this.#accounts.file(dataset, entry.value as Inode | undefined, value as Inode | undefined)
      } else if (table.spec.kind === Kind.CHUNK) {
        const before = kept ? undefined : (entry.value as Chunk | undefined)
        this.#inline(dataset, before, entry.birth, value as Chunk | undefined)
      }
      entry.birth = dataset.epoch
    }
    if (value === undefined) entry.hides = table.inherits(entry.key)
    const before = entry.value
    entry.value = value
    table.resized(before, value)
  }

  /**
   * Stores a record as written in epoch `birth`, and keeps nothing of the one before: whoever sees
   * either must find the same.
   */
  rewrite<K extends Key, V>(table: Table<K, V>, key: K, value: V, birth: number): void {
    const entry = table.entry(key)
    if (entry.changedBy !== this.#number) this.#touch(entry as Entry<unknown>)
    this.#host.dirtied(entry as Entry<unknown>)
    const before = entry.value
    entry.value = value
    entry.birth = birth
    table.resized(before, value)
  }

  /** Bytes that chunks hold themselves come and go with their records. */
  #inline(dataset: Dataset, before: Chunk | undefined, birth: number, after?: Chunk): void {
    if (before?.inline !== undefined) this.went(dataset, birth, before.inline.length)
    if (after?.inline !== undefined) this.came(dataset, after.inline.length)
  }

  /** Bytes of data come into a file: see accounts.ts. */
  came(dataset: Dataset, bytes: number): void {
    this.#accounts.came(dataset, bytes)
  }

  /** Bytes that came into a file in epoch `birth` are held by no version of it any more. */
  went(dataset: Dataset, birth: number, bytes: number): void {
    this.#accounts.went(dataset, birth, bytes)
  }

  /** It stores data that clients were told is accepted: the quota was asked then. */
  storesAccepted(): void {
    this.#accounts.storesAccepted()
  }

  /** It gives back what a snapshot has: the files took that room before the quota was asked. */
  exemptFromQuota(): void {
    this.#accounts.exemptFromQuota()
  }

  /**
   * The body has ended: the dataset's accounts are settled.
   *
   * @throws FsError DQUOT where its files take more than its quota then
   */
  close(): void {
    this.#accounts.settle(this)
  }

  #touch(entry: Entry<unknown>): void {
    const { value, birth, dirty, changedBy } = entry
    this.touched.push({ entry, value, birth, dirty, changedBy })
    entry.changedBy = this.#number
    entry.table.stores(entry.key)
  }

  /** Moves the record to history where a snapshot sees it. @returns whether it does */
  #keep(dataset: Dataset, entry: Entry<unknown>, end: number): boolean {
    const { birth, key, value } = entry
    if (value === undefined || !dataset.seenBySnapshot(birth, end)) return false
    const { kind, codec } = entry.table.spec
    const record = new Uint8Array(encodeRecord(codec, birth, value))
    const name = versionsKey(kind, key)
    this.put(dataset.history, historyKey(kind, key, end), record)
    this.put(dataset.versions, name, [...(dataset.versions.get(name) ?? []), { birth, end }])
    this.put(dataset.dead, deadKey(kind, key, birth, end), true)
    return true
  }

  /**
   * Blocks for new data, in as few runs as there are.
   *
   * @throws FsError NOSPC
   */
  allocate(blocks: number): readonly Extent[] {
    const extents = this.#host.space.allocate(blocks)
    for (const { address, count } of extents) this.deltas.push({ address, count, by: 1 })
    this.#undo.push(() => {
      for (const { address, count } of extents) this.#host.space.undoAllocate(address, count)
    })
    return extents
  }

  /** Writes buffers of whole blocks, never changed again, to blocks that it has allocated. */
  write(address: number, buffers: readonly Uint8Array[]): void {
    this.writes.push({ address, buffers })
  }

  /**
   * One more reference to each of the blocks, which come into a file of the dataset.
   *
   * @throws FsError NOSPC at 65,535 references
   */
  share(dataset: Dataset, address: number, count: number): void {
    this.came(dataset, count * BLOCK_BYTES)
    this.refer(address, count)
  }

  /**
   * One more reference to each of the blocks, which files of the dataset have already.
   *
   * @throws FsError NOSPC at 65,535 references
   */
  refer(address: number, count: number): void {
    this.#host.space.share(address, count)
    this.deltas.push({ address, count, by: 1 })
    this.#undo.push(() => this.#host.space.undoShare(address, count))
  }

  /** One reference less to each of the blocks; the last one frees. */
  release(address: number, count: number): void {
    this.#host.space.release(address, count)
    this.deltas.push({ address, count, by: -1 })
    this.#undo.push(() => this.#host.space.undoRelease(address, count))
  }

  /**
   * A live chunk lets go of blocks that came into it in epoch `birth`: frees them unless a version
   * of the chunk that a snapshot sees holds them still. A block, once in a chunk, is in all its
   * versions until it is dropped; so history holds it where a version ended after it came.
   */
  drop(dataset: Dataset, key: string, address: number, count: number, birth: number): void {
    const entry = dataset.chunks.entry(key)
    if (entry.value !== undefined && dataset.seenBySnapshot(entry.birth, dataset.epoch)) return
    this.#dropped(dataset, key, address, count, birth)
  }

  #dropped(dataset: Dataset, key: string, address: number, count: number, birth: number): void {
    if (birth <= dataset.newestVersion) {
      const last = dataset.versions.get(versionsKey(Kind.CHUNK, key))?.at(-1)
      if (last !== undefined && last.end > birth) return
    }
    if (dataset.owns(birth)) this.release(address, count)
    this.went(dataset, birth, count * BLOCK_BYTES)
  }

  /** Deletes a chunk that is out of reach since epoch `end`, and drops the blocks it holds. */
  deleteChunk(dataset: Dataset, key: string, end: number = dataset.epoch): void {
    const { value, birth } = dataset.chunks.entry(key)
    if (value === undefined) return
    this.deleteEnded(dataset.chunks, key, end)
    if (dataset.seenBySnapshot(birth, end)) return
    this.#dropRuns(dataset, key, value)
  }

  #dropRuns(dataset: Dataset, key: string, chunk: Chunk): void {
    for (let start = 0; start < chunk.address.length; ) {
      const end = runEnd(chunk, start)
      const address = chunk.address[start] ?? 0
      if (address !== 0) this.#dropped(dataset, key, address, end - start, chunk.birth[start] ?? 0)
      start = end
    }
  }

  /** Undoes everything, last change first. */
  rollback(): void {
    for (let i = this.#undo.length - 1; i >= 0; i--) this.#undo[i]?.()
    for (let i = this.touched.length - 1; i >= 0; i--) {
      const touched = this.touched[i]
      assert(touched, 'no hole in a list')
      const { entry, value, birth, dirty, changedBy } = touched
      Object.assign(entry, { value, birth, dirty, changedBy })
    }
  }
}
