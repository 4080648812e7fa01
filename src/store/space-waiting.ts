/**
 * The blocks that nothing refers to any more and that cannot be allocated yet.
 *
 * Most are in limbo: the state on the disk still refers to them until a checkpoint. The young ones
 * rest. They came into use in the commit group that is still open, and their data was written in
 * its place: nothing on the disk refers to them, nor ever will if they are freed in the same group.
 * So they only wait until nobody reads them. A block whose data rides in a log entry is not young:
 * replaying the entry writes it again, over whatever the block was used for next.
 */
import {
  GROUP_BLOCKS,
  type Group,
  type GroupBits,
  hasBit,
  newGroupBits,
  nextClear,
  nextSet,
  setBits,
} from './space-group.ts'
import { type Free, Limbo } from './space-limbo.ts'

/** Blocks side by side that wait in one place. */
interface Part {
  readonly pool: Limbo
  readonly start: number
  readonly end: number
}

export class WaitingBlocks {
  readonly #limbo = new Limbo()
  readonly #resting = new Limbo()
  readonly #young = new Map<number, GroupBits>()
  #holds = 0

  get blocks(): number {
    return this.#limbo.blocks + this.#resting.blocks
  }

  /** Blocks that the next checkpoint lets go of. */
  get releasable(): number {
    return this.#holds > 0 ? 0 : this.blocks
  }

  /** Keeps all that waits, and all that comes, until the result is called. */
  hold(): () => void {
    this.#holds++
    let held = true
    return () => {
      if (held) this.#holds--
      held = false
    }
  }

  /** Blocks `from` to `to` (not included) of a group. */
  add(group: number, from: number, to: number): void {
    for (const { pool, start, end } of this.#parts(group, from, to)) pool.add(group, start, end)
  }

  /** Takes blocks back that came in this turn. */
  remove(group: number, from: number, to: number): void {
    for (const { pool, start, end } of this.#parts(group, from, to)) pool.remove(group, start, end)
  }

  /** Which of the blocks are young, and which are not. */
  #parts(group: number, from: number, to: number): Part[] {
    const bits = this.#holds === 0 ? this.#young.get(group) : undefined
    if (bits === undefined) return [{ pool: this.#limbo, start: from, end: to }]
    const parts: Part[] = []
    for (let start = from; start < to; ) {
      const young = hasBit(bits, start)
      const end = Math.min(to, young ? nextClear(bits, start) : nextSet(bits, start))
      parts.push({ pool: young ? this.#resting : this.#limbo, start, end })
      start = end
    }
    return parts
  }

  /** Marks the group's blocks that wait as busy. */
  mark(group: Group): void {
    this.#limbo.mark(group)
    this.#resting.mark(group)
  }

  /** These blocks, allocated in the open commit group, are written in their place. */
  markYoung(address: number, count: number): void {
    for (let at = address, end = address + count; at < end; ) {
      const group = Math.floor(at / GROUP_BLOCKS)
      const from = at - group * GROUP_BLOCKS
      const to = Math.min(GROUP_BLOCKS, from + end - at)
      let bits = this.#young.get(group)
      if (bits === undefined) {
        bits = newGroupBits()
        this.#young.set(group, bits)
      }
      setBits(bits, from, to)
      at += to - from
    }
  }

  /** The commit group is closed: what came into use so far is on its way to the disk. */
  forgetYoung(): void {
    this.#young.clear()
  }

  /** Nobody reads any block: lets go of the young ones. */
  releaseYoung(free: Free): void {
    if (this.#resting.blocks === 0 || this.#holds > 0) return
    this.#resting.freeze()
    this.#resting.release(free)
  }

  /** The cut of a checkpoint. */
  freeze(): void {
    this.#limbo.freeze()
    this.#resting.freeze()
  }

  /** The checkpoint is complete: lets go of what waited at its cut. */
  release(free: Free): void {
    if (this.#holds > 0) return
    this.#limbo.release(free)
    this.#resting.release(free)
  }
}
