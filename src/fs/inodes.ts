/**
 * The files of one file system, live or a snapshot's, by the ids that clients hold.
 *
 * A FileId names an inode by number and generation. Who asks with one whose file is gone, or which
 * belongs to another file system, is told STALE.
 */
import assert from 'node:assert/strict'
import type { Reader } from '../store/dataset.ts'
import { FileType, type Inode } from '../store/records.ts'
import { Permission, requirePermission } from './access.ts'
import { checkName, findName, isDot, isDotDot } from './directory.ts'
import { FsError } from './error.ts'
import type { Attributes, Awaitable, Cred, FileId, Found } from './filesystem.ts'
import { attributesOf } from './inode.ts'
import type { PackedListing } from './packed-listing.ts'

/** Bytes of a file, and how to give their buffer back once they are sent. */
export interface FileBytes {
  readonly data: Uint8Array
  readonly release: (() => void) | undefined
}

/** Where the data of regular files comes from. */
export interface FileReader {
  /** The inode as clients must see it: with data that is not in the store yet. */
  current(ino: number, inode: Inode): Inode
  /** At most `count` bytes from `offset` on, fewer at the end of the file; holes are zeros. */
  read(ino: number, inode: Inode, offset: number, count: number): Awaitable<FileBytes>
}

/** Which file system this is. */
export interface Place {
  /** FileId's `dataset` and `snapshot` of all of its files. */
  readonly dataset: number
  readonly snapshot: number
  readonly fsid: number
  /** The ino of its root directory. */
  readonly root: number
}

/** A file, by number and as the store has it. */
export interface File {
  readonly ino: number
  readonly inode: Inode
}

export class Inodes {
  readonly place: Place
  readonly reader: Reader
  readonly files: FileReader
  /** Where listings are kept packed; undefined where they are not. */
  readonly listing: PackedListing | undefined = undefined

  constructor(place: Place, reader: Reader, files: FileReader) {
    this.place = place
    this.reader = reader
    this.files = files
  }

  root(): FileId {
    return this.idOf(this.place.root, this.at(this.place.root))
  }

  /** Whether `id` names a file of this file system, there or gone. */
  owns(id: FileId): boolean {
    const { dataset, snapshot } = this.place
    return id.dataset === dataset && id.snapshot === snapshot && !id.snapdir
  }

  /** The inode that `id` names, as the store has it. @throws FsError STALE */
  resolve(id: FileId): Inode {
    const inode = this.owns(id) ? this.reader.inodes.get(id.ino) : undefined
    if (inode === undefined || inode.generation !== id.generation) throw new FsError('STALE')
    return inode
  }

  /** @throws FsError STALE, NOTDIR */
  directory(id: FileId): Inode {
    const inode = this.resolve(id)
    if (inode.type !== FileType.DIR) throw new FsError('NOTDIR')
    return inode
  }

  /**
   * The directory in which `cred` looks for `name`.
   *
   * @throws FsError STALE, NOTDIR, ACCES, INVAL, NAMETOOLONG
   */
  searched(cred: Cred, id: FileId, name: Uint8Array): File {
    const inode = this.directory(id)
    requirePermission(cred, inode, Permission.EXECUTE)
    checkName(name)
    return { ino: id.ino, inode }
  }

  /** @throws FsError STALE, ISDIR, INVAL where it is no regular file */
  regular(id: FileId): Inode {
    const inode = this.resolve(id)
    requireRegular(inode)
    return inode
  }

  /** The inode of a number that a record names: it must be there. */
  at(ino: number): Inode {
    const inode = this.reader.inodes.get(ino)
    assert(inode !== undefined, `inode ${ino} is missing`)
    return inode
  }

  /** What `name` stands for in directory `dir`; undefined where there is no such name. */
  named(dir: number, name: Uint8Array): File | undefined {
    const record = findName(this.reader, dir, name)
    return record === undefined ? undefined : { ino: record.ino, inode: this.at(record.ino) }
  }

  /** As `named`, of `.` and `..` too. @throws FsError NOENT */
  lookup(dir: File, name: Uint8Array): File {
    if (isDot(name)) return dir
    if (isDotDot(name)) return { ino: dir.inode.parent, inode: this.at(dir.inode.parent) }
    const file = this.named(dir.ino, name)
    if (file === undefined) throw new FsError('NOENT')
    return file
  }

  idOf(ino: number, { generation }: Inode): FileId {
    const { dataset, snapshot } = this.place
    return { dataset, snapshot, snapdir: false, ino, generation }
  }

  /** The inode with data that is not in the store yet. */
  current(ino: number, inode: Inode): Inode {
    return inode.type === FileType.REG ? this.files.current(ino, inode) : inode
  }

  attributes(ino: number, inode: Inode): Attributes {
    return attributesOf(ino, this.current(ino, inode), this.place.fsid)
  }

  found(ino: number, inode: Inode): Found {
    return { id: this.idOf(ino, inode), attributes: this.attributes(ino, inode) }
  }
}

/** @throws FsError ISDIR, INVAL */
export function requireRegular({ type }: Inode): void {
  if (type === FileType.REG) return
  throw new FsError(type === FileType.DIR ? 'ISDIR' : 'INVAL', 'not a regular file')
}
