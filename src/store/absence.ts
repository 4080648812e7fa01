/**
 * Which records cannot be in the database, so that nobody has to look for them there.
 *
 * Before a name is made it is looked for, and mostly it is not there; the same goes for a new
 * directory's pages and a new file's chunks. Asking the database costs 3 us, a fifth of a CREATE.
 * Most of these keys begin with the number of a directory or file that was made since the start:
 * then whatever is stored under it was stored by this process, which remembers a bit of each key.
 *
 *   key     `owner/...` (keys.ts): owners are never used again, so what is stored under an owner from
 *           `#since` on was stored since, and noted
 *   bits    a set bit may stand for another key, and then the database is asked; a bit that is not
 *           set says that there is no such record
 *
 * When too many bits are set, all are forgotten, and only owners above all that were noted count.
 */

/** Bits kept, a power of two: 4 MiB. */
const BITS = 2 ** 25
/** Keys noted before all are forgotten: by then one answer in eight is that the database knows. */
const NOTED_MAX = BITS / 8

const SLASH = 0x2f
const ZERO = 0x30

export class Absence {
  readonly #notedMax: number
  /** Owners from here on have no keys but those noted. */
  #since = Number.POSITIVE_INFINITY
  /** The highest owner that was noted. */
  #highest = 0
  #bits: Uint8Array | undefined
  #noted = 0
  /** What `#locate` found: the key's owner, and which bit it has. */
  #owner = 0
  #bit = 0

  /** @param notedMax how many keys are remembered */
  constructor(notedMax: number = NOTED_MAX) {
    this.#notedMax = notedMax
  }

  /** Once, at the start. @param since no number from here on was ever used for an owner */
  begin(since: number): void {
    this.#since = since
    this.#highest = since - 1
  }

  /** A record of this key comes into the store. */
  note(dataset: number, kind: string, key: string): void {
    this.#locate(dataset, kind, key)
    if (this.#owner < this.#since) return
    if (this.#owner > this.#highest) this.#highest = this.#owner
    this.#bits ??= new Uint8Array(BITS / 8)
    const at = this.#bit >>> 3
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (this.#bit & 7))
    if (++this.#noted > this.#notedMax) this.#forget()
  }

  /** True where the database has no record of this key. False says nothing. */
  has(dataset: number, kind: string, key: string): boolean {
    this.#locate(dataset, kind, key)
    if (this.#owner < this.#since) return false
    return ((this.#bits?.[this.#bit >>> 3] ?? 0) & (1 << (this.#bit & 7))) === 0
  }

  #forget(): void {
    this.#since = this.#highest + 1
    this.#bits?.fill(0)
    this.#noted = 0
  }

  /** FNV-1a of the key, mixed once more, since its low bits alone are not spread well. */
  #locate(dataset: number, kind: string, key: string): void {
    let hash = Math.imul(0x811c_9dc5 ^ dataset, 0x0100_0193) ^ kind.charCodeAt(0)
    let owner = 0
    let inOwner = true
    for (let i = 0; i < key.length; i++) {
      const code = key.charCodeAt(i)
      if (code === SLASH) inOwner = false
      else if (inOwner) owner = owner * 10 + code - ZERO
      hash = Math.imul(hash ^ code, 0x0100_0193)
    }
    hash = Math.imul(hash ^ (hash >>> 15), 0x85eb_ca6b)
    this.#owner = owner
    this.#bit = (hash ^ (hash >>> 13)) & (BITS - 1)
  }
}
