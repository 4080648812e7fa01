/** The live side of a restore: what is to become of one entry at a time, and who does it. */
import { FsError } from '../fs/error.ts'
import type { Live } from '../fs/live.ts'
import type { Reader } from '../store/dataset.ts'
import { FileType, type Inode } from '../store/records.ts'
import { compareTime } from '../store/time.ts'
import { child, joined, type Located, locate, printable } from './paths.ts'
import { besideName } from './restore-beside.ts'
import type { Folder, Place } from './restore-folder.ts'
import type { SimpleFile } from './restore-fresh.ts'
import type { RestoredLinks } from './restore-links.ts'
import type { Overwrite, PlanAction } from './restore-request.ts'
import { mayBeOf, sameAttributes, sameFile } from './restore-same.ts'
import type { RestoreHand, Spot } from './restore-write.ts'

export interface TargetOptions {
  readonly live: Live
  /** The snapshot, and its name. */
  readonly past: Reader
  readonly snapshot: string
  readonly overwrite: Overwrite
  /** Whether what is restored goes where it was. */
  readonly inPlace: boolean
  readonly links: RestoredLinks
  readonly hand: RestoreHand
  /** Is told what becomes of every entry, before it does; undefined where nobody wants to know. */
  readonly plan: ((action: PlanAction, path: Uint8Array, bytes: number) => void) | undefined
}

export class RestoreTarget {
  readonly counts = {
    ...{ files: 0, directories: 0, bytes: 0, unchanged: 0, skipped: 0, attributes: 0, deleted: 0 },
  }
  readonly #options: TargetOptions
  readonly #live: Live

  constructor(options: TargetOptions) {
    this.#options = options
    this.#live = options.live
  }

  /** @throws FsError EXIST where nothing can be made */
  #child({ dir, name }: Spot): Located | undefined {
    if (this.#live.isTaken(dir, name)) {
      throw new FsError('EXIST', `a dataset is seen as '${printable(name)}': restore to elsewhere`)
    }
    return dir < 0 ? undefined : child(this.#live.reader, dir, name)
  }

