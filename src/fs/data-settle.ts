/**
 * Changes of a file's data within a transaction: storing dirty pages, truncating, letting go.
 *
 * The form in which data is stored, and what always holds for it, is drawn in chunks.ts.
 */
import assert from 'node:assert/strict'
import { blockOf, blocksIn, sliceBlocks } from '../store/block-buffers.ts'
import { checksums } from '../store/checksum.ts'
import type { Dataset } from '../store/dataset.ts'
import { chunkKey } from '../store/keys.ts'
import {
  BLOCK_BYTES,
  CHUNK_BLOCKS,
  CHUNK_BYTES,
  type Chunk,
  EMPTY_CHUNK,
  type Inode,
} from '../store/records.ts'
import type { Transaction } from '../store/transaction.ts'
import { chunkLimit, cutChunk, mapBlocks, nextChunk, putChunk } from './chunks.ts'
import type { Below, DirtyFile } from './pages.ts'

/** Stores the dirty pages. @returns the inode that goes with them, not yet put */
export function storePages(
  tx: Transaction,
  dataset: Dataset,
  inode: Inode,
  file: DirtyFile,
): Inode {
  const page = file.page(0)
  if (file.inline && page !== undefined) {
    // A copy of its own: the record stays in memory for long, the slab must not.
    const inline = new Uint8Array(page.subarray(0, file.size))
    putChunk(tx, dataset, file.content, 0, { ...EMPTY_CHUNK, inline })
  } else {
    storeBlocks(tx, dataset, file)
  }
  return file.merge(inode)
}

function storeBlocks(tx: Transaction, dataset: Dataset, file: DirtyFile): void {
  const chunks = [...file.chunks].filter(([, { count }]) => count > 0)
  chunks.sort(([a], [b]) => a - b)
  if (chunks.length === 0) return
  const buffers: Uint8Array[] = []
  for (const [, chunk] of chunks) chunk.appendTo(buffers)
  const addresses = writeBuffers(tx, buffers)
  const sums = checksums(buffers, addresses.length)
  let from = 0
  for (const [index, chunk] of chunks) {
    const blocks = { slots: chunk.slots(), addresses, checksums: sums, from }
    mapBlocks(tx, dataset, file.content, index, blocks)
    from += chunk.count
  }
}

/** @returns each block's address */
function writeBuffers(tx: Transaction, buffers: readonly Uint8Array[]): Float64Array {
  const addresses = new Float64Array(blocksIn(buffers))
  let at = 0
  for (const { address, count } of tx.allocate(addresses.length)) {
    tx.write(address, sliceBlocks(buffers, at, at + count))
    for (let i = 0; i < count; i++) addresses[at + i] = address + i
    at += count
  }
  assert.equal(at, addresses.length, 'allocate gave another number of blocks than it was asked for')
  return addresses
}

/** What `truncateData` needs besides the transaction. */
export interface Content {
  readonly dataset: Dataset
  readonly below: Below
  newIno(): number
  /** The content's chunks are to be freed in the background; the orphan is recorded already. */
  orphaned(content: number): void
}

/**
 * Cuts or extends a file that has no dirty pages.
 *
 * @returns the inode with its new size, used and content, not yet put; times are the caller's
 * @throws FsError IO where the block that is cut through cannot be read
 */
export function truncateData(
  tx: Transaction,
  { dataset, below, newIno, orphaned }: Content,
  inode: Inode,
  size: number,
): Inode {
  if (size >= inode.size) return { ...inode, size }
  if (size === 0) {
    const gone = releaseContent(tx, dataset, inode, orphaned)
    return { ...inode, size, used: 0, content: gone ? newIno() : inode.content }
  }
  const { content } = inode
  const last = Math.floor((size - 1) / CHUNK_BYTES)
  const limit = chunkLimit(inode.size)
  let used = inode.used
  for (
    let index = nextChunk(dataset, content, last + 1, limit);
    index !== undefined;
    index = nextChunk(dataset, content, index + 1, limit)
  ) {
    used -= cutChunk(tx, dataset, content, index, 0)
  }
  const slots = Math.ceil((size - last * CHUNK_BYTES) / BLOCK_BYTES)
  used -= cutChunk(tx, dataset, content, last, slots)
  used -= cutTail(tx, { dataset, below, newIno, orphaned }, inode, size)
  return { ...inode, size, used }
}

/** Zeroes what stands behind the new end in the last page. @returns bytes of `used` freed */
function cutTail(tx: Transaction, { dataset, below }: Content, inode: Inode, size: number): number {
  const index = Math.floor((size - 1) / CHUNK_BYTES)
  const chunk = dataset.chunks.get(chunkKey(inode.content, index))
  if (chunk === undefined) return 0
  if (chunk.inline !== undefined) return cutInline(tx, dataset, inode.content, chunk, size)
  const slot = Math.floor((size - 1) / BLOCK_BYTES) % CHUNK_BLOCKS
  const keep = size % BLOCK_BYTES
  if (keep === 0 || (chunk.address[slot] ?? 0) === 0) return 0
  const page = new Uint8Array(BLOCK_BYTES)
  // What this transaction wrote, settling the file, is not in a block yet.
  const written = pageWritten(tx, chunk.address[slot] ?? 0)
  if (written === undefined) below.readBlock(chunk, slot, page)
  else page.set(written)
  page.fill(0, keep)
  const addresses = writeBuffers(tx, [page])
  const blocks = { slots: [slot], addresses, checksums: checksums([page], 1), from: 0 }
  mapBlocks(tx, dataset, inode.content, index, blocks)
  return 0
}

function pageWritten(tx: Transaction, block: number): Uint8Array | undefined {
  for (const { address, buffers } of tx.writes) {
    const page = blockOf(buffers, block - address)
    if (page !== undefined) return page
  }
  return undefined
}

function cutInline(
  tx: Transaction,
  dataset: Dataset,
  content: number,
  { inline }: Chunk,
  size: number,
): number {
  if (inline === undefined || inline.length <= size) return 0
  putChunk(tx, dataset, content, 0, { ...EMPTY_CHUNK, inline: inline.slice(0, size) })
  return inline.length - size
}

/**
 * Lets go of all data under the inode's content number: at once where that is one chunk at most,
 * in the background otherwise.
 *
 * @returns whether the content number is an orphan's now, and must not be used again
 */
export function releaseContent(
  tx: Transaction,
  dataset: Dataset,
  inode: Inode,
  orphaned: (content: number) => void,
): boolean {
  const { content } = inode
  if (nextChunk(dataset, content, 1, chunkLimit(inode.size)) === undefined) {
    cutChunk(tx, dataset, content, 0, 0)
    return false
  }
  tx.put(dataset.orphans, content, { content, end: dataset.epoch })
  orphaned(content)
  return true
}
