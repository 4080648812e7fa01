/** Which blocks were met already: a bit each, in groups, as many as there is memory for. */
import {
  GROUP_BLOCKS,
  type GroupBits,
  hasBit,
  newGroupBits,
  setBits,
} from '../store/space-group.ts'

/** 64 MiB, for 2 TiB of blocks. Beyond that all is forgotten, and some are met once more. */
const GROUPS_MAX = 131_072

export class SeenBlocks {
  readonly #groups = new Map<number, GroupBits>()

  /** @returns whether the block is met for the first time */
  add(address: number): boolean {
    const number = Math.floor(address / GROUP_BLOCKS)
    const at = address - number * GROUP_BLOCKS
    let bits = this.#groups.get(number)
    if (bits === undefined) {
      if (this.#groups.size >= GROUPS_MAX) this.#groups.clear()
      bits = newGroupBits()
      this.#groups.set(number, bits)
    }
    if (hasBit(bits, at)) return false
    setBits(bits, at, at + 1)
    return true
  }
}
