/**
 * Which blocks are in use, and how often: a reference count a block, in groups of 4096 blocks.
 *
 * Invariants:
 * - A block is in one of three states: used (its count is above 0), waiting, or free.
 * - A block whose count falls to 0 waits until a checkpoint has written that count: after a crash
 *   the log is replayed from an older checkpoint, and must find the block as it was. Young blocks
 *   (space-waiting.ts) are an exception.
 * - The counters are exact at all times. Block 0 is in none of them, and never handed out.
 * - Every operation checks first and changes afterwards: one that throws has changed nothing. Each
 *   has its inverse, to be called in the same turn of the event loop, last operation first.
 */
import { strict as assert } from 'node:assert'
import { FILE_BLOCKS } from './blocks-files.ts'
import { FsError } from './error.ts'
import { Allocator, type Extent } from './space-allocator.ts'
import { GroupCache, type GroupRecord } from './space-cache.ts'
import { FreeGroups } from './space-free.ts'
import {
  clearBits,
  decodeHead,
  GROUP_BLOCKS,
  type Group,
  type GroupBits,
  piecesOf,
  REFERENCES_MAX,
  removeBits,
  setBits,
  usableBlocks,
} from './space-group.ts'
import { WaitingBlocks } from './space-waiting.ts'

/** Memory for decoded groups, unless told otherwise. */
const CACHE_BYTES = 64 * 2 ** 20
/** Groups in one file of blocks. */
const FILE_GROUPS = FILE_BLOCKS / GROUP_BLOCKS
/** A group's number is a uint32 in its key. */
const GROUPS_MAX = 2 ** 32

export type { Extent } from './space-allocator.ts'

export interface SpaceOptions {
  /** The record of a group in the database; undefined where it was never written. */
  readonly load: (group: number) => Uint8Array | undefined
  /** Whether the host has room for so many more bytes (and what is to stay free beside them). */
  readonly mayGrow: (bytes: number) => boolean
  /** The most groups (of 16 MiB) that the store may have. */
  readonly groupsMax?: number
  /** Memory for decoded groups. */
  readonly cacheBytes?: number
}

export class SpaceMap {
  readonly #cache: GroupCache
  readonly #groups: FreeGroups
  readonly #waiting = new WaitingBlocks()
  readonly #allocator: Allocator

  constructor(options: SpaceOptions) {
    const { load, mayGrow, groupsMax = GROUPS_MAX, cacheBytes = CACHE_BYTES } = options
    const groups = new FreeGroups({ mayGrow, groupsMax })
    const prepare = (group: Group): void => this.#waiting.mark(group)
    const isBacked = (group: number): boolean => groups.isBacked(group)
    this.#groups = groups
    this.#cache = new GroupCache({ load, prepare, isBacked }, cacheBytes)
    this.#allocator = new Allocator(this.#cache, groups)
  }

  /** Blocks that can be allocated in the groups that there are. */
  get freeBlocks(): number {
    return this.#groups.blocks
  }

  /** Those of `freeBlocks` that take room from the host when they are used. */
  get unbackedBlocks(): number {
    return this.#groups.unbackedBlocks
  }

  /** Blocks with a reference. */
  get usedBlocks(): number {
    const { total, blocks } = this.#groups
    return total === 0 ? 0 : total * GROUP_BLOCKS - 1 - blocks - this.#waiting.blocks
  }

  /** Blocks without a reference that wait for a checkpoint, or for who holds them. */
  get limboBlocks(): number {
    return this.#waiting.blocks
  }

  /** Blocks that the next checkpoint lets go of. */
  get releasableBlocks(): number {
    return this.#waiting.releasable
  }

  /** Keeps what is released from being used anew until the result is called. */
  hold(): () => void {
    return this.#waiting.hold()
  }

  get totalGroups(): number {
    return this.#groups.total
  }

  /** Groups that the next checkpoint has to write. */
  get dirtyGroups(): number {
    return this.#cache.dirtyGroups
  }

  /** Takes note of a group's record, each once, before anything else is done. */
  load(group: number, bytes: Uint8Array): void {
    const { free, backed } = decodeHead(bytes)
    if (free > usableBlocks(group)) {
      throw new FsError('IO', `group ${group} cannot have ${free} free blocks`)
    }
    this.#groups.include(group)
    this.#groups.add(group, free - this.#groups.free(group))
    this.#groups.setBacked(group, backed)
  }

  /** As `load`, of a group whose record cannot be read: none of its blocks is ever handed out. */
  loadFull(group: number): void {
    this.#groups.fill(group)
  }

  /**
   * Blocks for new data, in few runs, each with one reference from now on.
   *
   * @throws FsError NOSPC; nothing is allocated then
   */
  allocate(blocks: number): readonly Extent[] {
    const { extents, missing } = this.#allocator.take(blocks)
    if (missing === 0) return extents
    for (const { address, count } of extents) this.undoAllocate(address, count)
    throw new FsError('NOSPC', `no room for ${blocks} blocks`)
  }

  /** The inverse of `allocate`: the blocks are free again at once. */
  undoAllocate(address: number, count: number): void {
    this.#check(address, count, 1, 1)
    this.#adjust(address, count, -1, false)
  }

