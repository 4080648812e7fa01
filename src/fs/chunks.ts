/**
 * Where the bytes of a file lie: its chunk records and the blocks they map.
 *
 * Everything that puts, cuts or deletes a chunk is here, so that the blocks, their references and
 * the bitmap of existing chunks always change together.
 *
 * Invariants of a content (the chunks under one content number), for a file of `size` bytes:
 * - No chunk, and no mapped block, lies wholly behind the end of the file.
 * - Bytes of the last block behind the end of the file are zeros.
 * - Only chunk 0 may be inline. It stands for its bytes and zeros behind them, whatever the size of
 *   the file: 1 to INLINE_BYTES_MAX bytes, at most `size`.
 * - A chunk that is not inline maps at least one block, and its arrays end with a mapped one.
 * - Chunk `index` >= 1 exists exactly if its bit in the bitmap is set. Chunk 0 is looked up.
 * - The inode's `used` is 4096 times the blocks mapped, plus the length of inline data.
 *
 * A file becomes inline only where chunk 0 has no blocks and the file has at most INLINE_BYTES_MAX
 * bytes; once chunk 0 has blocks it keeps them until they are cut off.
 */
import type { Dataset, Reader } from '../store/dataset.ts'
import { chunkKey } from '../store/keys.ts'
import { BLOCK_BYTES, CHUNK_BYTES, type Chunk, newChunk } from '../store/records.ts'
import type { Transaction } from '../store/transaction.ts'
import { clearBit, nextBit, setBit } from './bitmap.ts'

/** Blocks that have come into being, for `mapBlocks`. */
export interface NewBlocks {
  /** Their places in the chunk, ascending. */
  readonly slots: readonly number[]
  /** The address of each, from element `from` on, and the checksum. */
  readonly addresses: Float64Array
  readonly checksums: Uint32Array
  readonly from: number
}

/** Bytes that a chunk accounts for in `used`. */
export function chunkUsed(chunk: Chunk): number {
  if (chunk.inline !== undefined) return chunk.inline.length
  let blocks = 0
  for (const address of chunk.address) if (address !== 0) blocks++
  return blocks * BLOCK_BYTES
}

/** How many chunks a file of `size` bytes may have: the limit for `nextChunk`. */
export function chunkLimit(size: number): number {
  return Math.ceil(size / CHUNK_BYTES)
}

/**
 * The first existing chunk from `from` on.
 *
 * @param limit where the caller knows that there is none: `chunkLimit` of the file's size
 */
export function nextChunk(
  reader: Pick<Reader, 'chunks' | 'bitmaps'>,
  content: number,
  from: number,
  limit: number,
): number | undefined {
  if (from >= limit) return undefined
  if (from === 0 && reader.chunks.get(chunkKey(content, 0)) !== undefined) return 0
  return nextBit(reader, content, Math.max(1, from), limit)
}

/** All chunks of a file, in order. The file must not change meanwhile. */
export function* chunksOf(
  reader: Pick<Reader, 'chunks' | 'bitmaps'>,
  content: number,
  size: number,
): Generator<readonly [index: number, chunk: Chunk]> {
  const limit = chunkLimit(size)
  let index = nextChunk(reader, content, 0, limit)
  while (index !== undefined) {
    const chunk = reader.chunks.get(chunkKey(content, index))
    if (chunk !== undefined) yield [index, chunk]
    index = nextChunk(reader, content, index + 1, limit)
  }
}

/** Stores a chunk as it is given, its blocks' references being the caller's affair. */
export function putChunk(
  tx: Transaction,
  dataset: Dataset,
  content: number,
  index: number,
  chunk: Chunk,
): void {
  const key = chunkKey(content, index)
  if (index !== 0 && dataset.chunks.get(key) === undefined) setBit(tx, dataset, content, index)
  tx.put(dataset.chunks, key, chunk)
}

/** As `putChunk`, for a chunk of a new content that is put for the first time. */
export function putNewChunk(
  tx: Transaction,
  dataset: Dataset,
  content: number,
  index: number,
  chunk: Chunk,
): void {
  if (index !== 0) setBit(tx, dataset, content, index)
  tx.putNew(dataset.chunks, chunkKey(content, index), chunk)
}

