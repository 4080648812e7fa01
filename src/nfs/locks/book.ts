/**
 * The books of the lock manager: who the clients are, what they hold, how much of it they may have,
 * and whether there is a grace period. Whatever changes goes through the journal first.
 */
import { FsError } from '../../fs/error.ts'
import { type Client, Clients } from './clients.ts'
import type { Journal } from './journal.ts'
import { LOCK_LIMITS, type LockLimits } from './limits.ts'
import { type Reservation, Shares } from './shares.ts'
import { type Change, type Lock, LockTable } from './table.ts'

export interface BookParts {
  readonly journal: Journal
  readonly limits?: LockLimits
  /** How long clients may reclaim after a restart, in milliseconds. */
  readonly graceMs: number
  /** Runs something later; what it returns calls that off. */
  readonly after: (ms: number, run: () => void) => () => void
  /** A client has its first lock, or is forgotten: to be monitored from now on, or no longer. */
  readonly monitor: (client: Client, wanted: boolean) => void
}

/** What was kept from before a restart. */
export interface Restored {
  readonly clients: readonly Client[]
  readonly locks: readonly Lock[]
  readonly shares: readonly Reservation[]
}

/** A client as its request tells of it. */
export type Newcomer = Omit<Client, 'id'>

export class LockBook {
  readonly table = new LockTable()
  readonly shares = new Shares()
  readonly limits: LockLimits
  readonly #parts: BookParts
  readonly #waits: (client: number) => boolean
  readonly #clients = new Clients()
  #endGrace: (() => void) | undefined

  /** @param waits whether a client, by its number, waits for a lock */
  constructor(parts: BookParts, waits: (client: number) => boolean) {
    this.#parts = parts
    this.#waits = waits
    this.limits = parts.limits ?? LOCK_LIMITS
  }

  get journal(): Journal {
    return this.#parts.journal
  }

  get clients(): readonly Client[] {
    return this.#clients.all
  }

  /** Takes up what was held before a restart, and begins a grace period if there was anything. */
  restore({ clients, locks, shares }: Restored): void {
    for (const client of clients) this.#clients.put(client)
    const unclaimed = { claimed: false }
    this.table.apply({ removed: [], added: locks.map((lock) => ({ ...lock, ...unclaimed })) })
    for (const one of shares) {
      this.table.passId(one.id)
      this.shares.add({ ...one, ...unclaimed })
    }
    for (const client of clients) if (this.#isIdle(client)) this.forget(client)
    this.beginGrace()
  }

  /** As if the server had restarted: everybody has to reclaim. */
  simulateCrash(): void {
    const removed = this.table.all()
    this.table.apply({ removed, added: removed.map((lock) => ({ ...lock, claimed: false })) })
    for (const one of this.shares.all()) {
      this.shares.remove(one)
      this.shares.add({ ...one, claimed: false })
    }
    this.beginGrace()
  }

  stop(): void {
    this.#endGrace?.()
  }

  // Clients.

  find(address: string, name: string): Client | undefined {
    return this.#clients.find(address, name)
  }

  /**
   * A client that is about to have a lock, with what is new about it.
   *
   * @returns undefined where there are too many
   * @throws FsError IO where the journal takes no more changes
   */
  admit(given: Newcomer): Client | undefined {
    const { address, name } = given
    const old = this.#clients.find(address, name)
    const state = given.state === 0 ? (old?.state ?? 0) : given.state
    const monitored = given.monitored || (old?.monitored ?? false)
    if (old !== undefined && old.state === state && old.monitored === monitored) return old
    if (old === undefined && !this.#hasRoomForClient(address)) return undefined
    const client = { id: old?.id ?? this.#clients.newId(), address, name, state, monitored }
    this.journal.save({ clients: [client] })
    this.#clients.put(client)
    if (monitored && !old?.monitored) this.#parts.monitor(client, true)
    return client
  }

  #hasRoomForClient(address: string): boolean {
    const { clientsMax, namesPerAddressMax } = this.limits
    const neighbours = this.#clients.ofAddress(address)
    if (neighbours.length >= namesPerAddressMax) this.#forgetIdle(neighbours)
    if (this.#clients.size >= clientsMax) this.#forgetIdle(this.clients)
    return (
      this.#clients.size < clientsMax &&
      this.#clients.ofAddress(address).length < namesPerAddressMax
    )
  }

  #forgetIdle(clients: readonly Client[]): void {
    for (const client of clients) if (this.#isIdle(client)) this.forget(client)
  }

  #isIdle({ id }: Client): boolean {
    const held = this.table.ofClient(id).size + this.shares.ofClient(id).length
    return held === 0 && !this.#waits(id)
  }

  /** @throws FsError IO */
  forget(client: Client): void {
    this.journal.save({ droppedClients: [client.id] })
    this.#clients.remove(client)
    if (client.monitored) this.#parts.monitor(client, false)
  }

  // What they hold.

  /** Whether a client may have so many more locks and reservations. */
  hasRoom(client: number, more: number): boolean {
    if (more <= 0) return true
    const { locksMax, locksPerClientMax } = this.limits
    const own = this.table.ofClient(client).size + this.shares.ofClient(client).length
    return this.table.size + this.shares.size + more <= locksMax && own + more <= locksPerClientMax
  }

  /** @throws FsError IO: nothing has changed then */
  apply(change: Change): void {
    const { removed, added } = change
    if (removed.length === 0 && added.length === 0) return
    this.journal.save({ locks: added, dropped: removed.map(({ id }) => id) })
    this.table.apply(change)
    this.#considerGrace()
  }

  /** @throws FsError IO: nothing has changed then */
  exchange(old: Reservation | undefined, made: Reservation | undefined): void {
    const dropped = old === undefined ? [] : [old.id]
    this.journal.save({ shares: made === undefined ? [] : [made], dropped })
    if (old !== undefined) this.shares.remove(old)
    if (made !== undefined) this.shares.add(made)
    this.#considerGrace()
  }

  /** @returns the files where something has become free @throws FsError IO */
  release(locks: readonly Lock[], shares: readonly Reservation[]): ReadonlySet<string> {
    this.journal.save({ dropped: [...locks, ...shares].map(({ id }) => id) })
    this.table.apply({ removed: locks, added: [] })
    for (const one of shares) this.shares.remove(one)
    this.#considerGrace()
    return new Set(locks.map(({ file }) => file))
  }

  // The grace period.

  get inGrace(): boolean {
    return this.#endGrace !== undefined
  }

  /** The grace period begins, or begins anew: where there is anything to reclaim. */
  beginGrace(): void {
    this.#endGrace?.()
    this.#endGrace = undefined
    if (this.#unclaimed === 0) return
    const callOff = this.#parts.after(this.#parts.graceMs, () => this.#graceIsOver())
    this.#endGrace = callOff
  }

  get #unclaimed(): number {
    return this.table.unclaimed + this.shares.unclaimed
  }

  /** It need not last longer than there is something to reclaim. */
  #considerGrace(): void {
    if (this.#endGrace === undefined || this.#unclaimed > 0) return
    this.#endGrace()
    this.#endGrace = undefined
  }

  #graceIsOver(): void {
    const locks = this.table.all().filter(({ claimed }) => !claimed)
    const shares = this.shares.all().filter(({ claimed }) => !claimed)
    try {
      this.release(locks, shares)
    } catch (error) {
      // The store has failed, and said so: nobody gets a lock any more in any case.
      if (!(error instanceof FsError)) throw error
    }
  }
}
