import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { nextBit } from '../../src/fs/bitmap.ts'
import { FileData } from '../../src/fs/data.ts'
import { FsError } from '../../src/fs/error.ts'
import { Reclaimer, STEP_CHUNKS_MAX } from '../../src/fs/reclaim.ts'
import { chunkKey } from '../../src/store/keys.ts'
import { BLOCK_BYTES, CHUNK_BYTES } from '../../src/store/records.ts'
import { bytesOf, FakeStore } from './data-fake.ts'

const test = suite('fs/reclaim')

/** A file with one block in each of `chunks` chunks, stored. */
function withFile(chunks: number) {
  const store = new FakeStore()
  const data = new FileData(store, store.dataset)
  const ino = store.create()
  const fill = () => {
    for (let i = 0; i < chunks; i++) {
      data.write(ino, store.inode(ino), i * CHUNK_BYTES, bytesOf(BLOCK_BYTES, i))
    }
    data.settleAll()
  }
  fill()
  const remove = () => {
    const { content } = store.inode(ino)
    store.transact((tx) => {
      data.remove(tx, ino, store.inode(ino))
      tx.delete(store.dataset.inodes, ino)
    })
    return content
  }
  return { store, data, ino, fill, remove }
}

test('frees everything of an orphan, a bounded number of chunks a step', () => {
  const { store, remove } = withFile(600)
  const content = remove()
  assert.is(store.spaceMap.references.size, 600)
  const reclaimer = new Reclaimer(store, store.dataset, { later: () => undefined })
  reclaimer.add(content)
  for (let steps = 1; reclaimer.step(); steps++) {
    assert.is(store.spaceMap.references.size, Math.max(0, 600 - steps * STEP_CHUNKS_MAX))
  }
  assert.is(store.spaceMap.references.size, 0)
  assert.is(store.dataset.orphans.get(content), undefined)
  assert.is(store.dataset.chunks.get(chunkKey(content, 599)), undefined)
  assert.is(nextBit(store.dataset, content, 0), undefined)
})

test('goes on where it was interrupted', () => {
  const { store, remove } = withFile(200)
  const content = remove()
  const first = new Reclaimer(store, store.dataset, { later: () => undefined })
  first.add(content)
  assert.is(first.step(), true)
  const second = new Reclaimer(store, store.dataset, { later: () => undefined })
  second.add(content)
  while (second.step());
  assert.is(store.spaceMap.references.size, 0)
  assert.is(first.step(), false, 'what is gone is nothing to do')
})

test('keeps what a snapshot of before the end sees', () => {
  const { store, remove, ino } = withFile(100)
  const epoch = store.snapshot()
  const content = remove()
  const reclaimer = new Reclaimer(store, store.dataset, { later: () => undefined })
  reclaimer.add(content)
  while (reclaimer.step());
  assert.is(store.spaceMap.references.size, 100)
  assert.is(store.dataset.orphans.get(content), undefined)
  const past = store.dataset.at(epoch)
  assert.is(past.inodes.get(ino)?.content, content)
  assert.is(past.chunks.get(chunkKey(content, 77))?.address.length, 1)
  assert.is(nextBit(past, content, 78), 78)
})

test('keeps nothing for a snapshot of after the end', () => {
  const { store, remove } = withFile(100)
  const content = remove()
  store.snapshot()
  const reclaimer = new Reclaimer(store, store.dataset, { later: () => undefined })
  reclaimer.add(content)
  while (reclaimer.step());
  assert.is(store.spaceMap.references.size, 0)
})

test('frees of a file changed since the snapshot just what the snapshot does not see', () => {
  const { store, fill, remove } = withFile(100)
  store.snapshot()
  fill()
  assert.is(store.spaceMap.references.size, 200)
  const content = remove()
  store.snapshot()
  const reclaimer = new Reclaimer(store, store.dataset, { later: () => undefined })
  reclaimer.add(content)
  while (reclaimer.step());
  assert.is(store.spaceMap.references.size, 100)
})

test('passes over a number whose transaction was undone', () => {
  const { store } = withFile(3)
  const reclaimer = new Reclaimer(store, store.dataset, { later: () => undefined })
  reclaimer.add(4711)
  const { transactions } = store
  assert.is(reclaimer.step(), false)
  assert.is(store.transactions, transactions)
})

test('tells of an orphan that cannot be freed, and goes on with the next', () => {
  const { store, remove } = withFile(3)
  const content = remove()
  const failures: [number, string][] = []
  const broken = {
    transact: () => {
      throw new FsError('IO')
    },
  }
  const reclaimer = new Reclaimer(broken, store.dataset, {
    later: () => undefined,
    failed: (which, error) => void failures.push([which, error.code]),
  })
  reclaimer.add(content)
  assert.is(reclaimer.step(), false)
  assert.equal(failures, [[content, 'IO']])
  assert.ok(store.dataset.orphans.get(content), 'the next start tries again')
})

test('works in later turns by itself until it is stopped', () => {
  const { store, remove } = withFile(300)
  const content = remove()
  const reclaimer = new Reclaimer(store, store.dataset, {
    later: (action) => void store.later.push(action),
  })
  reclaimer.add(content)
  assert.is(store.later.length, 1)
  store.later.shift()?.()
  assert.is(store.spaceMap.references.size, 300 - STEP_CHUNKS_MAX)
  reclaimer.stop()
  store.runLater()
  assert.is(store.spaceMap.references.size, 300 - STEP_CHUNKS_MAX)
})

test.run()
