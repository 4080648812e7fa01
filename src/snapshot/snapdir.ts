/**
 * `.snapshots`: the virtual directory that every live directory has, with that directory's own past.
 *
 *   project/                          live
 *   project/.snapshots/               virtual: cookies 1 `.`, 2 `..`, then 2 + a snapshot's number
 *   project/.snapshots/monday/        project as it was: a ViewFileSystem, with an fsid of its own
 *
 * It is found by LOOKUP and never listed, so that rm -r, find and tar do not walk into the past.
 * The name is reserved: nothing can be made, removed or renamed under it. A snapshot is listed
 * where the directory existed at its time.
 *
 * MKDIR in any of these directories makes a snapshot of the whole dataset, and RMDIR deletes one,
 * for root and for the owner of the dataset's root directory. Nothing else can be changed. The mode
 * stays 0555: it is ACCESS that tells those two of what they may do.
 *
 * Linux remembers for seconds that a name is not there, as long as the directory seems unchanged.
 * So that a snapshot is seen by name as soon as it is made, every failed LOOKUP moves the
 * directory's ctime by a nanosecond: the client's own record of the failure is out of date when it
 * arrives.
 */
import { checkName } from '../fs/directory.ts'
import { FsError } from '../fs/error.ts'
import {
  Access,
  type Attributes,
  type Change,
  type Cred,
  type DirectoryEntry,
  type FileId,
  FileType,
  type Found,
  type Lookup,
  type Made,
  type ReaddirResult,
  type Time,
} from '../fs/filesystem.ts'
import type { Snapshot } from '../store/dataset.ts'

/** The reserved name. */
export const SNAPDIR_NAME = Buffer.from('.snapshots')

/** Added to a directory's fileid: below 2^53, and above every inode number that a handle holds. */
const FILEID_OFFSET = 2 ** 48
const DIRECTORY_BYTES = 4096
const NO_DEVICE = { specdata1: 0, specdata2: 0 }
const READING = Access.READ | Access.LOOKUP
const CHANGING = Access.MODIFY | Access.EXTEND | Access.DELETE
const DOT = Buffer.from('.')
const DOT_DOT = Buffer.from('..')
const DOT_COOKIE = 1
const DOT_DOT_COOKIE = 2

export function isSnapdirName(name: Uint8Array): boolean {
  return SNAPDIR_NAME.equals(name)
}

/** What the directory shows, and where it hangs. */
export interface SnapdirHost {
  /** Attributes of the live directory. @throws FsError STALE */
  live(id: FileId): Attributes
  /**
   * The snapshots in which the directory existed, oldest first. Looking takes a read for each, so
   * they are found as they are asked for.
   *
   * @param after only those with a greater number, which are younger
   */
  snapshots(id: FileId, after: number): Iterable<Snapshot>
  /** The one of that name, where the directory existed in it. */
  find(id: FileId, name: Uint8Array): Snapshot | undefined
  /** The directory in a snapshot. @throws FsError STALE */
  past(id: FileId, snapshot: Snapshot): Found
  /** When a snapshot was last made or deleted. */
  changed(): Time
  /** Whether it may make and delete snapshots. */
  rules(cred: Cred): boolean
  /** @throws FsError EXIST, INVAL (the name), NOSPC */
  create(name: string): Snapshot
  /** Deletes it for everybody who looks. @throws FsError ACCES while it is held, or in use */
  delete(snapshot: Snapshot): void
}

export class Snapdir {
  readonly #host: SnapdirHost
  #misses = 0

  constructor(host: SnapdirHost) {
    this.#host = host
  }

  /** The id of a live directory's `.snapshots`. */
  of(directory: FileId): FileId {
    return { ...directory, snapdir: true }
  }

