/**
 * How the content of a live file goes back to what it was: by the chunks that changed, where these
 * are known and few, and otherwise by a new content that shares all blocks (restore-file.ts).
 *
 * A chunk that goes back takes the snapshot's blocks as ones that come into it now: each gets a
 * reference of its own, and the present epoch for its birth. Blocks that never changed keep theirs.
 */
import { chunkLimit, chunkUsed, cutChunk, exchangeChunk, nextChunk } from '../fs/chunks.ts'
import type { Live } from '../fs/live.ts'
import type { Dataset, Reader } from '../store/dataset.ts'
import { chunkKey } from '../store/keys.ts'
import { type Chunk, type Inode, newChunk, runEnd } from '../store/records.ts'
import { compareTime } from '../store/time.ts'
import type { Transaction } from '../store/transaction.ts'
import type { Superseded } from './diff-scan.ts'
import type { Located } from './paths.ts'
import type { PastFile } from './restore-file.ts'
import { sameChunk, sameContent } from './restore-same.ts'

/** Chunks that go back in one transaction: 256 MiB of file. */
const CHUNKS_MAX = 256

/** Where to look for what changed. */
export interface KnownChanges {
  readonly superseded: Pick<Superseded, 'chunks'>
  /** What a client has written to a file later is not known by its chunks. */
  readonly safety: Reader | undefined
}

/**
 * The chunks of a live regular file that are not as they were: none where its bytes are the same.
 *
 * @param known what was superseded since the snapshot, up to the instant of `safety`
 * @returns undefined where that is not known, or they are more than CHUNKS_MAX
 */
export function changedChunks(
  live: Live,
  { ino, inode }: Located,
  past: PastFile,
  known: KnownChanges,
): readonly number[] | undefined {
  const { content, used, size } = past.inode
  // Data that was written meanwhile, and is not stored yet.
  if (live.current(ino, inode) !== inode) return undefined
  const before = known.safety?.inodes.get(ino)
  const isLate = before !== undefined && compareTime(before.mtime, inode.mtime) !== 0
  if (isLate || inode.content !== content)
    return sameContent(live, ino, inode, past) ? [] : undefined
  const changed: number[] = []
  let usedThen = inode.used
  for (const index of candidates(live, inode, size, known.superseded.chunks.get(content) ?? [])) {
    const key = chunkKey(content, index)
    const now = live.reader.chunks.get(key)
    const then = past.reader.chunks.get(key)
    if (now === then || (now !== undefined && then !== undefined && sameChunk(now, then))) continue
    if (changed.push(index) > CHUNKS_MAX) return undefined
    usedThen +=
      (then === undefined ? 0 : chunkUsed(then)) - (now === undefined ? 0 : chunkUsed(now))
  }
  // A chunk that came where a hole was has no former version that would tell of it.
  return usedThen === used ? changed : undefined
}

/** Chunks that were superseded, and those behind the former end. */
function* candidates(
  live: Live,
  inode: Inode,
  pastSize: number,
  superseded: readonly number[],
): Generator<number> {
  yield* superseded
  const limit = chunkLimit(inode.size)
  const end = chunkLimit(pastSize)
  for (
    let index = nextChunk(live.reader, inode.content, end, limit);
    index !== undefined;
    index = nextChunk(live.reader, inode.content, index + 1, limit)
  ) {
    yield index
  }
}

/** Gives a live content back the chunks that it had. */
export function putChunksBack(
  tx: Transaction,
  dataset: Dataset,
  { reader, inode }: PastFile,
  indexes: readonly number[],
): void {
  const { content } = inode
  for (const index of indexes) {
    const key = chunkKey(content, index)
    const then = reader.chunks.get(key)
    if (then === undefined) {
      cutChunk(tx, dataset, content, index, 0)
      continue
    }
    const chunk = rejoined(tx, dataset, then, dataset.chunks.get(key))
    exchangeChunk(tx, dataset, content, index, chunk)
  }
}

/** A past chunk for the live content, with a reference of its own to each block that is new in it. */
function rejoined(tx: Transaction, dataset: Dataset, then: Chunk, now: Chunk | undefined): Chunk {
  if (then.inline !== undefined) return then
  const birth = new Uint32Array(then.address.length)
  const fresh = newChunk(then.address.length)
  for (const [slot, address] of then.address.entries()) {
    if (address === 0) continue
    const stays = now?.address[slot] === address
    birth[slot] = stays ? (now.birth[slot] ?? 0) : dataset.epoch
    if (!stays) fresh.address[slot] = address
  }
  for (let start = 0; start < fresh.address.length; ) {
    const end = runEnd(fresh, start)
    const address = fresh.address[start] ?? 0
    if (address !== 0) tx.share(dataset, address, end - start)
    start = end
  }
  return { inline: undefined, address: then.address, checksum: then.checksum, birth }
}
