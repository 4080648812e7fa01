/**
 * What was written to one file and is not yet in the store.
 *
 * The unit is the page: 4096 bytes, the place of one block. A large write's full pages are views of
 * what the client sent, which is never copied; other pages are carved out of slabs of the file's own.
 *
 * Invariants:
 * - A page here is whole: it needs nothing from the disk to be stored.
 * - Bytes behind the end of the file are zeros.
 * - A page that is not our own (a view of a client's data, or handed to a transaction once) never
 *   changes: what would change it puts another page in its place.
 * - `held` counts all memory that the file keeps from being freed, also that of pages which were
 *   written over since. So its limit is one of memory, however the writes lie.
 */
import {
  BLOCK_BYTES,
  CHUNK_BLOCKS,
  type Chunk,
  INLINE_BYTES_MAX,
  type Inode,
} from '../store/records.ts'
import { compareTime, type Time } from '../store/time.ts'
import type { RecordBuffers } from '../xdr/buffers.ts'
import { DirtyChunk, type Page, pageBytes } from './page-chunk.ts'

/**
 * A write of at least this many bytes is kept by reference. It is more than what rides in a log
 * entry (store/commit.ts): such pages are needed until they are written to their blocks, not longer.
 */
export const SHARED_BYTES_MIN = 256 * 1024
/** The largest slab: 256 KiB. A file's first is small, so that small files take little. */
const SLAB_PAGES_MAX = 64
/** About what a chunk's tables take: a pointer, a place and a flag for each page. */
const DIRTY_CHUNK_BYTES = 13 * CHUNK_BLOCKS

/** The stored state of the file below its dirty pages. */
export interface Below {
  /** The chunk's record. */
  chunk(index: number): Chunk | undefined
  /**
   * Reads one mapped block at once.
   *
   * @throws FsError IO
   */
  readBlock(chunk: Chunk, slot: number, into: Uint8Array): void
}

/** Part of a write that lies in one page. */
interface Part {
  readonly page: Page
  readonly index: number
}

export class DirtyFile {
  /** The content number that the pages belong to. */
  readonly content: number
  /** When the file became dirty, in ticks. */
  readonly since: number
  readonly chunks = new Map<number, DirtyChunk>()
  /** Bytes: the file's size with what is here. */
  size: number
  /** When it was last written. */
  time: Time
  /** Bytes of memory that this file's pages keep. */
  held = 0
  /** Dirty pages; each will need a block. */
  count = 0
  /** Chunks all of whose pages are dirty: they gain nothing by waiting. */
  full = 0
  /** Pages where there is a hole now. */
  #fresh = 0
  #slab = new Uint8Array(0)
  #slabAt = 0
  readonly #buffers: RecordBuffers | undefined
  #merged: { readonly from: Inode; readonly inode: Inode } | undefined

  /** @param buffers where data that is kept by reference is retained */
  constructor(content: number, size: number, time: Time, since: number, buffers?: RecordBuffers) {
    this.#buffers = buffers
    this.content = content
    this.size = size
    this.time = time
    this.since = since
  }

  /** The dirty page `index` of the file. */
  page(index: number): Uint8Array | undefined {
    const page = this.chunks.get(Math.floor(index / CHUNK_BLOCKS))?.page(index % CHUNK_BLOCKS)
    return page === undefined ? undefined : pageBytes(page)
  }

  /** The inode as it will be once the pages are stored; `inode` is the one that is stored. */
  merge(inode: Inode): Inode {
    if (this.#merged?.from === inode) return this.#merged.inode
    const { size, time } = this
    const ctime = compareTime(inode.ctime, time) > 0 ? inode.ctime : time
    const merged = withData(inode, size, this.#used(inode), time, ctime)
    this.#merged = { from: inode, inode: merged }
    return merged
  }

  /** Whether the file will be stored inside its chunk record: small, and without blocks so far. */
  get inline(): boolean {
    const chunk = this.chunks.get(0)
    if (chunk === undefined || chunk.count === 0 || this.size > INLINE_BYTES_MAX) return false
    return chunk.old === undefined || chunk.old.inline !== undefined
  }

  #used(inode: Inode): number {
    const chunk = this.chunks.get(0)
    const gone = chunk?.count ? (chunk.old?.inline?.length ?? 0) : 0
    return inode.used - gone + (this.inline ? this.size : this.#fresh * BLOCK_BYTES)
  }

  /**
   * Takes data in. What can fail is done before the first change.
   *
   * @param data kept by reference from SHARED_BYTES_MIN bytes on
   * @throws FsError IO where the write covers part of a block that cannot be read
   */
  write(offset: number, data: Uint8Array, time: Time, below: Below): void {
    const end = offset + data.length
    const first = Math.floor(offset / BLOCK_BYTES)
    const last = Math.floor((end - 1) / BLOCK_BYTES)
    const hint = last - first + 1
    const head = offset % BLOCK_BYTES !== 0 || (first === last && end % BLOCK_BYTES !== 0)
    const tail = first !== last && end % BLOCK_BYTES !== 0
    const headPart = head ? this.#whole(first, below, hint) : undefined
    const tailPart = tail ? this.#whole(last, below, hint) : undefined

    if (headPart !== undefined) {
      const stop = Math.min(data.length, (first + 1) * BLOCK_BYTES - offset)
      this.#setPart(headPart, data.subarray(0, stop), offset % BLOCK_BYTES, below)
    }
    if (tailPart !== undefined) {
      this.#setPart(tailPart, data.subarray(last * BLOCK_BYTES - offset), 0, below)
    }
    this.#setFull(head ? first + 1 : first, tail || (head && first === last) ? last : last + 1, {
      offset,
      data,
      hint,
      below,
    })
    this.size = Math.max(this.size, end)
    this.time = time
    this.#merged = undefined
  }

