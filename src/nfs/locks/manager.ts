/**
 * The lock manager: what becomes of each request, for all clients and all versions of NLM.
 *
 * Locks are what POSIX says (table.ts). Who waits is served in the order of coming, as far as what
 * is held permits. Deadlocks between clients are left to them, as every server does.
 *
 * Everything granted is in the journal when its `barrier` has called back, and in force again after
 * a restart. Then, where anything was held, there is a grace period: clients are told, and reclaim;
 * nobody gets a new lock. It ends as soon as all is reclaimed or released. What nobody has claimed
 * by its end is dropped, for its client may be gone.
 */
import { FsError } from '../../fs/error.ts'
import { type BookParts, LockBook, type Restored } from './book.ts'
import type { Client } from './clients.ts'
import { Grants } from './grants.ts'
import { lengthOf } from './range.ts'
import {
  type Holder,
  type LockRequest,
  nlm4_stats,
  type Request,
  type ShareRequest,
  type Waiter,
} from './request.ts'
import { shareOwner } from './shares.ts'
import { type Owner, ownerOf } from './table.ts'
import { Waiters, type Wish } from './waiters.ts'

const { NLM4_GRANTED, NLM4_DENIED, NLM4_DENIED_NOLOCKS, NLM4_BLOCKED, NLM4_DENIED_GRACE_PERIOD } =
  nlm4_stats

export interface ManagerParts extends BookParts {
  /** A waiter has its lock: its client is to be called, and `confirmed` or `refused` to follow. */
  readonly granted: (waiter: Waiter) => void
}

export class LockManager {
  readonly #book: LockBook
  readonly #parts: ManagerParts
  readonly #waiters = new Waiters<Waiter>()
  readonly #grants = new Grants()

  constructor(parts: ManagerParts) {
    this.#parts = parts
    this.#book = new LockBook(parts, (client) => this.#waiters.countOf(client) > 0)
  }

  /** Those who have locks, or had some lately. */
  get clients(): readonly Client[] {
    return this.#book.clients
  }

