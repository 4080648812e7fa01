/**
 * Blocks that nothing refers to any more, but that must stay as they are until a checkpoint knows.
 * `fresh` ones became so since the last cut, `frozen` ones before it.
 */
import { strict as assert } from 'node:assert'
import {
  addBits,
  clearBits,
  countBits,
  type Group,
  type GroupBits,
  newGroupBits,
  nextClear,
  setBits,
} from './space-group.ts'

/** Makes blocks of a group allocatable. */
export type Free = (group: number, bits: GroupBits, blocks: number) => void

export class Limbo {
  #fresh = new Map<number, GroupBits>()
  #frozen = new Map<number, GroupBits>()
  blocks = 0

  /** Blocks `from` to `to` (not included) of a group. */
  add(group: number, from: number, to: number): void {
    let bits = this.#fresh.get(group)
    if (bits === undefined) {
      bits = newGroupBits()
      this.#fresh.set(group, bits)
    }
    setBits(bits, from, to)
    this.blocks += to - from
  }

  /** Takes blocks back that came in since the last cut. */
  remove(group: number, from: number, to: number): void {
    const bits = this.#fresh.get(group)
    assert(bits !== undefined && nextClear(bits, from) >= to, 'a block that was not just released')
    clearBits(bits, from, to)
    this.blocks -= to - from
  }

  /** Marks the group's blocks in limbo as busy. */
  mark(group: Group): void {
    for (const limbo of [this.#fresh, this.#frozen]) {
      const bits = limbo.get(group.number)
      if (bits !== undefined) addBits(group.busy, bits)
    }
  }

  /** The cut. */
  freeze(): void {
    for (const [group, bits] of this.#frozen) {
      const fresh = this.#fresh.get(group)
      if (fresh === undefined) this.#fresh.set(group, bits)
      else addBits(fresh, bits)
    }
    this.#frozen = this.#fresh
    this.#fresh = new Map()
  }

  /** Lets go of what was in limbo at the last cut. */
  release(free: Free): void {
    const frozen = this.#frozen
    this.#frozen = new Map()
    for (const [group, bits] of frozen) {
      const blocks = countBits(bits)
      this.blocks -= blocks
      free(group, bits, blocks)
    }
  }
}
