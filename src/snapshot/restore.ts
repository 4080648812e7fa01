/**
 * Restore: puts a path, or a tree, back as it was in a snapshot, without copying data.
 *
 * What is there already keeps its inode where that is the same file, or a file of the same type
 * with no other name: clients that have it open see the old content and no ESTALE. Every file is
 * one transaction at the end (restore-file.ts), or is whole in one with others (restore-fresh.ts);
 * an interrupted restore is completed by running it again, since what is as it was is left alone.
 *
 * Before a restore in place changes anything it makes a snapshot to go back to.
 */
import { FsError } from '../fs/error.ts'
import type { Live } from '../fs/live.ts'
import type { Reader, Snapshot } from '../store/dataset.ts'
import { FileType } from '../store/records.ts'
import { CommitsBehind } from './commits.ts'
import { Filter } from './filter.ts'
import { joined, locate } from './paths.ts'
import { RestorePruning } from './restore-delete.ts'
import { DryHand } from './restore-dry.ts'
import { RestoreGlance } from './restore-glance.ts'
import { RestoredLinks } from './restore-links.ts'
import { type Planned, planRestore } from './restore-plan.ts'
import { RestoreProgressMeter } from './restore-progress.ts'
import {
  PLAN_ENTRIES_MAX,
  type PlanEntry,
  type RestoreProgress,
  type RestoreRequest,
  type RestoreSummary,
  requirePossible,
} from './restore-request.ts'
import { RestoreTarget } from './restore-target.ts'
import { folderAt, RestoreVerification } from './restore-verify.ts'
import { RestoreWalk } from './restore-walk.ts'
import { type RestoreHand, RestoreWriter } from './restore-write.ts'
import { makeSafety } from './safety.ts'
import type { Snapshots } from './snapshots.ts'

