/** The live side of a restore: one entry at a time, each put in its place by one transaction. */
import { strict as assert } from 'node:assert'
import { insertName, replaceName } from '../fs/directory.ts'
import { FsError } from '../fs/error.ts'
import { changed, newInode } from '../fs/inode.ts'
import type { Live } from '../fs/live.ts'
import type { Reader } from '../store/dataset.ts'
import { FileType, type Inode } from '../store/records.ts'
import { compareTime, timeAfter } from '../store/time.ts'
import type { Transaction } from '../store/transaction.ts'
import { child, joined, type Located, locate, printable } from './paths.ts'
import type { Overwrite } from './restore.ts'
import { sameContent, shareContent } from './restore-file.ts'

export interface TargetOptions {
  readonly live: Live
  /** The snapshot. */
  readonly past: Reader
  readonly overwrite: Overwrite
  /** Is called before anything changes, and told whether it was there before. */
  readonly beforeChange: (existing: boolean) => void
}

/** Mode of a directory that was missing above a restored path and is not in the snapshot either. */
const PARENT_MODE = 0o755
const FIRST_COOKIE = 3

export class RestoreTarget {
  readonly counts = { files: 0, directories: 0, bytes: 0, unchanged: 0, skipped: 0 }
  readonly #live: Live
  readonly #past: Reader
  readonly #overwrite: Overwrite
  readonly #beforeChange: (existing: boolean) => void
  /** Files with several names: the live ino of each that came back already, by its past one. */
  readonly #links = new Map<number, number>()

  constructor({ live, past, overwrite, beforeChange }: TargetOptions) {
    this.#live = live
    this.#past = past
    this.#overwrite = overwrite
    this.#beforeChange = beforeChange
  }

