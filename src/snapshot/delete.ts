/**
 * Deleting snapshots: frees the versions that no other snapshot sees, and the blocks that only they
 * held (dead.ts), a bounded number in each transaction, at a pace that leaves clients their speed
 * (store/pace.ts). However many are marked, they are freed
 * together: nothing is looked at twice. The snapshots' records go last: a deletion that was
 * interrupted is simply run again.
 */
import type { Dataset } from '../store/dataset.ts'
import { historyKey, Kind, parseDeadKey, versionsKey } from '../store/keys.ts'
import { BLOCK_BYTES } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import type { Transaction } from '../store/transaction.ts'
import { deadVersions, eachBlock, indexOfVersion, inSteps } from './dead.ts'

/**
 * Steps after which they are committed: were each, then what clients have only begun to write would
 * be synced along with it, each time.
 */
export const STEPS_PER_COMMIT = 64

/** How far a deletion is. */
export interface Freeing {
  /** Snapshots that are freed together. */
  readonly snapshots: number
  /** Superseded records looked at, and how many there are; 0 before they are counted. */
  readonly versions: number
  readonly total: number
  /** Bytes of blocks that are free now. */
  readonly bytes: number
}

export class SnapshotDeletion {
  readonly #store: Store
  readonly #dataset: Dataset
  readonly #stopped: () => boolean
  readonly #kept: readonly number[]
  readonly #gone: readonly number[]
  #steps = 0
  #versions = 0
  #total = 0
  #blocks = 0

  /**
   * Of all snapshots that are marked at this moment.
   *
   * @param stopped whether no further step may be done: the store is about to be closed
   */
  constructor(store: Store, dataset: Dataset, stopped: () => boolean) {
    this.#store = store
    this.#dataset = dataset
    this.#stopped = stopped
    const epochs = (marked: boolean) =>
      dataset.snapshots.filter(({ deleting }) => deleting === marked).map(({ epoch }) => epoch)
    this.#kept = epochs(false)
    this.#gone = epochs(true)
  }

  get progress(): Freeing {
    const { length: snapshots } = this.#gone
    const bytes = this.#blocks * BLOCK_BYTES
    return { snapshots, versions: this.#versions, total: this.#total, bytes }
  }

  /** @returns whether everything is freed; false where it was stopped before */
  async run(): Promise<boolean> {
    // The scan sees the database: what is only in memory has to be there first.
    await this.#store.checkpoint()
    let total = 0
    for await (const names of this.#names()) {
      if (this.#stopped()) return false
      total += names.length
    }
    this.#total = total
    for await (const names of this.#names()) {
      for (const some of inSteps(names)) {
        if (this.#stopped()) return false
        await this.#step(some)
      }
    }
    return !this.#stopped()
  }

  #names(): AsyncGenerator<readonly string[]> {
    return deadVersions(this.#store, this.#dataset, this.#kept, this.#gone)
  }

  /** Removes the versions named that nobody sees any more. */
  async #step(names: readonly string[]): Promise<void> {
    const store = this.#store
    const freed = store.pace.step(() =>
      store.transact((tx) => {
        let blocks = 0
        for (const name of names) blocks += this.#remove(tx, name)
        return blocks
      }),
    )
    this.#blocks += freed
    this.#versions += names.length
    this.#steps++
    if (this.#steps % STEPS_PER_COMMIT === 0) await store.flush()
    await store.pace.rest()
  }

  /** @returns blocks that nothing refers to any more */
  #remove(tx: Transaction, name: string): number {
    const dataset = this.#dataset
    const { kind, key, birth, end } = parseDeadKey(name)
    if (dataset.dead.get(name) === undefined || dataset.seenBySnapshot(birth, end)) return 0
    const list = versionsKey(kind, key)
    const versions = dataset.versions.get(list) ?? []
    const at = indexOfVersion(versions, name, end)
    let freed = 0
    if (kind === Kind.CHUNK) {
      const previousEnd = versions[at - 1]?.end ?? 0
      const own = eachBlock(dataset, key, versions, at, previousEnd, (address, born) => {
        tx.went(dataset, born, BLOCK_BYTES)
        if (!dataset.owns(born)) return
        tx.release(address, 1)
        if (this.#store.spaceMap.refcount(address) === 0) freed++
      })
      if (own > 0) tx.went(dataset, birth, own)
    }
    tx.delete(dataset.history, historyKey(kind, key, end))
    tx.delete(dataset.dead, name)
    const left = versions.toSpliced(at, 1)
    if (left.length === 0) tx.delete(dataset.versions, list)
    else tx.put(dataset.versions, list, left)
    return freed
  }
}
