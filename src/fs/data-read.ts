/** Reading a file's bytes, of the live dataset or of a snapshot: inline data, blocks, holes. */
import type { BlockStore } from '../store/blocks.ts'
import { checksum } from '../store/checksum.ts'
import type { Reader } from '../store/dataset.ts'
import { chunkKey } from '../store/keys.ts'
import { BLOCK_BYTES, CHUNK_BLOCKS, type Chunk, type Inode } from '../store/records.ts'
import type { ReadBuffer, ReadBuffers } from './data-buffers.ts'
import { FsError } from './error.ts'
import type { Awaitable } from './filesystem.ts'
import type { Below } from './pages.ts'

/** What reading needs of the block store. */
export type BlockReader = Pick<BlockStore, 'readBlocks' | 'readSync'>

/** Bytes of a file, and how to give their buffer back (undefined where it belongs to nobody). */
export interface ReadData {
  readonly data: Uint8Array
  readonly release: (() => void) | undefined
}

/** Pages that are newer than what is stored. */
export interface Overlay {
  page(index: number): Uint8Array | undefined
}

const NOTHING: ReadData = { data: new Uint8Array(0), release: undefined }
const NO_PAGES: Overlay = { page: () => undefined }

/**
 * Reads one mapped block, in this turn.
 *
 * @throws FsError IO where its checksum does not match
 */
export function readBlock(blocks: BlockReader, chunk: Chunk, slot: number, into: Uint8Array): void {
  const address = chunk.address[slot] ?? 0
  blocks.readSync(address, 1, into)
  if (checksum(into) !== chunk.checksum[slot]) {
    throw new FsError('IO', `block ${address} fails its checksum`)
  }
}

/** What is stored of a content, for the dirty pages over it. */
export function below(reader: Pick<Reader, 'chunks'>, blocks: BlockReader, content: number): Below {
  return {
    chunk: (index) => reader.chunks.get(chunkKey(content, index)),
    readBlock: (chunk, slot, into) => readBlock(blocks, chunk, slot, into),
  }
}

export class ContentReader {
  readonly #reader: Pick<Reader, 'chunks'>
  readonly #blocks: BlockReader
  readonly #buffers: ReadBuffers

  constructor(reader: Pick<Reader, 'chunks'>, blocks: BlockReader, buffers: ReadBuffers) {
    this.#reader = reader
    this.#blocks = blocks
    this.#buffers = buffers
  }

  /** What is in a snapshot is in the store: the inode is as clients must see it. */
  current(_ino: number, inode: Inode): Inode {
    return inode
  }

  /**
   * Reads up to the end of the file. Answers at once where the blocks are in memory.
   *
   * @throws FsError IO, or rejects with it, where a block of the range fails its checksum
   */
  read(_ino: number, inode: Inode, offset: number, count: number): Awaitable<ReadData> {
    return this.readOver(undefined, inode, offset, count)
  }

  /** As `read`. @param dirty pages that are not stored yet; `inode` is the one that has them */
  readOver(
    dirty: Overlay | undefined,
    inode: Inode,
    offset: number,
    count: number,
  ): Awaitable<ReadData> {
    const end = Math.min(offset + count, inode.size)
    if (end <= offset) return NOTHING
    const inline = dirty === undefined ? this.#inline(inode, offset, end) : undefined
    if (inline !== undefined) return { data: inline, release: undefined }

    const first = Math.floor(offset / BLOCK_BYTES)
    const stop = Math.ceil(end / BLOCK_BYTES)
    const buffer = this.#buffers.take((stop - first) * BLOCK_BYTES)
    const at = offset - first * BLOCK_BYTES
    const result = {
      data: buffer.bytes.subarray(at, at + end - offset),
      release: buffer.release,
    }
    const waits = this.#fill(inode.content, first, stop, buffer, dirty ?? NO_PAGES)
    return waits.length === 0 ? result : finish(waits, result)
  }

  /** The range as a view of inline data, which never changes. */
  #inline(inode: Inode, offset: number, end: number): Uint8Array | undefined {
    const inline = this.#reader.chunks.get(chunkKey(inode.content, 0))?.inline
    return inline !== undefined && end <= inline.length ? inline.subarray(offset, end) : undefined
  }

  /** Fills pages `first` to `stop` into the buffer, or begins to. @returns what to wait for */
  #fill(
    content: number,
    first: number,
    stop: number,
    buffer: ReadBuffer,
    dirty: Overlay,
  ): Promise<void>[] {
    const waits: Promise<void>[] = []
    try {
      for (let page = first; page < stop; ) {
        const index = Math.floor(page / CHUNK_BLOCKS)
        const end = Math.min(stop, (index + 1) * CHUNK_BLOCKS)
        const base = index * CHUNK_BLOCKS
        const chunk = this.#reader.chunks.get(chunkKey(content, index))
        this.#fillChunk(chunk, base, page, end, { waits, dirty, into: buffer.bytes, first })
        page = end
      }
      return waits
    } catch (error) {
      // Reads that have begun still own the buffer.
      giveBackAfter(waits, buffer.release)
      throw error
    }
  }

  #fillChunk(
    chunk: Chunk | undefined,
    base: number,
    from: number,
    to: number,
    goal: { waits: Promise<void>[]; dirty: Overlay; into: Uint8Array; first: number },
  ): void {
    const { waits, dirty, into, first } = goal
    for (let page = from; page < to; ) {
      const at = (page - first) * BLOCK_BYTES
      const newer = dirty.page(page)
      if (newer !== undefined) {
        into.set(newer, at)
        page++
        continue
      }
      const start = page
      do page++
      while (page < to && (dirty === NO_PAGES || dirty.page(page) === undefined))
      const wait = this.#fillStored(chunk, start - base, page - base, into, at)
      if (wait !== undefined) waits.push(wait)
    }
  }

  /** Fills slots `from` to `to` of a chunk as it is stored. */
  #fillStored(
    chunk: Chunk | undefined,
    from: number,
    to: number,
    into: Uint8Array,
    at: number,
  ): Promise<void> | undefined {
    const end = at + (to - from) * BLOCK_BYTES
    if (chunk?.inline !== undefined) {
      into.fill(0, at, end)
      if (from === 0) into.set(chunk.inline, at)
      return undefined
    }
    const mapped = Math.max(from, Math.min(to, chunk?.address.length ?? 0))
    into.fill(0, at + (mapped - from) * BLOCK_BYTES, end)
    if (chunk === undefined || mapped === from) return undefined
    const wait = this.#blocks.readBlocks(chunk.address, chunk.checksum, from, mapped, into, at)
    return wait === undefined ? undefined : wait
  }
}

async function finish(waits: readonly Promise<void>[], result: ReadData): Promise<ReadData> {
  const outcomes = await Promise.allSettled(waits)
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue
    result.release?.()
    throw outcome.reason
  }
  return result
}

function giveBackAfter(waits: readonly Promise<void>[], release: (() => void) | undefined): void {
  if (waits.length === 0) release?.()
  else void Promise.allSettled(waits).then(release)
}
