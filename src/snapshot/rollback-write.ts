/**
 * The hand of a rollback: what it changes in the live dataset, each by one transaction.
 *
 * What is gone comes back under the number that it had: it is the same file again, for clients that
 * hold it and for who compares it with a snapshot. No quota stops it: a dataset that is half rolled
 * back would be worse than one that takes what it took then.
 */
import { strict as assert } from 'node:assert'
import { eraseName, findName, insertName, placeOf, replaceName } from '../fs/directory.ts'
import { FsError } from '../fs/error.ts'
import type { Cred } from '../fs/filesystem.ts'
import { changed, newInode } from '../fs/inode.ts'
import type { Live } from '../fs/live.ts'
import { rename } from '../fs/rename.ts'
import { inodeCodec } from '../store/codecs.ts'
import type { Reader } from '../store/dataset.ts'
import { historyKey, Kind, versionsKey } from '../store/keys.ts'
import { decodeRecord } from '../store/record.ts'
import { FileType, type Inode } from '../store/records.ts'
import { timeAfter } from '../store/time.ts'
import type { Transaction } from '../store/transaction.ts'
import { child, type Located } from './paths.ts'
import { shareContent } from './restore-file.ts'
import type { Spot } from './restore-write.ts'
import { changedChunks, type KnownChanges, putChunksBack } from './rollback-content.ts'

/** What a rollback does, or with a dry run only seems to do. All throw FsErrors. */
export interface RollbackHand {
  /** Inos of what it has put aside. */
  readonly parked: ReadonlySet<number>
  /** A directory comes back, where nothing is. */
  makeDirectory(spot: Spot, source: Located): void
  /** Gives a directory the attributes of the past one. */
  setDirectory(ino: number, past: Inode): void
  /** A file of any other type comes back, instead of what is there. */
  makeFile(spot: Spot, source: Located): Promise<void>
  /** A live file of any other type becomes what the past one was. */
  become(ino: number, source: Located): Promise<void>
  /** A further name of a live file, instead of what is there. */
  link(spot: Spot, ino: number): void
  /** A name goes elsewhere, instead of what is there. */
  move(from: Spot, to: Spot): void
  /** What is in the way gets a name that nothing has in either tree. */
  park(spot: Spot): void
  /** Removes a name of the live file `ino`. */
  remove(spot: Spot, ino: number): void
}

export interface RollbackWriterOptions extends KnownChanges {
  readonly live: Live
  /** The snapshot. */
  readonly past: Reader
  /** Is called between the transactions of a large file. @throws FsError to interrupt it */
  readonly requireGoingOn: () => void
}

const ROOT: Cred = { uid: 0, gid: 0, gids: [] }
/** With the ino of what is in the way behind it. */
export const PARKED_PREFIX = '.rollback-'

export class RollbackWriter implements RollbackHand {
  readonly parked = new Set<number>()
  readonly #options: RollbackWriterOptions
  readonly #live: Live

  constructor(options: RollbackWriterOptions) {
    this.#options = options
    this.#live = options.live
  }

  makeDirectory(spot: Spot, { ino, inode: past }: Located): void {
    const live = this.#live
    live.store.transact((tx) => {
      tx.exemptFromQuota()
      const { mode, uid, gid, atime, mtime, generation } = past
      const base = { type: FileType.DIR, mode, uid, gid, now: tx.now, generation }
      const nextCookie = Math.max(past.nextCookie, this.#lastCookie(ino))
      const hint = this.#hint(spot)
      const ctime = timeAfter(tx.now, past.ctime)
      live.put(tx, ino, { ...newInode(base), ...hint, atime, mtime, ctime, nextCookie })
      this.#place(tx, spot, { ino, type: FileType.DIR })
    })
  }

  /** Cookies are not used again, though the directory was gone in between. */
  #lastCookie(ino: number): number {
    const { versions, history } = this.#live.dataset
    const last = versions.get(versionsKey(Kind.INODE, ino))?.at(-1)
    const record = last && history.get(historyKey(Kind.INODE, ino, last.end))
    return record === undefined ? 0 : decodeRecord(inodeCodec, record).value.nextCookie
  }

