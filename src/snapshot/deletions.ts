/** The deletions of a dataset's snapshots, in the background: one pass after the other. */
import type { Dataset } from '../store/dataset.ts'
import type { Store } from '../store/store.ts'
import { type Freeing, SnapshotDeletion } from './delete.ts'

export interface DeletionsHost {
  readonly store: Store
  readonly dataset: Dataset
  /** Whether no further step may be done: the store is about to be closed. */
  stopped(): boolean
  /** Nothing that only these snapshots held is left: their records go too. */
  freed(ids: ReadonlySet<number>): void
}

export class Deletions {
  readonly #host: DeletionsHost
  /** The pass that runs, or the last one that did. */
  #pass: Promise<unknown> = Promise.resolve()
  /** The pass that has not begun: it frees all that is marked by then. */
  #next: Promise<number> | undefined
  #deletion: SnapshotDeletion | undefined

  constructor(host: DeletionsHost) {
    this.#host = host
  }

  /** How far the pass that runs is; undefined where nothing is being freed. */
  get progress(): Freeing | undefined {
    return this.#deletion?.progress
  }

  /**
   * Frees what only the snapshots held that are marked now, after what is being freed already.
   *
   * @returns bytes freed, what other snapshots of the same pass held included; less where it was
   *   stopped: the next start goes on with it
   */
  free(): Promise<number> {
    if (this.#next === undefined) {
      const run = (): Promise<number> => {
        this.#next = undefined
        return this.#run()
      }
      this.#next = this.#pass.then(run, run)
      this.#pass = this.#next
    }
    return this.#next
  }

  async #run(): Promise<number> {
    const { store, dataset, stopped, freed } = this.#host
    const marked = dataset.snapshots.filter(({ deleting }) => deleting)
    if (marked.length === 0 || stopped()) return 0
    const deletion = new SnapshotDeletion(store, dataset, stopped)
    this.#deletion = deletion
    try {
      if (await deletion.run()) {
        freed(new Set(marked.map(({ id }) => id)))
        await store.flush()
      }
      return deletion.progress.bytes
    } finally {
      this.#deletion = undefined
    }
  }
}
