/**
 * Commits of long work, waited for one behind: while one is on its way to the disk, the next is
 * filled. So neither the disk nor the processor waits for the other, and no more than two commits'
 * worth of changes is ever on its way.
 */
import type { Store } from '../store/store.ts'

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class CommitsBehind {
  readonly #store: Pick<Store, 'flush'>
  #last: Promise<void> | undefined

  constructor(store: Pick<Store, 'flush'>) {
    this.#store = store
  }

  /**
   * Begins to commit everything so far. Resolves in a later turn, when what was begun by the call
   * before is on the disk.
   *
   * @throws FsError IO where that failed
   */
  async next(): Promise<void> {
    const last = this.#last
    this.#last = this.#store.flush()
    // Whoever calls next is told.
    this.#last.catch(() => undefined)
    await Promise.all([last, nextTurn()])
  }
}
