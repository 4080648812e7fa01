/**
 * The bytes of a live dataset's files: everything between a READ or WRITE and the store.
 *
 * A WRITE lands in dirty pages (pages.ts) and is settled later: its blocks are allocated, on their
 * way to the disk, and mapped, in one transaction. What calls for that is a COMMIT or any other
 * change of the file, a chunk of it that is full, the amount of memory held, or time (`tick`).
 *
 *   write -> dirty pages --settle--> transaction: blocks + chunk records -> blocks.ts, intent log
 *   read  <- dirty pages over blocks on their way (blocks.ts) over the disk
 *
 * Invariants:
 * - A file with dirty pages has an inode and the content number that they were written to.
 * - Its size, used and times are those of `current`; the stored ones are from before the pages.
 *   Whoever changes size, mtime or content settles the file first.
 * - Each dirty page has a free block to go to, as far as can be told (`NOSPC` comes to the WRITE).
 * - A settle whose transaction is undone leaves the dirty pages as they were.
 */
import assert from 'node:assert/strict'
import type { Dataset } from '../store/dataset.ts'
import { BLOCK_BYTES, type Inode } from '../store/records.ts'
import { timeAfter } from '../store/time.ts'
import type { Transaction } from '../store/transaction.ts'
import type { RecordBuffers } from '../xdr/buffers.ts'
import { ReadBuffers } from './data-buffers.ts'
import {
  DATA_LIMITS,
  type DataLimits,
  type DataOptions,
  type DataStore,
  DRAIN_BYTES,
} from './data-options.ts'
import { below, ContentReader, type ReadData } from './data-read.ts'
import { requireRoom } from './data-room.ts'
import { releaseContent, storePages, truncateData } from './data-settle.ts'
import { FsError } from './error.ts'
import type { Awaitable } from './filesystem.ts'
import { DirtyFile } from './pages.ts'

export class FileData {
  readonly #store: DataStore
  readonly #dataset: Dataset
  readonly #limits: DataLimits
  readonly #later: (action: () => void) => void
  readonly #orphaned: (content: number) => void
  readonly #reader: ContentReader
  readonly #recordBuffers: RecordBuffers | undefined
  /** Oldest first. */
  readonly #files = new Map<number, DirtyFile>()
  /** Files that should be settled without waiting for time or memory. */
  readonly #due = new Set<number>()
  readonly #budget: { held: number }
  #held = 0
  #pages = 0
  #ticks = 0
  #scheduled = false
  /** Why the last attempt to settle in the background failed. */
  #failure: FsError | undefined