  setDirectory(ino: number, past: Inode): void {
    this.#live.store.transact((tx) => {
      const inode = this.#live.at(ino)
      const { mode, uid, gid, atime, mtime } = past
      this.#live.put(tx, ino, { ...changed(inode, tx.now), mode, uid, gid, atime, mtime })
    })
  }

  async makeFile(spot: Spot, source: Located): Promise<void> {
    const { ino, inode: past } = source
    if (past.type !== FileType.REG) {
      this.#live.store.transact((tx) => this.#make(tx, spot, ino, past))
      return
    }
    await this.#share(past, (tx, content) => this.#make(tx, spot, ino, { ...past, content }))
  }

  #make(tx: Transaction, spot: Spot, ino: number, past: Inode): void {
    const live = this.#live
    tx.exemptFromQuota()
    if (live.reader.inodes.get(ino) !== undefined) {
      throw new FsError('EXIST', 'it has come back meanwhile')
    }
    const ctime = timeAfter(tx.now, past.ctime)
    live.put(tx, ino, { ...past, ...this.#hint(spot), nlink: 1, verifier: undefined, ctime })
    this.#place(tx, spot, { ino, type: past.type })
  }

  async become(ino: number, source: Located): Promise<void> {
    const past = { reader: this.#options.past, inode: source.inode }
    const { type } = past.inode
    const now = this.#there(ino)
    const chunks =
      type === FileType.REG
        ? changedChunks(this.#live, { ino, inode: now }, past, this.#options)
        : []
    if (chunks === undefined) {
      await this.#share(past.inode, (tx, content) => {
        const inode = this.#there(ino)
        this.#live.data.remove(tx, ino, inode)
        this.#assign(tx, ino, inode, { ...past.inode, content })
      })
      return
    }
    this.#live.store.transact((tx) => {
      if (chunks.length > 0) putChunksBack(tx, this.#live.dataset, past, chunks)
      this.#assign(tx, ino, now, { ...past.inode, content: now.content })
    })
  }

  /** Gives an inode what is not a matter of its names. */
  #assign(tx: Transaction, ino: number, now: Inode, past: Inode): void {
    tx.exemptFromQuota()
    const { nlink, generation, parent, cookie } = now
    const ctime = timeAfter(tx.now, this.#live.current(ino, now).ctime)
    const own = { nlink, generation, parent, cookie, ctime, verifier: undefined }
    this.#live.put(tx, ino, { ...past, ...own })
  }

  /** Shares the past content, and hands it over in the transaction that `take` completes. */
  async #share(past: Inode, take: (tx: Transaction, content: number) => void): Promise<void> {
    const { past: reader, requireGoingOn } = this.#options
    const shared = await shareContent(this.#live, { reader, inode: past }, requireGoingOn)
    try {
      this.#live.store.transact((tx) => {
        shared.adopt(tx)
        take(tx, shared.content)
      })
    } catch (error) {
      shared.discard()
      throw error
    }
  }

  link(spot: Spot, ino: number): void {
    const live = this.#live
    live.store.transact((tx) => {
      const settled = changed(live.settled(tx, ino, this.#there(ino)), tx.now)
      const { type, nlink } = settled
      live.put(tx, ino, { ...settled, ...this.#hint(spot), nlink: nlink + 1 })
      this.#place(tx, spot, { ino, type })
    })
  }

  move(from: Spot, to: Spot): void {
    const [fromId, toId] = [from, to].map(({ dir }) => {
      const { ino, inode } = this.#directory(dir)
      return this.#live.idOf(ino, inode)
    })
    assert(fromId !== undefined && toId !== undefined, 'both sides have a directory')
    rename(this.#live, ROOT, fromId, from.name, toId, to.name)
  }

  park({ dir, name }: Spot): void {
    const ino = findName(this.#live.reader, dir, name)?.ino
    assert(ino !== undefined, 'what is in the way is there')
    for (let i = 1; ; i++) {
      const free = Buffer.from(`${PARKED_PREFIX}${ino}${i === 1 ? '' : `-${i}`}`)
      if (findName(this.#live.reader, dir, free) !== undefined) continue
      if (findName(this.#options.past, dir, free) !== undefined) continue
      this.move({ dir, name }, { dir, name: free })
      this.parked.add(ino)
      return
    }
  }

  remove(spot: Spot, ino: number): void {
    const live = this.#live
    const existing = child(live.reader, spot.dir, spot.name)
    if (existing?.ino !== ino) return
    requireEmpty(existing)
    live.store.transact((tx) => {
      const erased = eraseName(tx, live.dataset, this.#directory(spot.dir), spot.name)
      const links = Number(existing.inode.type === FileType.DIR)
      live.put(tx, spot.dir, { ...erased, nlink: erased.nlink - links })
      live.dropLink(tx, existing)
    })
  }

  /** Makes a name stand for a file, instead of what it stood for. */
  #place(
    tx: Transaction,
    spot: Spot,
    target: { readonly ino: number; readonly type: FileType },
  ): void {
    const live = this.#live
    const directory = this.#directory(spot.dir)
    const existing = child(live.reader, spot.dir, spot.name)
    if (existing !== undefined) requireEmpty(existing)
    const put = existing === undefined ? insertName : replaceName
    const named = put(tx, live.dataset, directory, spot.name, target)
    const before = Number(existing?.inode.type === FileType.DIR)
    const links = Number(target.type === FileType.DIR) - before
    live.put(tx, spot.dir, { ...named, nlink: named.nlink + links })
    if (existing !== undefined) live.dropLink(tx, existing)
  }

  #hint({ dir, name }: Spot): Pick<Inode, 'parent' | 'cookie'> {
    return placeOf(this.#live.reader, this.#directory(dir), name)
  }

  #directory(ino: number): Located {
    const inode = this.#there(ino)
    if (inode.type === FileType.DIR) return { ino, inode }
    throw new FsError('NOTDIR', 'what was its directory is none')
  }

  /** @throws FsError STALE */
  #there(ino: number): Inode {
    const inode = this.#live.reader.inodes.get(ino)
    if (inode !== undefined) return inode
    throw new FsError('STALE', 'it, or its directory, was removed meanwhile')
  }
}

/** @throws FsError NOTEMPTY */
function requireEmpty({ inode }: Located): void {
  if (inode.type !== FileType.DIR || inode.entries === 0) return
  throw new FsError('NOTEMPTY', 'a directory has something in it that came meanwhile')
}

/** The hand of a rollback that is only planned: nothing changes. */
export class DryRollback implements RollbackHand {
  readonly parked: ReadonlySet<number> = new Set()
  makeDirectory(): void {}
  setDirectory(): void {}
  async makeFile(): Promise<void> {}
  async become(): Promise<void> {}
  link(): void {}
  move(): void {}
  park(): void {}
  remove(): void {}
}