  /** Makes no page our own any more: a transaction had them. */
  disown(): void {
    for (const chunk of this.chunks.values()) chunk.disown()
  }

  /** Lets go of memory that is others', because the pages will not be stored. */
  release(): void {
    for (const chunk of this.chunks.values()) {
      for (const memory of chunk.borrowed()) this.#buffers?.release(memory, 1)
    }
  }

  #setPart(part: Part, bytes: Uint8Array, at: number, below: Below): void {
    const { memory, at: start } = part.page
    memory.set(bytes, start + at)
    this.#place(this.#chunk(part.index, below), part.index % CHUNK_BLOCKS, part.page, true)
  }

  #setFull(
    from: number,
    to: number,
    source: { offset: number; data: Uint8Array; hint: number; below: Below },
  ): void {
    const { offset, data, hint, below } = source
    const shared = data.length >= SHARED_BYTES_MIN
    if (shared) {
      this.held += data.length
      this.#buffers?.retain(data, to - from)
    }
    for (let index = from; index < to; ) {
      const chunk = this.#chunk(index, below)
      const end = Math.min(to, index - (index % CHUNK_BLOCKS) + CHUNK_BLOCKS)
      if (shared && chunk.untouched && end - index === CHUNK_BLOCKS) {
        this.#placeAll(chunk, data, index * BLOCK_BYTES - offset)
        index = end
      }
      for (; index < end; index++) {
        const at = index * BLOCK_BYTES - offset
        const slot = index % CHUNK_BLOCKS
        if (shared) this.#place(chunk, slot, { memory: data, at }, false)
        else this.#copy(chunk, slot, pageBytes({ memory: data, at }), hint)
      }
    }
  }

  #copy(chunk: DirtyChunk, slot: number, bytes: Uint8Array, hint: number): void {
    const page = chunk.ownPage(slot) ?? this.#carve(hint)
    page.memory.set(bytes, page.at)
    this.#place(chunk, slot, page, true)
  }

  #placeAll(chunk: DirtyChunk, memory: Uint8Array, at: number): void {
    chunk.placeAll(memory, at)
    this.count += CHUNK_BLOCKS
    this.full++
    this.#fresh += chunk.unmapped
    this.#merged = undefined
  }

  #place(chunk: DirtyChunk, slot: number, { memory, at }: Page, own: boolean): void {
    const fresh = !chunk.has(slot)
    const released = chunk.place(slot, memory, at, own)
    if (released !== undefined) this.#buffers?.release(released, 1)
    if (fresh) {
      this.count++
      if (chunk.count === CHUNK_BLOCKS) this.full++
      if (chunk.isUnmapped(slot)) this.#fresh++
    }
    this.#merged = undefined
  }

  #chunk(pageIndex: number, below: Below): DirtyChunk {
    const index = Math.floor(pageIndex / CHUNK_BLOCKS)
    const known = this.chunks.get(index)
    if (known !== undefined) return known
    const chunk = new DirtyChunk(below.chunk(index))
    this.chunks.set(index, chunk)
    this.held += DIRTY_CHUNK_BYTES
    // Inline data becomes a page at once: a chunk is either inline or blocks, never both.
    const inline = chunk.old?.inline
    if (inline !== undefined) {
      const page = this.#carve(1)
      page.memory.fill(0, page.at, page.at + BLOCK_BYTES)
      page.memory.set(inline, page.at)
      this.#place(chunk, 0, page, true)
    }
    return chunk
  }

  /** A page of our own with what the file has there now, to be changed and then placed. */
  #whole(index: number, below: Below, hint: number): Part {
    const chunk = this.#chunk(index, below)
    const slot = index % CHUNK_BLOCKS
    const own = chunk.ownPage(slot)
    if (own !== undefined) return { page: own, index }
    const page = this.#carve(hint)
    const bytes = pageBytes(page)
    const dirty = chunk.page(slot)
    if (dirty !== undefined) bytes.set(pageBytes(dirty))
    else if (chunk.old === undefined || chunk.isUnmapped(slot)) bytes.fill(0)
    else below.readBlock(chunk.old, slot, bytes)
    return { page, index }
  }

  /** @param hint how many pages will be carved now, as far as is known */
  #carve(hint: number): Page {
    if (this.#slabAt === this.#slab.length) {
      const pages = Math.min(SLAB_PAGES_MAX, Math.max(hint, this.count))
      // A plain Uint8Array over memory that is not zeroed: every page is filled by its writer.
      this.#slab = new Uint8Array(Buffer.allocUnsafeSlow(pages * BLOCK_BYTES).buffer)
      this.#slabAt = 0
      this.held += this.#slab.length
    }
    const at = this.#slabAt
    this.#slabAt = at + BLOCK_BYTES
    return { memory: this.#slab, at }
  }
}

/** Field by field, because this is done for every small write: a spread takes ten times as long. */
function withData(inode: Inode, size: number, used: number, mtime: Time, ctime: Time): Inode {
  return {
    type: inode.type,
    mode: inode.mode,
    nlink: inode.nlink,
    uid: inode.uid,
    gid: inode.gid,
    size,
    used,
    atime: inode.atime,
    mtime,
    ctime,
    generation: inode.generation,
    major: inode.major,
    minor: inode.minor,
    content: inode.content,
    verifier: inode.verifier,
    parent: inode.parent,
    cookie: inode.cookie,
    entries: inode.entries,
    nextCookie: inode.nextCookie,
    target: inode.target,
  }
}
