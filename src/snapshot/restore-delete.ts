/**
 * What is in a restored tree and was not in the snapshot's: removed, after everything else is back.
 *
 * Names are removed one by one, each by one transaction, directories after what is in them. Only
 * what the safety snapshot has is removed: what clients have made since then would be lost.
 */
import { findName } from '../fs/directory.ts'
import type { Live } from '../fs/live.ts'
import type { Reader } from '../store/dataset.ts'
import { FileType, type PageEntry } from '../store/records.ts'
import { listSome } from './listing.ts'
import { child, joined, type Located } from './paths.ts'
import type { Place } from './restore-folder.ts'
import { sameAttributes } from './restore-same.ts'
import type { RestoreTarget } from './restore-target.ts'
import type { RestoreHand } from './restore-write.ts'

export interface PruningOptions {
  readonly live: Live
  /** The snapshot. */
  readonly past: Reader
  readonly target: RestoreTarget
  readonly hand: RestoreHand
  /** The snapshot made before anything changed, where one was. */
  readonly safety: () => Reader | undefined
  /** Is called after each entry, and lets others have their turn. */
  readonly pause: () => Promise<void>
  /** Restores what could not be, because a directory with something in it was in its place. */
  readonly restore: (place: Place, source: Located) => Promise<void>
  /** Notes why an entry could not be removed. @throws the error where nothing further can be */
  readonly fail: (path: Uint8Array, error: unknown) => void
}

const NAMES_AT_A_TIME = 256

export class RestorePruning {
  readonly #options: PruningOptions

  constructor(options: PruningOptions) {
    this.#options = options
  }

  /** Makes what is at a place what it was, nothing else being in it. */
  async entry(place: Place, source: Located): Promise<void> {
    const { live, target, restore } = this.#options
    const existing = child(live.reader, place.dir, place.name)
    if (existing?.inode.type !== FileType.DIR) return
    if (source.inode.type === FileType.DIR) {
      await this.directory(existing, source, place.path)
    } else if (target.isBlocked(place, source)) {
      await this.#removeAll(existing, place.path)
      await restore(place, source)
    }
  }

  async directory(existing: Located, source: Located, path: Uint8Array): Promise<void> {
    const { past, live, hand } = this.#options
    const was = sameAttributes(existing.inode, source.inode)
    for (const { name, ino } of this.#names(existing.ino)) {
      const place = { dir: existing.ino, name, path: below(path, name) }
      const then = child(past, source.ino, name)
      try {
        if (then === undefined) await this.#remove(place, ino)
        else await this.entry(place, then)
      } catch (error) {
        this.#options.fail(place.path, error)
      }
    }
    const now = live.reader.inodes.get(existing.ino)
    if (now === undefined || !was || sameAttributes(now, source.inode)) return
    hand.setDirectory(existing.ino, source.inode, false)
  }

  /** The names of a live directory, of which some go meanwhile. */
  *#names(ino: number): Generator<PageEntry> {
    const { reader } = this.#options.live
    for (let cookie = 0; ; ) {
      const inode = reader.inodes.get(ino)
      if (inode === undefined) return
      const entries = listSome(reader, ino, inode, cookie, NAMES_AT_A_TIME)
      yield* entries
      const last = entries.at(-1)
      if (last === undefined) return
      cookie = last.cookie
    }
  }

  async #removeAll({ ino }: Located, path: Uint8Array): Promise<void> {
    for (const { name, ino: of } of this.#names(ino)) {
      await this.#remove({ dir: ino, name, path: below(path, name) }, of)
    }
  }

  async #remove(place: Place, ino: number): Promise<void> {
    const { live, hand, target, pause } = this.#options
    if (!this.#isSafe(place, ino)) return
    const existing = child(live.reader, place.dir, place.name)
    // Somebody else was faster.
    if (existing?.ino !== ino) return
    if (existing.inode.type === FileType.DIR) await this.#removeAll(existing, place.path)
    target.planDeletion(place.path)
    hand.remove(place, ino)
    await pause()
  }

  /** Whether the safety snapshot has it, or will have it when it is made. */
  #isSafe({ dir, name }: Place, ino: number): boolean {
    const safety = this.#options.safety()
    return safety === undefined || findName(safety, dir, name)?.ino === ino
  }
}

const below = (path: Uint8Array, name: Uint8Array): Uint8Array =>
  path.length === 0 ? name : joined([path, name])
