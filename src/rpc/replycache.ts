/**
 * The duplicate request cache: what calls were answered that must not be done twice.
 *
 * A client that has lost its connection sends its calls again, with the same xid, maybe from
 * another port. A call that comes again is not run again:
 *
 *     answered     it gets the same bytes once more
 *     under way    it is dropped; where it came by another connection, which may be all that is
 *                  left of its client, the answer goes there too
 *
 * Calls are the same where client address, xid, program, version, procedure and a checksum agree,
 * of the arguments and of who asks: the links of one client (nconnect) count their xids by
 * themselves and do meet.
 *
 * Of each client the newest are remembered, and of all clients together the newest of those that
 * have most: nobody's flood takes what is another's. An answer is remembered for some minutes of
 * serving, since clients that begin with the same xid at every start would else be taken for their
 * former selves. A ReplyStore keeps what it can beyond the process, in slots used again and again.
 */
import assert from 'node:assert/strict'
import {
  type CallKey,
  CallTable,
  Client,
  type Follower,
  NO_SLOT,
  Remembered,
} from './remembered.ts'

/** A call whose answer is in a slot of a ReplyStore. */
export interface KeptReply extends CallKey {
  readonly slot: number
}

/** Where answers outlive the process. */
export interface ReplyStore {
  /**
   * Runs `work`, which answers a call's results, and stores them where `slot` tells: together with
   * what `work` changed, or neither is stored.
   *
   * @param work its results are valid until anything else is answered
   */
  run(work: () => Uint8Array, call: CallKey, slot: () => number): void
  /** What is in a slot: a view, valid until the slot is used again. */
  results(slot: number): Uint8Array
}

export interface ReplyCacheOptions {
  /** Calls of one client. */
  readonly clientCallsMax?: number
  /** Calls of all clients, and slots of the store. */
  readonly callsMax?: number
  /** How long an answer is remembered, in seconds. */
  readonly secondsMax?: number
  /** A clock that only counts while the process runs. */
  readonly seconds: () => number
  readonly store?: ReplyStore
}

/** As many as one client can have waiting: 16 connections of 256 calls each. */
export const CLIENT_CALLS_MAX = 4096
export const CALLS_MAX = 16_384
/** Longer than any client takes to come back, once the way to the server is open again. */
const SECONDS_MAX = 15 * 60

export class ReplyCache {
  readonly #options: ReplyCacheOptions
  readonly #clientCallsMax: number
  readonly #callsMax: number
  readonly #secondsMax: number
  readonly #clients = new Map<string, Client>()
  readonly #calls: CallTable
  #count = 0
  /** Objects that stand for no call. */
  readonly #spare: Remembered[] = []
  /** Who loses a call when there are too many in all: one that has at least its share. */
  #victim: string | undefined
  readonly #freeSlots: number[] = []
  /** Slots from here on were never used. */
  #slots = 0

  /** @param kept what the store has from earlier, oldest first: of the same call the last holds */
  constructor(options: ReplyCacheOptions, kept: readonly KeptReply[] = []) {
    this.#options = options
    this.#clientCallsMax = options.clientCallsMax ?? CLIENT_CALLS_MAX
    this.#callsMax = options.callsMax ?? CALLS_MAX
    this.#secondsMax = options.secondsMax ?? SECONDS_MAX
    this.#calls = new CallTable(this.#callsMax)
    this.#slots = kept.reduce((most, { slot }) => Math.max(most, slot + 1), 0)
    const used = new Set(kept.map(({ slot }) => slot))
    for (let slot = this.#slots - 1; slot >= 0; slot--) {
      if (!used.has(slot)) this.#freeSlots.push(slot)
    }
    for (const call of kept) this.#load(call)
  }

  /** Calls remembered. */
  get count(): number {
    return this.#count
  }

