/** Which blocks this process has read or written lately, so that the page cache likely has them. */

/** Blocks whose bits lie in one region, the unit that is forgotten: 1 MiB. */
const REGION_BLOCKS = 256
const REGION_WORDS = REGION_BLOCKS / 32

/** One bit a block, in regions; when there are too many, the one untouched for longest goes. */
export class WarmBlocks {
  /** Region to its place in `#bits`, the least lately touched first. */
  readonly #slots = new Map<number, number>()
  readonly #bits: Uint32Array
  readonly #regionsMax: number
  /** The region touched last, and its place: most touches are of it. */
  #lastRegion = -1
  #lastSlot = 0

  /** @param blocksMax how many blocks to remember; counted in whole regions, at least one */
  constructor(blocksMax: number) {
    this.#regionsMax = Math.max(1, Math.floor(blocksMax / REGION_BLOCKS))
    this.#bits = new Uint32Array(this.#regionsMax * REGION_WORDS)
  }

  add(address: number, count: number): void {
    for (let at = address, end = address + count; at < end; ) {
      const region = Math.floor(at / REGION_BLOCKS)
      const from = at - region * REGION_BLOCKS
      const to = Math.min(REGION_BLOCKS, from + end - at)
      const base = this.#touch(region) * REGION_WORDS
      for (let word = from >>> 5; word <= (to - 1) >>> 5; word++) {
        this.#bits[base + word] = (this.#bits[base + word] ?? 0) | mask(word, from, to)
      }
      at += to - from
    }
  }

  /** Whether all of the blocks were touched lately. */
  has(address: number, count: number): boolean {
    for (let at = address, end = address + count; at < end; ) {
      const region = Math.floor(at / REGION_BLOCKS)
      const from = at - region * REGION_BLOCKS
      const to = Math.min(REGION_BLOCKS, from + end - at)
      const slot = this.#slots.get(region)
      if (slot === undefined) return false
      for (let word = from >>> 5; word <= (to - 1) >>> 5; word++) {
        const wanted = mask(word, from, to)
        if (((this.#bits[slot * REGION_WORDS + word] ?? 0) & wanted) >>> 0 !== wanted) return false
      }
      at += to - from
    }
    return true
  }

  #touch(region: number): number {
    if (region === this.#lastRegion) return this.#lastSlot
    let slot = this.#slots.get(region)
    if (slot === undefined) slot = this.#free()
    else this.#slots.delete(region)
    this.#slots.set(region, slot)
    this.#lastRegion = region
    this.#lastSlot = slot
    return slot
  }

  /** An empty place: a new one, or that of the region which is forgotten for it. */
  #free(): number {
    if (this.#slots.size < this.#regionsMax) return this.#slots.size
    for (const [oldest, slot] of this.#slots) {
      this.#slots.delete(oldest)
      this.#bits.fill(0, slot * REGION_WORDS, (slot + 1) * REGION_WORDS)
      return slot
    }
    return 0
  }
}

/** The bits of word `word` that stand for blocks `from` to `to` (not included) of a region. */
function mask(word: number, from: number, to: number): number {
  const low = Math.max(0, from - word * 32)
  const high = Math.min(32, to - word * 32)
  return ((0xffff_ffff >>> (32 - (high - low))) << low) >>> 0
}
