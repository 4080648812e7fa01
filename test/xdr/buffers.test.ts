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
  buffers.release(first.subarray(100, 200), 2)
  assert.is(buffers.take(REUSED_BYTES_MIN), first)
})

test('a buffer that was not needed between two ticks is dropped, the others stay', () => {
  const buffers = new RecordBuffers()
  const use = (count: number): Uint8Array[] => {
    const used = Array.from({ length: count }, () => buffers.take(REUSED_BYTES_MIN))
    for (const buffer of used) buffers.release(buffer, 1)
    return used
  }
  const first = new Set(use(4))
  const left = (): number => use(4).filter((buffer) => first.has(buffer)).length
  buffers.tick()
  use(2)
  buffers.tick()
  assert.is(left(), 3)
  buffers.tick()
  assert.is(left(), 3, 'all of them were needed')
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
