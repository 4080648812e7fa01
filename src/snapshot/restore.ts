/**
 * Restore: puts a path, or a tree, back as it was in a snapshot, without copying data.
 *
 * What is there already keeps its inode where that is the same file, or a file of the same type
 * with no other name: clients that have it open see the old content and no ESTALE. Every file is
 * one transaction at the end (restore-file.ts), a tree as many as it has files; an interrupted
 * restore is completed by running it again, since what is as it was is left alone.
 *
 * Before a restore in place changes anything it makes a snapshot to go back to.
 */
import { FsError } from '../fs/error.ts'
import type { Live } from '../fs/live.ts'
import type { Reader, Snapshot } from '../store/dataset.ts'
import { FileType } from '../store/records.ts'
import type { Time } from '../store/time.ts'
import { listAll } from './listing.ts'
import { child, joined, type Located, locate, namesOf, printable } from './paths.ts'
import { RestorePruning } from './restore-delete.ts'
import { DryHand } from './restore-dry.ts'
import { RestoredLinks } from './restore-links.ts'
import {
  PLAN_ENTRIES_MAX,
  type PlanEntry,
  type RestoreProgress,
  type RestoreRequest,
  type RestoreSummary,
} from './restore-request.ts'
import { type Folder, type Place, RestoreTarget } from './restore-target.ts'
import { type RestoreHand, RestoreWriter } from './restore-write.ts'
import type { Snapshots } from './snapshots.ts'