  /**
   * The directory of a path, with those above it.
   *
   * @param past the same names in the snapshot, after which missing directories are made
   * @throws FsError NOENT, NOTDIR
   */
  parents(names: readonly Uint8Array[], past: readonly Uint8Array[] | undefined): number {
    const { dataset } = this.#live
    let ino = dataset.root
    for (const [i, name] of names.entries()) {
      const there = this.#child({ dir: ino, name })
      const path = joined(names.slice(0, i + 1))
      if (there !== undefined && there.inode.type !== FileType.DIR) {
        throw new FsError('NOTDIR', `'${printable(path)}' is no directory`)
      }
      const above = past?.slice(0, i + 1)
      const model = above && locate(this.#options.past, dataset.root, above, 'the snapshot')
      if (there === undefined) this.#options.plan?.('create', path, 0)
      ino = there?.ino ?? this.#options.hand.makeDirectory({ dir: ino, name }, model?.inode)
    }
    return ino
  }

  /** A directory that is there. */
  existing({ ino, inode }: Located, path: Uint8Array, past: Inode): Folder {
    const { overwrite } = this.#options
    const newer = overwrite !== 'if-newer' || compareTime(past.mtime, inode.mtime) > 0
    const attributes = newer && overwrite !== 'never' && overwrite !== 'keep-both'
    return { ino, path, made: false, attributes, differs: !sameAttributes(inode, past) }
  }

  /** @returns the live directory to restore into; undefined where something is in the way */
  directory(place: Place, source: Located): Folder | undefined {
    const existing = this.#child(place)
    if (existing?.inode.type === FileType.DIR) {
      return this.existing(existing, place.path, source.inode)
    }
    const stays = existing !== undefined && this.#stays(existing, source)
    if (stays && this.#options.overwrite !== 'keep-both') {
      this.leave('skip', place)
      return undefined
    }
    const at = stays ? this.#besideFolder(place, source) : place
    const beside = stays ? this.#child(at) : undefined
    if (beside !== undefined) return this.existing(beside, at.path, source.inode)
    this.#options.plan?.(existing === undefined || stays ? 'create' : 'replace', at.path, 0)
    const ino = this.#options.hand.makeDirectory(at, source.inode)
    this.counts.directories++
    return { ino, path: at.path, made: true, attributes: true, differs: false }
  }

  /** Gives a restored directory the attributes that it had, after its names came back. */
  finishDirectory({ ino, path, made, attributes, differs }: Folder, past: Inode): void {
    if (!attributes || ino < 0) return
    const before = this.#live.reader.inodes.get(ino)
    if (before === undefined || sameAttributes(before, past)) return
    if (differs) {
      this.#options.plan?.('attributes', path, 0)
      this.counts.attributes++
    }
    this.#options.hand.setDirectory(ino, past, made)
  }

  /** Restores whatever is no directory. @throws FsError NOTEMPTY, NOSPC, IO */
  async file(place: Place, source: Located): Promise<void> {
    if (this.#linked(place, source)) return
    const at = this.#settle(place, source)
    if (at === undefined) return
    const { type, size } = source.inode
    const bytes = type === FileType.REG ? size : 0
    const { hand, links } = this.#options
    this.#announce(at, bytes)
    const again = () => this.#again(place, at, source)
    const become =
      type === FileType.REG ? await hand.file(at, source, again) : hand.special(at, source)
    if (become === undefined) return
    links.add(become, source)
    this.counts.files++
    this.counts.bytes += bytes
  }

  /** Puts simple files (restore-fresh.ts) into a folder that was made, all at once, or none. */
  fill({ ino }: Folder, files: readonly SimpleFile[]): boolean {
    if (!this.#options.hand.fill(ino, files)) return false
    this.counts.files += files.length
    for (const { inode } of files) {
      if (inode.type === FileType.REG) this.counts.bytes += inode.size
    }
    return true
  }

  /** Whether a directory with something in it is where a file is to come. */
  isBlocked(place: Place, source: Located): boolean {
    const existing = this.#child(place)
    if (existing?.inode.type !== FileType.DIR || source.inode.type === FileType.DIR) return false
    return existing.inode.entries > 0 && !this.#stays(existing, source)
  }

  /** What is not in the snapshot is about to be removed. */
  planDeletion(path: Uint8Array): void {
    this.#options.plan?.('delete', path, 0)
    this.counts.deleted++
  }

  #announce(at: Place, bytes: number): void {
    const { plan } = this.#options
    plan?.(this.#child(at) === undefined ? 'create' : 'replace', at.path, bytes)
  }

  /** What is there stays, as it was or not. */
  leave(why: 'unchanged' | 'skip', place: Place): void {
    this.#options.plan?.(why, place.path, 0)
    if (why === 'skip') this.counts.skipped++
    else this.counts.unchanged++
  }

  /** Where a file goes that took many turns: something else may have come to its place. */
  #again(place: Place, at: Place, source: Located): Place | undefined {
    const { overwrite } = this.#options
    if (overwrite === 'if-changed' || overwrite === 'always') return at
    return this.#settle(place, source)
  }

  /** Where the file goes; undefined where what is there stays, and nothing comes beside it. */
  #settle(place: Place, source: Located): Place | undefined {
    const existing = this.#child(place)
    if (existing === undefined) return place
    const { overwrite, links } = this.#options
    if (overwrite !== 'never' && this.#isSame(existing, source)) {
      links.add(existing, source)
      this.leave('unchanged', place)
      return undefined
    }
    if (!this.#stays(existing, source)) return place
    if (overwrite !== 'keep-both') {
      this.leave('skip', place)
      return undefined
    }
    const at = this.#beside(place, source, (there) => this.#isSame(there, source))
    const beside = this.#child(at)
    if (beside === undefined) return at
    links.add(beside, source)
    this.leave('unchanged', at)
    return undefined
  }

  #isSame(existing: Located, source: Located): boolean {
    const { overwrite, links, past } = this.#options
    if (overwrite === 'always' || links.isAnother(existing.ino, source.ino)) return false
    const { ino, inode } = existing
    // Whatever changes a file supersedes its inode. Where that is still the very record, and no data
    // waits to be stored, nothing did: its chunks need not be looked at.
    if (inode === source.inode && this.#live.current(ino, inode) === inode) return true
    return sameFile(this.#live, existing, { reader: past, inode: source.inode })
  }

  /** Whether what is there, and is not as it was, is to stay. */
  #stays({ ino, inode }: Located, source: Located): boolean {
    const { overwrite } = this.#options
    if (overwrite !== 'if-newer') return overwrite === 'never' || overwrite === 'keep-both'
    return compareTime(source.inode.mtime, this.#live.current(ino, inode).mtime) <= 0
  }

  /**
   * The place beside one that is taken: a free one, or what an earlier run has put there. A name
   * that the snapshot has there itself is left to whose it is.
   */
  #beside(
    { dir, name: taken, path }: Place,
    source: Located,
    isIt: (there: Located) => boolean,
  ): Place {
    const { past, snapshot } = this.#options
    const name = besideName(taken, snapshot, (wanted) => {
      if (child(past, source.inode.parent, wanted) !== undefined) return false
      const there = this.#child({ dir, name: wanted })
      return there === undefined || isIt(there)
    })
    const above = path.subarray(0, path.length - taken.length)
    return { dir, name, path: Buffer.concat([above, name]) }
  }

  #besideFolder(place: Place, source: Located): Place {
    const { past } = this.#options
    return this.#beside(place, source, (there) => mayBeOf(this.#live, there, past, source))
  }

  /** A further name of a file that is there already, as it was. @returns whether it was one */
  #linked(place: Place, source: Located): boolean {
    const { links, hand } = this.#options
    const ino = links.find(source) ?? this.#unchanged(source)
    if (ino === undefined) return false
    if (ino >= 0 && this.#live.reader.inodes.get(ino) === undefined) return false
    const at = this.#placeOfLink(place, source, ino)
    if (at === undefined) return true
    this.#announce(at, 0)
    hand.link(at, ino)
    this.counts.files++
    return true
  }

  #placeOfLink(place: Place, source: Located, ino: number): Place | undefined {
    const existing = this.#child(place)
    if (existing === undefined) return place
    const { overwrite } = this.#options
    if (existing.ino === ino && overwrite !== 'never') {
      this.leave('unchanged', place)
      return undefined
    }
    if (!this.#stays(existing, source)) return place
    if (overwrite !== 'keep-both') {
      this.leave('skip', place)
      return undefined
    }
    const at = this.#beside(place, source, (there) => there.ino === ino)
    if (this.#child(at) === undefined) return at
    this.leave('unchanged', at)
    return undefined
  }

  /**
   * The same file, where it is alive and as it was: a name of it that is gone comes back as a link.
   * Where it is not as it was, another name of it might be none of this restore's business.
   */
  #unchanged(source: Located): number | undefined {
    const { inPlace, overwrite, links } = this.#options
    if (!inPlace || overwrite === 'always' || source.inode.nlink <= 1) return undefined
    const { ino } = source
    const inode = this.#live.reader.inodes.get(ino)
    if (inode === undefined || !this.#isSame({ ino, inode }, source)) return undefined
    links.add({ ino, inode }, source)
    return ino
  }
}
