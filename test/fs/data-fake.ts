/**
 * A store in memory for the tests of file data: real tables and transactions over blocks that check
 * what they are given. Allocation is scattered on purpose; blocks can be made cold, or be damaged.
 */
import assert from 'node:assert/strict'
import type { DataStore } from '../../src/fs/data-options.ts'
import { FsError } from '../../src/fs/error.ts'
import { blockOf, blocksIn } from '../../src/store/block-buffers.ts'
import { Cache } from '../../src/store/cache.ts'
import { checksum } from '../../src/store/checksum.ts'
import { Dataset } from '../../src/store/dataset.ts'
import type { Key } from '../../src/store/keys.ts'
import { NameFinder } from '../../src/store/name-finder.ts'
import { PackedPages } from '../../src/store/packed-pages.ts'
import { BLOCK_BYTES, FileType, type Inode, NO_USAGE } from '../../src/store/records.ts'
import type { SpaceMap } from '../../src/store/space.ts'
import { Table, type TableSpec } from '../../src/store/table.ts'
import type { Time } from '../../src/store/time.ts'
import { Transaction } from '../../src/store/transaction.ts'

/** Numbers in 0 .. n - 1 from a seed (xorshift32). */
export function random(seed: number): (n: number) => number {
  let state = (seed * 2654435761) >>> 0 || 1
  return (n) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return Math.floor((state / 0x1_0000_0000) * n)
  }
}

/** Bytes that differ from place to place. */
export function bytesOf(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4))
  for (let i = 0, word = seed; i < words.length; i++) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0
    words[i] = word
  }
  return new Uint8Array(words.buffer, 0, length)
}

interface Block {
  readonly page: Uint8Array
  /** What it was when it was handed over: it must stay so. */
  readonly sum: number
  /** What the disk has. */
  stored: Uint8Array
}

class FakeBlocks {
  readonly blocks = new Map<number, Block>()
  /** Makes `readBlocks` answer promises. */
  cold = false
  queuedBytes = 0
  readonly #waiting: { bytes: number; resolve: () => void }[] = []
  /** Blocks read since the start. */
  reads = 0

  write(address: number, buffers: readonly Uint8Array[]): void {
    for (let i = 0; i < blocksIn(buffers); i++) {
      const page = blockOf(buffers, i)
      assert(page)
      this.blocks.set(address + i, { page, sum: checksum(page), stored: page })
    }
  }

  /** All pages that were handed over are as they were. */
  checkUnchanged(): void {
    for (const [address, { page, sum }] of this.blocks) {
      assert.equal(checksum(page), sum, `the page of block ${address} was changed`)
    }
  }

  damage(address: number): void {
    const block = this.blocks.get(address)
    assert(block)
    block.stored = block.stored.slice()
    block.stored[17] = (block.stored[17] ?? 0) ^ 0x40
  }

  readSync(address: number, count: number, into: Uint8Array, at = 0): void {
    for (let i = 0; i < count; i++) {
      const block = this.blocks.get(address + i)
      assert(block, `block ${address + i} was never written`)
      into.set(block.stored, at + i * BLOCK_BYTES)
      this.reads++
    }
  }

  readBlocks(
    addresses: Float64Array,
    checksums: Uint32Array,
    from: number,
    to: number,
    into: Uint8Array,
    at = 0,
  ): void | Promise<void> {
    assert(to <= addresses.length)
    const read = () => {
      for (let i = from; i < to; i++) {
        const position = at + (i - from) * BLOCK_BYTES
        const address = addresses[i] ?? 0
        if (address === 0) {
          into.fill(0, position, position + BLOCK_BYTES)
          continue
        }
        this.readSync(address, 1, into, position)
        if (checksum(into.subarray(position, position + BLOCK_BYTES)) !== checksums[i]) {
          throw new FsError('IO', `block ${address}`)
        }
      }
    }
    if (!this.cold) return read()
    return new Promise<void>((resolve) => setImmediate(resolve)).then(read)
  }

  drained(bytes: number): Promise<void> {
    if (this.queuedBytes <= bytes) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ bytes, resolve }))
  }

  /** The disk has written all but so many bytes. */
  drain(left = 0): void {
    this.queuedBytes = left
    for (const waiter of this.#waiting.splice(0)) {
      if (left <= waiter.bytes) waiter.resolve()
      else this.#waiting.push(waiter)
    }
  }
}

class FakeSpace {
  readonly references = new Map<number, number>()
  readonly #next: (n: number) => number
  #end = 1
  blocksMax = Number.POSITIVE_INFINITY

  constructor(next: (n: number) => number) {
    this.#next = next
  }

