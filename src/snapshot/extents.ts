/** Where a file has data and where it has holes, as lseek(2)'s SEEK_DATA and SEEK_HOLE tell it. */
import { chunkLimit, nextChunk } from '../fs/chunks.ts'
import type { Reader } from '../store/dataset.ts'
import { chunkKey } from '../store/keys.ts'
import { BLOCK_BYTES, CHUNK_BLOCKS, CHUNK_BYTES, type Inode } from '../store/records.ts'

/** The first byte from `offset` on that is stored; the file's size where none is. */
export function nextData(reader: Reader, inode: Inode, offset: number): number {
  const { content, size } = inode
  const limit = chunkLimit(size)
  let from = offset
  while (from < size) {
    const index = nextChunk(reader, content, Math.floor(from / CHUNK_BYTES), limit)
    if (index === undefined) return size
    const start = Math.max(from, index * CHUNK_BYTES)
    const found = dataIn(reader, content, index, start)
    if (found !== undefined) return Math.min(found, size)
    from = (index + 1) * CHUNK_BYTES
  }
  return size
}

function dataIn(reader: Reader, content: number, index: number, from: number): number | undefined {
  const chunk = reader.chunks.get(chunkKey(content, index))
  if (chunk === undefined) return undefined
  if (chunk.inline !== undefined) return from < chunk.inline.length ? from : undefined
  const base = index * CHUNK_BLOCKS
  for (let slot = Math.floor(from / BLOCK_BYTES) - base; slot < chunk.address.length; slot++) {
    if (chunk.address[slot] !== 0) return Math.max(from, (base + slot) * BLOCK_BYTES)
  }
  return undefined
}

/** The first byte from `offset` on that is a hole, at most `end`. */
export function nextHole(reader: Reader, inode: Inode, offset: number, end: number): number {
  const { content } = inode
  let at = offset
  while (at < end) {
    const index = Math.floor(at / CHUNK_BYTES)
    const chunk = reader.chunks.get(chunkKey(content, index))
    if (chunk?.inline !== undefined) return Math.min(end, Math.max(at, chunk.inline.length))
    const slot = Math.floor(at / BLOCK_BYTES) - index * CHUNK_BLOCKS
    if ((chunk?.address[slot] ?? 0) === 0) return at
    at = (index * CHUNK_BLOCKS + slot + 1) * BLOCK_BYTES
  }
  return end
}
