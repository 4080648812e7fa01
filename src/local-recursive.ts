/** Snapshots of all datasets together, as the control program and the commands work with them. */
import { strict as assert } from 'node:assert'
import type { DeletionRequest, Freeing } from './control/operations.ts'
import type {
  DatasetSnapshot,
  RecursiveDeletion,
  RecursiveOperations,
  RecursiveSnapshot,
} from './control/recursive.ts'
import {
  type Chosen,
  chooseEverywhere,
  createEverywhere,
  deleteEverywhere,
  measureEverywhere,
  requireAllDeletable,
} from './snapshot/recursive.ts'
import type { Volume } from './volume.ts'

/** How often a deletion tells how far it is. */
const DELETION_TOLD_MS = 200

export class LocalRecursive implements RecursiveOperations {
  readonly #volume: Volume
  /** Is told why what was deleted in the background cannot be freed. */
  readonly #unfreed: (error: unknown) => void

  constructor(volume: Volume) {
    this.#volume = volume
    this.#unfreed = (error) => volume.report('a deleted snapshot cannot be freed', error)
  }

  async create(name: string, comment: string, tags: readonly string[]): Promise<RecursiveSnapshot> {
    const { store, datasets } = this.#volume
    const made = createEverywhere(store, datasets, name, comment, tags)
    await store.flush()
    const [first] = made.flatMap(({ snapshots }) => snapshots)
    assert(first, 'there is a root dataset')
    return { name, created: first.created, comment, tags: first.tags, snapshots: itemsOf(made) }
  }

  async delete(
    { words, dryRun, background }: DeletionRequest,
    progress: (progress: Freeing) => void,
  ): Promise<RecursiveDeletion> {
    const { store, datasets } = this.#volume
    const chosen = chooseEverywhere(datasets, words)
    requireAllDeletable(chosen)
    const snapshots = itemsOf(chosen)
    if (dryRun) return { snapshots, bytes: await measureEverywhere(store, chosen) }
    if (!background) return { snapshots, bytes: await this.#waitedFor(chosen, progress) }
    deleteEverywhere(store, chosen).catch(this.#unfreed)
    await store.flush()
    return { snapshots, bytes: 0 }
  }

  async #waitedFor(
    chosen: readonly Chosen[],
    progress: (progress: Freeing) => void,
  ): Promise<number> {
    const telling = setInterval(() => {
      const all = chosen.flatMap(({ of }) => of.snapshots.freeing ?? [])
      if (all.length > 0) progress(all.reduce(together))
    }, DELETION_TOLD_MS)
    try {
      return await deleteEverywhere(this.#volume.store, chosen)
    } finally {
      clearInterval(telling)
    }
  }
}

function itemsOf(chosen: readonly Chosen[]): DatasetSnapshot[] {
  return chosen.flatMap(({ of, snapshots }) =>
    snapshots.map(({ id, name }) => ({ dataset: of.name, id, name })),
  )
}

function together(a: Freeing, b: Freeing): Freeing {
  return {
    snapshots: a.snapshots + b.snapshots,
    versions: a.versions + b.versions,
    total: a.total + b.total,
    bytes: a.bytes + b.bytes,
  }
}
