/**
 * File data in memory, on its way to consecutive blocks: a list of buffers, one behind the other,
 * each of one or more whole blocks. Large writes stay in few pieces, from the network to the disk.
 */
import { strict as assert } from 'node:assert'
import type { RecordBuffers } from '../xdr/buffers.ts'
import { BLOCK_BYTES } from './records.ts'

/** How many blocks the buffers fill. */
export function blocksIn(buffers: readonly Uint8Array[]): number {
  let bytes = 0
  for (const { length } of buffers) {
    assert(length > 0 && length % BLOCK_BYTES === 0, 'a buffer holds whole blocks')
    bytes += length
  }
  return bytes / BLOCK_BYTES
}

/** The bytes of block `index`; undefined where there are fewer. */
export function blockOf(buffers: readonly Uint8Array[], index: number): Uint8Array | undefined {
  let at = index * BLOCK_BYTES
  if (at < 0) return undefined
  for (const buffer of buffers) {
    if (at < buffer.length) return view(buffer, at, at + BLOCK_BYTES)
    at -= buffer.length
  }
  return undefined
}

/** Blocks `from` to `to` (not included), as a list of the same kind. */
export function sliceBlocks(
  buffers: readonly Uint8Array[],
  from: number,
  to: number,
): readonly Uint8Array[] {
  const slice: Uint8Array[] = []
  let start = from * BLOCK_BYTES
  let end = to * BLOCK_BYTES
  for (const buffer of buffers) {
    if (end <= 0) break
    const whole = start <= 0 && end >= buffer.length
    if (start < Math.min(buffer.length, end)) {
      const bytes = view(buffer, Math.max(0, start), Math.min(buffer.length, end))
      slice.push(whole ? buffer : bytes)
    }
    start -= buffer.length
    end -= buffer.length
  }
  return slice
}

/** The same bytes in as few buffers as possible: those that lie side by side in memory as one. */
export function joined(buffers: readonly Uint8Array[]): Uint8Array[] {
  const result: Uint8Array[] = []
  let last: Uint8Array | undefined
  let end = 0
  for (const buffer of buffers) {
    if (last !== undefined && buffer.buffer === last.buffer && buffer.byteOffset === end) {
      last = new Uint8Array(last.buffer, last.byteOffset, last.length + buffer.length)
      result[result.length - 1] = last
    } else {
      last = buffer
      result.push(buffer)
    }
    end = buffer.byteOffset + buffer.length
  }
  return result
}

/** Each block's place in a receive buffer was retained once: it is needed no longer. */
export function releaseBlocks(
  buffers: readonly Uint8Array[],
  leases: RecordBuffers | undefined,
): void {
  if (leases === undefined) return
  for (const buffer of buffers) leases.release(buffer, buffer.length / BLOCK_BYTES)
}

function view({ buffer, byteOffset }: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset + from, to - from)
}