  /**
   * The directory of a path, with those above it.
   *
   * @param past the same names in the snapshot, after which missing directories are made
   * @throws FsError NOENT, NOTDIR
   */
  parents(names: readonly Uint8Array[], past: readonly Uint8Array[] | undefined): number {
    const { dataset, reader } = this.#live
    let ino = dataset.root
    for (const [i, name] of names.entries()) {
      const there = child(reader, ino, name)
      if (there !== undefined && there.inode.type !== FileType.DIR) {
        throw new FsError('NOTDIR', `'${printable(joined(names.slice(0, i + 1)))}' is no directory`)
      }
      const model = past && locate(this.#past, dataset.root, past.slice(0, i + 1), 'the snapshot')
      ino = there?.ino ?? this.#makeDirectory(ino, name, undefined, model?.inode)
    }
    return ino
  }

  /** @returns the live directory to restore into; undefined where something is in the way */
  directory(dir: number, name: Uint8Array, source: Located): number | undefined {
    const existing = child(this.#live.reader, dir, name)
    if (existing?.inode.type === FileType.DIR) return existing.ino
    if (existing !== undefined && this.#overwrite === 'never') {
      this.counts.skipped++
      return undefined
    }
    const ino = this.#makeDirectory(dir, name, existing, source.inode)
    this.counts.directories++
    return ino
  }

  #makeDirectory(
    dir: number,
    name: Uint8Array,
    existing: Located | undefined,
    model: Inode | undefined,
  ): number {
    this.#beforeChange(existing !== undefined)
    const { store } = this.#live
    return store.transact((tx) => {
      const { now } = tx
      const { generation } = store
      const base = { type: FileType.DIR, mode: PARENT_MODE, uid: 0, gid: 0, now, generation }
      const fresh = newInode(model === undefined ? base : { ...base, ...attributesOf(model) })
      const times = model === undefined ? {} : { atime: model.atime, mtime: model.mtime }
      const ino = store.newIno()
      this.#live.put(tx, ino, { ...fresh, ...times, parent: dir, nextCookie: FIRST_COOKIE })
      this.#place(tx, dir, name, existing, { ino, type: FileType.DIR })
      return ino
    })
  }

  /** Gives a restored directory the attributes that it had, after its names came back. */
  finishDirectory(ino: number, past: Inode): void {
    const inode = this.#live.reader.inodes.get(ino)
    if (inode === undefined || this.#overwrite === 'never' || sameAttributes(inode, past)) return
    this.#beforeChange(true)
    this.#live.store.transact((tx) => this.#live.put(tx, ino, restored(tx, inode, past)))
  }

  /** Restores a regular file. @throws FsError NOTEMPTY, NOSPC, IO */
  async file(dir: number, name: Uint8Array, source: Located): Promise<void> {
    if (this.#linked(dir, name, source)) return
    const existing = child(this.#live.reader, dir, name)
    if (existing !== undefined && this.#leave(existing, source)) return
    this.#beforeChange(existing !== undefined)
    const past = { reader: this.#past, inode: source.inode }
    const { content, adopt } = await shareContent(this.#live, past)
    const ino = this.#live.store.transact((tx) => {
      adopt(tx)
      return this.#put(tx, dir, name, source, { content })
    })
    this.#links.set(source.ino, ino)
    this.counts.files++
    this.counts.bytes += source.inode.size
  }

  /** Restores a symlink or a special file. @throws FsError NOTEMPTY, NOSPC, IO */
  special(dir: number, name: Uint8Array, source: Located): void {
    if (this.#linked(dir, name, source)) return
    const existing = child(this.#live.reader, dir, name)
    if (existing !== undefined && this.#leave(existing, source)) return
    this.#beforeChange(existing !== undefined)
    const ino = this.#live.store.transact((tx) => this.#put(tx, dir, name, source, {}))
    this.#links.set(source.ino, ino)
    this.counts.files++
  }

  /** Whether what is there stays: because it must, or because it is what it was. */
  #leave(existing: Located, source: Located): boolean {
    if (this.#overwrite === 'never') {
      this.counts.skipped++
      return true
    }
    if (this.#overwrite === 'always' || !this.#same(existing, source)) return false
    this.#links.set(source.ino, existing.ino)
    this.counts.unchanged++
    return true
  }

  #same({ ino, inode }: Located, { inode: past }: Located): boolean {
    if (inode.type !== past.type || !sameAttributes(this.#live.current(ino, inode), past)) {
      return false
    }
    if (inode.type === FileType.REG) {
      return sameContent(this.#live, ino, inode, { reader: this.#past, inode: past })
    }
    const { major, minor, target } = inode
    const none = new Uint8Array(0)
    return (
      major === past.major &&
      minor === past.minor &&
      Buffer.compare(target ?? none, past.target ?? none) === 0
    )
  }

  /** A further name of a file that has come back already. @returns whether it was one */
  #linked(dir: number, name: Uint8Array, source: Located): boolean {
    const ino = source.inode.nlink > 1 ? this.#links.get(source.ino) : undefined
    const inode = ino === undefined ? undefined : this.#live.reader.inodes.get(ino)
    if (ino === undefined || inode === undefined) return false
    const existing = child(this.#live.reader, dir, name)
    if (existing?.ino === ino) {
      this.counts.unchanged++
      return true
    }
    if (existing !== undefined && this.#overwrite === 'never') {
      this.counts.skipped++
      return true
    }
    this.#beforeChange(existing !== undefined)
    this.#live.store.transact((tx) => {
      const settled = changed(this.#live.settled(tx, ino, inode), tx.now)
      this.#live.put(tx, ino, { ...settled, nlink: settled.nlink + 1 })
      this.#place(tx, dir, name, existing, { ino, type: inode.type })
    })
    this.counts.files++
    return true
  }

  /** Puts the past inode under the name, in the inode that is there where that may be. */
  #put(
    tx: Transaction,
    dir: number,
    name: Uint8Array,
    source: Located,
    body: { readonly content?: number },
  ): number {
    const live = this.#live
    const existing = child(live.reader, dir, name)
    const past = { ...source.inode, ...body, verifier: undefined }
    if (existing !== undefined && mayKeep(existing, source)) {
      const { ino, inode } = existing
      if (inode.type === FileType.REG) live.data.remove(tx, ino, inode)
      const { nlink, generation } = inode
      const ctime = timeAfter(tx.now, live.current(ino, inode).ctime)
      live.put(tx, ino, { ...past, nlink, generation, ctime })
      return ino
    }
    const ino = live.store.newIno()
    const { generation } = live.store
    live.put(tx, ino, { ...past, nlink: 1, generation, ctime: timeAfter(tx.now, past.ctime) })
    this.#place(tx, dir, name, existing, { ino, type: past.type })
    return ino
  }

  /** Makes a name stand for a new file, instead of what it stood for. */
  #place(
    tx: Transaction,
    dir: number,
    name: Uint8Array,
    existing: Located | undefined,
    target: { readonly ino: number; readonly type: FileType },
  ): void {
    const live = this.#live
    const parent = live.reader.inodes.get(dir)
    if (parent?.type !== FileType.DIR)
      throw new FsError('STALE', 'its directory was removed meanwhile')
    const directory = { ino: dir, inode: parent }
    let links = target.type === FileType.DIR ? 1 : 0
    if (existing?.inode.type === FileType.DIR) {
      if (existing.inode.entries > 0) {
        throw new FsError('NOTEMPTY', 'a directory that is not empty is in its place')
      }
      links--
    }
    const named =
      existing === undefined
        ? insertName(tx, live.dataset, directory, name, target)
        : replaceName(tx, live.dataset, directory, name, target)
    live.put(tx, dir, { ...named, nlink: named.nlink + links })
    if (existing !== undefined) live.dropLink(tx, existing)
  }
}

/**
 * Whether a live file is given the past content under the number that it has: the same file, or one
 * that nobody knows by another name.
 */
function mayKeep(existing: Located, source: Located): boolean {
  const { type, nlink } = existing.inode
  assert(source.inode.type !== FileType.DIR)
  return type === source.inode.type && (existing.ino === source.ino || nlink === 1)
}

function attributesOf({ mode, uid, gid }: Inode): { mode: number; uid: number; gid: number } {
  return { mode, uid, gid }
}

function sameAttributes(a: Inode, b: Inode): boolean {
  return (
    a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && compareTime(a.mtime, b.mtime) === 0
  )
}

function restored(tx: Transaction, inode: Inode, past: Inode): Inode {
  const { mode, uid, gid, atime, mtime } = past
  return { ...changed(inode, tx.now), mode, uid, gid, atime, mtime }
}
