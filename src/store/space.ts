/**
 * Which blocks are in use, and how often: a reference count a block, in groups of 4096 blocks.
 *
 * Invariants:
 * - A block is in one of three states: used (its count is above 0), in limbo, or free.
 * - A block whose count falls to 0 is in limbo until a checkpoint has written that count: after a
 *   crash the log is replayed from an older checkpoint, and must find the block as it was.
 * - The counters are exact at all times. Block 0 is in none of them, and never handed out.
 * - Every operation checks first and changes afterwards: one that throws has changed nothing. Each
 *   has its inverse, to be called in the same turn of the event loop, last operation first.
 */
import { strict as assert } from 'node:assert'
import { FILE_BLOCKS } from './blocks-files.ts'
import { FsError } from './error.ts'
import { GroupCache, type GroupRecord } from './space-cache.ts'
import { FreeGroups } from './space-free.ts'
import {
  clearBits,
  decodeHead,
  GROUP_BLOCKS,
  type Group,
  nextClear,
  nextSet,
  REFERENCES_MAX,
  removeBits,
  setBits,
  usableBlocks,
} from './space-group.ts'
import { Limbo } from './space-limbo.ts'

/** Runs shorter than this (blocks: 64 KiB) are left alone while a larger piece looks for room. */
const RUN_BLOCKS_MIN = 16
/** Groups that are searched in vain before the store grows. */
const MISSES_MAX = 8
/** Memory for decoded groups, unless told otherwise. */
const CACHE_BYTES = 64 * 2 ** 20
/** Groups in one file of blocks. */
const FILE_GROUPS = FILE_BLOCKS / GROUP_BLOCKS
/** A group's number is a uint32 in its key. */
const GROUPS_MAX = 2 ** 32

/** Consecutive blocks. */
export interface Extent {
  readonly address: number
  readonly count: number
}

export interface SpaceOptions {
  /** The record of a group in the database; undefined where it was never written. */
  readonly read: (group: number) => Uint8Array | undefined
  /** Whether the host has room for so many more bytes (and what is to stay free beside them). */
  readonly hasRoom: (bytes: number) => boolean
  /** The most groups (of 16 MiB) that the store may have. */
  readonly groupsMax?: number
  /** Memory for decoded groups. */
  readonly cacheBytes?: number
}

export class SpaceMap {
  readonly #cache: GroupCache
  readonly #groups: FreeGroups
  readonly #limbo = new Limbo()
  #used = 0
  /** Where the next blocks come from; -1 before the first. */
  #current = -1
  #cursor = 0

  constructor(options: SpaceOptions) {
    const { read, hasRoom, groupsMax = GROUPS_MAX, cacheBytes = CACHE_BYTES } = options
    const groups = new FreeGroups({ hasRoom, groupsMax })
    const prepare = (group: Group): void => this.#limbo.mark(group)
    const isBacked = (group: number): boolean => groups.isBacked(group)
    this.#groups = groups
    this.#cache = new GroupCache({ read, prepare, isBacked }, cacheBytes)
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
    return this.#used
  }

  /** Blocks without a reference that wait for a checkpoint. */
  get limboBlocks(): number {
    return this.#limbo.blocks
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
    const used = this.#groups.free(group) - free
    this.#groups.add(group, -used)
    this.#groups.setBacked(group, backed)
    this.#used += used
  }

  /**
   * Blocks for new data, in few runs, each with one reference from now on.
   *
   * @throws FsError NOSPC; nothing is allocated then
   */
  allocate(blocks: number): readonly Extent[] {
    const extents: Extent[] = []
    let left = blocks - this.#take(blocks, RUN_BLOCKS_MIN, extents)
    for (let misses = 0; left > 0; ) {
      const roomy = misses < MISSES_MAX ? this.#groups.nextRoomy(this.#current) : undefined
      const group = roomy ?? this.#groups.grow()
      if (group === undefined) break
      this.#enter(group)
      const taken = this.#take(left, RUN_BLOCKS_MIN, extents)
      if (taken === 0) misses++
      left -= taken
    }
    if (left > 0) left -= this.#scrape(left, extents)
    if (left === 0) return extents
    for (const { address, count } of extents) this.undoAllocate(address, count)
    throw new FsError('NOSPC', `no room for ${blocks} blocks`)
  }

