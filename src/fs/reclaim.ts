/**
 * Frees, in the background, the chunks of contents that were cut off or whose file is gone.
 *
 * An orphan is a record (content number, epoch in which it went), so that a crash loses none. Its
 * chunks are deleted from the first on, a bounded number in each transaction, with their bits in
 * the bitmap; then the record goes. What a snapshot sees goes to history instead of being freed.
 *
 * Invariant: nothing but this job and snapshots looks at the content of an orphan.
 */
import type { Dataset } from '../store/dataset.ts'
import { chunkKey } from '../store/keys.ts'
import type { Orphan } from '../store/records.ts'
import type { Transaction } from '../store/transaction.ts'
import { BITMAP_NUMBERS_MAX, clearBit } from './bitmap.ts'
import { nextChunk } from './chunks.ts'
import { FsError } from './error.ts'

/** Chunks that one transaction deletes at most, 16 MiB of file: some milliseconds. */
export const STEP_CHUNKS_MAX = 16

export interface ReclaimOptions {
  /** Runs an action in a later turn of the event loop: soon, unless clients need the time. */
  readonly later?: (action: () => void) => void
  /** Runs a step, for whoever wants to know how long each takes. */
  readonly timed?: (step: () => boolean) => boolean
  /** Is told why an orphan cannot be freed; it is tried again after the next start. */
  readonly failed?: (content: number, error: FsError) => void
}

export class Reclaimer {
  readonly #store: { transact<T>(body: (tx: Transaction) => T): T }
  readonly #dataset: Dataset
  readonly #later: (action: () => void) => void
  readonly #timed: (step: () => boolean) => boolean
  readonly #failed: (content: number, error: FsError) => void
  readonly #orphans = new Set<number>()
  #scheduled = false
  #stopped = false

  constructor(
    store: { transact<T>(body: (tx: Transaction) => T): T },
    dataset: Dataset,
    options: ReclaimOptions = {},
  ) {
    this.#store = store
    this.#dataset = dataset
    this.#later = options.later ?? ((action) => void setImmediate(action))
    this.#timed = options.timed ?? ((step) => step())
    this.#failed = options.failed ?? (() => undefined)
  }

  /** How many contents are known that wait to be freed. */
  get pending(): number {
    return this.#orphans.size
  }

  /** There is an orphan, or will be once the transaction stands: frees it in the background. */
  add(content: number): void {
    this.#orphans.add(content)
    this.#schedule()
  }

  /** No more steps of its own accord: the store is about to be closed. */
  stop(): void {
    this.#stopped = true
  }

  /** Frees a bounded part of one orphan. @returns whether there is more to do */
  step(): boolean {
    for (const content of this.#orphans) {
      if (this.#stepOf(content)) this.#orphans.delete(content)
      break
    }
    return this.#orphans.size > 0
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return
    this.#scheduled = true
    this.#later(() => {
      this.#scheduled = false
      if (!this.#stopped && this.#timed(() => this.step())) this.#schedule()
    })
  }

  /** @returns whether nothing is left to do for this orphan */
  #stepOf(content: number): boolean {
    try {
      const orphan = this.#dataset.orphans.get(content)
      // A transaction that was undone leaves a number here, but no record.
      return orphan === undefined || this.#store.transact((tx) => this.#free(tx, orphan))
    } catch (error) {
      if (!(error instanceof FsError)) throw error
      this.#failed(content, error)
      return true
    }
  }

  #free(tx: Transaction, { content, end }: Orphan): boolean {
    const dataset = this.#dataset
    for (let count = 0; count < STEP_CHUNKS_MAX; count++) {
      // Always from the first: those before it are deleted, and its bitmap is at hand.
      const index = nextChunk(dataset, content, 0, BITMAP_NUMBERS_MAX)
      if (index === undefined) {
        tx.delete(dataset.orphans, content)
        return true
      }
      tx.deleteChunk(dataset, chunkKey(content, index), end)
      if (index !== 0) clearBit(tx, dataset, content, index)
    }
    return false
  }
}