/** Entries after which other work gets its turn, and after which the store commits. */
const ENTRIES_PER_TURN = 16
const ENTRIES_PER_COMMIT = 512
/** Failures kept for the summary; the last one counts the others. */
const FAILURES_MAX = 1000

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class Restore {
  readonly #live: Live
  readonly #snapshots: Snapshots
  readonly #snapshot: Snapshot
  readonly #past: Reader
  readonly #request: RestoreRequest
  readonly #filter: Filter
  readonly #links = new RestoredLinks()
  readonly #commits: CommitsBehind
  readonly #target: RestoreTarget
  readonly #hand: RestoreHand
  readonly #progress: (progress: RestoreProgress) => void
  readonly #failed: { path: Uint8Array; reason: string }[] = []
  readonly #plan: PlanEntry[] = []
  #meter: RestoreProgressMeter | undefined
  #safety: Snapshot | undefined
  #entries = 0
  #unlisted = 0

  /** @throws FsError NOENT where there is no such snapshot */
  constructor(
    live: Live,
    snapshots: Snapshots,
    request: RestoreRequest,
    progress: (progress: RestoreProgress) => void,
  ) {
    this.#live = live
    this.#commits = new CommitsBehind(live.store)
    this.#snapshots = snapshots
    this.#request = request
    this.#progress = progress
    this.#snapshot = snapshots.get(request.snapshot)
    this.#past = live.dataset.at(this.#snapshot.epoch)
    requirePossible(request)
    this.#filter = new Filter(request)
    const { target, hand } = this.#begin()
    this.#target = target
    this.#hand = hand
  }

  #begin(): { readonly target: RestoreTarget; readonly hand: RestoreHand } {
    const { overwrite, to, dryRun = false } = this.#request
    const [live, past, links] = [this.#live, this.#past, this.#links]
    const deleting = this.#request.delete ?? false
    const hand = dryRun
      ? new DryHand(live, links, deleting)
      : new RestoreWriter({
          ...{ live, past, links },
          beforeChange: (existing) => this.#beforeChange(existing),
          requireGoingOn: () => this.#snapshots.requireGoingOn(),
        })
    const target = new RestoreTarget({
      ...{ live, past, links, hand, overwrite, snapshot: this.#snapshot.name },
      inPlace: to === undefined,
      plan: dryRun ? (action, path, bytes) => this.#tell({ action, path, bytes }) : undefined,
    })
    return { target, hand }
  }

  #tell(entry: PlanEntry): void {
    if (this.#plan.length < PLAN_ENTRIES_MAX) this.#plan.push(entry)
  }

  /**
   * @throws FsError NOENT, NOTDIR, INVAL for the paths: nothing was changed then; IO where the
   *   store fails; JUKEBOX where it was interrupted. What fails file by file is in the summary.
   */
  run(): Promise<RestoreSummary> {
    return this.#snapshots.hold(this.#snapshot, () => this.#run())
  }

  async #run(): Promise<RestoreSummary> {
    this.#snapshots.requireGoingOn()
    const plan = planRestore(this.#live, this.#past, this.#request)
    this.#meter = new RestoreProgressMeter(this.#past, this.#filter, plan)
    try {
      return await this.#all(plan)
    } finally {
      await this.#meter.stop()
    }
  }

  async #all(plan: readonly Planned[]): Promise<RestoreSummary> {
    const [live, links, { overwrite }] = [this.#live, this.#links, this.#request]
    const walk = new RestoreWalk({
      ...{ live, past: this.#past, target: this.#target, filter: this.#filter },
      glance: new RestoreGlance({ live, links, overwrite }),
      ...{ inPlace: this.#request.to === undefined, deleting: this.#request.delete ?? false },
      pause: (entries) => this.#pause(entries),
      fail: (path, error) => this.#fail(path, error),
    })
    for (const one of plan) await walk.one(one)
    const pruned = this.#request.delete === true && this.#failed.length === 0
    if (pruned) await this.#prune(plan)
    if (!this.#request.dryRun) await this.#live.store.flush()
    const verified = this.#request.verify ? await this.#verify(plan, pruned) : 0
    return {
      ...{ ...this.#target.counts, verified, failed: this.#failures(), plan: this.#plan },
      safetySnapshot: this.#safety?.name,
    }
  }

  /** Removes what was not in the snapshot, from the places that now have all that was. */
  async #prune(plan: readonly Planned[]): Promise<void> {
    const { dataset, reader } = this.#live
    this.#meter?.begin('delete')
    const pruning = new RestorePruning({
      ...{ live: this.#live, past: this.#past, target: this.#target, hand: this.#hand },
      safety: () => this.#safety && dataset.at(this.#safety.epoch),
      pause: () => this.#pause(),
      restore: (place, source) => this.#target.file(place, source),
      fail: (path, error) => this.#fail(path, error),
    })
    for (const { source, place } of plan) {
      const path = joined(place)
      try {
        const name = place.at(-1)
        const there = locate(reader, dataset.root, place.slice(0, -1), 'the file system')
        if (name === undefined) await pruning.directory(there, source, path)
        else await pruning.entry({ dir: there.ino, name, path }, source)
      } catch (error) {
        // What is only planned, or was left out, may not be there.
        if (!(error instanceof FsError) || error.code !== 'NOENT') this.#fail(path, error)
      }
    }
  }

  /**
   * @param pruned whether nothing else may be there
   * @returns how many entries are as they were
   */
  async #verify(plan: readonly Planned[], pruned: boolean): Promise<number> {
    const { dataset, reader } = this.#live
    this.#meter?.begin('verify')
    const verification = new RestoreVerification({
      ...{ live: this.#live, past: this.#past, request: this.#request, filter: this.#filter },
      ...{ links: this.#links, pruned, pause: () => this.#pause() },
      fail: (path, reason) => {
        if (this.#failed.some((other) => Buffer.compare(other.path, path) === 0)) return
        this.#fail(path, new FsError('IO', reason))
      },
    })
    for (const { names, source, place } of plan) {
      const [path, name] = [joined(place), place.at(-1)]
      const position = this.#filter.at(names, source.inode.type === FileType.DIR)
      if (name === undefined) {
        await verification.names(dataset.root, path, source, position)
        if (position.wanted === 'yes') verification.folder(dataset.root, path, source.inode)
        continue
      }
      const dir = folderAt(reader, dataset.root, place.slice(0, -1))
      await verification.entry({ dir, name, path }, source, position)
    }
    return verification.verified
  }

  #failures(): RestoreSummary['failed'] {
    if (this.#unlisted === 0) return this.#failed
    const path = joined(this.#request.paths.slice(0, 1))
    return [...this.#failed, { path, reason: `${this.#unlisted} more could not be restored` }]
  }

  #fail(path: Uint8Array, error: unknown): void {
    if (!(error instanceof FsError)) throw error
    // The store itself: nothing further can be restored.
    if (this.#live.store.failure !== undefined || this.#snapshots.stopped) throw error
    if (this.#failed.length < FAILURES_MAX) this.#failed.push({ path, reason: error.message })
    else this.#unlisted++
  }

  /** Lets others have their turn, and the store commit, every now and then. */
  async #pause(entries = 1): Promise<void> {
    const before = this.#entries
    this.#entries += entries
    this.#meter?.step(entries)
    const isOver = (every: number) =>
      Math.floor(before / every) !== Math.floor(this.#entries / every)
    if (!isOver(ENTRIES_PER_TURN)) return
    if (this.#meter !== undefined) this.#progress(this.#meter.tell(this.#target.counts))
    this.#snapshots.requireGoingOn()
    if (isOver(ENTRIES_PER_COMMIT) && !this.#request.dryRun) await this.#commits.next()
    else await nextTurn()
  }

  /** @param existing whether something is about to change that was there before */
  #beforeChange(existing: boolean): void {
    if (this.#safety !== undefined || (this.#request.to !== undefined && !existing)) return
    this.#safety = makeSafety(this.#snapshots, 'pre-restore', this.#live.store.clock())
  }
}