  /** Locks and reservations held, and requests that wait. */
  get counts(): { readonly held: number; readonly waiting: number } {
    const { table, shares } = this.#book
    return { held: table.size + shares.size, waiting: this.#waiters.size }
  }

  get inGrace(): boolean {
    return this.#book.inGrace
  }
  /** Takes up what was held before a restart. @throws FsError IO */
  restore(restored: Restored): void {
    this.#book.restore(restored)
  }
  /** Clients can be told only now: they have the whole grace period from here on. */
  beginGrace(): void {
    this.#book.beginGrace()
  }

  /** As if the server had restarted: everybody has to reclaim, and to ask again. */
  simulateCrash(): void {
    for (const waiter of this.#waiters.all()) this.#waiters.remove(waiter)
    this.#grants.clear()
    this.#book.simulateCrash()
  }

  /** No work of its own accord any more. */
  stop(): void {
    this.#book.stop()
    this.#grants.clear()
  }

  // Byte ranges.

  test(request: Request): { readonly status: nlm4_stats; readonly holder?: Holder } {
    if (this.inGrace) return { status: NLM4_DENIED_GRACE_PERIOD }
    const { file, owner, exclusive, ...range } = this.#wishOf(request)
    const lock = this.#book.table.conflict(file, owner, exclusive, range)
    if (lock === undefined) return { status: NLM4_GRANTED }
    const { svid, oh } = lock.owner
    const where = { l_offset: lock.first, l_len: lengthOf(lock) }
    return { status: NLM4_DENIED, holder: { exclusive: lock.exclusive, svid, oh, ...where } }
  }

  /** GRANTED must not be told before the journal's barrier. */
  lock(request: LockRequest): nlm4_stats {
    const wish = this.#wishOf(request)
    this.#grants.withdraw(wish)
    // It asks again where our answer was lost, or reclaims late what nobody has taken.
    if (this.#has(wish)) return NLM4_GRANTED
    if (this.inGrace !== request.reclaim) return NLM4_DENIED_GRACE_PERIOD
    const { file, owner, exclusive } = wish
    const conflict = this.#book.table.conflict(file, owner, exclusive, wish)
    if (conflict !== undefined && (!request.block || request.reclaim)) return NLM4_DENIED
    return orNoLocks(() => {
      const { address, state, monitored } = request
      const { caller_name: name } = request.alock
      const client = this.#book.admit({ address, name, state, monitored })
      if (client === undefined) return NLM4_DENIED_NOLOCKS
      const own = { ...wish, owner: this.#ownerOf(request, client) }
      return conflict === undefined ? this.#take(own) : this.#wait(request, own)
    })
  }

  /** Whether the owner has the lock already, and not as something still to be reclaimed. */
  #has(wish: Wish): boolean {
    const { file, owner, exclusive } = wish
    if (!this.#book.table.holds(file, owner, exclusive, wish)) return false
    const { removed, added } = this.#planned(wish)
    return removed.length === 0 && added.length === 0
  }

  #planned(wish: Wish) {
    const { file, owner, exclusive } = wish
    return this.#book.table.plan(file, owner, wish, { exclusive, claimed: true })
  }

  /** @returns false where there is no room @throws FsError IO */
  #give(wish: Wish): boolean {
    const change = this.#planned(wish)
    const more = change.added.length - change.removed.length
    if (!this.#book.hasRoom(wish.owner.client, more)) return false
    this.#book.apply(change)
    return true
  }

  #take(wish: Wish): nlm4_stats {
    if (!this.#give(wish)) return NLM4_DENIED_NOLOCKS
    const waiter = this.#waiters.find(wish)
    if (waiter !== undefined) this.#waiters.remove(waiter)
    // A downgrade may be what somebody waits for.
    this.#serve(wish.file)
    return NLM4_GRANTED
  }

  #wait({ address, alock, vers }: LockRequest, wish: Wish): nlm4_stats {
    // Clients ask again where they wait for long: who came first keeps its place.
    if (this.#waiters.find(wish) !== undefined) return NLM4_BLOCKED
    const { waitersMax, waitersPerClientMax } = this.#book.limits
    if (this.#waiters.size >= waitersMax) return NLM4_DENIED_NOLOCKS
    if (this.#waiters.countOf(wish.owner.client) >= waitersPerClientMax) return NLM4_DENIED_NOLOCKS
    this.#waiters.add({ ...wish, address, alock, vers })
    return NLM4_BLOCKED
  }

  /** DENIED where the request waits no longer: it has its lock, or was never there. */
  cancel(request: Request): nlm4_stats {
    const wish = this.#wishOf(request)
    const waiter = this.#waiters.find(wish)
    if (waiter !== undefined) this.#waiters.remove(waiter)
    // Where its client was not told yet that it has the lock, it never had it.
    else if (this.#grants.withdraw(wish)) return this.#release(wish)
    return waiter === undefined ? NLM4_DENIED : NLM4_GRANTED
  }

  /** Always GRANTED, as long as the journal works: what was not locked is unlocked. */
  unlock(request: Request): nlm4_stats {
    const wish = this.#wishOf(request)
    for (const exclusive of [true, false]) {
      const waiter = this.#waiters.find({ ...wish, exclusive })
      if (waiter !== undefined) this.#waiters.remove(waiter)
    }
    this.#grants.settle(wish)
    return this.#release(wish)
  }

  #release(wish: Wish): nlm4_stats {
    const { file, owner } = wish
    return orNoLocks(() => {
      this.#book.apply(this.#book.table.plan(file, owner, wish, undefined))
      this.#serve(file)
      return NLM4_GRANTED
    })
  }

  #wishOf(request: Request): Wish {
    const { address, alock, file, exclusive, range } = request
    const client = this.#book.find(address, alock.caller_name)
    return { file, owner: this.#ownerOf(request, client), exclusive, ...range }
  }

  #ownerOf({ alock }: Request, client: Client | undefined): Owner {
    return ownerOf(client?.id ?? 0, alock.oh, alock.svid)
  }

  // Grants.

  /** Gives waiters of a file what has become free, first come first. @throws FsError IO */
  #serve(file: string): void {
    if (this.inGrace) return
    for (const waiter of this.#waiters.of(file)) {
      const { owner, exclusive } = waiter
      if (this.#book.table.conflict(file, owner, exclusive, waiter) !== undefined) continue
      // Without room it goes on waiting; its client asks again by and by, and is told then.
      if (!this.#give(waiter)) continue
      this.#waiters.remove(waiter)
      this.#grants.add(waiter)
      this.#book.journal.barrier((error) => {
        if (error === undefined && this.#grants.has(waiter)) this.#parts.granted(waiter)
      })
    }
  }

  /** Whether a waiter's client is still to be told that it has its lock. */
  isUntold(waiter: Waiter): boolean {
    return this.#grants.has(waiter)
  }

  /** The client knows that it has the lock, or may know: it keeps it. */
  confirmed(waiter: Waiter): void {
    this.#grants.remove(waiter)
  }

  /** The client does not want the lock any more, or was never reached. */
  refused(waiter: Waiter): void {
    if (this.#grants.remove(waiter)) this.#release(waiter)
  }

  // Share reservations.

  share(request: ShareRequest): nlm4_stats {
    const { file, deny, access, oh, address, caller_name: name, reclaim } = request
    const known = this.#book.find(address, name)
    const old = known && this.#book.shares.find(file, shareOwner(known.id, oh))
    if (old?.claimed && old.deny === deny && old.access === access) return NLM4_GRANTED
    if (this.inGrace !== reclaim) return NLM4_DENIED_GRACE_PERIOD
    return orNoLocks(() => {
      const client = this.#book.admit({ address, name, state: 0, monitored: true })
      if (client === undefined || !this.#book.hasRoom(client.id, old === undefined ? 1 : 0)) {
        return NLM4_DENIED_NOLOCKS
      }
      const owner = shareOwner(client.id, oh)
      const { table, shares } = this.#book
      if (shares.conflicts({ file, owner, deny, access })) return NLM4_DENIED
      const about = { file, client: client.id, owner, oh, deny, access, claimed: true }
      this.#book.exchange(old, { id: table.newId(), ...about })
      return NLM4_GRANTED
    })
  }

  unshare({ file, oh, address, caller_name }: ShareRequest): nlm4_stats {
    const client = this.#book.find(address, caller_name)
    const old = client && this.#book.shares.find(file, shareOwner(client.id, oh))
    if (old === undefined) return NLM4_GRANTED
    return orNoLocks(() => {
      this.#book.exchange(old, undefined)
      return NLM4_GRANTED
    })
  }

  // Clients that are gone.

  /**
   * A client has restarted, and holds nothing any more.
   *
   * @param name what it calls itself: where clients of this name and others share the address, only
   *   they are meant
   * @param state of its NSM now; locks made in this state are those after its restart. Undefined
   *   where it does not say
   * @throws FsError IO
   */
  freeAll(address: string, name: string, state: number | undefined): void {
    const there = this.clients.filter((client) => client.address === address)
    const named = there.filter((client) => client.name === name)
    for (const client of named.length > 0 ? named : there) {
      if (state !== undefined && client.state === state) continue
      this.#freeClient(client)
    }
  }

  #freeClient(client: Client): void {
    for (const waiter of this.#waiters.ofClient(client.id)) this.#waiters.remove(waiter)
    this.#grants.removeClient(client.id)
    const { table, shares } = this.#book
    const freed = this.#book.release([...table.ofClient(client.id)], shares.ofClient(client.id))
    this.#book.forget(client)
    for (const file of freed) this.#serve(file)
  }
}

/** What the journal does not take is not granted. */
function orNoLocks(run: () => nlm4_stats): nlm4_stats {
  try {
    return run()
  } catch (error) {
    if (error instanceof FsError) return NLM4_DENIED_NOLOCKS
    throw error
  }
}
