/** The calls that replycache.ts remembers, and how it finds them. */

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

/** Calls of one address, in the order in which they came. */
export class Client {
  readonly address: string
  oldest: Remembered | undefined
  newest: Remembered | undefined
  count = 0

  constructor(address: string) {
    this.address = address
  }

  add(one: Remembered): void {
    one.older = this.newest
    if (this.newest === undefined) this.oldest = one
    else this.newest.newer = one
    this.newest = one
    this.count++
  }

  remove(one: Remembered): void {
    if (one.older === undefined) this.oldest = one.newer
    else one.older.newer = one.newer
    if (one.newer === undefined) this.newest = one.older
    else one.newer.older = one.older
    one.older = undefined
    one.newer = undefined
    this.count--
  }
}

/** One call that is under way, or was answered. The object is used again for another call. */
export class Remembered implements CallKey {
  owner: Client
  xid = 0
  prog = 0
  vers = 0
  proc = 0
  checksum = 0
  /** Where it came from, while it is under way. */
  peer: object | undefined
  follower: Follower | undefined
  answered = false
  /** What it was answered, where that is not what the store has in `slot`. */
  own: Uint8Array | undefined
  /** When it was answered, in seconds. */
  since = 0
  slot = NO_SLOT
  /** Whether a duplicate would still find it. */
  known = false
  /** The next ones of its client. */
  older: Remembered | undefined
  newer: Remembered | undefined
  /** Another one of the same hash. */
  alike: Remembered | undefined

  constructor(owner: Client) {
    this.owner = owner
  }

  /** It stands for this call now. */
  begin(call: CallKey, owner: Client, peer: object | undefined): void {
    this.owner = owner
    this.xid = call.xid
    this.prog = call.prog
    this.vers = call.vers
    this.proc = call.proc
    this.checksum = call.checksum
    this.peer = peer
    this.answered = false
    this.own = undefined
    this.slot = NO_SLOT
    this.known = true
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
      this.prog === call.prog &&
      this.owner.address === call.client
    )
  }
}

/** What most calls differ in. */
function hashOf({ xid, checksum }: CallKey): number {
  return xid ^ checksum
}

/** Finds calls. Made once for as many as there may be, so that nothing is allocated for a call. */
export class CallTable {
  readonly #first: (Remembered | undefined)[]
  readonly #mask: number

  /** @param calls about as many as there will be */
  constructor(calls: number) {
    const size = 2 ** Math.ceil(Math.log2(calls))
    this.#first = new Array<Remembered | undefined>(size).fill(undefined)
    this.#mask = size - 1
  }

  find(call: CallKey): Remembered | undefined {
    let one = this.#first[hashOf(call) & this.#mask]
    while (one !== undefined && !one.is(call)) one = one.alike
    return one
  }

  add(one: Remembered): void {
    const place = hashOf(one) & this.#mask
    one.alike = this.#first[place]
    this.#first[place] = one
  }

  remove(one: Remembered): void {
    const place = hashOf(one) & this.#mask
    let before = this.#first[place]
    if (before === one) this.#first[place] = one.alike
    else {
      while (before !== undefined && before.alike !== one) before = before.alike
      if (before !== undefined) before.alike = one.alike
    }
    one.alike = undefined
  }
}
