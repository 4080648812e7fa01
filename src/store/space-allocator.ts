/**
 * Where new data goes: into the current group from a cursor on, forward only, so that what is
 * written together lies together. At its end another group with plenty of room is next, then a new
 * one, and only when the store cannot grow the small holes everywhere.
 */
import { strict as assert } from 'node:assert'
import type { GroupCache } from './space-cache.ts'
import type { FreeGroups } from './space-free.ts'
import { GROUP_BLOCKS, nextClear, nextSet, setBits } from './space-group.ts'

/** Runs shorter than this (blocks: 64 KiB) are left alone while a larger piece looks for room. */
const RUN_BLOCKS_MIN = 16
/** Groups that are searched in vain before the store grows. */
const MISSES_MAX = 8

/** Consecutive blocks. */
export interface Extent {
  readonly address: number
  readonly count: number
}

export class Allocator {
  readonly #cache: GroupCache
  readonly #groups: FreeGroups
  /** Where the next blocks come from; -1 where that is to be chosen. */
  #current = -1
  #cursor = 0

  constructor(cache: GroupCache, groups: FreeGroups) {
    this.#cache = cache
    this.#groups = groups
  }

  /** Takes blocks, with one reference each; how many of them are missing, where there is no room. */
  take(blocks: number): { extents: Extent[]; missing: number } {
    const extents: Extent[] = []
    let left = blocks - this.#takeHere(blocks, RUN_BLOCKS_MIN, extents)
    for (let misses = 0; left > 0; ) {
      const roomy = misses < MISSES_MAX ? this.#groups.nextRoomy(this.#current) : undefined
      const group = roomy ?? this.#groups.grow()
      if (group === undefined) break
      this.#enter(group)
      const taken = this.#takeHere(left, RUN_BLOCKS_MIN, extents)
      if (taken === 0) misses++
      left -= taken
    }
    if (left > 0) left -= this.#takeAnywhere(left, extents)
    return { extents, missing: left }
  }

  /** Takes no more from the group without choosing it anew. */
  leave(group: number): void {
    if (this.#current === group) this.#current = -1
  }

  #enter(group: number): void {
    this.#current = group
    this.#cursor = 0
    this.#groups.setBacked(group, true)
  }

  /** Takes runs of at least `runMin` blocks, or the last one needed, from the current group. */
  #takeHere(wanted: number, runMin: number, extents: Extent[]): number {
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
    return taken
  }

  /** Takes what is free wherever it is, in runs however short; all that is wanted, or nothing. */
  #takeAnywhere(wanted: number, extents: Extent[]): number {
    const unbackedToo = this.#groups.mayGrow()
    const within = this.#groups.blocks - (unbackedToo ? 0 : this.#groups.unbackedBlocks)
    if (within < wanted) return 0
    let taken = 0
    while (taken < wanted) {
      const group = this.#groups.nextFree(this.#current, unbackedToo)
      assert(group !== undefined, 'the count of free blocks is not exact')
      this.#enter(group)
      taken += this.#takeHere(wanted - taken, 1, extents)
    }
    return taken
  }
}

/** Adds blocks to a list of extents, to the last of them where they follow it. */
function append(extents: Extent[], address: number, count: number): void {
  const last = extents.at(-1)
  if (last === undefined || last.address + last.count !== address) extents.push({ address, count })
  else extents[extents.length - 1] = { address: last.address, count: last.count + count }
}