  allocate(blocks: number): { address: number; count: number }[] {
    if (this.references.size + blocks > this.blocksMax) throw new FsError('NOSPC')
    const extents: { address: number; count: number }[] = []
    for (let left = blocks; left > 0; ) {
      const count = Math.min(left, 1 + this.#next(200))
      // Now and then there is a gap, now and then there is none.
      this.#end += this.#next(2)
      extents.push({ address: this.#end, count })
      for (let i = 0; i < count; i++) this.references.set(this.#end + i, 1)
      this.#end += count
      left -= count
    }
    return extents
  }

  undoAllocate(address: number, count: number): void {
    for (let i = 0; i < count; i++) this.references.delete(address + i)
  }

  share(address: number, count: number): void {
    for (let i = address; i < address + count; i++) {
      this.references.set(i, (this.references.get(i) ?? 0) + 1)
    }
  }

  release(address: number, count: number): void {
    for (let i = address; i < address + count; i++) {
      const references = this.references.get(i)
      assert(references, `block ${i} is freed twice`)
      if (references === 1) this.references.delete(i)
      else this.references.set(i, references - 1)
    }
  }

  undoShare(address: number, count: number): void {
    this.release(address, count)
  }

  undoRelease(address: number, count: number): void {
    this.share(address, count)
  }
}

export class FakeStore implements DataStore {
  readonly blocks = new FakeBlocks()
  readonly spaceMap: FakeSpace
  readonly dataset: Dataset
  /** Transactions that stood. */
  transactions = 0
  free = Number.MAX_SAFE_INTEGER
  /** Actions for a later turn. */
  readonly later: (() => void)[] = []
  #number = 0
  #running = false
  #ino = 1000
  #seconds = 0

  constructor(seed = 1) {
    this.spaceMap = new FakeSpace(random(seed))
    const cache = new Cache(Number.MAX_SAFE_INTEGER)
    const open = <K extends Key, V>(id: number, spec: TableSpec<V>) =>
      new Table<K, V>(id, spec, () => undefined, cache)
    const created = { seconds: 0, nseconds: 0 }
    const about = {
      name: '',
      root: 1,
      created,
      quota: NO_USAGE,
      deleting: false,
      origin: undefined,
      tombstones: false,
    }
    const memory = { cache, finder: new NameFinder(cache), packed: new PackedPages(cache) }
    const record = { ...about, epoch: 1, snapshotsChanged: created }
    this.dataset = new Dataset(1, record, open, memory)
  }

  readonly clock = (): Time => ({ seconds: ++this.#seconds, nseconds: 0 })

  newIno(): number {
    return ++this.#ino
  }

  space(): { readonly free: number } {
    return { free: this.free }
  }

  transact<T>(body: (tx: Transaction) => T): T {
    assert(!this.#running, 'a transaction in a transaction')
    const host = {
      space: this.spaceMap as unknown as SpaceMap,
      dataset: () => this.dataset,
      dirtied: () => undefined,
    }
    const tx = new Transaction(host, ++this.#number, this.clock())
    this.#running = true
    try {
      const result = body(tx)
      for (const { address, buffers } of tx.writes) this.blocks.write(address, buffers)
      tx.stand()
      this.transactions++
      return result
    } catch (error) {
      tx.rollback()
      throw error
    } finally {
      this.#running = false
    }
  }

  /** Runs what was put off, and what that puts off. */
  runLater(): void {
    for (let action = this.later.shift(); action !== undefined; action = this.later.shift()) {
      action()
    }
  }

  /** Raises the epoch. @returns the snapshot's epoch */
  snapshot(): number {
    const { epoch, snapshots, usage } = this.dataset
    const about = { dataset: 1, name: `s${epoch}`, epoch, referenced: usage, deleting: false }
    const notes = { comment: '', tags: [], holds: [] }
    const record = { id: epoch, ...about, created: this.clock(), ...notes }
    this.dataset.setSnapshots([...snapshots, record], epoch + 1)
    return epoch
  }

  /** An empty regular file. @returns its ino */
  create(): number {
    const ino = this.newIno()
    const now = this.clock()
    const inode: Inode = {
      ...{ type: FileType.REG, mode: 0o644, nlink: 1, uid: 0, gid: 0, size: 0, used: 0 },
      ...{ atime: now, mtime: now, ctime: now, generation: 1, major: 0, minor: 0, content: ino },
      ...{ verifier: undefined, parent: 0, cookie: 0, entries: 0, nextCookie: 0 },
      target: undefined,
    }
    this.transact((tx) => tx.put(this.dataset.inodes, ino, inode))
    return ino
  }

  inode(ino: number): Inode {
    const inode = this.dataset.inodes.get(ino)
    assert(inode)
    return inode
  }
}