/** One of the paths: its names and what they lead to in the snapshot, and where that goes. */
interface Planned {
  readonly names: readonly Uint8Array[]
  readonly source: Located
  readonly place: readonly Uint8Array[]
}

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
  readonly #target: RestoreTarget
  readonly #hand: RestoreHand
  readonly #progress: (progress: RestoreProgress) => void
  readonly #failed: { path: Uint8Array; reason: string }[] = []
  readonly #plan: PlanEntry[] = []
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
    this.#snapshots = snapshots
    this.#request = request
    this.#progress = progress
    this.#snapshot = snapshots.get(request.snapshot)
    this.#past = live.dataset.at(this.#snapshot.epoch)
    requirePossible(request)
    const { target, hand } = this.#begin()
    this.#target = target
    this.#hand = hand
  }

  #begin(): { readonly target: RestoreTarget; readonly hand: RestoreHand } {
    const { overwrite, to, dryRun = false } = this.#request
    const [live, past, links] = [this.#live, this.#past, new RestoredLinks()]
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
      plan: (action, path, bytes) => {
        if (!dryRun || this.#plan.length >= PLAN_ENTRIES_MAX) return
        this.#plan.push({ action, path, bytes })
      },
    })
    return { target, hand }
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
    const plan = this.#request.paths.map((path) => this.#planned(path))
    requireDistinct(plan)
    for (const one of plan) await this.#one(one)
    if (this.#request.delete && this.#failed.length === 0) await this.#prune(plan)
    if (!this.#request.dryRun) await this.#live.store.flush()
    return {
      ...{ ...this.#target.counts, failed: this.#failures(), plan: this.#plan },
      safetySnapshot: this.#safety?.name,
    }
  }

  /** Removes what was not in the snapshot, from the places that now have all that was. */
  async #prune(plan: readonly Planned[]): Promise<void> {
    const { dataset, reader } = this.#live
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

  #failures(): RestoreSummary['failed'] {
    if (this.#unlisted === 0) return this.#failed
    const path = joined(this.#request.paths.slice(0, 1))
    return [...this.#failed, { path, reason: `${this.#unlisted} more could not be restored` }]
  }

  /** Finds the path in the snapshot, and where it goes: the names of that place. */
  #planned(path: Uint8Array): Planned {
    const names = namesOf(path)
    const { root } = this.#live.dataset
    const source = locate(this.#past, root, names, `snapshot '${this.#snapshot.name}'`)
    return { names, source, place: this.#place(names, source) }
  }

  #place(names: readonly Uint8Array[], source: Located): readonly Uint8Array[] {
    const { to, paths } = this.#request
    if (to === undefined) return names
    const place = namesOf(to)
    const { reader, dataset } = this.#live
    const parent = locate(reader, dataset.root, place.slice(0, -1), 'the file system')
    const last = place.at(-1)
    const there = last === undefined ? parent : child(reader, parent.ino, last)
    const name = names.at(-1)
    if (there?.inode.type === FileType.DIR && name !== undefined) return [...place, name]
    if (paths.length > 1) {
      throw new FsError(
        'NOTDIR',
        `'${printable(to)}' is no directory, to which several paths can go`,
      )
    }
    if (
      parent.inode.type !== FileType.DIR ||
      (last === undefined && source.inode.type !== FileType.DIR)
    ) {
      throw new FsError('NOTDIR', `'${printable(to)}' cannot be made: its parent is no directory`)
    }
    return place
  }

  async #one({ names, source, place }: Planned): Promise<void> {
    const path = joined(place)
    const name = place.at(-1)
    try {
      if (name === undefined) {
        const { reader, dataset } = this.#live
        const root = locate(reader, dataset.root, [], 'the file system')
        await this.#children(this.#target.existing(root, path, source.inode), source)
        return
      }
      // In place, directories above that are gone come back with what they were.
      const inPlace = this.#request.to === undefined
      const above = place.slice(0, -1)
      const dir = this.#target.parents(above, inPlace ? names.slice(0, -1) : undefined)
      await this.#entry({ dir, name, path }, source)
    } catch (error) {
      this.#fail(path, error)
    }
  }

  async #entry(place: Place, source: Located): Promise<void> {
    if (source.inode.type === FileType.DIR) {
      const folder = this.#target.directory(place, source)
      if (folder === undefined) return
      await this.#children(folder, source)
    } else if (!this.#request.delete || !this.#target.isBlocked(place, source)) {
      await this.#target.file(place, source)
    }
    await this.#pause()
  }

  async #children(folder: Folder, source: Located): Promise<void> {
    for (const { name, ino } of listAll(this.#past, source.ino, source.inode)) {
      const path = folder.path.length === 0 ? name : joined([folder.path, name])
      try {
        const inode = this.#past.inodes.get(ino)
        if (inode === undefined) throw new FsError('IO', 'its inode is missing in the snapshot')
        await this.#entry({ dir: folder.ino, name, path }, { ino, inode })
      } catch (error) {
        this.#fail(path, error)
      }
    }
    this.#target.finishDirectory(folder, source.inode)
  }

  #fail(path: Uint8Array, error: unknown): void {
    if (!(error instanceof FsError)) throw error
    // The store itself: nothing further can be restored.
    if (this.#live.store.failure !== undefined || this.#snapshots.stopped) throw error
    if (this.#failed.length < FAILURES_MAX) this.#failed.push({ path, reason: error.message })
    else this.#unlisted++
  }

  /** Lets others have their turn, and the store commit, every now and then. */
  async #pause(): Promise<void> {
    this.#entries++
    if (this.#entries % ENTRIES_PER_TURN !== 0) return
    const { files, directories, bytes } = this.#target.counts
    this.#progress({ files, directories, bytes })
    this.#snapshots.requireGoingOn()
    if (this.#entries % ENTRIES_PER_COMMIT === 0 && !this.#request.dryRun)
      await this.#live.store.flush()
    else await nextTurn()
  }

  /** @param existing whether something is about to change that was there before */
  #beforeChange(existing: boolean): void {
    if (this.#safety !== undefined || (this.#request.to !== undefined && !existing)) return
    const base = `pre-restore-${timestamp(this.#live.store.clock())}`
    let name = base
    for (let i = 2; this.#snapshots.find(name) !== undefined; i++) name = `${base}-${i}`
    this.#safety = this.#snapshots.create(name)
  }
}

/** @throws FsError INVAL for what cannot go together */
function requirePossible(request: RestoreRequest): void {
  if (!request.delete || request.overwrite !== 'keep-both') return
  throw new FsError('INVAL', 'what is there cannot both be kept and be deleted')
}

/** @throws FsError INVAL where two paths go to one place */
function requireDistinct(plan: readonly Planned[]): void {
  const places = new Map<string, Planned>()
  for (const one of plan) {
    const key = Buffer.from(joined(one.place)).toString('latin1')
    const other = places.get(key)
    places.set(key, one)
    if (other === undefined) continue
    const [a, b, to] = [other.names, one.names, one.place].map((names) => printable(joined(names)))
    throw new FsError('INVAL', `'${a}' and '${b}' cannot both come to '${to}'`)
  }
}

/** `20261122-201455`, in UTC. */
function timestamp({ seconds }: Time): string {
  const iso = new Date(seconds * 1000).toISOString()
  return `${iso.slice(0, 10).replaceAll('-', '')}-${iso.slice(11, 19).replaceAll(':', '')}`
}
