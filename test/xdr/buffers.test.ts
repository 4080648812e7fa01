import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RECORD_BUFFER_BYTES, REUSED_BYTES_MIN, RecordBuffers } from '../../src/xdr/buffers.ts'

const test = suite('xdr/buffers')

/** A region that does not begin where its memory does, for two buffers and a bit. */
const REGION = new Uint8Array(3 * RECORD_BUFFER_BYTES).subarray(100)
const inRegion = ({ buffer }: Uint8Array): boolean => buffer === REGION.buffer
const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.buffer === b.buffer && a.byteOffset === b.byteOffset

test('a buffer is used again once everybody has released it, not before', () => {
  const buffers = new RecordBuffers(REGION)
  const first = buffers.take(REUSED_BYTES_MIN)
  buffers.retain(first.subarray(100, 200), 2)
  buffers.release(first, 1)
  assert.not(same(buffers.take(REUSED_BYTES_MIN), first))
  buffers.release(first.subarray(100, 200), 2)
  assert.ok(same(buffers.take(REUSED_BYTES_MIN), first))
})

test('the buffers do not overlap; when all are taken there is other memory', () => {
  const buffers = new RecordBuffers(REGION)
  const [a, b, c] = [1, 2, 3].map(() => buffers.take(RECORD_BUFFER_BYTES)) as Uint8Array[]
  assert.ok(a && b && c)
  assert.equal([a, b, c].map(inRegion), [true, true, false])
  assert.is(Math.abs(a.byteOffset - b.byteOffset), RECORD_BUFFER_BYTES)
  assert.ok(c.length >= RECORD_BUFFER_BYTES)
  assert.is(buffers.free, 0)
  for (const one of [a, b, c]) buffers.release(one, 1)
  assert.is(buffers.free, 2)
})

test('each part counts for the buffer that it lies in, and what lies in none for nothing', () => {
  const buffers = new RecordBuffers(REGION)
  const [a, b] = [1, 2].map(() => buffers.take(REUSED_BYTES_MIN)) as Uint8Array[]
  assert.ok(a && b)
  buffers.retain(a.subarray(RECORD_BUFFER_BYTES - 1), 1)
  buffers.retain(b.subarray(0, 1), 1)
  buffers.retain(new Uint8Array(8192), 1)
  buffers.release(new Uint8Array(8192), 5)
  buffers.release(REGION.subarray(2 * RECORD_BUFFER_BYTES), 5)
  buffers.release(a, 2)
  assert.is(buffers.free, 1)
  buffers.release(b.subarray(5, 6), 2)
  assert.is(buffers.free, 2)
})

test('one release too many is a bug that is told', () => {
  const buffers = new RecordBuffers(REGION)
  const buffer = buffers.take(REUSED_BYTES_MIN)
  buffers.release(buffer, 1)
  assert.throws(() => buffers.release(buffer, 1), /released more often/)
})

test('short records get memory of their own, as long as they are', () => {
  const buffers = new RecordBuffers(REGION)
  const short = buffers.take(1000)
  assert.is(short.length, 1000)
  buffers.release(short, 1)
  assert.not(inRegion(buffers.take(1000)))
})

test.run()
