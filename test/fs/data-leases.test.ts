/** Large WRITEs stay in the buffers they were received in, which must all come back. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FileData } from '../../src/fs/data.ts'
import { FsError } from '../../src/fs/error.ts'
import type { Transaction } from '../../src/store/transaction.ts'
import { RECORD_BUFFER_BYTES, RecordBuffers } from '../../src/xdr/buffers.ts'
import { bytesOf, FakeStore } from './data-fake.ts'

const test = suite('fs/data and receive buffers')
const MIB = 2 ** 20
const COUNT = 4

function withLeases() {
  const leases = new RecordBuffers(new Uint8Array(COUNT * RECORD_BUFFER_BYTES))
  const store = new FakeStore()
  const later = (action: () => void) => void store.later.push(action)
  const data = new FileData(store, store.dataset, { recordBuffers: leases, later })
  /** A WRITE as it comes in: its data lies askew in a buffer that is released after the call. */
  const write = (ino: number, offset: number, length: number, seed: number): void => {
    const record = leases.take(MIB + 100)
    const bytes = record.subarray(100, 100 + length)
    bytes.set(bytesOf(length, seed))
    data.write(ino, store.inode(ino), offset, bytes)
    leases.release(record, 1)
  }
  const remove = (tx: Transaction, ino: number): void => {
    data.remove(tx, ino, store.inode(ino))
    tx.delete(store.dataset.inodes, ino)
  }
  return { leases, store, data, write, remove }
}

test('pages that are written over give their buffers back', () => {
  const { leases, store, write } = withLeases()
  const ino = store.create()
  write(ino, 4096, MIB - 4096, 1)
  assert.is(leases.free, COUNT - 1)
  write(ino, 4096, MIB / 2, 2)
  assert.is(leases.free, COUNT - 2)
  write(ino, 4096 + MIB / 2, MIB / 2 - 4096, 3)
  assert.is(leases.free, COUNT - 2)
  for (let at = 4096; at <= MIB / 2; at += 4096) write(ino, at, 4096, 4)
  assert.is(leases.free, COUNT - 1)
})

test('a removed file gives them back, but not before the removal stands', () => {
  const { leases, store, data, write, remove } = withLeases()
  const ino = store.create()
  const length = MIB - 8192
  write(ino, 1000, length, 1)
  assert.is(leases.free, COUNT - 1)
  const undone = () =>
    store.transact((tx) => {
      remove(tx, ino)
      throw new Error('undone')
    })
  assert.throws(undone, /undone/)
  assert.is(leases.free, COUNT - 1)
  const got = data.read(ino, store.inode(ino), 1000, length)
  assert.not(got instanceof Promise)
  if (!(got instanceof Promise)) assert.ok(Buffer.from(got.data).equals(bytesOf(length, 1)))
  store.transact((tx) => remove(tx, ino))
  assert.is(leases.free, COUNT)
})

test('a full chunk that cannot be stored keeps its buffer until it can', () => {
  const { leases, store, data, write } = withLeases()
  const ino = store.create()
  const allocate = store.spaceMap.allocate.bind(store.spaceMap)
  store.spaceMap.allocate = () => {
    throw new FsError('IO', 'not now')
  }
  write(ino, 0, MIB, 1)
  assert.is(leases.free, COUNT - 1)
  assert.is(store.inode(ino).size, 0)
  store.spaceMap.allocate = allocate
  write(ino, 4096, MIB / 2, 2)
  assert.is(leases.free, COUNT - 2)
  data.settleAll()
  assert.is(store.inode(ino).size, MIB)
  const expected = Buffer.from(bytesOf(MIB, 1))
  expected.set(bytesOf(MIB / 2, 2), 4096)
  const got = data.read(ino, store.inode(ino), 0, MIB)
  assert.not(got instanceof Promise)
  if (!(got instanceof Promise)) assert.ok(expected.equals(got.data))
})

test('more than there are buffers is written all the same', () => {
  const { leases, store, data, write } = withLeases()
  const ino = store.create()
  for (let i = 0; i < COUNT + 2; i++) write(ino, i * MIB, MIB, i)
  assert.is(leases.free, 0)
  const got = data.read(ino, store.inode(ino), (COUNT + 1) * MIB, MIB)
  assert.not(got instanceof Promise)
  if (!(got instanceof Promise)) assert.ok(Buffer.from(got.data).equals(bytesOf(MIB, COUNT + 1)))
})

test.run()
