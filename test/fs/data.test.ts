import nodeAssert from 'node:assert/strict'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FileData } from '../../src/fs/data.ts'
import type { DataLimits } from '../../src/fs/data-options.ts'
import { type Errno, FsError } from '../../src/fs/error.ts'
import { chunkKey } from '../../src/store/keys.ts'
import { BLOCK_BYTES, CHUNK_BYTES } from '../../src/store/records.ts'
import { bytesOf, FakeStore } from './data-fake.ts'

const test = suite('fs/data')
const MIB = 2 ** 20

function withData(limits: Partial<DataLimits> = {}) {
  const store = new FakeStore()
  const orphans: number[] = []
  const data = new FileData(store, store.dataset, {
    limits,
    later: (action) => void store.later.push(action),
    orphaned: (content) => void orphans.push(content),
  })
  const settle = (ino: number) => {
    store.transact((tx) => {
      tx.put(store.dataset.inodes, ino, data.settle(tx, ino, store.inode(ino)))
    })
  }
  const write = (ino: number, offset: number, bytes: Uint8Array) =>
    data.write(ino, store.inode(ino), offset, bytes)
  const truncate = (ino: number, size: number) => {
    store.transact((tx) => {
      const settled = data.settle(tx, ino, store.inode(ino))
      tx.put(store.dataset.inodes, ino, data.truncate(tx, ino, settled, size))
    })
  }
  const read = (ino: number, offset: number, count: number): Uint8Array => {
    const got = data.read(ino, store.inode(ino), offset, count)
    nodeAssert(!(got instanceof Promise))
    const bytes = got.data.slice()
    got.release?.()
    return bytes
  }
  const chunk = (ino: number, index: number) =>
    store.dataset.chunks.get(chunkKey(store.inode(ino).content, index))
  return { store, data, orphans, settle, write, truncate, read, chunk }
}

function throwsCode(body: () => unknown, code: Errno): void {
  try {
    body()
  } catch (error) {
    nodeAssert(error instanceof FsError, String(error))
    assert.is(error.code, code)
    return
  }
  assert.unreachable(`expected ${code}`)
}

const same = (a: Uint8Array, b: Uint8Array): void => {
  assert.is(Buffer.compare(a, b), 0)
}

test('writes the full pages of a large write without copying them', () => {
  const { store, settle, write } = withData()
  const ino = store.create()
  const bytes = bytesOf(256 * 1024, 1)
  write(ino, 0, bytes)
  settle(ino)
  const pages = [...store.blocks.blocks.values()].map(({ page }) => page)
  assert.is(pages.length, 64)
  assert.ok(pages.every(({ buffer }) => buffer === bytes.buffer))
})

test('copies a small write, so that its buffer can be used again', () => {
  const { store, write, read } = withData()
  const ino = store.create()
  const bytes = bytesOf(8192, 1)
  const before = bytes.slice()
  write(ino, 0, bytes)
  bytes.fill(0)
  same(read(ino, 0, 8192), before)
})

test('shows size, used, mtime and ctime of what is not stored, and stores just that', () => {
  const { store, data, settle, write } = withData()
  const ino = store.create()
  write(ino, 10_000, bytesOf(5000, 1))
  const stored = store.inode(ino)
  const current = data.current(ino, stored)
  assert.is(stored.size, 0)
  assert.is(current.size, 15_000)
  assert.is(current.used, 2 * BLOCK_BYTES)
  assert.ok(current.mtime.seconds > stored.mtime.seconds)
  assert.equal(current.ctime, current.mtime)
  settle(ino)
  assert.equal(store.inode(ino), current)
  assert.is(data.current(ino, store.inode(ino)), store.inode(ino), 'nothing is dirty any more')
})

test('keeps the later ctime where the inode was changed after the write', () => {
  const { store, data, write } = withData()
  const ino = store.create()
  write(ino, 0, bytesOf(10, 1))
  const ctime = store.clock()
  const current = data.current(ino, { ...store.inode(ino), ctime })
  assert.is(current.ctime, ctime)
  assert.ok(current.mtime.seconds < ctime.seconds)
})