  constructor(store: DataStore, dataset: Dataset, options: DataOptions = {}) {
    this.#store = store
    this.#dataset = dataset
    this.#limits = { ...DATA_LIMITS, ...options.limits }
    this.#budget = options.budget ?? { held: 0 }
    this.#later = options.later ?? ((action) => void setImmediate(action))
    this.#orphaned = options.orphaned ?? (() => undefined)
    assert(this.#limits.dirtyBytesSoft <= this.#limits.dirtyBytesHard, 'soft exceeds hard')
    this.#recordBuffers = options.recordBuffers
    const buffers = options.buffers ?? new ReadBuffers()
    this.#reader = new ContentReader(dataset, store.blocks, buffers)
  }

  /** Bytes of memory that dirty pages hold. */
  get dirtyBytes(): number {
    return this.#held
  }

  /** The inode as clients must see it: with size, used and times of dirty data. */
  current(ino: number, inode: Inode): Inode {
    return this.#files.get(ino)?.merge(inode) ?? inode
  }

  /**
   * Reads up to the end of the file; holes are zeros. Answers at once where all is in memory.
   *
   * @returns bytes that are valid until `release` is called
   * @throws FsError IO, or rejects with it, where a block of the range fails its checksum
   */
  read(ino: number, inode: Inode, offset: number, count: number): Awaitable<ReadData> {
    const file = this.#files.get(ino)
    return this.#reader.readOver(file, file?.merge(inode) ?? inode, offset, count)
  }

  /**
   * Takes data in: it is there when this returns, in memory. A promise only asks the writer to wait
   * before it sends more. Must not be called within a transaction.
   *
   * @param data kept by reference from SHARED_BYTES_MIN bytes on: it must not change afterwards
   * @throws FsError NOSPC; IO where the write covers part of a block that cannot be read
   */
  write(ino: number, { content }: Inode, offset: number, data: Uint8Array): Awaitable<void> {
    if (data.length === 0) return
    this.#requireSpace(data.length)
    // Looked up here: what is dirty may have been stored to make room.
    const inode = this.#dataset.inodes.get(ino)
    assert(inode?.content === content, 'content was exchanged under dirty pages')
    const known = this.#files.get(ino)
    // A clock that went back must not hide the change: ctime only moves forward.
    const time = timeAfter(this.#store.clock(), (known?.merge(inode) ?? inode).ctime)
    const file = known ?? new DirtyFile(content, inode.size, time, this.#ticks, this.#recordBuffers)
    assert.equal(file.content, content, 'content was exchanged under dirty pages')
    const { held, count } = file
    try {
      file.write(offset, data, time, below(this.#dataset, this.#store.blocks, content))
    } finally {
      // A write that fails may leave memory behind in a file that was dirty before.
      if (known !== undefined) this.#account(file.held - held, file.count - count)
    }
    if (known === undefined) this.#attach(ino, file)
    // A full chunk need not wait, and its data is still in the processor's cache.
    if (file.full > 0 && this.#failure === undefined) this.#tryToSettle(ino)
    else if (file.held >= this.#limits.fileBytesMax) this.#due.add(ino)
    if (this.#nextDue() !== undefined) this.#schedule()
    return this.#overHard() ? this.#drained() : undefined
  }

  /**
   * Makes all dirty data of the file part of the transaction.
   *
   * @returns the inode that goes with the data, for the caller to change further and to put
   * @throws FsError NOSPC
   */
  settle(tx: Transaction, ino: number, inode: Inode): Inode {
    const file = this.#files.get(ino)
    if (file === undefined) return inode
    assert.equal(file.content, inode.content, 'content was exchanged under dirty pages')
    this.#detach(tx, ino, file)
    tx.storesAccepted()
    return storePages(tx, this.#dataset, inode, file)
  }

  /**
   * Cuts or extends a file that was settled in this transaction, which is the caller's to do.
   *
   * @returns the inode with its new size, used and content, not yet put; times are the caller's
   * @throws FsError IO where the block that is cut through cannot be read; NOSPC
   */
  truncate(tx: Transaction, ino: number, inode: Inode, size: number): Inode {
    assert(!this.#files.has(ino), 'a file is settled before it is truncated')
    const content = {
      ...{ dataset: this.#dataset, orphaned: this.#orphaned },
      below: below(this.#dataset, this.#store.blocks, inode.content),
      newIno: () => this.#store.newIno(),
    }
    return truncateData(tx, content, inode, size)
  }

  /** Lets go of all dirty data: the dataset is gone. */
  discard(): void {
    for (const file of this.#files.values()) {
      this.#account(-file.held, -file.count)
      file.release()
    }
    this.#files.clear()
  }

  /** There is an orphan's record which nothing here has made: frees it in the background. */
  reclaim(content: number): void {
    this.#orphaned(content)
  }

  /** Lets go of all data of a file whose last link is gone; the inode is the caller's to delete. */
  remove(tx: Transaction, ino: number, inode: Inode): void {
    const file = this.#files.get(ino)
    if (file !== undefined) {
      this.#detach(tx, ino, file)
      tx.onStand(() => file.release())
    }
    releaseContent(tx, this.#dataset, inode, this.#orphaned)
  }

  /**
   * Settles every dirty file, each in a transaction of its own, as many as can be.
   *
   * @throws FsError NOSPC, IO: the first one's
   */
  settleAll(): void {
    const failures: unknown[] = []
    for (const ino of [...this.#files.keys()]) {
      try {
        this.#settleAlone(ino)
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  /** To be called about once a second: what has been dirty for long enough is settled soon. */
  tick(): void {
    this.#ticks++
    this.#failure = undefined
    for (const [ino, { since }] of this.#files) {
      if (since + this.#limits.dirtyTicksMax <= this.#ticks) this.#due.add(ino)
    }
    if (this.#nextDue() !== undefined) this.#schedule()
  }

  #account(held: number, pages: number): void {
    this.#held += held
    this.#budget.held += held
    this.#pages += pages
  }

  /** Takes the file's dirty pages away, for as long as the transaction stands. */
  #detach(tx: Transaction, ino: number, file: DirtyFile): void {
    this.#files.delete(ino)
    this.#account(-file.held, -file.count)
    tx.onUndo(() => {
      file.disown()
      this.#attach(ino, file)
    })
  }

  #attach(ino: number, file: DirtyFile): void {
    this.#files.set(ino, file)
    this.#account(file.held, file.count)
  }

  #settleAlone(ino: number): void {
    const inode = this.#dataset.inodes.get(ino)
    assert(inode, 'a file with dirty pages has an inode')
    this.#store.transact((tx) => tx.put(this.#dataset.inodes, ino, this.settle(tx, ino, inode)))
  }

  /** @throws FsError NOSPC, DQUOT where the dirty pages and these might not find room */
  #requireSpace(bytes: number): void {
    const failure = this.#failure
    const short = this.#budget.held > this.#limits.dirtyBytesSoft
    if (failure !== undefined && (short || failure.code === 'NOSPC')) throw failure
    requireRoom(this.#store.space().free, this.#dataset, {
      wanted: () => this.#pages * BLOCK_BYTES + bytes,
      settle: () => this.settleAll(),
    })
  }

  #nextDue(): number | undefined {
    for (const ino of this.#due) {
      if (this.#files.has(ino)) return ino
      this.#due.delete(ino)
    }
    if (this.#budget.held <= this.#limits.dirtyBytesSoft) return undefined
    for (const ino of this.#files.keys()) return ino
    return undefined
  }

  #schedule(): void {
    if (this.#scheduled || this.#failure !== undefined) return
    this.#scheduled = true
    this.#later(() => {
      this.#scheduled = false
      this.#writeOut()
    })
  }

  /** Settles one file, so that the turn stays short, and comes again while there are more. */
  #writeOut(): void {
    const ino = this.#nextDue()
    if (ino === undefined) return
    this.#due.delete(ino)
    this.#tryToSettle(ino)
    if (this.#nextDue() !== undefined) this.#schedule()
  }

  /** Settles a file. Where that fails the pages stay, and the next tick tries again. */
  #tryToSettle(ino: number): void {
    try {
      this.#settleAlone(ino)
    } catch (error) {
      // Writers are told when memory becomes scarce.
      if (!(error instanceof FsError)) throw error
      this.#failure = error
    }
  }

  #overHard(): boolean {
    return this.#budget.held + this.#store.blocks.queuedBytes > this.#limits.dirtyBytesHard
  }

  /**
   * Settles what is dirty and waits for blocks to be written, until little enough is left. It waits
   * no longer than for a part of them: writers and the disk are to be busy at the same time.
   */
  async #drained(): Promise<void> {
    while (this.#overHard() && this.#failure === undefined) {
      if (this.#budget.held > this.#limits.dirtyBytesSoft) this.#writeOut()
      const { queuedBytes } = this.#store.blocks
      await this.#store.blocks.drained(Math.max(0, queuedBytes - DRAIN_BYTES))
    }
  }
}
