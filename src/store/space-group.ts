/**
 * Reference counts of one group of 4096 blocks, in memory and as a record.
 *
 *   free:u32      how many counts are 0 (block 0 of the store aside), so that opening a store need
 *                 not read the runs
 *   backed:bool   the host has given room to the group's bytes: some were written since their file
 *                 was made or last trimmed
 *   run...        length-1:u16 count:u16, from the first block on, until 4096 blocks are told
 *
 * A run is four bytes, so a record is at most 16 KiB and 8 bytes long.
 */
import { XdrReader } from '../xdr/reader.ts'
import { XdrWriter } from '../xdr/writer.ts'
import { FsError } from './error.ts'

/** Blocks of a group: 16 MiB. */
export const GROUP_BLOCKS = 4096
const WORDS = GROUP_BLOCKS / 32
/** References that a block can have. */
export const REFERENCES_MAX = 0xffff

/** One bit a block of a group, least significant first. */
export type GroupBits = Uint32Array

export function newGroupBits(): GroupBits {
  return new Uint32Array(WORDS)
}

/** Blocks of a group that can be used at all: block 0 of the store cannot. */
export function usableBlocks(group: number): number {
  return group === 0 ? GROUP_BLOCKS - 1 : GROUP_BLOCKS
}

/** A group as it is worked on. `busy` has a bit for each block that cannot be allocated. */
export interface Group {
  readonly number: number
  readonly counts: Uint16Array
  readonly busy: GroupBits
  /** Used since the cache last looked for something to forget. */
  recent: boolean
}

const writer = new XdrWriter(4 * GROUP_BLOCKS + 8)

export function encodeGroup({ number, counts }: Group, backed: boolean): Uint8Array {
  writer.reset()
  const freeAt = writer.reserve()
  writer.uint32(backed ? 1 : 0)
  let free = number === 0 ? -1 : 0
  for (let start = 0; start < GROUP_BLOCKS; ) {
    const count = counts[start] ?? 0
    let end = start + 1
    while (end < GROUP_BLOCKS && counts[end] === count) end++
    if (count === 0) free += end - start
    writer.uint32((end - start - 1) * 0x1_0000 + count)
    start = end
  }
  writer.patch(freeAt, free)
  return new Uint8Array(writer.finish())
}

/** How many blocks of the group are free, and whether the host has given it room. */
export function decodeHead(bytes: Uint8Array): { free: number; backed: boolean } {
  const r = new XdrReader(bytes)
  return { free: r.uint32(), backed: r.bool() }
}

/**
 * @param bytes its record, or undefined where the group was never written: all is free
 * @throws FsError IO where the record contradicts itself
 */
export function decodeGroup(number: number, bytes: Uint8Array | undefined): Group {
  const counts = new Uint16Array(GROUP_BLOCKS)
  const busy = newGroupBits()
  if (number === 0) setBits(busy, 0, 1)
  const group = { number, counts, busy, recent: true }
  if (bytes === undefined) return group
  const r = new XdrReader(bytes)
  const free = r.uint32()
  r.bool()
  let seen = number === 0 ? -1 : 0
  for (let start = 0; start < GROUP_BLOCKS; ) {
    const run = r.uint32()
    const end = start + (run >>> 16) + 1
    const count = run & REFERENCES_MAX
    if (end > GROUP_BLOCKS) throw damaged(number)
    if (count === 0) seen += end - start
    else {
      counts.fill(count, start, end)
      setBits(busy, start, end)
    }
    start = end
  }
  if (seen !== free || r.remaining > 0) throw damaged(number)
  return group
}

function damaged(group: number): FsError {
  return new FsError('IO', `the reference counts of group ${group} contradict themselves`)
}

/** The bits of word `word` that stand for `from` to `to` (not included). */
function mask(word: number, from: number, to: number): number {
  const low = Math.max(0, from - word * 32)
  const high = Math.min(32, to - word * 32)
  return (0xffff_ffff >>> (32 - (high - low))) << low
}

export function setBits(bits: GroupBits, from: number, to: number): void {
  for (let word = from >>> 5; word <= (to - 1) >>> 5; word++) {
    bits[word] = (bits[word] ?? 0) | mask(word, from, to)
  }
}

export function clearBits(bits: GroupBits, from: number, to: number): void {
  for (let word = from >>> 5; word <= (to - 1) >>> 5; word++) {
    bits[word] = (bits[word] ?? 0) & ~mask(word, from, to)
  }
}

export function hasBit(bits: GroupBits, at: number): boolean {
  return (((bits[at >>> 5] ?? 0) >>> (at & 31)) & 1) === 1
}

/** Sets in `bits` all that is set in `other`. */
export function addBits(bits: GroupBits, other: GroupBits): void {
  for (let word = 0; word < WORDS; word++) bits[word] = (bits[word] ?? 0) | (other[word] ?? 0)
}

/** Clears in `bits` all that is set in `other`. */
export function removeBits(bits: GroupBits, other: GroupBits): void {
  for (let word = 0; word < WORDS; word++) bits[word] = (bits[word] ?? 0) & ~(other[word] ?? 0)
}

export function countBits(bits: GroupBits): number {
  let count = 0
  for (let rest of bits) for (; rest !== 0; rest &= rest - 1) count++
  return count
}

/** The first block from `from` on whose bit is not set, or GROUP_BLOCKS. */
export function nextClear(bits: GroupBits, from: number): number {
  return next(bits, from, 0xffff_ffff)
}

/** The first block from `from` on whose bit is set, or GROUP_BLOCKS. */
export function nextSet(bits: GroupBits, from: number): number {
  return next(bits, from, 0)
}

function next(bits: GroupBits, from: number, flip: number): number {
  let keep = 0xffff_ffff << (from & 31)
  for (let word = from >>> 5; word < WORDS; word++) {
    const found = ((bits[word] ?? 0) ^ flip) & keep
    if (found !== 0) return word * 32 + 31 - Math.clz32(found & -found)
    keep = 0xffff_ffff
  }
  return GROUP_BLOCKS
}

/** Blocks of one group, by their places in it: `to` is not included. */
export interface Piece {
  readonly number: number
  readonly from: number
  readonly to: number
}

/** Blocks side by side, group by group: what looks at many asks for each group once. */
export function piecesOf(address: number, count: number): readonly Piece[] {
  const all: Piece[] = []
  for (let at = address; at < address + count; ) {
    const number = Math.floor(at / GROUP_BLOCKS)
    const from = at - number * GROUP_BLOCKS
    const to = Math.min(GROUP_BLOCKS, from + address + count - at)
    all.push({ number, from, to })
    at += to - from
  }
  return all
}