test('stores a small file inside its chunk record, and a grown one in blocks', () => {
  const { store, settle, write, read, chunk } = withData()
  const ino = store.create()
  write(ino, 0, bytesOf(2048, 1))
  settle(ino)
  assert.is(chunk(ino, 0)?.inline?.length, 2048)
  assert.is(store.inode(ino).used, 2048)
  assert.is(store.spaceMap.references.size, 0)
  write(ino, 2048, bytesOf(1, 2))
  settle(ino)
  assert.is(chunk(ino, 0)?.inline, undefined)
  assert.is(store.inode(ino).used, BLOCK_BYTES)
  same(read(ino, 0, 2048), bytesOf(2048, 1))
})

test('reads zeros, not inline data, where an inline file was extended', () => {
  const { store, settle, write, truncate, read, chunk } = withData()
  const ino = store.create()
  write(ino, 0, bytesOf(100, 1))
  settle(ino)
  truncate(ino, 3 * CHUNK_BYTES)
  assert.is(store.inode(ino).used, 100)
  same(read(ino, 0, 8192), Buffer.concat([bytesOf(100, 1), new Uint8Array(8092)]))
  write(ino, 2 * CHUNK_BYTES, bytesOf(4096, 2))
  settle(ino)
  assert.is(chunk(ino, 0)?.inline?.length, 100, 'another chunk leaves it as it is')
  assert.is(store.inode(ino).used, 100 + BLOCK_BYTES)
})

test('answers inline data as a view that later writes do not change', () => {
  const { store, data, settle, write } = withData()
  const ino = store.create()
  write(ino, 0, bytesOf(1000, 1))
  settle(ino)
  const got = data.read(ino, store.inode(ino), 100, 200)
  nodeAssert(!(got instanceof Promise))
  assert.is(got.release, undefined)
  write(ino, 0, bytesOf(1000, 2))
  settle(ino)
  same(got.data, bytesOf(1000, 1).subarray(100, 300))
})

test('answers a promise where blocks are cold, and the same bytes', async () => {
  const { store, data, settle, write } = withData()
  const ino = store.create()
  const bytes = bytesOf(CHUNK_BYTES + 10_000, 1)
  write(ino, 5000, bytes)
  settle(ino)
  write(ino, CHUNK_BYTES, bytesOf(100, 2))
  store.blocks.cold = true
  const promise = data.read(ino, store.inode(ino), 5001, CHUNK_BYTES)
  assert.instance(promise, Promise)
  const expected = bytes.slice(1, CHUNK_BYTES + 1)
  expected.set(bytesOf(100, 2), CHUNK_BYTES - 5001)
  const got = await promise
  same(got.data, expected)
  got.release?.()
})

test('lends a read buffer again only after it was given back', () => {
  const { store, data, settle, write } = withData()
  const ino = store.create()
  write(ino, 0, bytesOf(8192, 1))
  settle(ino)
  const take = () => {
    const got = data.read(ino, store.inode(ino), 0, 4096)
    nodeAssert(!(got instanceof Promise))
    return got
  }
  const first = take()
  const second = take()
  assert.is.not(first.data.buffer, second.data.buffer)
  first.release?.()
  assert.is(take().data.buffer, first.data.buffer)
  second.release?.()
  assert.throws(() => second.release?.(), /twice/)
})

test('a damaged block is IO for what touches it, and for nothing else', () => {
  const { store, data, settle, write, truncate, read, chunk } = withData()
  const ino = store.create()
  const bytes = bytesOf(10 * BLOCK_BYTES, 1)
  write(ino, 0, bytes)
  settle(ino)
  store.blocks.damage(chunk(ino, 0)?.address[4] ?? 0)

  throwsCode(() => read(ino, 3 * BLOCK_BYTES, 2 * BLOCK_BYTES), 'IO')
  same(read(ino, 0, 4 * BLOCK_BYTES), bytes.subarray(0, 4 * BLOCK_BYTES))
  same(read(ino, 5 * BLOCK_BYTES, 5 * BLOCK_BYTES), bytes.subarray(5 * BLOCK_BYTES))

  const before = data.current(ino, store.inode(ino))
  const references = new Map(store.spaceMap.references)
  throwsCode(() => write(ino, 4 * BLOCK_BYTES - 10, bytesOf(20, 2)), 'IO')
  throwsCode(() => truncate(ino, 4 * BLOCK_BYTES + 1), 'IO')
  assert.equal(data.current(ino, store.inode(ino)), before)
  assert.equal(store.spaceMap.references, references)
  same(read(ino, 4 * BLOCK_BYTES - 10, 10), bytes.subarray(4 * BLOCK_BYTES - 10, 4 * BLOCK_BYTES))

  write(ino, 4 * BLOCK_BYTES, bytesOf(BLOCK_BYTES, 3))
  same(read(ino, 4 * BLOCK_BYTES, BLOCK_BYTES), bytesOf(BLOCK_BYTES, 3))
})

