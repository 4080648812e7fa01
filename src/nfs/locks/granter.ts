/**
 * Tells clients that what they wait for is theirs: NLM_GRANTED with the very bytes of the request,
 * or NLM_GRANTED_MSG where that is not answered; again and again for about a minute.
 *
 * A client that says no does not want the lock any more, and one that was never reached polls
 * (Linux every 30 seconds): in both cases the lock is given on. But once a call may have been
 * heard, the client may believe that it holds the lock, whatever it answers to the next one: it
 * keeps it.
 */
import { RpcError } from '../../rpc/client.ts'
import { voidType } from '../../xdr/codec.ts'
import { nlmTypes } from './nlm-types.ts'
import { CALL_MS, type Peers, PeerUnreachable } from './peers.ts'
import { nlm4_stats, type Waiter } from './request.ts'

const GRANTED = 5
const GRANTED_MSG = 10

/** How long to wait before each try, in milliseconds. */
const PAUSES_MS = [0, 1000, 2000, 4000, 8000, 15_000, 30_000]
const COOKIE_BYTES = 8

export interface GranterParts {
  readonly peers: Pick<Peers, 'call'>
  /** Whether the client is still to be told. */
  readonly isUntold: (waiter: Waiter) => boolean
  readonly confirmed: (waiter: Waiter) => void
  readonly refused: (waiter: Waiter) => void
  /** Runs something later; what it returns calls that off. */
  readonly after: (ms: number, run: () => void) => () => void
  /** Is told what no client can cause. */
  readonly report: (error: unknown) => void
}

type Outcome = 'yes' | 'no' | 'later' | 'unreached' | 'unsure'

export class Granter {
  readonly #parts: GranterParts
  /** Who waits for a GRANTED_RES, by cookie. */
  readonly #expected = new Map<bigint, (status: nlm4_stats | undefined) => void>()
  readonly #pauses = new Set<() => void>()
  #nextCookie = 1n
  #stopped = false

  constructor(parts: GranterParts) {
    this.#parts = parts
  }

  /** Tells one client. @returns when it is told, or given up */
  async grant(waiter: Waiter): Promise<void> {
    try {
      await this.#tell(waiter)
    } catch (error) {
      this.#parts.report(error)
      this.#parts.confirmed(waiter)
    }
  }

  /** A client answers a GRANTED_MSG. */
  answered(cookie: Uint8Array, status: nlm4_stats): void {
    if (cookie.length !== COOKIE_BYTES) return
    this.#expected.get(Buffer.from(cookie).readBigUInt64BE())?.(status)
  }

  stop(): void {
    this.#stopped = true
    for (const done of this.#expected.values()) done(undefined)
    for (const wake of this.#pauses) wake()
  }

  async #tell(waiter: Waiter): Promise<void> {
    const { isUntold, confirmed, refused } = this.#parts
    let heard = false
    for (const ms of PAUSES_MS) {
      if (ms > 0) await this.#pause(ms)
      if (this.#stopped || !isUntold(waiter)) return
      const outcome = await this.#try(waiter)
      if (this.#stopped || !isUntold(waiter)) return
      if (outcome === 'yes' || (outcome === 'no' && heard)) return confirmed(waiter)
      if (outcome === 'no') return refused(waiter)
      if (outcome === 'unsure') heard = true
    }
    if (heard) confirmed(waiter)
    else refused(waiter)
  }

  async #try(waiter: Waiter): Promise<Outcome> {
    const cookie = this.#nextCookie++
    const outcome = await this.#attempt(() => this.#call(waiter, cookie))
    if (outcome !== 'unsure' || !this.#parts.isUntold(waiter)) return outcome
    const message = await this.#attempt(() => this.#message(waiter, cookie))
    return message === 'unreached' ? 'unsure' : message
  }

  async #attempt(run: () => Promise<nlm4_stats | undefined>): Promise<Outcome> {
    try {
      const status = await run()
      if (status === undefined) return 'unsure'
      if (status === nlm4_stats.NLM4_GRANTED) return 'yes'
      return status === nlm4_stats.NLM4_DENIED_GRACE_PERIOD ? 'later' : 'no'
    } catch (error) {
      if (error instanceof PeerUnreachable) return 'unreached'
      if (error instanceof RpcError) return 'unsure'
      throw error
    }
  }

  async #call({ address, vers, alock, exclusive }: Waiter, number: bigint): Promise<nlm4_stats> {
    const { testargs, res } = nlmTypes(vers)
    const args = { cookie: cookieOf(number), exclusive, alock }
    const peer = { address, vers: vers }
    return (await this.#parts.peers.call(peer, GRANTED, testargs, args, res)).status
  }

  /** @returns undefined where no answer comes */
  async #message(waiter: Waiter, number: bigint): Promise<nlm4_stats | undefined> {
    const { address, vers, alock, exclusive } = waiter
    const { testargs } = nlmTypes(vers)
    const args = { cookie: cookieOf(number), exclusive, alock }
    const peer = { address, vers: vers }
    const answer = this.#expect(number)
    // Its reply is empty, and some never send one.
    const sent = this.#parts.peers.call(peer, GRANTED_MSG, testargs, args, voidType)
    sent.catch(() => undefined)
    return answer
  }

  #expect(number: bigint): Promise<nlm4_stats | undefined> {
    return new Promise((resolve) => {
      const done = (status: nlm4_stats | undefined) => {
        callOff()
        this.#expected.delete(number)
        resolve(status)
      }
      const callOff = this.#parts.after(CALL_MS, () => done(undefined))
      this.#expected.set(number, done)
    })
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        callOff()
        this.#pauses.delete(wake)
        resolve()
      }
      const callOff = this.#parts.after(ms, wake)
      this.#pauses.add(wake)
    })
  }
}

function cookieOf(number: bigint): Uint8Array {
  const cookie = Buffer.alloc(COOKIE_BYTES)
  cookie.writeBigUInt64BE(number)
  return cookie
}
