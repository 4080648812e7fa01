import nodeAssert from 'node:assert/strict'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chunksOf, chunkUsed } from '../../src/fs/chunks.ts'
import { FileData } from '../../src/fs/data.ts'
import { ReadBuffers } from '../../src/fs/data-buffers.ts'
import { ContentReader } from '../../src/fs/data-read.ts'
import { Reclaimer } from '../../src/fs/reclaim.ts'
import type { Reader } from '../../src/store/dataset.ts'
import { BLOCK_BYTES, CHUNK_BYTES, INLINE_BYTES_MAX } from '../../src/store/records.ts'
import { bytesOf, FakeStore, random } from './data-fake.ts'

const test = suite('fs/data: against a plain model')

/** A sparse file as one would write it down: pages of bytes, and a size. */
class ModelFile {
  size = 0
  pages = new Map<number, Uint8Array>()

  write(offset: number, data: Uint8Array): void {
    for (let i = 0; i < data.length; ) {
      const page = Math.floor((offset + i) / 4096)
      const at = (offset + i) % 4096
      const part = data.subarray(i, i + 4096 - at)
      const bytes = (this.pages.get(page) ?? new Uint8Array(4096)).slice()
      bytes.set(part, at)
      this.pages.set(page, bytes)
      i += part.length
    }
    this.size = Math.max(this.size, offset + data.length)
  }

  truncate(size: number): void {
    if (size < this.size) {
      for (const [page, bytes] of [...this.pages]) {
        if (page * 4096 >= size) this.pages.delete(page)
        else if ((page + 1) * 4096 > size) {
          const cut = bytes.slice()
          cut.fill(0, size - page * 4096)
          this.pages.set(page, cut)
        }
      }
    }
    this.size = size
  }

  read(offset: number, count: number): Uint8Array {
    const data = new Uint8Array(Math.max(0, Math.min(count, this.size - offset)))
    for (let i = 0; i < data.length; ) {
      const page = Math.floor((offset + i) / 4096)
      const at = (offset + i) % 4096
      const length = Math.min(4096 - at, data.length - i)
      const bytes = this.pages.get(page)
      if (bytes !== undefined) data.set(bytes.subarray(at, at + length), i)
      i += length
    }
    return data
  }

  copy(): ModelFile {
    const copy = new ModelFile()
    copy.size = this.size
    copy.pages = new Map(this.pages)
    return copy
  }
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
const UNDO = new Error('undone on purpose')

class Run {
  readonly store: FakeStore
  readonly next: (n: number) => number
  readonly buffers = new ReadBuffers()
  /** Data of large writes, and what it has to stay. */
  readonly taken: [Uint8Array, Uint8Array][] = []
  readonly reclaimer: Reclaimer
  readonly data: FileData
  readonly files = new Map<number, ModelFile>()
  readonly snapshots: { epoch: number; reader: Reader; files: Map<number, ModelFile> }[] = []

  /** Whether the files stay small, where the rules for inline data are. */
  readonly #small: boolean

  constructor(seed: number) {
    this.#small = seed % 3 === 0
    this.store = new FakeStore(seed)
    this.next = random(seed)
    const later = (action: () => void) => void this.store.later.push(action)
    this.reclaimer = new Reclaimer(this.store, this.store.dataset, { later })
    this.data = new FileData(this.store, this.store.dataset, {
      limits: { dirtyBytesSoft: 2 ** 20 * 4, fileBytesMax: 2 ** 20 * 2, dirtyTicksMax: 2 },
      buffers: this.buffers,
      later,
      orphaned: (content) => this.reclaimer.add(content),
    })
  }

