/** Blocks that are freed in the commit group that they came into use in: used anew without a wait. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chunkKey } from '../../src/store/keys.ts'
import { BLOCK_BYTES, newChunk } from '../../src/store/records.ts'
import { SpaceMap } from '../../src/store/space.ts'
import type { Store } from '../../src/store/store.ts'
import { crashed, withFolder, withStore } from './open-store.ts'

const test = suite('store/space-young')

/** More than rides in a log entry. */
const MANY = 200
const KEY = chunkKey(50, 0)

function space(): SpaceMap {
  return new SpaceMap({ load: () => undefined, mayGrow: () => true, groupsMax: 1 })
}

test('young blocks that are released rest until nobody reads, others wait for a checkpoint', () => {
  const map = space()
  map.allocate(100)
  map.markYoung(1, 10)
  map.release(5, 10)
  assert.equal([map.usedBlocks, map.limboBlocks], [90, 10])
  map.releaseYoung()
  assert.equal([map.usedBlocks, map.limboBlocks], [90, 4])
  map.freeze()
  map.releaseLimbo()
  assert.is(map.limboBlocks, 0)
})

test('a closed commit group has no young blocks', () => {
  const map = space()
  map.allocate(10)
  map.markYoung(1, 10)
  map.forgetYoung()
  map.release(1, 10)
  map.releaseYoung()
  assert.is(map.limboBlocks, 10)
})

test('a checkpoint lets go of young blocks too, if they were always read meanwhile', () => {
  const map = space()
  map.allocate(10)
  map.markYoung(1, 10)
  map.release(1, 4)
  map.freeze()
  map.release(5, 1)
  map.releaseLimbo()
  assert.equal([map.usedBlocks, map.limboBlocks], [5, 1])
})

test('who holds what is released holds young blocks as well', () => {
  const map = space()
  map.allocate(10)
  map.markYoung(1, 10)
  map.release(1, 1)
  const letGo = map.hold()
  map.release(2, 1)
  map.releaseYoung()
  assert.is(map.limboBlocks, 2)
  letGo()
  map.releaseYoung()
  assert.is(map.limboBlocks, 1, 'what was released meanwhile waits for a checkpoint')
})

test('an undone release of a young block leaves it used', () => {
  const map = space()
  map.allocate(10)
  map.markYoung(1, 10)
  map.release(3, 2)
  map.undoRelease(3, 2)
  map.releaseYoung()
  assert.equal([map.usedBlocks, map.limboBlocks], [10, 0])
})

/** Puts a file of `count` pages filled with `byte` in the place of the last one. */
function exchange(store: Store, count: number, byte: number): number[] {
  const addresses: number[] = []
  store.transact((tx) => {
    tx.deleteChunk(store.dataset, KEY)
    const chunk = newChunk(count)
    for (const { address, count: run } of tx.allocate(count)) {
      tx.write(address, [new Uint8Array(run * BLOCK_BYTES).fill(byte)])
      for (let i = 0; i < run; i++) addresses.push(address + i)
    }
    chunk.address.set(addresses)
    chunk.birth.fill(store.dataset.epoch)
    tx.came(store.dataset, count * BLOCK_BYTES)
    tx.put(store.dataset.chunks, KEY, chunk)
  })
  return addresses
}

async function contentOf(store: Store): Promise<Set<number>> {
  const chunk = store.dataset.chunks.get(KEY)
  const found = new Set<number>()
  for (const address of chunk?.address ?? []) {
    const into = new Uint8Array(BLOCK_BYTES)
    await store.blocks.read(address, 1, into)
    for (const byte of into) found.add(byte)
  }
  return found
}

test('much data is written over and over in a few blocks, and is right after a crash', () =>
  withFolder((directory) =>
    withStore(directory, async ({ store }) => {
      const used = new Set<number>()
      for (let i = 1; i <= 100; i++) for (const at of exchange(store, MANY, i)) used.add(at)
      assert.ok(used.size < 8192, `${used.size} blocks were used`)
      assert.ok(store.spaceMap.limboBlocks <= MANY)
      await store.flush()
      const crash = () =>
        crashed(directory, (copy) =>
          withStore(copy, async ({ store: recovered }) => {
            assert.equal(await contentOf(recovered), new Set([100]))
            assert.is(recovered.spaceMap.usedBlocks, MANY)
          }),
        )
      await crash()
      // What was committed stays as it is until its successor is committed.
      for (let i = 1; i <= 100; i++) exchange(store, MANY, i)
      await store.blocks.settled()
      await crash()
    }),
  ))

test('a block that rides in a log entry waits: replay writes it again', () =>
  withFolder((directory) =>
    withStore(directory, async ({ store }) => {
      const addresses = new Set<number>()
      for (let i = 1; i <= 20; i++) for (const at of exchange(store, 1, i)) addresses.add(at)
      assert.is(addresses.size, 20)
      assert.is(store.spaceMap.limboBlocks, 19)
    }),
  ))

test('while anybody reads, nothing that was freed is written over', () =>
  withFolder((directory) =>
    withStore(directory, async ({ store }) => {
      const first = exchange(store, MANY, 1)
      await store.blocks.settled()
      const into = new Uint8Array(MANY * BLOCK_BYTES)
      const reads = first.map((address, i) => store.blocks.read(address, 1, into, i * BLOCK_BYTES))
      for (let i = 2; i <= 60; i++) exchange(store, MANY, i)
      await Promise.all(reads)
      assert.ok(into.every((byte) => byte === 1))
      assert.is(store.spaceMap.limboBlocks, 59 * MANY)
      exchange(store, MANY, 61)
      assert.is(store.spaceMap.limboBlocks, 0)
    }),
  ))

test.run()
