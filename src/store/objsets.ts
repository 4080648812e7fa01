/** The datasets of a store that are open: all of them, as long as the store is. */
import { strict as assert } from 'node:assert'
import type { Cache } from './cache.ts'
import { Dataset, type OpenTable, type SharedMemory, type Snapshot } from './dataset.ts'
import { NameFinder } from './name-finder.ts'
import { PackedPages } from './packed-pages.ts'
import { DECODED_BENEATH_MAX } from './past.ts'
import type { DatasetRecord } from './records.ts'
import type { Table } from './table.ts'
import type { Transaction } from './transaction.ts'

export class Objsets {
  readonly #records: Table<number, DatasetRecord>
  readonly #openTable: OpenTable
  readonly #cache: Cache
  readonly #memory: SharedMemory
  readonly #open = new Map<number, Dataset>()

  /** @param cache the one of all tables that `openTable` opens */
  constructor(records: Table<number, DatasetRecord>, openTable: OpenTable, cache: Cache) {
    this.#cache = cache
    this.#memory = { cache, finder: new NameFinder(cache), packed: new PackedPages(cache) }
    this.#records = records
    this.#openTable = openTable
  }

  /** Those being deleted included, in the order of their numbers. */
  get all(): readonly Dataset[] {
    return [...this.#open.values()]
  }

  get(id: number): Dataset {
    const dataset = this.#open.get(id)
    assert(dataset, `dataset ${id} is not open`)
    return dataset
  }

  /**
   * Makes a dataset known, with its snapshots; its record is in the datasets table. A clone's
   * origin, which has a lower number, must be known already.
   */
  attach(id: number, snapshots: readonly Snapshot[]): Dataset {
    const dataset = new Dataset(id, this.#record(id), this.#openTable, this.#memory)
    dataset.setSnapshots(snapshots, dataset.epoch)
    const { origin, deleting } = dataset.record
    if (origin !== undefined && !deleting) {
      const beneath = this.get(origin.dataset).at(origin.epoch, DECODED_BENEATH_MAX)
      dataset.inherit(beneath, origin.epoch + 1)
    }
    this.#open.set(id, dataset)
    return dataset
  }

  /** The dataset is gone, or its making was undone. */
  detach(id: number): void {
    this.#open.delete(id)
    this.#cache.forget(id)
    this.#memory.finder.forget(id)
  }

  /** The datasets that need a snapshot because they are clones of it, those being deleted too. */
  clonesOf(snapshot: number): readonly Dataset[] {
    return this.all.filter(({ record }) => record.origin?.snapshot === snapshot)
  }

  /** Changes what a dataset's record says. */
  change(tx: Transaction, dataset: Dataset, change: Partial<DatasetRecord>): void {
    const before = dataset.record
    const record = { ...this.#record(dataset.id), ...change }
    tx.onUndo(() => dataset.setRecord(before))
    tx.put(this.#records, dataset.id, record)
    dataset.setRecord(record)
  }

  #record(id: number): DatasetRecord {
    const record = this.#records.get(id)
    assert(record, 'an open dataset has a record')
    return record
  }
}