/** Maps new blocks, and lets go of those that they replace. */
export function mapBlocks(
  tx: Transaction,
  dataset: Dataset,
  content: number,
  index: number,
  blocks: NewBlocks,
): void {
  const { slots } = blocks
  const key = chunkKey(content, index)
  const old = dataset.chunks.get(key)
  const chunk = newChunk(Math.max(old?.address.length ?? 0, (slots.at(-1) ?? -1) + 1))
  if (old !== undefined) {
    chunk.address.set(old.address)
    chunk.checksum.set(old.checksum)
    chunk.birth.set(old.birth)
    dropSlots(tx, dataset, key, old, slots)
  }
  tx.came(dataset, slots.length * BLOCK_BYTES)
  fill(chunk, blocks, dataset.epoch)
  putChunk(tx, dataset, content, index, chunk)
}

function fill(chunk: Chunk, blocks: NewBlocks, epoch: number): void {
  const { slots, addresses, checksums, from } = blocks
  const [first = 0] = slots
  const to = from + slots.length
  if (slots.at(-1) === first + slots.length - 1) {
    chunk.address.set(addresses.subarray(from, to), first)
    chunk.checksum.set(checksums.subarray(from, to), first)
    chunk.birth.fill(epoch, first, first + slots.length)
    return
  }
  for (const [i, slot] of slots.entries()) {
    chunk.address[slot] = addresses[from + i] ?? 0
    chunk.checksum[slot] = checksums[from + i] ?? 0
    chunk.birth[slot] = epoch
  }
}

/**
 * Puts a chunk in the place of one, and lets go of the blocks that it does not have in the same
 * slots under the same birth. References of blocks that are new in it are the caller's affair.
 */
export function exchangeChunk(
  tx: Transaction,
  dataset: Dataset,
  content: number,
  index: number,
  chunk: Chunk,
): void {
  const key = chunkKey(content, index)
  const old = dataset.chunks.get(key)
  if (old !== undefined) {
    const slots = Array.from(old.address.keys())
    const gone = slots.filter(
      (i) => old.address[i] !== chunk.address[i] || old.birth[i] !== chunk.birth[i],
    )
    dropSlots(tx, dataset, key, old, gone)
  }
  putChunk(tx, dataset, content, index, chunk)
}

/**
 * Cuts a chunk to its first `slots` slots, or deletes it where nothing is left.
 *
 * @returns how many bytes of `used` that frees
 */
export function cutChunk(
  tx: Transaction,
  dataset: Dataset,
  content: number,
  index: number,
  slots: number,
): number {
  const key = chunkKey(content, index)
  const old = dataset.chunks.get(key)
  if (old === undefined || (slots > 0 && old.address.length <= slots)) return 0
  let length = slots
  while (length > 0 && old.address[length - 1] === 0) length--
  if (length === 0) {
    tx.deleteChunk(dataset, key)
    if (index !== 0) clearBit(tx, dataset, content, index)
    return chunkUsed(old)
  }
  const gone = Array.from({ length: old.address.length - length }, (_, i) => length + i)
  dropSlots(tx, dataset, key, old, gone)
  const chunk = {
    inline: undefined,
    address: old.address.slice(0, length),
    checksum: old.checksum.slice(0, length),
    birth: old.birth.slice(0, length),
  }
  tx.put(dataset.chunks, key, chunk)
  return chunkUsed(old) - chunkUsed(chunk)
}

/** Lets go of the blocks in the given slots (ascending), in runs of neighbours of one birth. */
function dropSlots(
  tx: Transaction,
  dataset: Dataset,
  key: string,
  chunk: Chunk,
  slots: readonly number[],
): void {
  let start = 0
  let count = 0
  let birth = 0
  for (const slot of slots) {
    const address = chunk.address[slot] ?? 0
    if (address === 0) continue
    if (count > 0 && address === start + count && chunk.birth[slot] === birth) {
      count++
      continue
    }
    if (count > 0) tx.drop(dataset, key, start, count, birth)
    start = address
    count = 1
    birth = chunk.birth[slot] ?? 0
  }
  if (count > 0) tx.drop(dataset, key, start, count, birth)
}
