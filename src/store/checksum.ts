/**
 * Checksums of blocks: 32 bits, by `nh.ts`. They are kept by who refers to the block.
 *
 * Blocks that lie in a region of `summedMemory` are summed where they are, all others are copied
 * into a small one first.
 */
import { strict as assert } from 'node:assert'
import { newSummer, SUM_BLOCKS_MAX, type Summer } from './nh.ts'
import { BLOCK_BYTES } from './records.ts'

/** Blocks that are copied at a time: few enough to stay in the processor's cache. */
const COPIED_BLOCKS = 16
const COPIER = newSummer(COPIED_BLOCKS * BLOCK_BYTES)
const summers = new WeakMap<ArrayBufferLike, Summer>()

/**
 * Memory for data that will be summed, filled with zeros. It takes no room until it is written to,
 * and gives none back before all of it is collected.
 *
 * @param bytes at least, below 4 GiB
 */
export function summedMemory(bytes: number): Uint8Array {
  const summer = newSummer(bytes)
  summers.set(summer.room.buffer, summer)
  return summer.room
}

/** The checksum of one block. */
export function checksum(block: Uint8Array): number {
  assert(block.length === BLOCK_BYTES, 'a block has one length')
  let sum = 0
  sumPieces(block, (sums) => {
    sum = sums[0] ?? 0
    return true
  })
  return sum
}

/** The checksums of all blocks in buffers of whole blocks (block-buffers.ts), in order. */
export function checksums(buffers: readonly Uint8Array[], count: number): Uint32Array {
  const result = new Uint32Array(count)
  let at = 0
  for (const buffer of buffers) {
    sumPieces(buffer, (sums, blocks) => {
      for (let i = 0; i < blocks; i++) result[at + i] = sums[i] ?? 0
      at += blocks
      return true
    })
  }
  assert.equal(at, count, 'the buffers hold another number of blocks')
  return result
}

/** @returns the index of the first block whose checksum is not the one expected; -1 if none is */
export function findDamage(bytes: Uint8Array, expected: Uint32Array, from: number): number {
  let at = 0
  const whole = sumPieces(bytes, (sums, blocks) => {
    for (const end = at + blocks, start = at; at < end; at++) {
      if (sums[at - start] !== expected[from + at]) return false
    }
    return true
  })
  return whole ? -1 : at
}

/** Is given the checksums of the next blocks. @returns whether to go on */
type Take = (sums: Uint32Array, blocks: number) => boolean

/** @returns whether `take` has taken all of them */
function sumPieces(bytes: Uint8Array, take: Take): boolean {
  const summer = summers.get(bytes.buffer)
  const step = (summer === undefined ? COPIED_BLOCKS : SUM_BLOCKS_MAX) * BLOCK_BYTES
  for (let at = 0; at < bytes.length; at += step) {
    const length = Math.min(step, bytes.length - at)
    const start = bytes.byteOffset + at
    if (summer === undefined) {
      COPIER.room.set(new Uint8Array(bytes.buffer, start, length))
      COPIER.sum(COPIER.room.byteOffset, length / BLOCK_BYTES)
    } else {
      summer.sum(start, length / BLOCK_BYTES)
    }
    if (!take((summer ?? COPIER).sums, length / BLOCK_BYTES)) return false
  }
  return true
}
