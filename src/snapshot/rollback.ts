/**
 * Rollback: brings a live dataset back to what a snapshot shows, at a cost that goes with what
 * changed since. No data is read or written, and the snapshots made since stay.
 *
 * The index of the dead tells which inodes and pages were superseded since the snapshot
 * (diff-scan.ts): all that differs is in or below these. Parts follow each other, in transactions
 * of one entry each: directories come to their places, names to their files, files get their
 * content and attributes back, what came since goes, and directories get their times back. Each
 * looks only at what is there, so a rollback that was interrupted is completed by another one.
 *
 * The safety snapshot is the instant of the rollback. What clients change before goes back; what
 * they change later, until it ends, stays or goes back file by file.
 *
 * Memory: 8 bytes for each inode, page and chunk that changed, 40 more for each that comes back.
 */
import { FsError } from '../fs/error.ts'
import type { Live } from '../fs/live.ts'
import type { Dataset, Reader, Snapshot } from '../store/dataset.ts'
import { scanSuperseded } from './diff-scan.ts'
import { RollbackDirectories } from './rollback-directories.ts'
import { rollBackAttributes, rollBackFiles } from './rollback-files.ts'
import { RollbackNames } from './rollback-names.ts'
import { RollbackRemoval } from './rollback-removal.ts'
import {
  ROLLBACK_PLAN_MAX,
  type RollbackAction,
  type RollbackCounts,
  type RollbackEntry,
  type RollbackPhase,
  type RollbackProgress,
  type RollbackRequest,
  type RollbackSummary,
} from './rollback-request.ts'
import { type RollbackScope, sortInodes } from './rollback-scope.ts'
import { DryRollback, RollbackWriter } from './rollback-write.ts'
import { makeSafety } from './safety.ts'
import type { Snapshots } from './snapshots.ts'

/** Steps after which other work gets its turn, and after which the store commits. */
const STEPS_PER_TURN = 16
const STEPS_PER_COMMIT = 512
/** Failures kept for the summary; the last one counts the others. */
const FAILURES_MAX = 1000

/** Which count an action is. */
const COUNTS: Record<RollbackAction, Exclude<keyof RollbackCounts, 'bytes'>> = {
  ...{ create: 'created', replace: 'replaced', move: 'moved' },
  ...{ attributes: 'attributes', delete: 'deleted' },
}
/** Ends a look for the first difference. */
const FOUND = Symbol('a difference')

