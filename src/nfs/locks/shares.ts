/**
 * Share reservations (XNFS's SHARE and UNSHARE, for clients of DOS's manners): who has opened a file
 * says what it does with it (`access`) and what others must not do meanwhile (`deny`). They bind
 * nobody but others who reserve.
 */

/** fsh4_access and fsh4_mode have the same bits. */
export const Share = { NONE: 0, READ: 1, WRITE: 2, READ_WRITE: 3 } as const

export interface Reservation {
  readonly id: number
  /** The file's key. */
  readonly file: string
  /** The number of the client. */
  readonly client: number
  /** Equal for equal owners only. */
  readonly owner: string
  readonly oh: Uint8Array
  readonly deny: number
  readonly access: number
  /** False for one of before a restart that was not reclaimed yet. */
  readonly claimed: boolean
}

/** Share reservations have no `svid`: their owner is the client's program `oh`. */
export function shareOwner(client: number, oh: Uint8Array): string {
  return `${client}/${Buffer.from(oh).toString('latin1')}`
}

export class Shares {
  readonly #files = new Map<string, Reservation[]>()
  #size = 0
  #unclaimed = 0

  get size(): number {
    return this.#size
  }

  get unclaimed(): number {
    return this.#unclaimed
  }

  all(): readonly Reservation[] {
    return [...this.#files.values()].flat()
  }

  ofClient(client: number): readonly Reservation[] {
    return this.all().filter((one) => one.client === client)
  }

  find(file: string, owner: string): Reservation | undefined {
    return this.#files.get(file)?.find((one) => one.owner === owner)
  }

  /** Whether somebody else's reservation forbids this one, or the other way round. */
  conflicts(wanted: Pick<Reservation, 'file' | 'owner' | 'deny' | 'access'>): boolean {
    const others = this.#files.get(wanted.file) ?? []
    return others.some(
      ({ owner, deny, access }) =>
        owner !== wanted.owner && ((deny & wanted.access) !== 0 || (access & wanted.deny) !== 0),
    )
  }

  add(one: Reservation): void {
    this.#files.set(one.file, [...(this.#files.get(one.file) ?? []), one])
    this.#size++
    if (!one.claimed) this.#unclaimed++
  }

  remove(one: Reservation): void {
    const left = (this.#files.get(one.file) ?? []).filter((other) => other !== one)
    if (left.length > 0) this.#files.set(one.file, left)
    else this.#files.delete(one.file)
    this.#size--
    if (!one.claimed) this.#unclaimed--
  }
}
