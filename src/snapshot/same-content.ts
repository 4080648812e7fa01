/**
 * Whether two files have the same bytes. Nothing is read where the answer is in the records: shared
 * blocks are the same, and blocks whose checksums differ are not. Only two blocks that were written
 * separately, and have one checksum, are read and compared.
 */
import { strict as assert } from 'node:assert'
import { chunkLimit, nextChunk } from '../fs/chunks.ts'
import { ReadBuffers } from '../fs/data-buffers.ts'
import { type BlockReader, ContentReader } from '../fs/data-read.ts'
import { chunkKey } from '../store/keys.ts'
import {
  BLOCK_BYTES,
  CHUNK_BLOCKS,
  CHUNK_BYTES,
  type Chunk,
  EMPTY_CHUNK,
} from '../store/records.ts'
import type { Pause } from './paths-of.ts'
import type { PastFile } from './restore-file.ts'

/** What a look at two blocks says. */
type Verdict = 'same' | 'other' | 'read'

export class ContentComparison {
  readonly #blocks: BlockReader
  readonly #pause: Pause
  readonly #buffers = new ReadBuffers()

  /** @param pause is called for every chunk, which is a MiB of a file */
  constructor(blocks: BlockReader, pause: Pause) {
    this.#blocks = blocks
    this.#pause = pause
  }

  /**
   * Compares two regular files, up to the first difference.
   *
   * @throws FsError IO where a block that has to be read fails its checksum
   */
  async same(a: PastFile, b: PastFile): Promise<boolean> {
    const { size } = a.inode
    if (size !== b.inode.size) return false
    const limit = chunkLimit(size)
    for (let index = 0; index < limit; index++) {
      const next = Math.min(existing(a, index, limit), existing(b, index, limit))
      if (next >= limit) return true
      index = next
      if (!(await this.sameChunk(a, b, index))) return false
      await this.#pause()
    }
    return true
  }

  /** Compares one chunk of two regular files of one size. @throws FsError IO, as `same` */
  async sameChunk(a: PastFile, b: PastFile, index: number): Promise<boolean> {
    const mine = chunkOf(a, index)
    const theirs = chunkOf(b, index)
    if (mine === theirs) return true
    // A live file may have grown since its inode was read.
    const left = Math.ceil((a.inode.size - index * CHUNK_BYTES) / BLOCK_BYTES)
    if (mine.inline !== undefined || theirs.inline !== undefined) {
      // A file has inline data in its first chunk alone, and then hardly anything else.
      const slots = Math.min(left, Math.max(1, mine.address.length, theirs.address.length))
      return this.#sameBlocks(a, b, index * CHUNK_BLOCKS, slots)
    }
    const slots = Math.min(left, Math.max(mine.address.length, theirs.address.length))
    for (let slot = 0; slot < slots; slot++) {
      const verdict = compareSlot(mine, theirs, slot)
      if (verdict === 'other') return false
      if (verdict === 'same') continue
      if (!(await this.#sameBlocks(a, b, index * CHUNK_BLOCKS + slot, 1))) return false
    }
    return true
  }

  async #sameBlocks(a: PastFile, b: PastFile, first: number, count: number): Promise<boolean> {
    const mine = await this.#read(a, first, count)
    const theirs = await this.#read(b, first, count)
    const same = Buffer.compare(mine.data, theirs.data) === 0
    mine.release?.()
    theirs.release?.()
    return same
  }

  async #read({ reader, inode }: PastFile, first: number, count: number) {
    const offset = first * BLOCK_BYTES
    const length = Math.min(inode.size - offset, count * BLOCK_BYTES)
    assert(length > 0, 'no chunk lies behind the end of its file')
    const content = new ContentReader(reader, this.#blocks, this.#buffers)
    return content.read(0, inode, offset, length)
  }
}

function existing({ reader, inode }: PastFile, from: number, limit: number): number {
  return nextChunk(reader, inode.content, from, limit) ?? limit
}

function chunkOf({ reader, inode }: PastFile, index: number): Chunk {
  return reader.chunks.get(chunkKey(inode.content, index)) ?? EMPTY_CHUNK
}

/** A hole may stand for the same zeros as a block: then only the bytes can tell. */
function compareSlot(a: Chunk, b: Chunk, slot: number): Verdict {
  const mine = a.address[slot] ?? 0
  const theirs = b.address[slot] ?? 0
  if (mine === theirs) return 'same'
  if (mine === 0 || theirs === 0) return 'read'
  return a.checksum[slot] === b.checksum[slot] ? 'read' : 'other'
}
