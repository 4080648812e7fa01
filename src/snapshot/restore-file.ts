/**
 * Giving a live file the content that it had in a snapshot, by sharing the blocks.
 *
 * A new content number is filled chunk by chunk, in as many transactions as it takes, and exchanged
 * with the file's own in the last one: readers see the old or the new content, never a mixture. Until
 * then an orphan's record names it, so that an interrupted restore leaves nothing behind.
 */
import { chunksOf, putNewChunk } from '../fs/chunks.ts'
import type { Live } from '../fs/live.ts'
import type { Dataset, Reader } from '../store/dataset.ts'
import { type Chunk, type Inode, runEnd } from '../store/records.ts'
import type { Transaction } from '../store/transaction.ts'

/** Chunks that one transaction shares: 256 MiB of file. */
const STEP_CHUNKS = 256

/** Ends an orphan that no snapshot has ever seen. */
const NEVER_SEEN = 0

/** A file as a snapshot has it. */
export interface PastFile {
  readonly reader: Reader
  readonly inode: Inode
}

/** The chunk with a reference of its own to each of its blocks. */
function share(tx: Transaction, dataset: Dataset, chunk: Chunk): Chunk {
  if (chunk.inline !== undefined) return chunk
  const birth = new Uint32Array(chunk.address.length)
  for (let start = 0; start < chunk.address.length; ) {
    const end = runEnd(chunk, start)
    const address = chunk.address[start] ?? 0
    if (address !== 0) {
      tx.share(dataset, address, end - start)
      birth.fill(dataset.epoch, start, end)
    }
    start = end
  }
  return { inline: undefined, address: chunk.address, checksum: chunk.checksum, birth }
}

/** A content that was filled from a snapshot, and that no file has yet. */
export interface SharedContent {
  readonly content: number
  /** What is left to do in the transaction that gives it to a file. */
  adopt(tx: Transaction): void
  /** Nobody will: what was shared so far is freed in the background. */
  discard(): void
}

/**
 * Fills a new content with the file's chunks. Small files take no transaction before the last.
 *
 * @param requireGoingOn is called between transactions, and may throw
 */
export async function shareContent(
  live: Live,
  past: PastFile,
  requireGoingOn: () => void,
): Promise<SharedContent> {
  const filling = new Filling(live)
  try {
    for (const chunk of chunksOf(past.reader, past.inode.content, past.inode.size)) {
      if (!filling.add(chunk)) continue
      await live.store.flush()
      requireGoingOn()
    }
  } catch (error) {
    filling.discard()
    throw error
  }
  return filling
}

class Filling implements SharedContent {
  readonly content: number
  readonly #live: Live
  #part: (readonly [index: number, chunk: Chunk])[] = []
  #isOrphan = false

  constructor(live: Live) {
    this.#live = live
    this.content = live.store.newIno()
  }

  /** @returns whether a transaction was ended with it */
  add(chunk: readonly [index: number, chunk: Chunk]): boolean {
    this.#part.push(chunk)
    if (this.#part.length < STEP_CHUNKS) return false
    const { content } = this
    this.#live.store.transact((tx) => {
      tx.put(this.#live.dataset.orphans, content, { content, end: NEVER_SEEN })
      this.#put(tx)
    })
    this.#isOrphan = true
    this.#part = []
    return true
  }

  #put(tx: Transaction): void {
    const { dataset } = this.#live
    for (const [index, chunk] of this.#part) {
      putNewChunk(tx, dataset, this.content, index, share(tx, dataset, chunk))
    }
  }

  adopt(tx: Transaction): void {
    this.#put(tx)
    if (this.#isOrphan) tx.delete(this.#live.dataset.orphans, this.content)
  }

  discard(): void {
    if (this.#isOrphan) this.#live.data.reclaim(this.content)
  }
}
