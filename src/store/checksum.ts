/** Checksums of blocks: the low 32 bits of XXH64, seed 0. They are kept by who refers to the block. */
import { strict as assert } from 'node:assert'
import { BLOCK_BYTES } from './records.ts'
import { newSummer, SUM_BLOCKS_MAX } from './xxh64.ts'

const SUMMER = newSummer()
const PIECE_BYTES = SUM_BLOCKS_MAX * BLOCK_BYTES

/** The checksum of one block. */
export function checksum(block: Uint8Array): number {
  assert(block.length === BLOCK_BYTES, 'a block has one length')
  SUMMER.blocks.set(block)
  SUMMER.sum(1)
  return SUMMER.sums[0] ?? 0
}

/** The checksums of all blocks in buffers of whole blocks (block-buffers.ts), in order. */
export function checksums(buffers: readonly Uint8Array[], count: number): Uint32Array {
  const sums = new Uint32Array(count)
  let at = 0
  for (const buffer of buffers) {
    sumPieces(buffer, (piece, blocks) => {
      sums.set(blocks === SUM_BLOCKS_MAX ? piece : piece.subarray(0, blocks), at)
      at += blocks
      return true
    })
  }
  assert.equal(at, count, 'the buffers hold another number of blocks')
  return sums
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

/** Sums a piece at a time. @returns whether `take` has taken all of them */
function sumPieces(
  bytes: Uint8Array,
  take: (sums: Uint32Array, blocks: number) => boolean,
): boolean {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const length = Math.min(PIECE_BYTES, bytes.length - at)
    SUMMER.blocks.set(new Uint8Array(bytes.buffer, bytes.byteOffset + at, length))
    SUMMER.sum(length / BLOCK_BYTES)
    if (!take(SUMMER.sums, length / BLOCK_BYTES)) return false
  }
  return true
}