  #directory(id: FileId): FileId {
    return { ...id, snapdir: false }
  }

  attributes(id: FileId): Attributes {
    const { uid, gid, fsid, fileid } = this.#host.live(this.#directory(id))
    const time = later(this.#host.changed(), this.#misses)
    // One literal: V8 takes many times as long to put such an object together from others.
    return {
      type: FileType.DIR,
      mode: 0o555,
      nlink: 2,
      uid,
      gid,
      size: DIRECTORY_BYTES,
      used: 0,
      rdev: NO_DEVICE,
      fsid,
      fileid: fileid + FILEID_OFFSET,
      atime: time,
      mtime: time,
      ctime: time,
    }
  }

  access(cred: Cred, id: FileId, mask: number): number {
    this.attributes(id)
    return mask & (this.#host.rules(cred) ? READING | CHANGING : READING)
  }

  /**
   * Makes a snapshot, of everything. The attributes asked for are passed over: a snapshot has its
   * own.
   *
   * @throws FsError EXIST, INVAL, NAMETOOLONG, ACCES, NOSPC
   */
  mkdir(cred: Cred, id: FileId, name: Uint8Array): Made {
    const before = this.attributes(id)
    checkName(name)
    if (DOT.equals(name) || DOT_DOT.equals(name)) throw new FsError('EXIST')
    const directory = this.#directory(id)
    if (this.#host.find(directory, name) !== undefined) throw new FsError('EXIST')
    this.#requireRule(cred)
    const text = Buffer.from(name).toString()
    if (!Buffer.from(text).equals(name)) {
      throw new FsError('INVAL', `a snapshot's name is text in UTF-8`)
    }
    const found = this.#host.past(directory, this.#host.create(text))
    return { ...found, dir: { before, after: this.attributes(id) } }
  }

  /**
   * Deletes a snapshot, whatever is in it, and what only it holds.
   *
   * @throws FsError NOENT, INVAL, NAMETOOLONG, EXIST, ACCES (of the caller, or it is held)
   */
  rmdir(cred: Cred, id: FileId, name: Uint8Array): Change {
    const before = this.attributes(id)
    checkName(name)
    if (DOT.equals(name)) throw new FsError('INVAL')
    if (DOT_DOT.equals(name)) throw new FsError('EXIST')
    const snapshot = this.#host.find(this.#directory(id), name)
    if (snapshot === undefined) throw new FsError('NOENT')
    this.#requireRule(cred)
    this.#host.delete(snapshot)
    return { before, after: this.attributes(id) }
  }

  /** @throws FsError ACCES */
  #requireRule(cred: Cred): void {
    if (this.#host.rules(cred)) return
    throw new FsError('ACCES', "snapshots are made and deleted by root and the root folder's owner")
  }

  /** @throws FsError NOENT, INVAL, NAMETOOLONG */
  lookup(id: FileId, name: Uint8Array): Lookup {
    const dirAttributes = this.attributes(id)
    checkName(name)
    if (DOT.equals(name)) return { id, attributes: dirAttributes, dirAttributes }
    const directory = this.#directory(id)
    if (DOT_DOT.equals(name)) {
      return { id: directory, attributes: this.#host.live(directory), dirAttributes }
    }
    const snapshot = this.#host.find(directory, name)
    if (snapshot === undefined) {
      this.#misses++
      throw new FsError('NOENT')
    }
    return { ...this.#host.past(directory, snapshot), dirAttributes }
  }

  readdir(id: FileId, cookie: number, emit: (entry: DirectoryEntry) => boolean): ReaddirResult {
    const attributes = this.attributes(id)
    for (const entry of this.#entries(id, attributes.fileid, cookie)) {
      if (entry.cookie > cookie && !emit(entry)) return { eof: false, attributes }
    }
    return { eof: true, attributes }
  }

  /**
   * A snapshot's handle and attributes are left out: they belong to another file system, which the
   * client enters by a LOOKUP.
   */
  *#entries(id: FileId, fileid: number, after: number): Generator<DirectoryEntry> {
    yield { fileid, name: DOT, cookie: DOT_COOKIE, found: undefined }
    yield { fileid: id.ino, name: DOT_DOT, cookie: DOT_DOT_COOKIE, found: undefined }
    for (const snapshot of this.#host.snapshots(this.#directory(id), after - DOT_DOT_COOKIE)) {
      const cookie = DOT_DOT_COOKIE + snapshot.id
      yield { fileid: id.ino, name: Buffer.from(snapshot.name), cookie, found: undefined }
    }
  }
}

/** @param by nanoseconds, fewer than a second's at a time */
function later({ seconds, nseconds }: Time, by: number): Time {
  const sum = nseconds + by
  return { seconds: seconds + Math.floor(sum / 1e9), nseconds: sum % 1e9 }
}
