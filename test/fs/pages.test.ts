import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Below, DirtyFile, SHARED_BYTES_MIN } from '../../src/fs/pages.ts'
import { BLOCK_BYTES, type Chunk, newChunk } from '../../src/store/records.ts'
import { bytesOf } from './data-fake.ts'

const test = suite('fs/pages')
const TIME = { seconds: 1, nseconds: 0 }

/** A file of `size` bytes over one chunk; notes which slots are read. */
function over(size: number, chunk: Chunk | undefined) {
  const reads: number[] = []
  const below: Below = {
    chunk: (index) => (index === 0 ? chunk : undefined),
    readBlock: (_chunk, slot, into) => {
      reads.push(slot)
      into.fill(0xaa)
    },
  }
  const file = new DirtyFile(1, size, TIME, 0)
  const write = (offset: number, data: Uint8Array) => file.write(offset, data, TIME, below)
  return { file, reads, write }
}

function mapped(...slots: number[]): Chunk {
  const chunk = newChunk(256)
  for (const slot of slots) chunk.address[slot] = slot + 1
  return chunk
}

test('reads only blocks that a write covers in part', () => {
  const { file, reads, write } = over(2 ** 20, mapped(0, 1, 2, 3))
  write(100, bytesOf(3 * BLOCK_BYTES, 1))
  assert.equal(reads, [0, 3])
  assert.is(file.page(0)?.[99], 0xaa)
  assert.is(file.page(3)?.[100], 0xaa)
  write(0, bytesOf(4 * BLOCK_BYTES, 2))
  write(50, bytesOf(10, 3))
  assert.equal(reads, [0, 3], 'what is dirty needs nothing from the disk')
})

test('reads no block where there is a hole, and fills with zeros', () => {
  const { file, reads, write } = over(2 ** 20, mapped(3))
  write(BLOCK_BYTES + 10, bytesOf(10, 1))
  assert.equal(reads, [])
  assert.is(file.count, 1)
  const page = file.page(1)
  assert.ok(page?.subarray(0, 10).every((byte) => byte === 0))
  assert.ok(page?.subarray(20).every((byte) => byte === 0))
})

test('a small write changes its own page in place', () => {
  const { file, write } = over(0, undefined)
  write(0, bytesOf(5000, 1))
  const page = file.page(0)
  write(10, bytesOf(100, 2))
  assert.is(file.page(0)?.buffer, page?.buffer)
  assert.is(file.page(0)?.byteOffset, page?.byteOffset)
  assert.equal([...(page?.subarray(10, 110) ?? [])], [...bytesOf(100, 2)])
})

test('a page of a large write is replaced by a copy when part of it changes', () => {
  const { file, write } = over(0, undefined)
  const data = bytesOf(SHARED_BYTES_MIN, 1)
  const before = data.slice()
  write(0, data)
  assert.is(file.page(3)?.buffer, data.buffer)
  write(3 * BLOCK_BYTES + 10, bytesOf(100, 2))
  assert.is.not(file.page(3)?.buffer, data.buffer)
  assert.is(file.page(3)?.[9], before[3 * BLOCK_BYTES + 9])
  assert.is(Buffer.compare(data, before), 0)
})

test('a page is replaced once it is not the file own any more', () => {
  const { file, write } = over(0, undefined)
  write(0, bytesOf(100, 1))
  const page = file.page(0)
  file.disown()
  write(0, bytesOf(100, 2))
  assert.is.not(file.page(0), page)
  assert.is(page?.[0], bytesOf(100, 1)[0])
})

test('counts each dirty page once, and chunks that are dirty throughout', () => {
  const { file, write } = over(0, undefined)
  write(0, bytesOf(10 * BLOCK_BYTES, 1))
  write(5 * BLOCK_BYTES, bytesOf(10 * BLOCK_BYTES, 2))
  assert.is(file.count, 15)
  assert.is(file.full, 0)
  write(0, bytesOf(2 ** 20, 3))
  assert.is(file.count, 256)
  assert.is(file.full, 1)
})

test('a write that fails leaves what was there', () => {
  const chunk = mapped(0, 5)
  const below: Below = {
    chunk: () => chunk,
    readBlock: (_chunk, slot) => {
      if (slot === 5) throw new Error('damaged')
    },
  }
  const file = new DirtyFile(1, 2 ** 20, TIME, 0)
  file.write(BLOCK_BYTES, bytesOf(10, 1), TIME, below)
  const page = file.page(1)?.slice()
  assert.throws(() => file.write(100, bytesOf(5 * BLOCK_BYTES, 2), TIME, below), /damaged/)
  assert.is(file.count, 1)
  assert.equal(file.page(1), page)
})

test.run()
