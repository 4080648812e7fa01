/**
 * Directories that a restore has made: nothing is in them but what it has put there, as long as
 * nobody else has changed them. So nothing need be looked up in them, and many files can come into
 * one by one transaction: each of them is there whole, or not at all.
 */

import { putNewChunk } from '../fs/chunks.ts'
import { type Directory, insertNewNames } from '../fs/directory.ts'
import { FsError } from '../fs/error.ts'
import type { Live } from '../fs/live.ts'
import { CHUNK_BYTES, type Chunk, FileType, type Inode } from '../store/records.ts'
import { type Time, timeAfter } from '../store/time.ts'
import type { Transaction } from '../store/transaction.ts'
import { shareChunk } from './restore-file.ts'

/** Directories remembered: those that are being filled, and which the tree's depth is beyond. */
const FRESH_MAX = 256

/** A simple file of the snapshot: its name there, and all it has. */
export interface SimpleFile {
  readonly name: Uint8Array
  readonly inode: Inode
  readonly chunk: Chunk | undefined
}

/** Whether all it has is in one chunk, and no other name is to lead to it. */
export function isSimple({ type, nlink, size }: Inode): boolean {
  if (type === FileType.DIR || nlink !== 1) return false
  return type !== FileType.REG || size <= CHUNK_BYTES
}

export class FreshDirectories {
  readonly #live: Live
  /** Each as the restore has left it. */
  readonly #left = new Map<number, Inode>()

  constructor(live: Live) {
    this.#live = live
  }

  /** It was made just now, or changed by the restore and by nobody else since it was made. */
  keep(ino: number): void {
    const inode = this.#live.reader.inodes.get(ino)
    if (inode === undefined) return
    this.#left.set(ino, inode)
    if (this.#left.size <= FRESH_MAX) return
    for (const oldest of this.#left.keys()) {
      this.#left.delete(oldest)
      return
    }
  }

  /** Whether nobody else has changed it: every change gives it another inode. */
  has(ino: number): boolean {
    return this.#find(ino) !== undefined
  }

  #find(ino: number): Directory | undefined {
    const inode = this.#left.get(ino)
    if (inode === undefined || this.#live.reader.inodes.get(ino) !== inode) return undefined
    return { ino, inode }
  }

  /**
   * Puts simple files into a directory, in their order.
   *
   * @returns false where that cannot be, and nothing was done: one by one, each tells why
   */
  fill(ino: number, files: readonly SimpleFile[]): boolean {
    const directory = this.#find(ino)
    if (directory === undefined) return false
    try {
      this.#live.store.transact((tx) => this.#put(tx, directory, files))
    } catch (error) {
      if (error instanceof FsError) return false
      throw error
    }
    this.keep(ino)
    return true
  }

  #put(tx: Transaction, directory: Directory, files: readonly SimpleFile[]): void {
    const live = this.#live
    const first = directory.inode.nextCookie
    const { generation } = live.store
    const names = files.map(({ name, inode: past, chunk }, i) => {
      const ino = live.store.newIno()
      const content = past.type === FileType.REG ? this.#share(tx, chunk) : 0
      const hint = { parent: directory.ino, cookie: first + i }
      live.putNew(tx, ino, restored(past, { ...hint, content, generation, now: tx.now }))
      return { name, ino, type: past.type }
    })
    live.put(tx, directory.ino, insertNewNames(tx, live.dataset, directory, names))
  }

  /** @returns the content number under which the file has its chunk */
  #share(tx: Transaction, chunk: Chunk | undefined): number {
    const { dataset, store } = this.#live
    const content = store.newIno()
    if (chunk !== undefined) putNewChunk(tx, dataset, content, 0, shareChunk(tx, dataset, chunk))
    return content
  }
}

/** Field by field, because this is done for every file: a spread takes ten times as long. */
function restored(
  past: Inode,
  given: Pick<Inode, 'content' | 'parent' | 'cookie' | 'generation'> & { readonly now: Time },
): Inode {
  return {
    type: past.type,
    mode: past.mode,
    nlink: 1,
    uid: past.uid,
    gid: past.gid,
    size: past.size,
    used: past.used,
    atime: past.atime,
    mtime: past.mtime,
    ctime: timeAfter(given.now, past.ctime),
    generation: given.generation,
    major: past.major,
    minor: past.minor,
    content: given.content,
    verifier: undefined,
    parent: given.parent,
    cookie: given.cookie,
    entries: 0,
    nextCookie: 0,
    target: past.target,
  }
}
