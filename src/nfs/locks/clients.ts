/**
 * Whose locks there are. A client is an address and the name that it gives itself: names alone are
 * not unique (many a machine is called "localhost" or "(none)"), and behind one address there may be
 * several machines.
 */

export interface Client {
  readonly id: number
  /** Numeric. */
  readonly address: string
  /** Its `caller_name`. */
  readonly name: string
  /** The state of its NSM when it locked, 0 where it has not said. Odd numbers are "up". */
  readonly state: number
  /** Whether it wants to hear of our restarts, and tells us of its own. */
  readonly monitored: boolean
}

export class Clients {
  readonly #byId = new Map<number, Client>()
  readonly #byName = new Map<string, Client>()
  #nextId = 1

  get size(): number {
    return this.#byId.size
  }

  get all(): readonly Client[] {
    return [...this.#byId.values()]
  }

  find(address: string, name: string): Client | undefined {
    return this.#byName.get(`${address} ${name}`)
  }

  ofAddress(address: string): readonly Client[] {
    return this.all.filter((client) => client.address === address)
  }

  newId(): number {
    return this.#nextId++
  }

  /** A new one, or one whose state or monitoring has changed. */
  put(client: Client): void {
    this.#byId.set(client.id, client)
    this.#byName.set(`${client.address} ${client.name}`, client)
    this.#nextId = Math.max(this.#nextId, client.id + 1)
  }

  remove(client: Client): void {
    this.#byId.delete(client.id)
    this.#byName.delete(`${client.address} ${client.name}`)
  }
}