  /**
   * The same call as it came before; undefined where it did not, or too long ago. Valid until
   * another call begins: the object is used again.
   */
  find(call: CallKey): Remembered | undefined {
    const found = this.#calls.find(call)
    if (found === undefined) return undefined
    if (!found.answered || this.#options.seconds() - found.since <= this.#secondsMax) return found
    this.forget(found)
    return undefined
  }

  /**
   * Remembers that a call is under way, and forgets older ones where there are too many.
   *
   * @returns what stands for it until it is finished or abandoned
   */
  begin(call: CallKey, peer: object | undefined): Remembered {
    let owner = this.#clients.get(call.client)
    const oldest = owner?.oldest
    if (owner !== undefined && owner.count >= this.#clientCallsMax && oldest !== undefined) {
      this.forget(oldest)
    } else if (this.#count >= this.#callsMax) this.#forgetOne()
    if (owner === undefined || owner.count === 0) {
      // Its last call may just have been forgotten, and it with that.
      owner = new Client(call.client)
      this.#clients.set(call.client, owner)
    }
    const one = this.#spare.pop() ?? new Remembered(owner)
    one.begin(call, owner, peer)
    owner.add(one)
    this.#calls.add(one)
    this.#count++
    return one
  }

  /** Does a call's work, and keeps its results: with what it changed, where there is a store. */
  run(one: Remembered, work: () => Uint8Array): void {
    const { store } = this.#options
    if (store === undefined) one.own = new Uint8Array(work())
    else store.run(work, one, () => this.#takeSlot(one))
  }

  /** What it was answered, or will be: a view, valid until another call begins. */
  results(one: Remembered): Uint8Array {
    const results = one.own ?? this.#options.store?.results(one.slot)
    assert(results, 'without a store it has its own')
    return results
  }

  /** It is answered. @param results where that is not what `run` has kept */
  finish(one: Remembered, results?: Uint8Array): void {
    if (results !== undefined) one.own = results
    one.answered = true
    one.peer = undefined
    one.since = this.#options.seconds()
    const { follower } = one
    one.follower = undefined
    follower?.answer(this.results(one))
    if (!one.known) this.#spare.push(one)
  }

  /** It may be run again when it comes again. */
  forget(one: Remembered): void {
    if (!one.known) return
    one.known = false
    one.owner.remove(one)
    this.#calls.remove(one)
    this.#count--
    if (one.owner.count === 0) this.#clients.delete(one.client)
    if (one.slot !== NO_SLOT) this.#giveSlot(one)
    if (one.answered) this.#spare.push(one)
  }

  /** It was not answered as it should have been, and neither are its duplicates. */
  abandon(one: Remembered): void {
    this.forget(one)
    one.follower?.drop()
    one.follower = undefined
    one.peer = undefined
    this.#spare.push(one)
  }

  /** A duplicate waits for the answer, instead of the one that waited before. */
  follow(one: Remembered, follower: Follower): void {
    one.follower?.drop()
    one.follower = follower
  }

  #load(call: KeptReply): void {
    const same = this.find(call)
    if (same !== undefined) this.forget(same)
    const one = this.begin(call, undefined)
    one.slot = call.slot
    this.finish(one)
  }

  #forgetOne(): void {
    const victim = this.#clients.get(this.#victim ?? '')
    const share = this.#count / this.#clients.size
    if (victim === undefined || victim.count < share) {
      for (const [address, { count }] of this.#clients) {
        if (count < share) continue
        this.#victim = address
        break
      }
    }
    const oldest = this.#clients.get(this.#victim ?? '')?.oldest
    assert(oldest, 'somebody has at least the average')
    this.forget(oldest)
  }

  #takeSlot(one: Remembered): number {
    assert(one.known && one.slot === NO_SLOT, 'a call is stored once, while it is under way')
    one.slot = this.#freeSlots.pop() ?? this.#slots++
    return one.slot
  }

  /** The slot is free. Who is to be answered with what is in it takes that along. */
  #giveSlot(one: Remembered): void {
    if (!one.answered) one.own ??= new Uint8Array(this.results(one))
    this.#freeSlots.push(one.slot)
  }
}
