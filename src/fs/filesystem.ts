/**
 * The seam between the protocols and the file system: nfs/ sees this interface and FsError alone.
 *
 * A live dataset, a snapshot's read-only view and the `.snapshots` directory are all FileSystems.
 * Metadata calls answer at once: each runs whole in one turn of the event loop, so no other change
 * lies between its checks, its change, and the attributes it returns. READ and WRITE may have to
 * wait for the disk and answer a promise then, and only then.
 *
 * A change is in memory when its call returns; `barrier` tells when it is on stable storage.
 */

import { FileType } from '../store/records.ts'
import type { Time } from '../store/time.ts'
import type { FsError } from './error.ts'
import type { Packing } from './packing.ts'

export type { Packing, Time }
export { FileType }

/** A value, or a promise of it where the disk must be waited for. */
export type Awaitable<T> = T | Promise<T>

/** Names one file for as long as it exists: what a file handle carries. */
export interface FileId {
  /** The dataset's number, 1 for the root dataset. */
  readonly dataset: number
  /** The snapshot's number, 0 for the live file system. */
  readonly snapshot: number
  /** True for the virtual directory `.snapshots` of the directory `ino`. */
  readonly snapdir: boolean
  readonly ino: number
  readonly generation: number
}

/** Who asks, as AUTH_SYS tells it (RFC 5531 appendix A), after squashing. */
export interface Cred {
  readonly uid: number
  readonly gid: number
  readonly gids: readonly number[]
}

/** RFC 1813 §2.6 specdata3: major and minor number of a device. */
export interface DeviceNumber {
  readonly specdata1: number
  readonly specdata2: number
}

/** Field for field RFC 1813's fattr3, so that a reply encodes it as it stands. */
export interface Attributes {
  readonly type: FileType
  /** Permission bits, suid, sgid and sticky: 07777 at most. */
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  /** Bytes. */
  readonly size: number
  /** Bytes allocated. */
  readonly used: number
  readonly rdev: DeviceNumber
  /** Below 2^53; a number of its own for each dataset and each snapshot, never used again. */
  readonly fsid: number
  readonly fileid: number
  readonly atime: Time
  readonly mtime: Time
  readonly ctime: Time
}

/** What to change; what is undefined stays. `'now'` is the server's time. */
export interface SetAttributes {
  readonly mode?: number | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  readonly size?: number | undefined
  readonly atime?: Time | 'now' | undefined
  readonly mtime?: Time | 'now' | undefined
}

/** RFC 1813 §2.6 wcc_attr: what tells a client whether its cache was current. */
export interface Before {
  readonly size: number
  readonly mtime: Time
  readonly ctime: Time
}

/** An object before and after one change, with no other change between. */
export interface Change {
  readonly before: Before
  readonly after: Attributes
}

/** An object that a call found or made. */
export interface Found {
  readonly id: FileId
  readonly attributes: Attributes
}

/** LOOKUP's answer. */
export interface Lookup extends Found {
  readonly dirAttributes: Attributes
}

/** What CREATE, MKDIR, SYMLINK and MKNOD answer. */
export interface Made extends Found {
  readonly dir: Change
}

/** RFC 1813 §3.3.8 createhow3. The verifier is 8 bytes. */
export type CreateHow =
  | { readonly mode: 'UNCHECKED' | 'GUARDED'; readonly attributes: SetAttributes }
  | { readonly mode: 'EXCLUSIVE'; readonly verifier: Uint8Array }

/** RFC 1813 §3.3.7 stable_how, by its numbers. */
export const StableHow = { UNSTABLE: 0, DATA_SYNC: 1, FILE_SYNC: 2 } as const
export type StableHow = (typeof StableHow)[keyof typeof StableHow]

export interface ReadResult {
  /** The bytes, at most the count asked for; valid until `release` is called. */
  readonly data: Uint8Array
  readonly eof: boolean
  readonly attributes: Attributes
  /** Gives the buffer back once it is sent; undefined where it belongs to nobody. */
  readonly release: (() => void) | undefined
}

export interface WriteResult {
  readonly count: number
  readonly change: Change
}

/** One name of a directory. The id and attributes are there when they were asked for. */
export interface DirectoryEntry {
  readonly fileid: number
  /** Bytes, 1 to 255, with no `/` and no NUL. */
  readonly name: Uint8Array
  /** Where a later READDIR goes on: behind this entry. */
  readonly cookie: number
  readonly found: Found | undefined
}

export interface ReaddirResult {
  /** True when the last entry of the directory was emitted. */
  readonly eof: boolean
  readonly attributes: Attributes
}

/** RFC 1813 §3.3.18: bytes and file slots, total, free, and free to ordinary users. */
export interface Statfs {
  readonly tbytes: number
  readonly fbytes: number
  readonly abytes: number
  readonly tfiles: number
  readonly ffiles: number
  readonly afiles: number
}

/** RFC 1813 §3.3.4, the bits of ACCESS. */
export const Access = {
  READ: 0x01,
  LOOKUP: 0x02,
  MODIFY: 0x04,
  EXTEND: 0x08,
  DELETE: 0x10,
  EXECUTE: 0x20,
} as const

