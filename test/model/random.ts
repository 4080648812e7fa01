/** Random numbers that a seed replays. */

/**
 * The seed of a suite: what the environment variable `name` gives, a new one where it says `new`,
 * and otherwise the same each time, so that a suite that passes goes on passing. It is printed.
 */
export function seedOf(name: string): number {
  const { [name]: given = '1' } = process.env
  const seed = given === 'new' ? Date.now() % 2 ** 31 : Number(given)
  console.log(`${name}=${seed}`)
  return seed
}

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A number of 32 bits (a Weyl sequence, mixed as in MurmurHash3's finalizer). */
  uint32(): number {
    this.#state = (this.#state + 0x9e37_79b9) >>> 0
    let z = this.#state
    z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35)
    return (z ^ (z >>> 16)) >>> 0
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * limit)
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0
  }

  pick<T>(items: readonly [T, ...T[]] | readonly T[]): T {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }

  bytes(length: number): Uint8Array {
    const data = new Uint8Array(length)
    for (let i = 0; i < length; i++) data[i] = this.uint32() & 0xff
    return data
  }
}
