/** The calls of one client that replycache.ts remembers. */

/** What tells one call from all others. */
export interface CallKey {
  /** Numeric address. */
  readonly client: string
  readonly xid: number
  readonly prog: number
  readonly vers: number
  readonly proc: number
  readonly checksum: number
}

/** The slot of what no store keeps. */
export const NO_SLOT = -1

/** A duplicate of a call under way that waits for the same answer. */
export interface Follower {
  answer(results: Uint8Array): void
  drop(): void
}

/** One call that is under way, or was answered. */
export class Remembered implements CallKey {
  readonly owner: Client
  readonly xid: number
  readonly prog: number
  readonly vers: number
  readonly proc: number
  readonly checksum: number
  /** Where it came from. */
  readonly peer: object | undefined
  follower: Follower | undefined
  /** What it was answered; undefined while it is under way. */
  results: Uint8Array | undefined
  /** When, in seconds. */
  since = 0
  slot = NO_SLOT
  /** Whether a duplicate would still find it. */
  known = true
  /** The next ones of its client. */
  older: Remembered | undefined
  newer: Remembered | undefined
  /** An older one of the same hash. */
  alike: Remembered | undefined

  constructor(call: CallKey, owner: Client, peer: object | undefined) {
    this.owner = owner
    this.xid = call.xid
    this.prog = call.prog
    this.vers = call.vers
    this.proc = call.proc
    this.checksum = call.checksum
    this.peer = peer
  }

  get client(): string {
    return this.owner.address
  }

  is(call: CallKey): boolean {
    return (
      this.xid === call.xid &&
      this.checksum === call.checksum &&
      this.proc === call.proc &&
      this.vers === call.vers &&
      this.prog === call.prog
    )
  }
}

/** What most calls of one client differ in, as a small integer. */
function hashOf({ xid, checksum }: CallKey): number {
  return (xid ^ checksum) & 0x3fff_ffff
}

/** The calls of one client, in the order in which they came. */
export class Client {
  readonly address: string
  readonly #byHash = new Map<number, Remembered>()
  oldest: Remembered | undefined
  newest: Remembered | undefined
  count = 0

  constructor(address: string) {
    this.address = address
  }

  find(call: CallKey): Remembered | undefined {
    let one = this.#byHash.get(hashOf(call))
    while (one !== undefined && !one.is(call)) one = one.alike
    return one
  }

  add(one: Remembered): void {
    one.older = this.newest
    if (this.newest === undefined) this.oldest = one
    else this.newest.newer = one
    this.newest = one
    const hash = hashOf(one)
    one.alike = this.#byHash.get(hash)
    this.#byHash.set(hash, one)
    this.count++
  }

  remove(one: Remembered): void {
    if (one.older === undefined) this.oldest = one.newer
    else one.older.newer = one.newer
    if (one.newer === undefined) this.newest = one.older
    else one.newer.older = one.older
    one.older = undefined
    one.newer = undefined
    this.#unlink(one)
    this.count--
  }

  #unlink(one: Remembered): void {
    const hash = hashOf(one)
    const first = this.#byHash.get(hash)
    if (first !== one) {
      let before = first
      while (before !== undefined && before.alike !== one) before = before.alike
      if (before !== undefined) before.alike = one.alike
    } else if (one.alike === undefined) this.#byHash.delete(hash)
    else this.#byHash.set(hash, one.alike)
    one.alike = undefined
  }
}
