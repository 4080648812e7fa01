/** The hand of a restore: what it changes in the live file system, each by one transaction. */
import { strict as assert } from 'node:assert'
import { eraseName, insertName, placeOf, replaceName } from '../fs/directory.ts'
import { FsError } from '../fs/error.ts'
import { changed, newInode } from '../fs/inode.ts'
import type { Live } from '../fs/live.ts'
import type { Reader } from '../store/dataset.ts'
import { FileType, type Inode } from '../store/records.ts'
import { timeAfter } from '../store/time.ts'
import type { Transaction } from '../store/transaction.ts'
import { child, type Located } from './paths.ts'
import { shareContent } from './restore-file.ts'
import { FreshDirectories, type SimpleFile } from './restore-fresh.ts'
import type { RestoredLinks } from './restore-links.ts'

/** A name in a live directory. */
export interface Spot {
  readonly dir: number
  readonly name: Uint8Array
}

/** What a restore does, or with a dry run only seems to do. Inos that are not real are negative. */
export interface RestoreHand {
  /** @param model the directory of the snapshot that it is; undefined for one that is in none */
  makeDirectory(spot: Spot, model: Inode | undefined): number
  /**
   * Puts simple files (restore-fresh.ts) into a directory that the restore has made, all at once.
   *
   * @returns false where that cannot be, and nothing was done
   */
  fill(dir: number, files: readonly SimpleFile[]): boolean
  /** Gives a directory the attributes of the past one. @param made by this restore */
  setDirectory(ino: number, past: Inode, made: boolean): void
  /**
   * @param again where it goes, now that its content is at hand; undefined: nowhere
   * @returns what the file has become
   * @throws FsError NOTEMPTY, NOSPC, IO
   */
  file(spot: Spot, source: Located, again: () => Spot | undefined): Promise<Located | undefined>
  /** A symlink or a special file. @throws FsError NOTEMPTY, NOSPC, IO */
  special(spot: Spot, source: Located): Located
  /** A further name of a live file. @throws FsError NOTEMPTY, NOSPC, IO */
  link(spot: Spot, ino: number): void
  /** Removes a name of the live file `ino`. @throws FsError NOTEMPTY, NOSPC, IO */
  remove(spot: Spot, ino: number): void
}

export interface WriterOptions {
  readonly live: Live
  /** The snapshot. */
  readonly past: Reader
  readonly links: RestoredLinks
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

export class RestoreWriter implements RestoreHand {
  readonly #options: WriterOptions
  readonly #live: Live
  readonly #fresh: FreshDirectories

  constructor(options: WriterOptions) {
    this.#options = options
    this.#live = options.live
    this.#fresh = new FreshDirectories(options.live)
  }

  #child({ dir, name }: Spot): Located | undefined {
    return child(this.#live.reader, dir, name)
  }

  makeDirectory(spot: Spot, model: Inode | undefined): number {
    this.#announce(spot)
    const { store } = this.#live
    const made = store.transact((tx) => {
      const { now } = tx
      const { generation } = store
      const base = { type: FileType.DIR, mode: PARENT_MODE, uid: 0, gid: 0, now, generation }
      const fresh = newInode(model === undefined ? base : { ...base, ...attributesOf(model) })
      const times = model === undefined ? {} : { atime: model.atime, mtime: model.mtime }
      const ino = store.newIno()
      this.#live.putNew(tx, ino, { ...fresh, ...times, ...this.#hint(spot) })
      this.#place(tx, spot, { ino, type: FileType.DIR })
      return ino
    })
    this.#fresh.keep(made)
    return made
  }

  fill(dir: number, files: readonly SimpleFile[]): boolean {
    this.#options.beforeChange(false)
    return this.#fresh.fill(dir, files)
  }

