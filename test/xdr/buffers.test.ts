import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { REUSED_BYTES_MIN, RecordBuffers } from '../../src/xdr/buffers.ts'

const test = suite('xdr/buffers')

test('a buffer is used again once everybody has released it, not before', () => {
  const buffers = new RecordBuffers()
  const first = buffers.take(REUSED_BYTES_MIN)
  buffers.retain(first.subarray(100, 200), 2)
  buffers.release(first, 1)
  assert.is.not(buffers.take(REUSED_BYTES_MIN), first)
  buffers.releaseAll([first.subarray(100, 150), first.subarray(150, 200)])
  assert.is(buffers.take(REUSED_BYTES_MIN), first)
})

test('pages of several buffers, and of none, are each released where they belong', () => {
  const buffers = new RecordBuffers()
  const a = buffers.take(REUSED_BYTES_MIN)
  const b = buffers.take(REUSED_BYTES_MIN)
  const foreign = new Uint8Array(8192)
  buffers.retain(a, 2)
  const pages = [a.subarray(0, 1), foreign, b.subarray(0, 1), a.subarray(1, 2), a.subarray(2, 3)]
  buffers.releaseAll(pages)
  const again = [buffers.take(REUSED_BYTES_MIN), buffers.take(REUSED_BYTES_MIN)]
  assert.equal(new Set(again), new Set([a, b]))
})

test('one release too many is a bug that is told', () => {
  const buffers = new RecordBuffers()
  const buffer = buffers.take(REUSED_BYTES_MIN)
  buffers.release(buffer, 1)
  assert.throws(() => buffers.release(buffer, 1), /released more often/)
})

test('short records get memory of their own, as long as they are', () => {
  const buffers = new RecordBuffers()
  const short = buffers.take(1000)
  assert.is(short.length, 1000)
  buffers.release(short, 1)
  assert.is.not(buffers.take(1000), short)
})

test.run()
