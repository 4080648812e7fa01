import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chunksOf, chunkUsed, cutChunk, mapBlocks, nextChunk } from '../../src/fs/chunks.ts'
import { chunkKey } from '../../src/store/keys.ts'
import { EMPTY_CHUNK } from '../../src/store/records.ts'
import { FakeStore } from './data-fake.ts'

const test = suite('fs/chunks')
const CONTENT = 7

/** Maps `slots` of a chunk to new blocks. @returns their addresses */
function map(store: FakeStore, index: number, slots: readonly number[]): number[] {
  const addresses: number[] = []
  store.transact((tx) => {
    for (const { address, count } of tx.allocate(slots.length)) {
      for (let i = 0; i < count; i++) addresses.push(address + i)
    }
    // What stands before `from` is another chunk's.
    const blocks = {
      slots,
      addresses: Float64Array.from([99, ...addresses]),
      checksums: Uint32Array.from([99, ...slots.map((slot) => slot + 1)]),
      from: 1,
    }
    mapBlocks(tx, store.dataset, CONTENT, index, blocks)
  })
  return addresses
}

const cut = (store: FakeStore, index: number, slots: number): number =>
  store.transact((tx) => cutChunk(tx, store.dataset, CONTENT, index, slots))
const chunk = (store: FakeStore, index: number) =>
  store.dataset.chunks.get(chunkKey(CONTENT, index))

test('lists the chunks of a sparse file in order, and looks no further than its end', () => {
  const store = new FakeStore()
  for (const index of [600_000, 0, 512, 3]) map(store, index, [0])
  const list = (size: number) => [...chunksOf(store.dataset, CONTENT, size)].map(([index]) => index)
  assert.equal(list(2 ** 50), [0, 3, 512, 600_000])
  assert.equal(list(3 * 2 ** 20), [0])
  assert.equal(list(3 * 2 ** 20 + 1), [0, 3])
  assert.is(nextChunk(store.dataset, CONTENT, 4, 512), undefined)
  assert.is(nextChunk(store.dataset, CONTENT, 4, 513), 512)
})

test('a chunk keeps the blocks that are not replaced, with their births', () => {
  const store = new FakeStore()
  const old = map(store, 1, [0, 2, 3])
  store.snapshot()
  const fresh = map(store, 1, [2, 5])
  const now = chunk(store, 1)
  assert.equal([...(now?.address ?? [])], [old[0], 0, fresh[0], old[2], 0, fresh[1]])
  assert.equal([...(now?.checksum ?? [])], [1, 0, 3, 4, 0, 6])
  assert.equal([...(now?.birth ?? [])], [1, 0, 2, 1, 0, 2])
})

test('frees a replaced block, unless a snapshot sees it', () => {
  const store = new FakeStore()
  const [first] = map(store, 1, [0])
  const [second] = map(store, 1, [0])
  assert.equal([...store.spaceMap.references.keys()], [second])
  assert.is.not(first, second)
  store.snapshot()
  map(store, 1, [0])
  map(store, 1, [0])
  assert.is(store.spaceMap.references.size, 2)
  assert.ok(store.spaceMap.references.has(second ?? 0))
})

test('cuts a chunk to its last mapped block', () => {
  const store = new FakeStore()
  map(store, 1, [0, 1, 7, 9])
  assert.is(cut(store, 1, 20), 0)
  assert.is(cut(store, 1, 7), 8192)
  assert.is(chunk(store, 1)?.address.length, 2)
  assert.is(store.spaceMap.references.size, 2)
})

test('a chunk without blocks does not exist, nor does its bit', () => {
  const store = new FakeStore()
  map(store, 1, [7])
  map(store, 2, [7])
  assert.is(cut(store, 1, 7), 4096)
  assert.is(chunk(store, 1), undefined)
  assert.is(nextChunk(store.dataset, CONTENT, 0, 100), 2)
  assert.is(cut(store, 1, 0), 0)
})

test('counts inline data by its length and blocks by theirs', () => {
  const store = new FakeStore()
  map(store, 0, [0, 4])
  assert.is(chunkUsed(chunk(store, 0) ?? EMPTY_CHUNK), 8192)
  assert.is(chunkUsed({ ...EMPTY_CHUNK, inline: new Uint8Array(77) }), 77)
})

test.run()
