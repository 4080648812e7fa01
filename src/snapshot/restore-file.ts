/**
 * Giving a live file the content that it had in a snapshot, by sharing the blocks.
 *
 * A new content number is filled chunk by chunk, in as many transactions as it takes, and exchanged
 * with the file's own in the last one: readers see the old or the new content, never a mixture. Until
 * then an orphan's record names it, so that an interrupted restore leaves nothing behind.
 */
import { chunkLimit, chunksOf, nextChunk, putNewChunk } from '../fs/chunks.ts'
import type { Live } from '../fs/live.ts'
import type { Dataset, Reader } from '../store/dataset.ts'
import { chunkKey } from '../store/keys.ts'
import { type Chunk, type Inode, runEnd } from '../store/records.ts'
import type { Transaction } from '../store/transaction.ts'
import { CommitsBehind } from './commits.ts'

/** Chunks that one transaction shares: 64 MiB of file. */
const STEP_CHUNKS = 64
/** Transactions after which the store commits. */
const STEPS_PER_COMMIT = 4

/** Ends an orphan that no snapshot has ever seen. */
const NEVER_SEEN = 0

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

type Indexed = readonly [index: number, chunk: Chunk]

/** A file as a snapshot has it. */
export interface PastFile {
  readonly reader: Reader
  readonly inode: Inode
}

/** The chunk with a reference of its own to each of its blocks. */
export function shareChunk(tx: Transaction, dataset: Dataset, chunk: Chunk): Chunk {
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
  const { content, size } = past.inode
  if (chunkLimit(size) < STEP_CHUNKS) {
    filling.take([...chunksOf(past.reader, content, size)])
    return filling
  }
  const commits = new CommitsBehind(live.store)
  try {
    let steps = 0
    for await (const part of chunksAhead(past)) {
      filling.take(part)
      if (part.length < STEP_CHUNKS) continue
      filling.step()
      if (++steps % STEPS_PER_COMMIT === 0) await commits.next()
      else await nextTurn()
      requireGoingOn()
    }
  } catch (error) {
    filling.discard()
    throw error
  }
  return filling
}

/** All chunks of a file in order, a step's at a time: while it is done, the next ones are read. */
async function* chunksAhead({ reader, inode }: PastFile): AsyncGenerator<readonly Indexed[]> {
  const { content, size } = inode
  const limit = chunkLimit(size)
  const keyOf = (index: number): string => chunkKey(content, index)
  const some = (from: number): readonly number[] => {
    const indexes: number[] = []
    let index = nextChunk(reader, content, from, limit)
    while (index !== undefined && indexes.length < STEP_CHUNKS) {
      indexes.push(index)
      index = nextChunk(reader, content, index + 1, limit)
    }
    return indexes
  }
  let indexes = some(0)
  let coming = reader.chunks.prefetch(indexes.map(keyOf))
  while (indexes.length > 0) {
    await coming
    const now = indexes
    indexes = some((now.at(-1) ?? limit) + 1)
    coming = reader.chunks.prefetch(indexes.map(keyOf))
    yield now.flatMap((index) => {
      const chunk = reader.chunks.get(keyOf(index))
      return chunk === undefined ? [] : [[index, chunk] as const]
    })
  }
}

class Filling implements SharedContent {
  readonly content: number
  readonly #live: Live
  #part: readonly Indexed[] = []
  #isOrphan = false

  constructor(live: Live) {
    this.#live = live
    this.content = live.store.newIno()
  }

  /** The chunks for the next transaction. */
  take(part: readonly Indexed[]): void {
    this.#part = part
  }

  /** A transaction that is not the last. */
  step(): void {
    const { content } = this
    this.#live.store.transact((tx) => {
      tx.put(this.#live.dataset.orphans, content, { content, end: NEVER_SEEN })
      this.#put(tx)
    })
    this.#isOrphan = true
    this.#part = []
  }

  #put(tx: Transaction): void {
    const { dataset } = this.#live
    for (const [index, chunk] of this.#part) {
      putNewChunk(tx, dataset, this.content, index, shareChunk(tx, dataset, chunk))
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
