/** How many blocks of each group are free, and the choice of the group that new data goes to. */
import { strict as assert } from 'node:assert'
import { BLOCK_BYTES } from './records.ts'
import { GROUP_BLOCKS, usableBlocks } from './space-group.ts'

/** A group with this many free blocks is worth a visit before the store grows. */
const ROOMY_BLOCKS = GROUP_BLOCKS / 4

export interface Host {
  /** Whether the host has room for so many more bytes, with what is to be left over. */
  mayGrow(bytes: number): boolean
  readonly groupsMax: number
}

export class FreeGroups {
  readonly #host: Host
  #free = new Uint16Array(64)
  #backed = new Uint8Array(64)
  #roomy = 0
  /** Groups that there are. */
  total = 0
  /** Free blocks of all groups. */
  blocks = 0
  /** Those of them that the host has given no room yet, or has it back. */
  unbackedBlocks = 0

  constructor(host: Host) {
    this.#host = host
  }

  /** Makes sure that there is such a group: it and those in between are free. */
  include(group: number): void {
    while (this.total <= group) this.#append()
  }

  #append(): void {
    if (this.total === this.#free.length) {
      const free = new Uint16Array(this.total * 2)
      const backed = new Uint8Array(this.total * 2)
      free.set(this.#free)
      backed.set(this.#backed)
      this.#free = free
      this.#backed = backed
    }
    const group = this.total++
    this.add(group, usableBlocks(group))
  }

  /** None of the group's blocks is free. */
  fill(group: number): void {
    this.include(group)
    this.add(group, -this.free(group))
    this.setBacked(group, true)
  }

  free(group: number): number {
    return this.#free[group] ?? 0
  }

  /** So many more blocks of the group are free; less, where negative. */
  add(group: number, blocks: number): void {
    const before = this.free(group)
    const after = before + blocks
    assert(after >= 0 && after <= usableBlocks(group), 'the count of free blocks is not exact')
    this.#free[group] = after
    this.blocks += blocks
    if (!this.isBacked(group)) this.unbackedBlocks += blocks
    if (before < ROOMY_BLOCKS && after >= ROOMY_BLOCKS) this.#roomy++
    if (before >= ROOMY_BLOCKS && after < ROOMY_BLOCKS) this.#roomy--
  }

  isBacked(group: number): boolean {
    return this.#backed[group] === 1
  }

  setBacked(group: number, backed: boolean): void {
    if (this.isBacked(group) === backed) return
    this.#backed[group] = backed ? 1 : 0
    this.unbackedBlocks += backed ? -this.free(group) : this.free(group)
  }

  /** Whether free blocks for which the host has no room yet can be had. */
  mayGrow(): boolean {
    return this.#host.mayGrow(GROUP_BLOCKS * BLOCK_BYTES)
  }

  /** The next group behind `group`, and around, with at least a quarter free. */
  nextRoomy(group: number): number | undefined {
    return this.#roomy === 0 ? undefined : this.#next(group, ROOMY_BLOCKS, undefined)
  }

  /** The next group behind `group`, and around to it, with any block free. */
  nextFree(group: number, unbackedToo: boolean): number | undefined {
    return this.blocks === 0 ? undefined : this.#next(group, 1, unbackedToo)
  }

  /** @param unbackedToo undefined: only if the host has room, which is asked when it matters */
  #next(group: number, least: number, unbackedToo: boolean | undefined): number | undefined {
    let allowed = unbackedToo
    for (let i = 1; i <= this.total; i++) {
      const candidate = (group + i) % this.total
      if (this.free(candidate) < least) continue
      if (!this.isBacked(candidate)) allowed ??= this.mayGrow()
      if (this.isBacked(candidate) || allowed === true) return candidate
    }
    return undefined
  }

  /** A new group, where there may be one more. */
  grow(): number | undefined {
    if (this.total >= this.#host.groupsMax || !this.mayGrow()) return undefined
    this.#append()
    return this.total - 1
  }
}
