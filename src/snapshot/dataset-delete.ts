/**
 * Deleting a dataset: frees what its snapshots held, then its files, then forgets it, a bounded
 * number of records in each transaction. Its record goes last: a deletion that was interrupted is
 * simply run again. Nobody sees the dataset meanwhile, so its records can go in any order.
 */
import { strict as assert } from 'node:assert'
import { mergeAccounts } from '../store/accounts.ts'
import type { Dataset } from '../store/dataset.ts'
import { type Key, Kind, kindRange, parseKey } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import type { Table } from '../store/table.ts'
import { SnapshotDeletion, STEPS_PER_COMMIT } from './delete.ts'

/** Records that one transaction removes; of a chunk, each may release 256 blocks. */
const STEP_RECORDS = 128

export class DatasetDeletion {
  readonly #store: Store
  readonly #dataset: Dataset
  readonly #stopped: () => boolean
  #steps = 0

  /**
   * @param dataset marked as being deleted, and so are all of its snapshots
   * @param stopped whether no further step may be done: the store is about to be closed
   */
  constructor(store: Store, dataset: Dataset, stopped: () => boolean) {
    assert(dataset.record.deleting, 'only what is marked is freed')
    this.#store = store
    this.#dataset = dataset
    this.#stopped = stopped
  }

  async run(): Promise<void> {
    if (this.#stopped() || !(await this.#snapshots()) || !(await this.#records())) return
    this.#store.transact((tx) => tx.delete(this.#store.datasets, this.#dataset.id))
    await this.#store.flush()
    this.#store.objsets.detach(this.#dataset.id)
  }

  /** @returns whether all are gone; false where it was stopped before */
  async #snapshots(): Promise<boolean> {
    const dataset = this.#dataset
    const deletion = new SnapshotDeletion(this.#store, dataset, this.#stopped)
    if (!(await deletion.run())) return false
    this.#store.transact((tx) => {
      mergeAccounts(tx, dataset, new Set(dataset.snapshots.map(({ epoch }) => epoch)))
      for (const { id } of dataset.snapshots) tx.delete(this.#store.snapshots, id)
      const { snapshots, epoch } = dataset
      tx.onUndo(() => dataset.setSnapshots(snapshots, epoch))
      dataset.setSnapshots([], epoch)
    })
    return true
  }

  /** @returns whether all are gone; false where it was stopped before */
  async #records(): Promise<boolean> {
    const { inodes, names, pages, bitmaps, chunks, orphans, schedules, usages } = this.#dataset
    // The scans see the database: what is only in memory has to be there first.
    await this.#store.checkpoint()
    // What a clone has of its origin was never its own: from here on it is not even seen.
    this.#dataset.disinherit()
    const done =
      (await this.#all(Kind.CHUNK, chunks)) &&
      (await this.#all(Kind.NAME, names)) &&
      (await this.#all(Kind.PAGE, pages)) &&
      (await this.#all(Kind.BITMAP, bitmaps)) &&
      (await this.#all(Kind.ORPHAN, orphans)) &&
      (await this.#all(Kind.SCHEDULE, schedules)) &&
      (await this.#all(Kind.INODE, inodes))
    return done && this.#all(Kind.USAGE, usages)
  }

  async #all<K extends Key, V>(kind: Kind, table: Table<K, V>): Promise<boolean> {
    for await (const keys of this.#store.database.keys(kindRange(this.#dataset.id, kind))) {
      for (let from = 0; from < keys.length; from += STEP_RECORDS) {
        if (this.#stopped()) return false
        const some = keys.slice(from, from + STEP_RECORDS)
        await this.#step(
          kind,
          table,
          some.map((key) => parseKey(key).key as K),
        )
      }
    }
    return !this.#stopped()
  }

  async #step<K extends Key, V>(kind: Kind, table: Table<K, V>, keys: readonly K[]): Promise<void> {
    const store = this.#store
    store.pace.step(() =>
      store.transact((tx) => {
        for (const key of keys) {
          if (kind === Kind.CHUNK) tx.deleteChunk(this.#dataset, String(key))
          // A clone's tombstones too: they have no value to be deleted.
          tx.delete(table, key)
        }
      }),
    )
    this.#steps++
    if (this.#steps % STEPS_PER_COMMIT === 0) await store.flush()
    await store.pace.rest()
  }
}
