/**
 * The fourth part of a rollback: what came since the snapshot goes, names and whole directories.
 *
 * All that the snapshot has is in its place by then. Only what the safety snapshot has is removed:
 * what clients have made since then would be lost.
 */
import { findName } from '../fs/directory.ts'
import { FileType, type PageEntry } from '../store/records.ts'
import { listSome } from './listing.ts'
import { child, type Located } from './paths.ts'
import type { Spot } from './restore-write.ts'
import {
  changedDirectories,
  newNames,
  onlyPlace,
  pathIn,
  type RollbackScope,
} from './rollback-scope.ts'
import { PARKED_PREFIX } from './rollback-write.ts'

const NAMES_AT_A_TIME = 256

export class RollbackRemoval {
  readonly #scope: RollbackScope

  constructor(scope: RollbackScope) {
    this.#scope = scope
  }

  async run(): Promise<void> {
    const { pause } = this.#scope
    for (const directory of changedDirectories(this.#scope)) {
      for (const { name, ino, type } of newNames(this.#scope, directory)) {
        await pause()
        const spot = { dir: directory.ino, name }
        if (!this.#isReplaced(spot, ino, type)) await this.#remove(spot, ino)
      }
    }
  }

  async #remove(spot: Spot, ino: number): Promise<void> {
    const { live, hand, note, fail, pause } = this.#scope
    const path = () => pathIn(live.reader, live.dataset.root, spot)
    try {
      const existing = child(live.reader, spot.dir, spot.name)
      if (existing?.ino !== ino || this.#stays(existing) || !this.#isSafe(spot, ino)) return
      if (existing.inode.type === FileType.DIR) {
        for (const entry of this.#names(ino))
          await this.#remove({ dir: ino, name: entry.name }, entry.ino)
      }
      hand.remove(spot, ino)
      if (!isParked(spot, ino) || !this.#isOnlyMoved(ino)) note('delete', path, 0)
    } catch (error) {
      fail(path, error)
    }
    await pause()
  }

  /** Whether the snapshot has the name, and what has it now needs not be removed for that. */
  #isReplaced({ dir, name }: Spot, ino: number, type: FileType): boolean {
    const { past } = this.#scope
    const then = findName(past, dir, name)
    if (then === undefined) return false
    if (then.type !== FileType.DIR && type !== FileType.DIR) return true
    return then.ino === ino || past.inodes.get(ino) !== undefined
  }

  /** Whether the name that goes was never anybody's but this rollback's. */
  #isOnlyMoved(ino: number): boolean {
    const { hand, past } = this.#scope
    return hand.parked.has(ino) && past.inodes.get(ino) !== undefined
  }

  /** What the snapshot has, and has its only name here: it went elsewhere, or a client took it. */
  #stays({ ino }: Located): boolean {
    const inode = this.#scope.past.inodes.get(ino)
    if (inode === undefined) return false
    return inode.type === FileType.DIR || onlyPlace(this.#scope, ino, inode) !== undefined
  }

  /** The names of a live directory, of which some go meanwhile. */
  *#names(ino: number): Generator<PageEntry> {
    const { reader } = this.#scope.live
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

  #isSafe({ dir, name }: Spot, ino: number): boolean {
    const { safety } = this.#scope
    if (safety === undefined || findName(safety, dir, name)?.ino === ino) return true
    return isParked({ dir, name }, ino) && safety.inodes.get(ino) !== undefined
  }
}

function isParked({ name }: Spot, ino: number): boolean {
  return Buffer.from(name).toString('latin1').startsWith(`${PARKED_PREFIX}${ino}`)
}
