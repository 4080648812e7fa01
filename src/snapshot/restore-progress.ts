/**
 * How far a restore is. What there is to go through is counted while it runs, and only where it
 * takes long enough for anybody to ask: most restores are over before.
 */
import type { Reader } from '../store/dataset.ts'
import { FileType } from '../store/records.ts'
import type { Filter, Position } from './filter.ts'
import { listAll } from './listing.ts'
import type { Located } from './paths.ts'
import type { Planned } from './restore-plan.ts'
import type { RestorePhase, RestoreProgress } from './restore-request.ts'

/** Entries after which it is worth counting the others. */
export const COUNT_AFTER_ENTRIES = 2048
/** A directory has a link from its name and one from `.`, and one from each directory in it. */
const LINKS_WITHOUT_FOLDERS = 2
/** Entries counted before other work gets its turn. */
const ENTRIES_PER_TURN = 64

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class RestoreProgressMeter {
  readonly #past: Reader
  readonly #filter: Filter
  readonly #plan: readonly Planned[]
  #phase: RestorePhase = 'restore'
  #done = 0
  #counted = 0
  #total: number | undefined
  #counting: Promise<void> | undefined
  #stopped = false

  constructor(past: Reader, filter: Filter, plan: readonly Planned[]) {
    this.#past = past
    this.#filter = filter
    this.#plan = plan
  }

  /** What is gone through from now on, from the first entry on. */
  begin(phase: RestorePhase): void {
    this.#phase = phase
    this.#done = 0
  }

  /** More entries are done. */
  step(entries: number): void {
    this.#done += entries
    // What cannot be read fails where it is restored; here only the total stays unknown.
    if (this.#done >= COUNT_AFTER_ENTRIES) this.#counting ??= this.#count().catch(() => undefined)
  }

  /** No more is counted once this resolves. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#counting
  }

  tell(counts: Pick<RestoreProgress, 'files' | 'directories' | 'bytes'>): RestoreProgress {
    const { files, directories, bytes } = counts
    const total = this.#phase === 'delete' ? undefined : this.#total
    return { phase: this.#phase, files, directories, bytes, done: this.#done, total }
  }

  async #count(): Promise<void> {
    for (const { names, source } of this.#plan) {
      const folder = source.inode.type === FileType.DIR
      await this.#entry(source, this.#filter.at(names, folder))
    }
    if (!this.#stopped) this.#total = this.#counted
  }

  async #entry(source: Located, position: Position): Promise<void> {
    this.#counted++
    if (this.#counted % ENTRIES_PER_TURN === 0) await nextTurn()
    if (source.inode.type !== FileType.DIR || position.wanted === 'no') return
    if (source.inode.nlink === LINKS_WITHOUT_FOLDERS) {
      this.#counted += source.inode.entries
      return
    }
    for (const { name, ino, type } of listAll(this.#past, source.ino, source.inode)) {
      if (this.#stopped) return
      const folder = type === FileType.DIR
      const inode = folder ? this.#past.inodes.get(ino) : undefined
      const below = folder ? this.#filter.below(position, name, folder) : position
      if (inode !== undefined) await this.#entry({ ino, inode }, below)
      else this.#counted++
    }
  }
}
