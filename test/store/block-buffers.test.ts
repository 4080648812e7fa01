import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  blockOf,
  blocksIn,
  joined,
  releaseBlocks,
  sliceBlocks,
} from '../../src/store/block-buffers.ts'
import { BLOCK_BYTES as BLOCK } from '../../src/store/records.ts'
import { RECORD_BUFFER_BYTES, REUSED_BYTES_MIN, RecordBuffers } from '../../src/xdr/buffers.ts'

const test = suite('store/block-buffers')

/** Blocks that lie side by side, block `i` filled with `first + i`. */
function filled(count: number, first = 0): Uint8Array {
  const bytes = new Uint8Array(count * BLOCK)
  for (let i = 0; i < count; i++) bytes.fill(first + i, i * BLOCK, (i + 1) * BLOCK)
  return bytes
}

const part = (bytes: Uint8Array, from: number, to: number): Uint8Array =>
  bytes.subarray(from * BLOCK, to * BLOCK)
/** The number that each block is filled with. */
const numbers = (buffers: readonly Uint8Array[]): number[] =>
  Array.from({ length: blocksIn(buffers) }, (_, i) => {
    const block = blockOf(buffers, i)
    assert.is(block?.length, BLOCK)
    assert.ok(block?.every((byte) => byte === block[0]))
    return block?.[0] ?? -1
  })

test('a list is counted, and read block by block, however it is cut', () => {
  const bytes = filled(6)
  const lists = [
    [bytes],
    [part(bytes, 0, 1), part(bytes, 1, 6)],
    [part(bytes, 0, 4), filled(2, 4)],
    [0, 1, 2, 3, 4, 5].map((i) => part(bytes, i, i + 1)),
  ]
  for (const list of lists) {
    assert.equal(numbers(list), [0, 1, 2, 3, 4, 5])
    assert.is(blockOf(list, 6), undefined)
    assert.is(blockOf(list, -1), undefined)
  }
  assert.is(blocksIn([]), 0)
  assert.throws(() => blocksIn([new Uint8Array(BLOCK + 1)]), /whole blocks/)
  assert.throws(() => blocksIn([new Uint8Array(0)]), /whole blocks/)
})

test('every slice of a list holds its blocks, without a copy', () => {
  const list = [filled(2), filled(1, 2), filled(3, 3)]
  for (let from = 0; from <= 6; from++) {
    for (let to = from; to <= 6; to++) {
      const slice = sliceBlocks(list, from, to)
      assert.equal(
        numbers(slice),
        [0, 1, 2, 3, 4, 5].filter((i) => i >= from && i < to),
      )
      assert.ok(slice.every(({ buffer }) => list.some((whole) => whole.buffer === buffer)))
    }
  }
  assert.is(sliceBlocks(list, 0, 6)[1], list[1])
})

test('what lies side by side in memory is one buffer, what does not is not', () => {
  const bytes = filled(4)
  const [a, b, d] = [part(bytes, 0, 1), part(bytes, 1, 2), part(bytes, 3, 4)]
  const lengths = (...of: Uint8Array[]) => joined(of).map((buffer) => buffer.length / BLOCK)
  assert.equal(lengths(a, b, part(bytes, 2, 4)), [4])
  assert.equal(lengths(a, b, d), [2, 1])
  assert.equal(lengths(b, a), [1, 1])
  assert.equal(lengths(a, filled(1), b), [1, 1, 1])
  assert.equal(lengths(), [])
})

test('a receive buffer is free once all blocks that were retained are released', () => {
  const leases = new RecordBuffers(new Uint8Array(RECORD_BUFFER_BYTES))
  const buffer = leases.take(REUSED_BYTES_MIN)
  leases.retain(buffer, 3)
  leases.release(buffer, 1)
  releaseBlocks([part(buffer, 0, 2), filled(5)], leases)
  assert.is(leases.free, 0)
  releaseBlocks([part(buffer, 2, 3)], leases)
  assert.is(leases.free, 1)
  releaseBlocks([filled(1)], undefined)
})

test.run()
