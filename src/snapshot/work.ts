/** Long work on a dataset's snapshots: what it reads must stay, and the store open, until it ends. */
import { FsError } from '../fs/error.ts'

export class Work {
  /** How often each snapshot is read, by number. */
  readonly #held = new Map<number, number>()
  readonly #working = new Set<Promise<void>>()
  #stopped = false

  /** Whether the store is about to be closed. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** @throws FsError JUKEBOX where the store is about to be closed */
  requireGoingOn(): void {
    if (!this.#stopped) return
    throw new FsError(
      'JUKEBOX',
      'interrupted, because the server stops; run it again to complete it',
    )
  }

  /** Whether work reads the snapshot. */
  holds(id: number): boolean {
    return this.#held.has(id)
  }

  async hold<T>(id: number, work: () => Promise<T>): Promise<T> {
    this.#held.set(id, (this.#held.get(id) ?? 0) + 1)
    try {
      return await this.track(work())
    } finally {
      const left = (this.#held.get(id) ?? 1) - 1
      if (left > 0) this.#held.set(id, left)
      else this.#held.delete(id)
    }
  }

  track<T>(work: Promise<T>): Promise<T> {
    const ended = work.then(
      () => undefined,
      () => undefined,
    )
    this.#working.add(ended)
    void ended.then(() => this.#working.delete(ended))
    return work
  }

  /** Resolves when all work has ended, which is asked to. */
  async stop(): Promise<void> {
    this.#stopped = true
    while (this.#working.size > 0) await Promise.all(this.#working)
  }
}