test('a damaged block is IO by rejection where it is read from a cold disk', async () => {
  const { store, data, settle, write, chunk } = withData()
  const ino = store.create()
  write(ino, 0, bytesOf(10 * BLOCK_BYTES, 1))
  settle(ino)
  store.blocks.damage(chunk(ino, 0)?.address[4] ?? 0)
  store.blocks.cold = true
  const code = await Promise.resolve(data.read(ino, store.inode(ino), 0, 40_960)).then(
    () => 'no error',
    (error) => error.code,
  )
  assert.is(code, 'IO')
})

test('fails a write at once where there is no room for its pages', () => {
  const { store, data, write } = withData()
  const ino = store.create()
  store.free = 10 * BLOCK_BYTES
  write(ino, 0, bytesOf(8 * BLOCK_BYTES, 1))
  throwsCode(() => write(ino, 8 * BLOCK_BYTES, bytesOf(2 * BLOCK_BYTES, 1)), 'NOSPC')
  assert.is(data.current(ino, store.inode(ino)).size, 8 * BLOCK_BYTES)
})

test('keeps dirty data where it finds no room, and stores it once there is some', () => {
  const { store, data, write, read } = withData({ dirtyTicksMax: 1 })
  const ino = store.create()
  write(ino, 0, bytesOf(50_000, 1))
  store.spaceMap.blocksMax = 3
  data.tick()
  store.runLater()
  assert.ok(data.dirtyBytes > 0)
  same(read(ino, 0, 50_000), bytesOf(50_000, 1))
  store.spaceMap.blocksMax = 100
  data.tick()
  store.runLater()
  assert.is(data.dirtyBytes, 0)
  same(read(ino, 0, 50_000), bytesOf(50_000, 1))
})

test('tells a writer NOSPC where dirty data cannot be stored and memory is short', () => {
  const { store, data, write } = withData({ dirtyBytesSoft: MIB })
  const ino = store.create()
  store.spaceMap.blocksMax = 3
  write(ino, 0, bytesOf(2 * MIB, 1))
  store.runLater()
  throwsCode(() => write(ino, 0, bytesOf(1, 1)), 'NOSPC')
  store.spaceMap.blocksMax = 1000
  data.tick()
  store.runLater()
  assert.is(data.dirtyBytes, 0)
  write(ino, 0, bytesOf(1, 1))
})

test('settles every file that can be settled, and tells of one that cannot', () => {
  const { store, data, write } = withData()
  const large = store.create()
  const small = store.create()
  write(large, 0, bytesOf(50_000, 1))
  write(small, 0, bytesOf(5000, 1))
  store.spaceMap.blocksMax = 3
  throwsCode(() => data.settleAll(), 'NOSPC')
  assert.is(store.inode(small).size, 5000)
  assert.is(store.inode(large).size, 0)
})

test('settles data that has been idle for some ticks', () => {
  const { store, data, write } = withData({ dirtyTicksMax: 3 })
  const ino = store.create()
  write(ino, 0, bytesOf(10, 1))
  for (let i = 0; i < 2; i++) data.tick()
  store.runLater()
  assert.is(store.inode(ino).size, 0)
  data.tick()
  store.runLater()
  assert.is(store.inode(ino).size, 10)
})

test('settles the oldest files first when much memory is dirty', () => {
  const { store, data, write } = withData({ dirtyBytesSoft: 2 * MIB })
  const inos = [store.create(), store.create(), store.create()]
  const length = MIB - 2 * BLOCK_BYTES
  for (const ino of inos) write(ino, 1, bytesOf(length, ino))
  store.runLater()
  assert.ok(data.dirtyBytes <= 2 * MIB)
  const sizes = inos.map((ino) => store.inode(ino).size)
  assert.is(sizes[0], length + 1)
  assert.is(sizes[2], 0)
})

