/** The locks in the store: how the lock manager and the NSM keep what outlives the server. */
import type { Restored } from './nfs/locks/book.ts'
import type { Client } from './nfs/locks/clients.ts'
import type { Journal, JournalChange } from './nfs/locks/journal.ts'
import type { Monitor, MonitorJournal } from './nfs/locks/nsm.ts'
import { type Reservation, shareOwner } from './nfs/locks/shares.ts'
import { type Lock, ownerOf } from './nfs/locks/table.ts'
import type { FsError } from './store/error.ts'
import { type Kind, kindRange, parseKey } from './store/keys.ts'
import type { LockClientRecord, LockRecord, NsmRecord } from './store/lock-records.ts'
import type { Store } from './store/store.ts'
import type { Table } from './store/table.ts'

/** The key of the one record of its kind. */
const NSM = 0

export class StoreLocks implements Journal, MonitorJournal {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  save(change: JournalChange): void {
    const { locks, clients } = this.#store.locks
    this.#store.transact((tx) => {
      for (const id of change.dropped ?? []) tx.delete(locks, id)
      for (const lock of change.locks ?? []) tx.put(locks, lock.id, lockRecord(lock))
      for (const share of change.shares ?? []) tx.put(locks, share.id, shareRecord(share))
      for (const id of change.droppedClients ?? []) tx.delete(clients, id)
      for (const client of change.clients ?? []) tx.put(clients, client.id, clientRecord(client))
    })
  }

  barrier(done: (error?: FsError) => void): void {
    this.#store.barrier(done)
  }

  /** What was held when the store was last closed, or its process ended. */
  async restored(): Promise<Restored> {
    const { locks: table } = this.#store.locks
    const [locks, shares]: [Lock[], Reservation[]] = [[], []]
    for (const [id, record] of await recordsOf(this.#store, table)) {
      if (record.share === undefined) locks.push(lockOf(id, record))
      else shares.push(shareOf(id, record, record.share))
    }
    const known = await recordsOf(this.#store, this.#store.locks.clients)
    return { locks, shares, clients: known.map(([id, record]) => ({ id, ...record })) }
  }

  // The NSM's.

  get nsm(): NsmRecord | undefined {
    return this.#store.locks.nsm.get(NSM)
  }

  saveNsm(record: NsmRecord): void {
    this.#store.transact((tx) => tx.put(this.#store.locks.nsm, NSM, record))
  }

  async monitors(): Promise<readonly Monitor[]> {
    const all = await recordsOf(this.#store, this.#store.locks.monitors)
    return all.map(([id, record]) => ({ id, ...record }))
  }

  saveMonitor({ id, ...record }: Monitor): void {
    this.#store.transact((tx) => tx.put(this.#store.locks.monitors, id, record))
  }

  dropMonitors(ids: readonly number[]): void {
    this.#store.transact((tx) => {
      for (const id of ids) tx.delete(this.#store.locks.monitors, id)
    })
  }
}

/**
 * All records of a table that belongs to the store, in the order of their numbers. Only right after
 * the store was opened does the database have all.
 */
export async function recordsOf<V>(store: Store, table: Table<number, V>): Promise<[number, V][]> {
  const kind: Kind = table.spec.kind
  const found: [number, V][] = []
  for await (const { key } of store.database.scan(kindRange(0, kind))) {
    const id = Number(parseKey(key).key)
    const value = table.get(id)
    if (value !== undefined) found.push([id, value])
  }
  return found
}

function clientRecord({ address, name, state, monitored }: Client): LockClientRecord {
  return { address, name, state, monitored }
}

/** The inverse of fileKey (nfs/locks/journal.ts). */
function fileOf(key: string): Pick<LockRecord, 'dataset' | 'snapshot' | 'ino' | 'generation'> {
  const [dataset = 0, snapshot = 0, ino = 0, generation = 0] = key.split('/').map(Number)
  return { dataset, snapshot, ino, generation }
}

const keyOf = ({ dataset, snapshot, ino, generation }: LockRecord): string =>
  `${dataset}/${snapshot}/${ino}/${generation}`

function lockRecord({ file, owner, exclusive, first, last }: Lock): LockRecord {
  const { client, oh, svid } = owner
  return { client, ...fileOf(file), oh, svid, exclusive, first, last, share: undefined }
}

function shareRecord({ file, client, oh, deny, access }: Reservation): LockRecord {
  const whole = { svid: 0, exclusive: false, first: 0n, last: 0n }
  return { client, ...fileOf(file), oh, ...whole, share: { deny, access } }
}

function lockOf(id: number, record: LockRecord): Lock {
  const { client, oh, svid, exclusive, first, last } = record
  const owner = ownerOf(client, oh, svid)
  return { id, file: keyOf(record), owner, exclusive, first, last, claimed: false }
}

function shareOf(
  id: number,
  record: LockRecord,
  { deny, access }: NonNullable<LockRecord['share']>,
): Reservation {
  const { client, oh } = record
  const owner = shareOwner(client, oh)
  return { id, file: keyOf(record), client, owner, oh, deny, access, claimed: false }
}
