/**
 * Giving a live file the content that it had in a snapshot, by sharing the blocks.
 *
 * A new content number is filled chunk by chunk, in as many transactions as it takes, and exchanged
 * with the file's own in the last one: readers see the old or the new content, never a mixture. Until
 * then an orphan's record names it, so that an interrupted restore leaves nothing behind.
 */
import { chunkLimit, chunksOf, putChunk } from '../fs/chunks.ts'
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
      tx.share(address, end - start)
      birth.fill(dataset.epoch, start, end)
    }
    start = end
  }
  return { inline: undefined, address: chunk.address, crc: chunk.crc, birth }
}

/**
 * Fills a new content with the file's chunks. Small files take no transaction before the last.
 *
 * @returns the content's number, and what is left to do in the transaction that makes use of it
 */
export async function shareContent(
  live: Live,
  { reader, inode }: PastFile,
): Promise<{ readonly content: number; readonly adopt: (tx: Transaction) => void }> {
  const { dataset, store } = live
  const content = store.newIno()
  const put = (tx: Transaction, part: readonly (readonly [number, Chunk])[]) => {
    for (const [index, chunk] of part) {
      putChunk(tx, dataset, content, index, share(tx, dataset, chunk))
    }
  }
  let part: (readonly [number, Chunk])[] = []
  let orphan = false
  for (const found of chunksOf(reader, inode.content, inode.size)) {
    part.push(found)
    if (part.length < STEP_CHUNKS) continue
    const full = part
    store.transact((tx) => {
      tx.put(dataset.orphans, content, { content, end: NEVER_SEEN })
      put(tx, full)
    })
    orphan = true
    part = []
    await store.flush()
  }
  const adopt = (tx: Transaction) => {
    put(tx, part)
    if (orphan) tx.delete(dataset.orphans, content)
  }
  return { content, adopt }
}

/** Whether a live file has the very blocks of the past one: then its bytes are the same. */
export function sameContent(live: Live, ino: number, inode: Inode, past: PastFile): boolean {
  const now = live.current(ino, inode)
  if (now !== inode || now.size !== past.inode.size || now.used !== past.inode.used) return false
  const limit = chunkLimit(inode.size)
  const mine = chunksOf(live.reader, inode.content, inode.size)
  const theirs = chunksOf(past.reader, past.inode.content, past.inode.size)
  for (let count = 0; count <= limit; count++) {
    const a = mine.next()
    const b = theirs.next()
    if (a.done || b.done) return a.done === b.done
    if (a.value[0] !== b.value[0] || !sameChunk(a.value[1], b.value[1])) return false
  }
  return true
}

function sameChunk(a: Chunk, b: Chunk): boolean {
  if (a === b) return true
  if (a.inline !== undefined || b.inline !== undefined) {
    return (
      a.inline !== undefined && b.inline !== undefined && Buffer.compare(a.inline, b.inline) === 0
    )
  }
  return (
    a.address.length === b.address.length &&
    a.address.every((address, i) => address === b.address[i])
  )
}