test('settles a stream as it comes, chunk by chunk', () => {
  const { store, data, write } = withData()
  const ino = store.create()
  for (let i = 0; i < 8; i++) {
    write(ino, i * MIB, bytesOf(MIB, i))
    assert.is(store.inode(ino).size, (i + 1) * MIB)
    assert.is(data.dirtyBytes, 0)
  }
})

test('counts memory that overwritten pages still hold', () => {
  const { store, data, write } = withData({ fileBytesMax: 100 * MIB })
  const ino = store.create()
  for (let i = 1; i <= 10; i++) write(ino, i * BLOCK_BYTES, bytesOf(MIB / 2, i))
  assert.ok(data.dirtyBytes >= 5 * MIB)
})

test('many small writes hold about what they wrote', () => {
  const { store, data, write } = withData()
  for (let i = 0; i < 100; i++) write(store.create(), 0, bytesOf(100, i))
  assert.ok(data.dirtyBytes <= 100 * 2 * BLOCK_BYTES)
})

test('asks a writer to wait while too much is on its way, and lets it go then', async () => {
  const { store, data, write } = withData({ dirtyBytesSoft: MIB, dirtyBytesHard: 2 * MIB })
  const ino = store.create()
  assert.is(write(ino, 0, bytesOf(MIB, 1)), undefined)
  store.blocks.queuedBytes = 5 * MIB
  const wait = write(ino, MIB, bytesOf(MIB, 2))
  nodeAssert(wait instanceof Promise)
  let done = false
  const waited = wait.then(() => {
    done = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.is(done, false)
  store.blocks.drain()
  await waited
  assert.ok(data.dirtyBytes + store.blocks.queuedBytes <= 2 * MIB)
})

test('a writer that waits goes on while much is still on its way to the disk', async () => {
  const { store, write } = withData({ dirtyBytesSoft: MIB, dirtyBytesHard: 64 * MIB })
  store.blocks.queuedBytes = 70 * MIB
  const wait = write(store.create(), 0, bytesOf(MIB, 1))
  nodeAssert(wait instanceof Promise)
  store.blocks.drain(62 * MIB)
  await wait
})

test('cuts a large file to nothing by leaving its content to be freed', () => {
  const { store, orphans, write, truncate, settle, read } = withData()
  const ino = store.create()
  write(ino, 0, bytesOf(3 * MIB, 1))
  settle(ino)
  const { content } = store.inode(ino)
  const { transactions } = store
  truncate(ino, 0)
  assert.is(store.transactions, transactions + 1)
  assert.is.not(store.inode(ino).content, content)
  assert.equal(orphans, [content])
  assert.equal(store.dataset.orphans.get(content), { content, end: store.dataset.epoch })
  assert.is(store.inode(ino).used, 0)
  truncate(ino, 5000)
  same(read(ino, 0, 6000), new Uint8Array(5000))
})

test('cuts a file of one chunk to nothing at once', () => {
  const { store, orphans, write, truncate, settle } = withData()
  const ino = store.create()
  write(ino, 0, bytesOf(MIB, 1))
  settle(ino)
  truncate(ino, 0)
  assert.equal(orphans, [])
  assert.is(store.spaceMap.references.size, 0)
})

test('refuses to cut a file that was not settled', () => {
  const { store, data, write } = withData()
  const ino = store.create()
  write(ino, 0, bytesOf(10, 1))
  assert.throws(
    () => store.transact((tx) => data.truncate(tx, ino, store.inode(ino), 0)),
    /settled before/,
  )
})

test('a removed file takes its dirty pages with it, and has them again if that is undone', () => {
  const { store, data, write, read } = withData()
  const ino = store.create()
  write(ino, 0, bytesOf(9000, 1))
  const undone = new Error('undone')
  assert.throws(
    () =>
      store.transact((tx) => {
        data.remove(tx, ino, store.inode(ino))
        throw undone
      }),
    /undone/,
  )
  same(read(ino, 0, 9000), bytesOf(9000, 1))
  store.transact((tx) => {
    data.remove(tx, ino, store.inode(ino))
    tx.delete(store.dataset.inodes, ino)
  })
  assert.is(data.dirtyBytes, 0)
  assert.is(store.spaceMap.references.size, 0)
})

test('a write of nothing changes nothing', () => {
  const { store, data, write } = withData()
  const ino = store.create()
  assert.is(write(ino, 100, new Uint8Array(0)), undefined)
  assert.is(data.current(ino, store.inode(ino)), store.inode(ino))
})

test.run()