  offset(): number {
    const { next } = this
    if (this.#small) return next(next(3) === 0 ? 6000 : 1500)
    const near = [0, INLINE_BYTES_MAX, 4096, 8192, CHUNK_BYTES, 2 * CHUNK_BYTES]
    const far = [2 ** 32, 513 * CHUNK_BYTES, 2 ** 40]
    const base = next(12) === 0 ? far[next(3)] : near[next(6)]
    const jitter = [0, next(10) - 5, next(5000), 4096 * next(20)][next(4)] ?? 0
    return Math.max(0, (base ?? 0) + jitter)
  }

  length(): number {
    const { next } = this
    if (this.#small) return 1 + next(next(3) === 0 ? 3000 : 200)
    return [1 + next(300), next(9000), 4096 * next(6), 262144 + next(270000), 2048][next(5)] ?? 1
  }

  pick(): [number, ModelFile] {
    const all = [...this.files]
    return all[this.next(all.length)] ?? this.create()
  }

  create(): [number, ModelFile] {
    const ino = this.store.create()
    const model = new ModelFile()
    this.files.set(ino, model)
    return [ino, model]
  }

  async step(): Promise<void> {
    const kind = this.next(100)
    if (this.files.size < 3) this.create()
    const [ino, model] = this.pick()
    if (kind < 45) this.write(ino, model)
    else if (kind < 60) await this.read(ino, model)
    else if (kind < 70) this.settle(ino)
    else if (kind < 82) this.truncate(ino, model)
    else if (kind < 85) this.remove(ino)
    else if (kind < 88) this.snapshot()
    else if (kind < 92) this.store.runLater()
    else if (kind < 94) this.data.tick()
    else if (kind < 96) this.store.blocks.cold = this.next(2) === 0
    else await this.readPast()
  }

  write(ino: number, model: ModelFile): void {
    const offset = this.offset()
    const data = bytesOf(this.length(), this.next(1 << 30))
    nodeAssert.equal(this.data.write(ino, this.store.inode(ino), offset, data), undefined)
    if (data.length > 0) model.write(offset, data)
    if (data.length < 262144)
      data.fill(0xee) // it was copied
    else this.taken.push([data, data.slice()])
    assert.is(this.data.current(ino, this.store.inode(ino)).size, model.size)
  }

  async read(ino: number, model: ModelFile): Promise<void> {
    const offset = this.offset()
    const count = this.length()
    const got = await this.data.read(ino, this.store.inode(ino), offset, count)
    assert.ok(equal(got.data, model.read(offset, count)), `read ${offset} ${count}`)
    got.release?.()
  }

  /** Runs a change, or now and then runs it and undoes it. @returns whether it stands */
  change(ino: number, body: Parameters<FakeStore['transact']>[0]): boolean {
    const before = this.data.current(ino, this.store.inode(ino))
    const undone = this.next(4) === 0
    try {
      this.store.transact((tx) => {
        body(tx)
        if (!undone) return
        for (const page of tx.writes.flatMap(({ buffers }) => buffers)) {
          this.taken.push([page, page.slice()])
        }
        throw UNDO
      })
    } catch (error) {
      if (error !== UNDO) throw error
      assert.equal(this.data.current(ino, this.store.inode(ino)), before)
    }
    return !undone
  }

  settle(ino: number): void {
    const expected = this.data.current(ino, this.store.inode(ino))
    const { dataset } = this.store
    const stands = this.change(ino, (tx) => {
      tx.put(dataset.inodes, ino, this.data.settle(tx, ino, this.store.inode(ino)))
    })
    if (stands) assert.equal(this.store.inode(ino), expected)
  }

  truncate(ino: number, model: ModelFile): void {
    const size = this.next(6) === 0 ? 0 : this.offset()
    const { dataset } = this.store
    const stands = this.change(ino, (tx) => {
      const settled = this.data.settle(tx, ino, this.store.inode(ino))
      tx.put(dataset.inodes, ino, this.data.truncate(tx, ino, settled, size))
    })
    if (stands) model.truncate(size)
  }

  remove(ino: number): void {
    const { dataset } = this.store
    const stands = this.change(ino, (tx) => {
      this.data.remove(tx, ino, this.store.inode(ino))
      tx.delete(dataset.inodes, ino)
    })
    if (stands) this.files.delete(ino)
  }

  snapshot(): void {
    this.data.settleAll()
    assert.is(this.data.dirtyBytes, 0)
    const files = new Map([...this.files].map(([ino, model]) => [ino, model.copy()]))
    const epoch = this.store.snapshot()
    this.snapshots.push({ epoch, reader: this.store.dataset.at(epoch), files })
  }

  async readPast(): Promise<void> {
    const snapshot = this.snapshots[this.next(this.snapshots.length)]
    const file = snapshot && [...snapshot.files][this.next(snapshot.files.size)]
    if (snapshot === undefined || file === undefined) return
    const [ino, model] = file
    const inode = snapshot.reader.inodes.get(ino)
    assert.is(inode?.size, model.size)
    nodeAssert(inode)
    const offset = this.offset()
    const count = this.length()
    const reader = new ContentReader(snapshot.reader, this.store.blocks, this.buffers)
    const got = await reader.read(ino, inode, offset, count)
    assert.ok(equal(got.data, model.read(offset, count)), `snapshot read ${offset} ${count}`)
    got.release?.()
  }

  /** Every invariant that can be recomputed. All must be settled, all orphans freed. */
  check(): void {
    const { dataset, spaceMap, blocks } = this.store
    const referenced = new Set<number>()
    const views: [Reader, Iterable<number>][] = [[dataset, this.files.keys()]]
    for (const { reader, files } of this.snapshots) views.push([reader, files.keys()])
    for (const [reader, inos] of views) {
      for (const ino of inos) this.checkFile(reader, ino, referenced)
    }
    assert.equal(
      [...spaceMap.references].sort(([a], [b]) => a - b),
      [...referenced].sort((a, b) => a - b).map((address) => [address, 1]),
    )
    blocks.checkUnchanged()
    for (const [data, copy] of this.taken.splice(0)) assert.ok(equal(data, copy))
  }

  checkFile(reader: Reader, ino: number, referenced: Set<number>): void {
    const inode = reader.inodes.get(ino)
    nodeAssert(inode)
    let used = 0
    for (const [index, chunk] of chunksOf(reader, inode.content, Number.MAX_SAFE_INTEGER)) {
      used += chunkUsed(chunk)
      if (chunk.inline !== undefined) {
        assert.is(index, 0)
        assert.ok(chunk.inline.length > 0 && chunk.inline.length <= INLINE_BYTES_MAX)
        assert.ok(chunk.inline.length <= inode.size)
        continue
      }
      const end = index * CHUNK_BYTES + chunk.address.length * BLOCK_BYTES
      assert.ok(end - BLOCK_BYTES < inode.size, 'a block behind the end')
      assert.is.not(chunk.address.at(-1) ?? 0, 0)
      for (const address of chunk.address) if (address !== 0) referenced.add(address)
    }
    assert.is(inode.used, used)
  }
}

for (let seed = 1; seed <= 40; seed++) {
  test(`reads back what was written, seed ${seed}`, async () => {
    const run = new Run(seed)
    for (let i = 0; i < 250; i++) {
      await run.step()
      if (i % 50 !== 49) continue
      run.data.settleAll()
      run.store.runLater()
      assert.is(run.reclaimer.pending, 0)
      run.check()
    }
    run.store.blocks.cold = false
    for (const [ino, model] of run.files) {
      for (const page of model.pages.keys()) {
        const got = await run.data.read(ino, run.store.inode(ino), page * 4096, 4096)
        assert.ok(equal(got.data, model.read(page * 4096, 4096)), `page ${page}`)
      }
    }
  })
}

test.run()