  /**
   * One more reference to each of the blocks, all of which have one.
   *
   * @throws FsError NOSPC where one has as many as can be counted
   */
  share(address: number, count: number): void {
    this.#check(address, count, 1, REFERENCES_MAX)
    const full = this.#cache.outside(address, count, 1, REFERENCES_MAX - 1)
    const why = `block ${full} has ${REFERENCES_MAX} references, and takes no more`
    if (full !== undefined) throw new FsError('NOSPC', why)
    this.#adjust(address, count, 1, false)
  }

  undoShare(address: number, count: number): void {
    this.#check(address, count, 2, REFERENCES_MAX)
    this.#adjust(address, count, -1, false)
  }

  /** One reference less to each of the blocks. Without any they wait. */
  release(address: number, count: number): void {
    this.#check(address, count, 1, REFERENCES_MAX)
    this.#adjust(address, count, -1, true)
  }

  undoRelease(address: number, count: number): void {
    this.#check(address, count, 0, REFERENCES_MAX - 1)
    this.#adjust(address, count, 1, true)
  }

  /** Repeats a change that the log tells. Blocks without a reference are free at once. */
  applyDelta(address: number, count: number, by: number): void {
    assert.equal(this.#waiting.blocks, 0, 'the log is replayed before anything else')
    const last = Math.floor((address + count - 1) / GROUP_BLOCKS)
    this.#groups.include(last)
    this.#check(address, count, Math.max(0, -by), REFERENCES_MAX - Math.max(0, by))
    for (let group = Math.floor(address / GROUP_BLOCKS); group <= last; group++) {
      this.#groups.setBacked(group, true)
    }
    this.#adjust(address, count, by, false)
  }

  /** How many references a block has. */
  refcount(address: number): number {
    const group = Math.floor(address / GROUP_BLOCKS)
    return this.#cache.get(group).counts[address - group * GROUP_BLOCKS] ?? 0
  }

  #check(address: number, count: number, least: number, most: number): void {
    assert(address > 0 && address + count <= this.#groups.total * GROUP_BLOCKS, 'no such block')
    const wrong = this.#cache.outside(address, count, least, most)
    if (wrong === undefined) return
    const references = this.refcount(wrong)
    assert.fail(`block ${wrong} has ${references} references, not ${least} to ${most}`)
  }

  #adjust(address: number, count: number, by: number, wait: boolean): void {
    for (const { number, from, to } of piecesOf(address, count)) {
      const group = this.#cache.change(number)
      const { counts } = group
      for (let start = from; start < to; ) {
        const before = counts[start] ?? 0
        let end = start + 1
        while (end < to && counts[end] === before) end++
        counts.fill(before + by, start, end)
        if (before + by === 0) this.#fall(group, start, end, wait)
        else if (before === 0) this.#rise(group, start, end, wait)
        start = end
      }
    }
  }

  #fall(group: Group, from: number, to: number, wait: boolean): void {
    if (wait) {
      this.#waiting.add(group.number, from, to)
    } else {
      clearBits(group.busy, from, to)
      this.#groups.add(group.number, to - from)
    }
  }

  #rise(group: Group, from: number, to: number, wait: boolean): void {
    if (wait) {
      this.#waiting.remove(group.number, from, to)
    } else {
      setBits(group.busy, from, to)
      this.#groups.add(group.number, from - to)
    }
  }

  /** The cut of a checkpoint: the records of all groups that changed since the last one. */
  freeze(): GroupRecord[] {
    this.#waiting.freeze()
    return this.#cache.freeze()
  }

  /** The checkpoint is complete: what was released before its cut can be allocated. */
  releaseLimbo(): void {
    this.#cache.written()
    this.#waiting.release(this.#free)
  }

  /** These blocks, allocated in the open commit group, are written in their place. */
  markYoung(address: number, count: number): void {
    this.#waiting.markYoung(address, count)
  }

  /** The commit group is closed. */
  forgetYoung(): void {
    this.#waiting.forgetYoung()
  }

  /** Nobody reads any block: the young ones that were released can be allocated. */
  releaseYoung(): void {
    this.#waiting.releaseYoung(this.#free)
  }

  readonly #free = (number: number, bits: GroupBits, blocks: number): void => {
    const group = this.#cache.peek(number)
    if (group !== undefined) removeBits(group.busy, bits)
    this.#groups.add(number, blocks)
  }

  /** Whether all blocks of a file are free. */
  isFileFree(file: number): boolean {
    const end = Math.min((file + 1) * FILE_GROUPS, this.#groups.total)
    for (let group = file * FILE_GROUPS; group < end; group++) {
      if (this.#groups.free(group) < usableBlocks(group)) return false
    }
    return true
  }

  /**
   * The files that hold room of the host, though all of their blocks are free. The caller trims
   * them (BlockStore.trimFile) before it leaves its turn; from now on they hold none.
   */
  takeFreeFiles(): number[] {
    const files: number[] = []
    for (let file = 0; file * FILE_GROUPS < this.#groups.total; file++) {
      if (this.isFileFree(file) && this.#unback(file)) files.push(file)
    }
    return files
  }

  /** @returns whether any group of the file had room of the host */
  #unback(file: number): boolean {
    let held = false
    const end = Math.min((file + 1) * FILE_GROUPS, this.#groups.total)
    for (let group = file * FILE_GROUPS; group < end; group++) {
      if (!this.#groups.isBacked(group)) continue
      held = true
      this.#groups.setBacked(group, false)
      this.#cache.change(group)
      this.#allocator.leave(group)
    }
    return held
  }
}
