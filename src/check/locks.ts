/** Locks, and the clients that hold them: what the records say of one another. */
import { type Key, Kind } from '../store/keys.ts'
import type { LockRecord, NsmRecord } from '../store/lock-records.ts'
import type { Problems } from './problems.ts'

export class LocksCheck {
  /** The numbers of clients that there are, and of those that locks name, with one of their locks. */
  readonly #clients = new Set<number>()
  readonly #named = new Map<number, Key>()

  add(kind: Kind, key: Key, value: unknown, problems: Problems): void {
    if (kind === Kind.LOCK_CLIENT) this.#clients.add(Number(key))
    if (kind === Kind.LOCK) {
      const { client, first, last } = value as LockRecord
      this.#named.set(client, key)
      if (first > last) problems.add(`lock ${key} ends before it begins`)
    }
    if (kind === Kind.NSM && (value as NsmRecord).state % 2 !== 1) {
      problems.add(`the status monitor has the state ${(value as NsmRecord).state}, which is down`)
    }
  }

  check(problems: Problems): void {
    for (const [client, lock] of this.#named) {
      if (this.#clients.has(client)) continue
      problems.add(`lock ${lock} is of client ${client}, which is not there`)
    }
  }
}
