/** The live side of a restore: one entry at a time, each put in its place by one transaction. */
import { strict as assert } from 'node:assert'
import { insertName, placeOf, replaceName } from '../fs/directory.ts'
import { FsError } from '../fs/error.ts'
import { changed, newInode } from '../fs/inode.ts'
import type { Live } from '../fs/live.ts'
import type { Reader } from '../store/dataset.ts'
import { FileType, type Inode } from '../store/records.ts'
import { timeAfter } from '../store/time.ts'
import type { Transaction } from '../store/transaction.ts'
import { child, joined, type Located, locate, printable } from './paths.ts'
import type { Overwrite } from './restore.ts'
import { shareContent } from './restore-file.ts'
import { RestoredLinks } from './restore-links.ts'
import { sameAttributes, sameFile } from './restore-same.ts'

export interface TargetOptions {
  readonly live: Live
  /** The snapshot. */
  readonly past: Reader
  readonly overwrite: Overwrite
  /** Whether what is restored goes where it was. */
  readonly inPlace: boolean
  /**
   * Is called before anything changes, and told whether it was there before. It may make a
   * snapshot, which stores dirty data: whatever was read before is out of date then.
   */
  readonly beforeChange: (existing: boolean) => void
  /** Is called between the transactions of a large file. @throws FsError to interrupt it */
  readonly requireGoingOn: () => void
}

/** Mode of a directory that was missing above a restored path and is not in the snapshot either. */
const PARENT_MODE = 0o755

export class RestoreTarget {
  readonly counts = { files: 0, directories: 0, bytes: 0, unchanged: 0, skipped: 0 }
  readonly #live: Live
  readonly #past: Reader
  readonly #overwrite: Overwrite
  readonly #inPlace: boolean
  readonly #beforeChange: (existing: boolean) => void
  readonly #requireGoingOn: () => void
  readonly #links = new RestoredLinks()
  /** Directories that this restore made and that are not finished yet. */
  readonly #made = new Set<number>()

  constructor(options: TargetOptions) {
    this.#live = options.live
    this.#past = options.past
    this.#overwrite = options.overwrite
    this.#inPlace = options.inPlace
    this.#beforeChange = options.beforeChange
    this.#requireGoingOn = options.requireGoingOn
  }

  #child(dir: number, name: Uint8Array): Located | undefined {
    return child(this.#live.reader, dir, name)
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
      const there = this.#child(ino, name)
      if (there !== undefined && there.inode.type !== FileType.DIR) {
        throw new FsError('NOTDIR', `'${printable(joined(names.slice(0, i + 1)))}' is no directory`)
      }
      const model = past && locate(this.#past, dataset.root, past.slice(0, i + 1), 'the snapshot')
      ino = there?.ino ?? this.#makeDirectory(ino, name, model?.inode)
    }
    return ino
  }

  /** @returns the live directory to restore into; undefined where something is in the way */
  directory(dir: number, name: Uint8Array, source: Located): number | undefined {
    const existing = this.#child(dir, name)
    if (existing?.inode.type === FileType.DIR) return existing.ino
    if (existing !== undefined && this.#overwrite === 'never') {
      this.counts.skipped++
      return undefined
    }
    const ino = this.#makeDirectory(dir, name, source.inode)
    this.#made.add(ino)
    this.counts.directories++
    return ino
  }