  #enter(group: number): void {
    this.#current = group
    this.#cursor = 0
    this.#groups.setBacked(group, true)
  }

  /** Allocates from the current group behind the cursor; returns how many blocks. */
  #take(wanted: number, runMin: number, extents: Extent[]): number {
    if (this.#current < 0 || this.#groups.free(this.#current) === 0) return 0
    const { busy, counts } = this.#cache.change(this.#current)
    const base = this.#current * GROUP_BLOCKS
    let taken = 0
    let at = this.#cursor
    while (taken < wanted) {
      const start = nextClear(busy, at)
      at = start
      if (start === GROUP_BLOCKS) break
      at = nextSet(busy, start)
      const count = Math.min(at - start, wanted - taken)
      if (count < runMin && count < wanted - taken) continue
      at = start + count
      counts.fill(1, start, at)
      setBits(busy, start, at)
      append(extents, base + start, count)
      taken += count
    }
    this.#cursor = at
    this.#groups.add(this.#current, -taken)
    this.#used += taken
    return taken
  }

  /** Takes what is free wherever it is, in runs however short. */
  #scrape(wanted: number, extents: Extent[]): number {
    const unbackedToo = this.#groups.hasRoom()
    const within = this.#groups.blocks - (unbackedToo ? 0 : this.#groups.unbackedBlocks)
    if (within < wanted) return 0
    let taken = 0
    while (taken < wanted) {
      const group = this.#groups.nextFree(this.#current, unbackedToo)
      assert(group !== undefined, 'the count of free blocks is not exact')
      this.#enter(group)
      taken += this.#take(wanted - taken, 1, extents)
    }
    return taken
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
    for (let i = address; i < address + count; i++) {
      if (this.refcount(i) < REFERENCES_MAX) continue
      throw new FsError('NOSPC', `block ${i} has ${REFERENCES_MAX} references, and takes no more`)
    }
    this.#adjust(address, count, 1, false)
  }

  undoShare(address: number, count: number): void {
    this.#check(address, count, 2, REFERENCES_MAX)
    this.#adjust(address, count, -1, false)
  }

  /** One reference less to each of the blocks. Without any they are in limbo. */
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
    assert.equal(this.#limbo.blocks, 0, 'the log is replayed before anything else')
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
    for (let i = address; i < address + count; i++) {
      const references = this.refcount(i)
      if (references < least || references > most) {
        assert.fail(`block ${i} has ${references} references, not ${least} to ${most}`)
      }
    }
  }

  #adjust(address: number, count: number, by: number, limbo: boolean): void {
    for (let i = address; i < address + count; i++) {
      const number = Math.floor(i / GROUP_BLOCKS)
      const at = i - number * GROUP_BLOCKS
      const group = this.#cache.change(number)
      const before = group.counts[at] ?? 0
      group.counts[at] = before + by
      if (before + by === 0) this.#fall(group, at, limbo)
      else if (before === 0) this.#rise(group, at, limbo)
    }
  }

  #fall(group: Group, at: number, limbo: boolean): void {
    this.#used--
    if (limbo) {
      this.#limbo.add(group.number, at)
    } else {
      clearBits(group.busy, at, at + 1)
      this.#groups.add(group.number, 1)
    }
  }

  #rise(group: Group, at: number, limbo: boolean): void {
    this.#used++
    if (limbo) {
      this.#limbo.remove(group.number, at)
    } else {
      setBits(group.busy, at, at + 1)
      this.#groups.add(group.number, -1)
    }
  }

  /** The cut of a checkpoint: the records of all groups that changed since the last one. */
  freeze(): GroupRecord[] {
    this.#limbo.freeze()
    return this.#cache.freeze()
  }

  /** The checkpoint is complete: what was released before its cut can be allocated. */
  releaseLimbo(): void {
    this.#cache.written()
    this.#limbo.release((number, bits, blocks) => {
      const group = this.#cache.peek(number)
      if (group !== undefined) removeBits(group.busy, bits)
      this.#groups.add(number, blocks)
    })
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
      if (this.#current === group) this.#current = -1
    }
    return held
  }
}

/** Adds blocks to a list of extents, to the last of them where they follow it. */
function append(extents: Extent[], address: number, count: number): void {
  const last = extents.at(-1)
  if (last === undefined || last.address + last.count !== address) extents.push({ address, count })
  else extents[extents.length - 1] = { address: last.address, count: last.count + count }
}
