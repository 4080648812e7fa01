/** Going through what is to be restored: folders with what is in them, entry by entry. */
import { FsError } from '../fs/error.ts'
import type { Live } from '../fs/live.ts'
import type { Reader } from '../store/dataset.ts'
import { FileType, type PageEntry } from '../store/records.ts'
import type { Filter, Position } from './filter.ts'
import { joined, type Located, locate } from './paths.ts'
import { type Ahead, NamesAhead } from './restore-ahead.ts'
import type { Folder, Place } from './restore-folder.ts'
import { PlaceInFolder, RestoreFolder } from './restore-folder.ts'
import type { SimpleFile } from './restore-fresh.ts'
import type { RestoreGlance } from './restore-glance.ts'
import type { Planned } from './restore-plan.ts'
import type { RestoreTarget } from './restore-target.ts'

/** Names that are done within one turn, and by one transaction: about half a millisecond. */
const MANY_MAX = 32

export interface WalkOptions {
  readonly live: Live
  /** The snapshot. */
  readonly past: Reader
  readonly target: RestoreTarget
  readonly glance: RestoreGlance
  readonly filter: Filter
  readonly inPlace: boolean
  /** Whether what is in the way will be removed later. */
  readonly deleting: boolean
  /** Is called after each entry, or some, and lets others have their turn. */
  readonly pause: (entries?: number) => Promise<void>
  /** Notes why an entry failed. @throws the error where nothing further can be restored */
  readonly fail: (path: Uint8Array, error: unknown) => void
}

export class RestoreWalk {
  readonly #options: WalkOptions
  readonly #ahead: NamesAhead

  constructor(options: WalkOptions) {
    this.#options = options
    this.#ahead = new NamesAhead(options.live, options.past)
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
    const { target } = this.#options
    const wanted = position.wanted === 'yes'
    if (wanted && folder.get() === undefined) return
    for await (const { names, files } of this.#ahead.of(source, () => folder.begun)) {
      for (let at = 0; at < names.length; ) {
        const end = at + MANY_MAX
        const some = { names: names.slice(at, end), files: files.slice(at, end) }
        const many = this.#many(folder, position, some)
        if (many > 0) await this.#options.pause(many)
        else await this.#one(folder, position, names[at])
        at += Math.max(1, many)
      }
    }
    const there = folder.begun
    if (there === undefined || (!wanted && !there.made)) return
    target.finishDirectory(there, source.inode)
  }

  async #one(folder: RestoreFolder, position: Position, entry: PageEntry | undefined) {
    if (entry === undefined) return
    const { past, filter, fail } = this.#options
    const { name, ino } = entry
    try {
      const inode = past.inodes.get(ino)
      if (inode === undefined) throw new FsError('IO', 'its inode is missing in the snapshot')
      const below = filter.below(position, name, inode.type === FileType.DIR)
      await this.#entry(folder, name, { ino, inode }, below)
    } catch (error) {
      fail(pathBelow(folder, position, name), error)
    }
  }

  /**
   * Does the first ones of some names of a folder together, within the turn, where that can be.
   *
   * @returns how many are done
   */
  #many({ begun }: RestoreFolder, position: Position, some: Ahead): number {
    if (begun === undefined || position.wanted !== 'yes') return 0
    return begun.made
      ? this.#filled(begun, position, some.files)
      : this.#untouched(begun, position, some)
  }

  /** As `#many`, in a folder that the restore has made. */
  #filled(folder: Folder, position: Position, files: Ahead['files']): number {
    const { filter, target } = this.#options
    const simple: SimpleFile[] = []
    for (const file of files) {
      if (file === undefined || filter.below(position, file.name, false).wanted !== 'yes') break
      simple.push(file)
    }
    return simple.length > 0 && target.fill(folder, simple) ? simple.length : 0
  }

  /** As `#many`, in a folder that was there: those that are known to be as they were. */
  #untouched(folder: Folder, position: Position, { names, files }: Ahead): number {
    const { filter, target } = this.#options
    for (const [at, entry] of names.entries()) {
      const { name, type } = entry
      if (type === FileType.DIR || filter.below(position, name, false).wanted !== 'yes') return at
      const place = new PlaceInFolder(folder, name)
      if (!this.#isAsItWas(folder, place, entry, files[at])) return at
      target.leave('unchanged', place)
    }
    return names.length
  }

  /** What cannot be read is told where it comes by itself. */
  #isAsItWas(folder: Folder, place: Place, entry: PageEntry, file: SimpleFile | undefined) {
    const glance = this.#options.glance
    try {
      const there = this.#ahead.standsFor(folder, entry)
      if (there === undefined) return false
      if (there !== entry.ino) return file && glance.isRestored(place, there, entry.ino, file)
      const inode = this.#options.past.inodes.get(there)
      return inode && glance.isUntouched(place, { ino: there, inode })
    } catch {
      return false
    }
  }
}

/** For a message: where the folder is, or in the snapshot was. */
function pathBelow({ begun }: RestoreFolder, { names }: Position, name: Uint8Array): Uint8Array {
  const path = begun?.path ?? Buffer.from(names.join('/'))
  return path.length === 0 ? name : joined([path, name])
}