  #makeDirectory(dir: number, name: Uint8Array, model: Inode | undefined): number {
    this.#beforeChange(this.#child(dir, name) !== undefined)
    const { store } = this.#live
    return store.transact((tx) => {
      const { now } = tx
      const { generation } = store
      const base = { type: FileType.DIR, mode: PARENT_MODE, uid: 0, gid: 0, now, generation }
      const fresh = newInode(model === undefined ? base : { ...base, ...attributesOf(model) })
      const times = model === undefined ? {} : { atime: model.atime, mtime: model.mtime }
      const ino = store.newIno()
      this.#live.put(tx, ino, { ...fresh, ...times, ...this.#hint(dir, name) })
      this.#place(tx, dir, name, { ino, type: FileType.DIR })
      return ino
    })
  }

  /** Gives a restored directory the attributes that it had, after its names came back. */
  finishDirectory(ino: number, past: Inode): void {
    const made = this.#made.delete(ino)
    if (!made && this.#overwrite === 'never') return
    const { reader } = this.#live
    const before = reader.inodes.get(ino)
    if (before === undefined || sameAttributes(before, past)) return
    this.#beforeChange(!made)
    this.#live.store.transact((tx) => {
      const inode = reader.inodes.get(ino)
      assert(inode !== undefined, 'a directory does not go within a turn')
      const { mode, uid, gid, atime, mtime } = past
      this.#live.put(tx, ino, { ...changed(inode, tx.now), mode, uid, gid, atime, mtime })
    })
  }

  /** Restores a regular file. @throws FsError NOTEMPTY, NOSPC, IO */
  async file(dir: number, name: Uint8Array, source: Located): Promise<void> {
    if (this.#linked(dir, name, source) || this.#leave(dir, name, source)) return
    this.#announce(dir, name)
    const past = { reader: this.#past, inode: source.inode }
    const shared = await shareContent(this.#live, past, this.#requireGoingOn)
    try {
      // A large file takes many turns: something else may have come to its place meanwhile.
      if (this.#overwrite === 'never' && this.#leave(dir, name, source)) return shared.discard()
      this.#announce(dir, name)
      this.#live.store.transact((tx) => {
        shared.adopt(tx)
        this.#put(tx, dir, name, source, { content: shared.content })
      })
    } catch (error) {
      shared.discard()
      throw error
    }
    this.counts.files++
    this.counts.bytes += source.inode.size
  }

  /** Restores a symlink or a special file. @throws FsError NOTEMPTY, NOSPC, IO */
  special(dir: number, name: Uint8Array, source: Located): void {
    if (this.#linked(dir, name, source) || this.#leave(dir, name, source)) return
    this.#announce(dir, name)
    this.#live.store.transact((tx) => this.#put(tx, dir, name, source, {}))
    this.counts.files++
  }

  /** A file is about to come to its place. @throws FsError NOTEMPTY where it cannot */
  #announce(dir: number, name: Uint8Array): void {
    const existing = this.#child(dir, name)
    requireReplaceable(existing)
    this.#beforeChange(existing !== undefined)
  }

  /** Whether what is there stays: because it must, or because it is what it was. */
  #leave(dir: number, name: Uint8Array, source: Located): boolean {
    const existing = this.#child(dir, name)
    if (existing === undefined) return false
    if (this.#overwrite === 'never') {
      this.counts.skipped++
      return true
    }
    if (this.#overwrite === 'always' || this.#links.isAnother(existing, source)) return false
    if (!sameFile(this.#live, existing, { reader: this.#past, inode: source.inode })) return false
    this.#links.add(existing, source)
    this.counts.unchanged++
    return true
  }

  /** A further name of a file that is there already, as it was. @returns whether it was one */
  #linked(dir: number, name: Uint8Array, source: Located): boolean {
    const ino = this.#links.find(source) ?? this.#unchanged(source)
    if (ino === undefined || this.#live.reader.inodes.get(ino) === undefined) return false
    const existing = this.#child(dir, name)
    if (existing !== undefined && this.#overwrite === 'never') {
      this.counts.skipped++
      return true
    }
    if (existing?.ino === ino) {
      this.counts.unchanged++
      return true
    }
    this.#announce(dir, name)
    this.#live.store.transact((tx) => {
      const inode = this.#live.at(ino)
      const settled = changed(this.#live.settled(tx, ino, inode), tx.now)
      const hint = this.#hint(dir, name)
      this.#live.put(tx, ino, { ...settled, ...hint, nlink: settled.nlink + 1 })
      this.#place(tx, dir, name, { ino, type: inode.type })
    })
    this.counts.files++
    return true
  }

  /**
   * The same file, where it is alive and as it was: a name of it that is gone comes back as a link.
   * Where it is not as it was, another name of it might be none of this restore's business.
   */
  #unchanged(source: Located): number | undefined {
    if (!this.#inPlace || this.#overwrite === 'always' || source.inode.nlink <= 1) return undefined
    const { ino, inode: past } = source
    const inode = this.#live.reader.inodes.get(ino)
    if (inode === undefined || this.#links.isAnother({ ino, inode }, source)) return undefined
    if (!sameFile(this.#live, { ino, inode }, { reader: this.#past, inode: past })) return undefined
    this.#links.add({ ino, inode }, source)
    return ino
  }

  /** Puts the past inode under the name, in the inode that is there where that may be. */
  #put(
    tx: Transaction,
    dir: number,
    name: Uint8Array,
    source: Located,
    body: { readonly content?: number },
  ): void {
    const live = this.#live
    const existing = this.#child(dir, name)
    const hint = this.#hint(dir, name)
    const past = { ...source.inode, ...body, ...hint, verifier: undefined }
    if (existing !== undefined && this.#mayKeep(existing, source)) {
      const { ino, inode } = existing
      if (inode.type === FileType.REG) live.data.remove(tx, ino, inode)
      const { nlink, generation } = inode
      const ctime = timeAfter(tx.now, live.current(ino, inode).ctime)
      live.put(tx, ino, { ...past, nlink, generation, ctime })
      this.#links.add(existing, source)
      return
    }
    const ino = live.store.newIno()
    const { generation } = live.store
    const inode = { ...past, nlink: 1, generation, ctime: timeAfter(tx.now, past.ctime) }
    live.put(tx, ino, inode)
    this.#place(tx, dir, name, { ino, type: past.type })
    this.#links.add({ ino, inode }, source)
  }

  /**
   * Whether a live file is given the past content under the number that it has: the same file, or
   * one that nobody knows by another name.
   */
  #mayKeep(existing: Located, source: Located): boolean {
    const { type, nlink } = existing.inode
    assert(source.inode.type !== FileType.DIR, 'a directory is restored name by name')
    if (type !== source.inode.type || this.#links.isAnother(existing, source)) return false
    return existing.ino === source.ino || nlink === 1
  }

  #hint(dir: number, name: Uint8Array): Pick<Inode, 'parent' | 'cookie'> {
    return placeOf(this.#live.reader, this.#directory(dir), name)
  }

  /** @throws FsError STALE */
  #directory(ino: number): Located {
    const inode = this.#live.reader.inodes.get(ino)
    if (inode?.type === FileType.DIR) return { ino, inode }
    throw new FsError('STALE', 'its directory was removed meanwhile')
  }

  /** Makes a name stand for a new file, instead of what it stood for. */
  #place(
    tx: Transaction,
    dir: number,
    name: Uint8Array,
    target: { readonly ino: number; readonly type: FileType },
  ): void {
    const live = this.#live
    const directory = this.#directory(dir)
    const existing = this.#child(dir, name)
    requireReplaceable(existing)
    const named =
      existing === undefined
        ? insertName(tx, live.dataset, directory, name, target)
        : replaceName(tx, live.dataset, directory, name, target)
    const links =
      Number(target.type === FileType.DIR) - Number(existing?.inode.type === FileType.DIR)
    live.put(tx, dir, { ...named, nlink: named.nlink + links })
    if (existing !== undefined) live.dropLink(tx, existing)
  }
}

/** @throws FsError NOTEMPTY */
function requireReplaceable(existing: Located | undefined): void {
  if (existing?.inode.type !== FileType.DIR || existing.inode.entries === 0) return
  throw new FsError('NOTEMPTY', 'a directory that is not empty is in its place')
}

function attributesOf({ mode, uid, gid }: Inode): { mode: number; uid: number; gid: number } {
  return { mode, uid, gid }
}
