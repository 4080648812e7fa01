/** Going through what is to be restored: folders with what is in them, entry by entry. */
import { FsError } from '../fs/error.ts'
import type { Live } from '../fs/live.ts'
import type { Reader } from '../store/dataset.ts'
import { FileType } from '../store/records.ts'
import type { Filter, Position } from './filter.ts'
import { listAll } from './listing.ts'
import { joined, type Located, locate } from './paths.ts'
import { RestoreFolder } from './restore-folder.ts'
import type { Planned } from './restore-plan.ts'
import type { Place, RestoreTarget } from './restore-target.ts'

export interface WalkOptions {
  readonly live: Live
  /** The snapshot. */
  readonly past: Reader
  readonly target: RestoreTarget
  readonly filter: Filter
  readonly inPlace: boolean
  /** Whether what is in the way will be removed later. */
  readonly deleting: boolean
  /** Is called after each entry, and lets others have their turn. */
  readonly pause: () => Promise<void>
  /** Notes why an entry failed. @throws the error where nothing further can be restored */
  readonly fail: (path: Uint8Array, error: unknown) => void
}

export class RestoreWalk {
  readonly #options: WalkOptions

  constructor(options: WalkOptions) {
    this.#options = options
  }

  /** One of the paths, with all below it. */
  async one({ names, source, place }: Planned): Promise<void> {
    const path = joined(place)
    const name = place.at(-1)
    const { live, target, filter, inPlace } = this.#options
    const position = filter.at(names, source.inode.type === FileType.DIR)
    try {
      if (name === undefined) {
        const { reader, dataset } = live
        const root = locate(reader, dataset.root, [], 'the file system')
        const folder = target.existing(root, path, source.inode)
        await this.#folder(new RestoreFolder(() => folder), source, position)
        return
      }
      // In place, directories above that are gone come back with what they were.
      const above = new RestoreFolder(() => {
        const parents = place.slice(0, -1)
        const ino = target.parents(parents, inPlace ? names.slice(0, -1) : undefined)
        return { ...{ ino, path: joined(parents) }, made: false, attributes: false, differs: false }
      })
      await this.#entry(above, name, source, position)
    } catch (error) {
      this.#options.fail(path, error)
    }
  }

  async #entry(
    above: RestoreFolder,
    name: Uint8Array,
    source: Located,
    position: Position,
  ): Promise<void> {
    if (source.inode.type === FileType.DIR && position.wanted !== 'no') {
      const folder = new RestoreFolder(() => {
        const place = above.place(name)
        return place && this.#options.target.directory(place, source)
      })
      await this.#folder(folder, source, position)
    } else if (position.wanted === 'yes') {
      await this.#file(above.place(name), source)
    }
    await this.#options.pause()
  }

  async #file(place: Place | undefined, source: Located): Promise<void> {
    if (place === undefined) return
    // What is in the way is removed when everything else is back.
    const { target, deleting } = this.#options
    if (deleting && target.isBlocked(place, source)) return
    await target.file(place, source)
  }

  /** A folder that is not wanted itself is only there for what is in it. */
  async #folder(folder: RestoreFolder, source: Located, position: Position): Promise<void> {
    const { past, filter, target } = this.#options
    const wanted = position.wanted === 'yes'
    if (wanted && folder.get() === undefined) return
    for (const { name, ino } of listAll(past, source.ino, source.inode)) {
      try {
        const inode = past.inodes.get(ino)
        if (inode === undefined) throw new FsError('IO', 'its inode is missing in the snapshot')
        const below = filter.below(position, name, inode.type === FileType.DIR)
        await this.#entry(folder, name, { ino, inode }, below)
      } catch (error) {
        this.#options.fail(pathBelow(folder, position, name), error)
      }
    }
    const there = folder.begun
    if (there === undefined || (!wanted && !there.made)) return
    target.finishDirectory(there, source.inode)
  }
}

/** For a message: where the folder is, or in the snapshot was. */
function pathBelow({ begun }: RestoreFolder, { names }: Position, name: Uint8Array): Uint8Array {
  const path = begun?.path ?? Buffer.from(names.join('/'))
  return path.length === 0 ? name : joined([path, name])
}