const running = new WeakSet<Dataset>()
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class Rollback {
  readonly #live: Live
  readonly #snapshots: Snapshots
  readonly #snapshot: Snapshot
  readonly #past: Reader
  readonly #dryRun: boolean
  readonly #progress: (progress: RollbackProgress) => void
  readonly #counts = {
    ...{ created: 0, replaced: 0, attributes: 0, moved: 0, deleted: 0, bytes: 0 },
  }
  readonly #failed: { path: Uint8Array; reason: string }[] = []
  readonly #plan: RollbackEntry[] = []
  #phase: RollbackPhase = 'compare'
  #done = 0
  #steps = 0
  #unlisted = 0

  /** @throws FsError NOENT where there is no such snapshot */
  constructor(
    live: Live,
    snapshots: Snapshots,
    { snapshot, dryRun = false }: RollbackRequest,
    progress: (progress: RollbackProgress) => void,
  ) {
    this.#live = live
    this.#snapshots = snapshots
    this.#snapshot = snapshots.get(snapshot)
    this.#past = live.dataset.at(this.#snapshot.epoch)
    this.#dryRun = dryRun
    this.#progress = progress
  }

  /**
   * @throws FsError ACCES where one of this dataset is running; NOSPC; IO where the store fails;
   *   JUKEBOX where it was interrupted. What fails entry by entry is in the summary.
   */
  async run(): Promise<RollbackSummary> {
    const { dataset } = this.#live
    if (running.has(dataset)) {
      throw new FsError('ACCES', 'the dataset is being rolled back already; wait until that ends')
    }
    running.add(dataset)
    try {
      return await this.#snapshots.hold(this.#snapshot, () => this.#run())
    } finally {
      running.delete(dataset)
    }
  }

  async #run(): Promise<RollbackSummary> {
    this.#snapshots.requireGoingOn()
    this.#live.data.settleAll()
    if (this.#dryRun) {
      await this.#apply(undefined, (action, path, bytes) => this.#note(action, path, bytes))
      return this.#summary(undefined)
    }
    if (!(await this.#differs())) return this.#summary(undefined)
    this.#failed.length = 0
    this.#unlisted = 0
    const safety = makeSafety(this.#snapshots, 'pre-rollback', this.#live.store.clock())
    await this.#snapshots.hold(safety, () =>
      this.#apply(safety, (action, path, bytes) => this.#note(action, path, bytes)),
    )
    await this.#live.store.flush()
    return this.#summary(safety.name)
  }

  /** Whether there is anything to put back. */
  async #differs(): Promise<boolean> {
    try {
      await this.#apply(undefined, () => {
        throw FOUND
      })
      return false
    } catch (error) {
      if (error === FOUND) return true
      throw error
    }
  }

  /** @param safety undefined where nothing is to change */
  async #apply(safety: Snapshot | undefined, note: RollbackScope['note']): Promise<void> {
    const scope = await this.#scope(safety, note)
    this.#begin(safety === undefined && !this.#dryRun ? 'compare' : 'restore')
    await new RollbackDirectories(scope).run()
    const names = new RollbackNames(scope)
    await names.run()
    await rollBackFiles(scope, names.made)
    if (this.#failed.length === 0) {
      if (this.#phase === 'restore') this.#begin('delete')
      await new RollbackRemoval(scope).run()
    }
    await rollBackAttributes(scope)
  }

  async #scope(safety: Snapshot | undefined, note: RollbackScope['note']): Promise<RollbackScope> {
    const { store, dataset } = this.#live
    const to = safety?.epoch ?? dataset.epoch
    const { epoch } = this.#snapshot
    this.#begin('compare')
    // The scan sees the database: what is only in memory has to be there first.
    await store.checkpoint()
    const pause = () => this.#pause(false)
    const superseded = await scanSuperseded(store.database, dataset, epoch, to, pause)
    const [live, past] = [this.#live, this.#past]
    const before = safety && dataset.at(safety.epoch)
    const requireGoingOn = () => this.#snapshots.requireGoingOn()
    return {
      ...{ live, past, superseded, note },
      changed: await sortInodes(past, superseded.inodes, pause),
      safety: before,
      hand:
        safety === undefined
          ? new DryRollback()
          : new RollbackWriter({ live, past, superseded, safety: before, requireGoingOn }),
      pause: () => this.#pause(safety !== undefined),
      fail: (path, error) => this.#fail(path, error),
    }
  }

  #begin(phase: RollbackPhase): void {
    this.#phase = phase
    this.#done = 0
  }

  #note(action: RollbackAction, path: () => Uint8Array, bytes: number): void {
    this.#counts[COUNTS[action]]++
    this.#counts.bytes += bytes
    if (!this.#dryRun || this.#plan.length >= ROLLBACK_PLAN_MAX) return
    this.#plan.push({ action, path: path(), bytes })
  }

  #fail(path: () => Uint8Array, error: unknown): void {
    if (!(error instanceof FsError)) throw error
    // The store itself: nothing further can be put back.
    if (this.#live.store.failure !== undefined || this.#snapshots.stopped) throw error
    if (this.#failed.length >= FAILURES_MAX) this.#unlisted++
    else this.#failed.push({ path: path(), reason: error.message })
  }

  /** Lets others have their turn, and the store commit, every now and then. */
  #pause(commits: boolean): Promise<void> | undefined {
    this.#done++
    this.#steps++
    if (this.#steps % STEPS_PER_TURN !== 0) return undefined
    this.#progress({ phase: this.#phase, ...this.#counts, done: this.#done })
    this.#snapshots.requireGoingOn()
    if (commits && this.#steps % STEPS_PER_COMMIT === 0) return this.#live.store.flush()
    return nextTurn()
  }

  #summary(safetySnapshot: string | undefined): RollbackSummary {
    const more = { path: new Uint8Array(0), reason: `${this.#unlisted} more could not be put back` }
    const failed = this.#unlisted === 0 ? this.#failed : [...this.#failed, more]
    return { ...this.#counts, failed, safetySnapshot, plan: this.#plan }
  }
}
