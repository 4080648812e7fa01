/** All that a snapshot has, file by file in the order of their numbers, for a promotion. */
import { bitmapKeys, nextBit } from '../fs/bitmap.ts'
import { chunkLimit, nextChunk } from '../fs/chunks.ts'
import type { FrozenDatabase, KeyRange } from '../store/database.ts'
import type { Reader } from '../store/dataset.ts'
import { chunkKey, type Key, Kind, nameKey, pageKey } from '../store/keys.ts'
import type { Objsets } from '../store/objsets.ts'
import { FileType, type Inode, type Origin, PAGE_COOKIES } from '../store/records.ts'

/** Bytes of a key of an inode: dataset and kind, the ino. In history, a second kind and the end. */
const INO_AT = 5
const PAST_INO_AT = 6
const END_AT = PAST_INO_AT + 8

/** A record that the snapshot has. */
export interface Item {
  readonly kind: Kind
  readonly key: Key
}

/**
 * Inos, ascending, none twice. Some may be of no file that the snapshot has: whoever asks for the
 * inode finds none.
 *
 * @param database as it was at some instant after the snapshot
 * @param after only inos above it
 */
export async function* inosOf(
  database: FrozenDatabase,
  objsets: Objsets,
  { dataset, epoch }: Pick<Origin, 'dataset' | 'epoch'>,
  after: number,
): AsyncGenerator<number> {
  const sources = [
    liveInos(database, dataset, epoch, after),
    pastInos(database, dataset, epoch, after),
  ]
  // What is a clone itself has its files there too.
  const { origin } = objsets.get(dataset).record
  if (origin !== undefined) sources.push(inosOf(database, objsets, origin, after))
  yield* merged(sources)
}

function inoRange(dataset: number, letters: string, after: number): KeyRange {
  const gte = Buffer.alloc(4 + letters.length + 8)
  gte.writeUInt32BE(dataset)
  gte.write(letters, 4, 'latin1')
  const lt = Buffer.from(gte).subarray(0, 4 + letters.length)
  lt[lt.length - 1] = letters.charCodeAt(letters.length - 1) + 1
  gte.writeBigUInt64BE(BigInt(after + 1), 4 + letters.length)
  return { gte, lt }
}

async function* liveInos(
  database: FrozenDatabase,
  dataset: number,
  epoch: number,
  after: number,
): AsyncGenerator<number> {
  for await (const batch of database.batches(inoRange(dataset, Kind.INODE, after))) {
    for (const [key, sealed] of batch) {
      // A record begins with the epoch of its birth.
      if (sealed.readUInt32BE(0) <= epoch) yield Number(key.readBigUInt64BE(INO_AT))
    }
  }
}

async function* pastInos(
  database: FrozenDatabase,
  dataset: number,
  epoch: number,
  after: number,
): AsyncGenerator<number> {
  const range = inoRange(dataset, `${Kind.HISTORY}${Kind.INODE}`, after)
  for await (const batch of database.batches(range)) {
    for (const [key] of batch) {
      if (key.readUInt32BE(END_AT) > epoch) yield Number(key.readBigUInt64BE(PAST_INO_AT))
    }
  }
}

/** @param sources each ascending */
async function* merged(sources: readonly AsyncGenerator<number>[]): AsyncGenerator<number> {
  const heads: (number | undefined)[] = []
  const advance = async (at: number): Promise<void> => {
    const next = await sources[at]?.next()
    heads[at] = next?.done ? undefined : next?.value
  }
  try {
    for (let at = 0; at < sources.length; at++) await advance(at)
    let least = lowest(heads)
    while (least !== undefined) {
      yield least
      for (const [at, head] of heads.entries()) {
        for (let value = head; value === least; value = heads[at]) await advance(at)
      }
      least = lowest(heads)
    }
  } finally {
    for (const source of sources) await source.return(undefined)
  }
}

function lowest(heads: readonly (number | undefined)[]): number | undefined {
  let least: number | undefined
  for (const head of heads) {
    if (head !== undefined && (least === undefined || head < least)) least = head
  }
  return least
}

/** All records of a file that a snapshot has, whatever their order. */
export function* itemsOf(snapshot: Reader, ino: number, inode: Inode): Generator<Item> {
  yield { kind: Kind.INODE, key: ino }
  if (inode.type === FileType.DIR) yield* directoryItems(snapshot, ino, inode)
  else if (inode.type === FileType.REG) yield* contentItems(snapshot, inode)
}

function* directoryItems(snapshot: Reader, dir: number, inode: Inode): Generator<Item> {
  const limit = Math.floor(inode.nextCookie / PAGE_COOKIES) + 1
  for (const key of bitmapKeys(snapshot, dir, limit)) yield { kind: Kind.BITMAP, key }
  let number = nextBit(snapshot, dir, 0, limit)
  while (number !== undefined) {
    const key = pageKey(dir, number)
    yield { kind: Kind.PAGE, key }
    for (const { name } of snapshot.pages.get(key) ?? []) {
      yield { kind: Kind.NAME, key: nameKey(dir, name) }
    }
    number = nextBit(snapshot, dir, number + 1, limit)
  }
}

function* contentItems(snapshot: Reader, { content, size }: Inode): Generator<Item> {
  const limit = chunkLimit(size)
  // The first chunk has no bit.
  if (limit > 1) {
    for (const key of bitmapKeys(snapshot, content, limit)) yield { kind: Kind.BITMAP, key }
  }
  let index = nextChunk(snapshot, content, 0, limit)
  while (index !== undefined) {
    yield { kind: Kind.CHUNK, key: chunkKey(content, index) }
    index = nextChunk(snapshot, content, index + 1, limit)
  }
}