  setDirectory(ino: number, past: Inode, made: boolean): void {
    const { reader } = this.#live
    this.#options.beforeChange(!made)
    this.#live.store.transact((tx) => {
      const inode = reader.inodes.get(ino)
      assert(inode !== undefined, 'a directory does not go within a turn')
      const { mode, uid, gid, atime, mtime } = past
      this.#live.put(tx, ino, { ...changed(inode, tx.now), mode, uid, gid, atime, mtime })
    })
  }

  async file(
    spot: Spot,
    source: Located,
    again: () => Spot | undefined,
  ): Promise<Located | undefined> {
    this.#announce(spot)
    const past = { reader: this.#options.past, inode: source.inode }
    const shared = await shareContent(this.#live, past, this.#options.requireGoingOn)
    try {
      // A large file takes many turns: something else may have come to its place meanwhile.
      const there = again()
      if (there === undefined) {
        shared.discard()
        return undefined
      }
      this.#announce(there)
      return this.#live.store.transact((tx) => {
        shared.adopt(tx)
        return this.#put(tx, there, source, { content: shared.content })
      })
    } catch (error) {
      shared.discard()
      throw error
    }
  }

  special(spot: Spot, source: Located): Located {
    this.#announce(spot)
    return this.#live.store.transact((tx) => this.#put(tx, spot, source, {}))
  }

  link(spot: Spot, ino: number): void {
    this.#announce(spot)
    this.#live.store.transact((tx) => {
      const inode = this.#live.at(ino)
      const settled = changed(this.#live.settled(tx, ino, inode), tx.now)
      const hint = this.#hint(spot)
      this.#live.put(tx, ino, { ...settled, ...hint, nlink: settled.nlink + 1 })
      this.#place(tx, spot, { ino, type: inode.type })
    })
  }

  remove(spot: Spot, ino: number): void {
    this.#announce(spot)
    const live = this.#live
    live.store.transact((tx) => {
      const existing = this.#child(spot)
      const parent = live.reader.inodes.get(spot.dir)
      if (existing?.ino !== ino || parent === undefined) return
      const directory = { ino: spot.dir, inode: parent }
      const named = eraseName(tx, live.dataset, directory, spot.name)
      const links = Number(existing.inode.type === FileType.DIR)
      live.put(tx, spot.dir, { ...named, nlink: named.nlink - links })
      live.dropLink(tx, existing)
    })
  }

  /** Something is about to come to its place. @throws FsError NOTEMPTY where it cannot */
  #announce(spot: Spot): void {
    const existing = this.#child(spot)
    requireReplaceable(existing)
    this.#options.beforeChange(existing !== undefined)
  }

  /** Puts the past inode under the name, in the inode that is there where that may be. */
  #put(tx: Transaction, spot: Spot, source: Located, body: { readonly content?: number }): Located {
    const live = this.#live
    const existing = this.#child(spot)
    const past = { ...source.inode, ...body, ...this.#hint(spot), verifier: undefined }
    if (existing !== undefined && mayKeep(this.#options.links, existing, source)) {
      const { ino, inode } = existing
      if (inode.type === FileType.REG) live.data.remove(tx, ino, inode)
      const { nlink, generation } = inode
      const ctime = timeAfter(tx.now, live.current(ino, inode).ctime)
      live.put(tx, ino, { ...past, nlink, generation, ctime })
      return existing
    }
    const ino = live.store.newIno()
    const { generation } = live.store
    const inode = { ...past, nlink: 1, generation, ctime: timeAfter(tx.now, past.ctime) }
    live.putNew(tx, ino, inode)
    this.#place(tx, spot, { ino, type: past.type })
    return { ino, inode }
  }

  #hint({ dir, name }: Spot): Pick<Inode, 'parent' | 'cookie'> {
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
    spot: Spot,
    target: { readonly ino: number; readonly type: FileType },
  ): void {
    const live = this.#live
    const directory = this.#directory(spot.dir)
    const fresh = this.#fresh.has(spot.dir)
    const existing = this.#child(spot)
    requireReplaceable(existing)
    const named =
      existing === undefined
        ? insertName(tx, live.dataset, directory, spot.name, target)
        : replaceName(tx, live.dataset, directory, spot.name, target)
    const links =
      Number(target.type === FileType.DIR) - Number(existing?.inode.type === FileType.DIR)
    live.put(tx, spot.dir, { ...named, nlink: named.nlink + links })
    if (fresh) this.#fresh.keep(spot.dir)
    if (existing !== undefined) live.dropLink(tx, existing)
  }
}

/**
 * Whether a live file is given the past content under the number that it has: the same file, or
 * one that nobody knows by another name.
 */
export function mayKeep(links: RestoredLinks, existing: Located, source: Located): boolean {
  const { type, nlink } = existing.inode
  assert(source.inode.type !== FileType.DIR, 'a directory is restored name by name')
  if (type !== source.inode.type || links.isAnother(existing.ino, source.ino)) return false
  return existing.ino === source.ino || nlink === 1
}

/** @throws FsError NOTEMPTY */
export function requireReplaceable(existing: Located | undefined): void {
  if (existing?.inode.type !== FileType.DIR || existing.inode.entries === 0) return
  throw new FsError('NOTEMPTY', 'a directory that is not empty is in its place')
}

function attributesOf({ mode, uid, gid }: Inode): { mode: number; uid: number; gid: number } {
  return { mode, uid, gid }
}
