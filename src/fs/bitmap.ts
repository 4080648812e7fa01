/**
 * Which pages of a directory, or chunks of a file, exist.
 *
 * Going through them in order must not cost an iterator of the database, nor a look at each number
 * of a sparse file that might exist. So there are bitmaps of BITMAP_BITS bits, in levels:
 *
 *   level 0, record n   has a bit for each of pages n * 512 .. n * 512 + 511
 *   level 1, record n   has a bit for each record of level 0, n * 512 .. n * 512 + 511
 *   ...
 *
 * Invariants:
 * - A record without bits does not exist.
 * - Record 0 of a level has no bit in the level above: it is simply looked up. So what has all of
 *   its pages below 512, nearly every directory and file, has a single record.
 * - Any other record of a level exists exactly if its bit in the level above is set.
 */
import assert from 'node:assert/strict'
import type { Dataset, Reader } from '../store/dataset.ts'
import { bitmapKey } from '../store/keys.ts'
import { BITMAP_BITS } from '../store/records.ts'
import type { Transaction } from '../store/transaction.ts'

/** Numbers are below this, which is more than FILE_BYTES_MAX and the cookies of a directory need. */
export const BITMAP_NUMBERS_MAX = 2 ** 48

/**
 * Notes that `number` exists now.
 *
 * @param owner a directory's ino, or a file's content number
 */
export function setBit(tx: Transaction, dataset: Dataset, owner: number, number: number): void {
  assert(number < BITMAP_NUMBERS_MAX, 'a bit beyond the bitmap')
  for (let level = 0, bit = number; ; level++) {
    const n = Math.floor(bit / BITMAP_BITS)
    const key = bitmapKey(owner, level, n)
    const old = dataset.bitmaps.get(key)
    const bits = old === undefined ? new Uint8Array(BITMAP_BITS / 8) : old.slice()
    const index = bit % BITMAP_BITS
    bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7))
    tx.put(dataset.bitmaps, key, bits)
    if (old !== undefined || n === 0) return
    bit = n
  }
}

/** Notes that `number` exists no longer. */
export function clearBit(tx: Transaction, dataset: Dataset, owner: number, number: number): void {
  for (let level = 0, bit = number; ; level++) {
    const n = Math.floor(bit / BITMAP_BITS)
    const key = bitmapKey(owner, level, n)
    const old = dataset.bitmaps.get(key)
    if (old === undefined) return
    const bits = old.slice()
    const index = bit % BITMAP_BITS
    bits[index >> 3] = (bits[index >> 3] ?? 0) & ~(1 << (index & 7))
    if (bits.some((byte) => byte !== 0)) {
      tx.put(dataset.bitmaps, key, bits)
      return
    }
    tx.delete(dataset.bitmaps, key)
    if (n === 0) return
    bit = n
  }
}

/**
 * The first number from `from` on, below `limit`, that exists.
 *
 * @param limit where the caller knows that nothing exists beyond; it saves looking there
 */
export function nextBit(
  reader: Pick<Reader, 'bitmaps'>,
  owner: number,
  from: number,
  limit: number = BITMAP_NUMBERS_MAX,
): number | undefined {
  const found = nextAtLevel(reader, owner, 0, from, limit)
  return found !== undefined && found < limit ? found : undefined
}

function nextAtLevel(
  reader: Pick<Reader, 'bitmaps'>,
  owner: number,
  level: number,
  from: number,
  limit: number,
): number | undefined {
  if (from >= limit) return undefined
  const n = Math.floor(from / BITMAP_BITS)
  const here = firstIn(reader.bitmaps.get(bitmapKey(owner, level, n)), from % BITMAP_BITS)
  if (here !== undefined) return n * BITMAP_BITS + here
  const above = nextAtLevel(reader, owner, level + 1, n + 1, Math.ceil(limit / BITMAP_BITS))
  if (above === undefined) return undefined
  const first = firstIn(reader.bitmaps.get(bitmapKey(owner, level, above)), 0)
  assert(first !== undefined, 'a bitmap that the level above names is empty')
  return above * BITMAP_BITS + first
}

/** The keys of an owner's bitmaps. @param limit numbers that exist are below it */
export function* bitmapKeys(
  reader: Pick<Reader, 'bitmaps'>,
  owner: number,
  limit: number,
): Generator<string> {
  for (let level = 0, records = limit; records > 1 || level === 0; level++) {
    records = Math.ceil(records / BITMAP_BITS)
    const first = bitmapKey(owner, level, 0)
    if (reader.bitmaps.get(first) !== undefined) yield first
    let n = nextAtLevel(reader, owner, level + 1, 1, records)
    while (n !== undefined) {
      yield bitmapKey(owner, level, n)
      n = nextAtLevel(reader, owner, level + 1, n + 1, records)
    }
  }
}

/** The first bit from `from` on that is set. */
function firstIn(bits: Uint8Array | undefined, from: number): number | undefined {
  if (bits === undefined) return undefined
  for (let index = from >> 3; index < bits.length; index++) {
    // In the first byte, the bits before `from` do not count.
    const byte = (bits[index] ?? 0) & (index === from >> 3 ? 0xff << (from & 7) : 0xff)
    if (byte !== 0) return index * 8 + 31 - Math.clz32(byte & -byte)
  }
  return undefined
}
