/** MOUNT's list in the store. It is for people to read: nothing waits until it is on the disk. */
import { recordsOf } from './lock-journal.ts'
import type { MountJournal, NumberedMount } from './nfs/mounts.ts'
import { FsError } from './store/error.ts'
import type { Store } from './store/store.ts'

export class StoreMounts implements MountJournal {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** What there was when the store was last closed; oldest first. Only right after it was opened. */
  async kept(): Promise<readonly NumberedMount[]> {
    const all = await recordsOf(this.#store, this.#store.locks.mounts)
    return all.map(([id, record]) => ({ id, ...record }))
  }

  change(dropped: readonly number[], added: NumberedMount | undefined): void {
    const { mounts } = this.#store.locks
    try {
      this.#store.transact((tx) => {
        for (const id of dropped) tx.delete(mounts, id)
        if (added === undefined) return
        const { id, hostname, directory } = added
        tx.put(mounts, id, { hostname, directory })
      })
    } catch (error) {
      // A store that takes no changes says so elsewhere; clients mount it and read what there is.
      if (!(error instanceof FsError)) throw error
    }
  }
}