/** Longest name in bytes; a longer one is NAMETOOLONG. */
export const NAME_BYTES_MAX = 255
/** Longest symlink target in bytes: PATH_MAX of Linux without its NUL. */
export const PATH_BYTES_MAX = 4095
/** Most names a file may have; one more is MLINK. */
export const LINK_MAX = 65_000
/** Largest file in bytes: what a number counts exactly. Beyond it is FBIG. */
export const FILE_BYTES_MAX = 2 ** 53 - 1
/** Most bytes that one READ answers or one WRITE takes. */
export const IO_BYTES_MAX = 1024 * 1024

export interface FileSystem {
  /** The live root directory of the root dataset. */
  root(): FileId

  /** 8 bytes, new at every start and after any flush that failed (RFC 1813 §3.3.7). */
  readonly writeVerifier: Uint8Array

  /** @throws FsError STALE where the file is gone; every method below may throw it for its ids */
  getattr(id: FileId): Attributes

  /**
   * @param guard the ctime the client expects; NOT_SYNC where it is another (RFC 1813 §3.3.2)
   * @throws FsError PERM, ACCES, NOT_SYNC, INVAL, ISDIR, FBIG, NOSPC, ROFS
   */
  setattr(cred: Cred, id: FileId, set: SetAttributes, guard?: Time): Change

  /** `.` and `..` too. @throws FsError NOENT, NOTDIR, ACCES, NAMETOOLONG */
  lookup(cred: Cred, dir: FileId, name: Uint8Array): Lookup

  /** The bits of `mask` (Access) that are granted. */
  access(cred: Cred, id: FileId, mask: number): number

  /** @throws FsError INVAL where it is no symlink */
  readlink(cred: Cred, id: FileId): Uint8Array

  /** @throws FsError ACCES, ISDIR, INVAL, IO (a checksum does not match) */
  read(cred: Cred, id: FileId, offset: number, count: number): Awaitable<ReadResult>

  /**
   * Takes `data` over by reference from 256 KiB on: it must not change afterwards, or, where it lies
   * in one of the listener's RecordBuffers, not before what was retained there is released.
   * With `stable` other than UNSTABLE the data is on stable storage once `barrier` says so.
   * @throws FsError ACCES, ISDIR, INVAL, FBIG, NOSPC, ROFS, IO
   */
  write(
    cred: Cred,
    id: FileId,
    offset: number,
    data: Uint8Array,
    stable: StableHow,
  ): Awaitable<WriteResult>

  /** @throws FsError EXIST, ACCES, NOTDIR, NAMETOOLONG, INVAL, NOSPC, ROFS; so for the next three */
  create(cred: Cred, dir: FileId, name: Uint8Array, how: CreateHow): Made
  mkdir(cred: Cred, dir: FileId, name: Uint8Array, attributes: SetAttributes): Made
  symlink(
    cred: Cred,
    dir: FileId,
    name: Uint8Array,
    target: Uint8Array,
    attributes: SetAttributes,
  ): Made
  /** @param type BLK, CHR, SOCK or FIFO; anything else is BADTYPE */
  mknod(
    cred: Cred,
    dir: FileId,
    name: Uint8Array,
    type: FileType,
    rdev: DeviceNumber,
    attributes: SetAttributes,
  ): Made

  /** @throws FsError NOENT, ISDIR, ACCES, PERM (sticky), ROFS */
  remove(cred: Cred, dir: FileId, name: Uint8Array): Change
  /** @throws FsError NOENT, NOTDIR, NOTEMPTY, INVAL (`.`), EXIST (`..`), ACCES, PERM, ROFS */
  rmdir(cred: Cred, dir: FileId, name: Uint8Array): Change
  /** @throws FsError NOENT, EXIST, NOTEMPTY, ISDIR, NOTDIR, INVAL, XDEV, ACCES, PERM, ROFS */
  rename(
    cred: Cred,
    from: FileId,
    fromName: Uint8Array,
    to: FileId,
    toName: Uint8Array,
  ): { readonly from: Change; readonly to: Change }
  /** @throws FsError EXIST, ISDIR, XDEV, MLINK, ACCES, ROFS */
  link(
    cred: Cred,
    id: FileId,
    dir: FileId,
    name: Uint8Array,
  ): { readonly attributes: Attributes; readonly dir: Change }

  /**
   * Hands the entries behind `cookie` (0: from the start) to `emit`, `.` and `..` first, until it
   * answers false: that entry did not fit and comes again next time. It may end sooner, but not
   * before one entry was emitted, where much has to be read from the disk.
   *
   * @param plus also find each entry's id and attributes
   * @param packing takes what can be taken packed, in place of `emit`; only with `plus`
   * @throws FsError NOTDIR, ACCES
   */
  readdir(
    cred: Cred,
    dir: FileId,
    cookie: number,
    plus: boolean,
    emit: (entry: DirectoryEntry) => boolean,
    packing?: Packing,
  ): ReaddirResult

  statfs(id: FileId): Statfs

  /** Makes the file's unstable data part of the next commit; `barrier` then tells when it is safe. */
  commit(cred: Cred, id: FileId): Change

  /**
   * Calls back once everything that was done before this call is on stable storage, or with the
   * error that prevents it. Calls back in the same turn where nothing is outstanding.
   */
  barrier(done: (error?: FsError) => void): void

  /**
   * Whether changes come so fast that what waits for the disk in memory has reached its limit: then
   * even a reply that promises nothing has to wait for `barrier`.
   */
  readonly behind: boolean
}
