/** Inodes: making them, touching them, and showing them as attributes. */
import { BLOCK_BYTES, FileType, type Inode } from '../store/records.ts'
import { type Time, timeAfter } from '../store/time.ts'
import type { Attributes, Before, Change, DeviceNumber } from './filesystem.ts'

/** Cookies of the two names that every directory has and that no record stands for. */
export const DOT_COOKIE = 1
export const DOT_DOT_COOKIE = 2
const FIRST_COOKIE = 3

/**
 * What a name adds to its directory's size. Linux tells by the size whether a directory is worth
 * caching, and nobody else asks; so it grows with the names, in blocks.
 */
const ENTRY_BYTES = 64

const NO_DEVICE: DeviceNumber = { specdata1: 0, specdata2: 0 }

/** What a new inode cannot do without. */
export interface NewInode {
  readonly type: FileType
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly now: Time
  readonly generation: number
}

/** An inode with one link (two where it is a directory), empty, all of its times `now`. */
export function newInode({ type, mode, uid, gid, now, generation }: NewInode): InodeDraft {
  const directory = type === FileType.DIR
  return {
    type,
    mode,
    nlink: directory ? 2 : 1,
    uid,
    gid,
    size: 0,
    used: 0,
    atime: now,
    mtime: now,
    ctime: now,
    generation,
    major: 0,
    minor: 0,
    content: 0,
    verifier: undefined,
    parent: 0,
    cookie: 0,
    entries: 0,
    nextCookie: directory ? FIRST_COOKIE : 0,
    target: undefined,
  }
}

/** An inode that is about to be stored: until then, and only until then, it may be changed. */
export type InodeDraft = { -readonly [K in keyof Inode]: Inode[K] }

/**
 * A copy to be changed. Field by field, because every change of a file begins with one: a spread of
 * so many properties takes a microsecond, twenty times as long.
 */
export function draftOf(inode: Inode): InodeDraft {
  return {
    type: inode.type,
    mode: inode.mode,
    nlink: inode.nlink,
    uid: inode.uid,
    gid: inode.gid,
    size: inode.size,
    used: inode.used,
    atime: inode.atime,
    mtime: inode.mtime,
    ctime: inode.ctime,
    generation: inode.generation,
    major: inode.major,
    minor: inode.minor,
    content: inode.content,
    verifier: inode.verifier,
    parent: inode.parent,
    cookie: inode.cookie,
    entries: inode.entries,
    nextCookie: inode.nextCookie,
    target: inode.target,
  }
}

/** Something about the file changed, but not its data: ctime moves, and only forward. */
export function changed(inode: Inode, now: Time): InodeDraft {
  const draft = draftOf(inode)
  draft.ctime = timeAfter(now, inode.ctime)
  return draft
}

/** Names of the directory changed: mtime and ctime move. */
export function namesChanged(dir: Inode, now: Time): InodeDraft {
  const draft = changed(dir, now)
  draft.mtime = draft.ctime
  return draft
}

function sizeOf(inode: Inode): number {
  if (inode.type !== FileType.DIR) return inode.size
  return Math.max(1, Math.ceil((inode.entries * ENTRY_BYTES) / BLOCK_BYTES)) * BLOCK_BYTES
}

/** @param inode with what is not in the store yet (FileData's `current`) */
export function attributesOf(ino: number, inode: Inode, fsid: number): Attributes {
  const { type, major, minor } = inode
  const size = sizeOf(inode)
  return {
    type,
    mode: inode.mode,
    nlink: inode.nlink,
    uid: inode.uid,
    gid: inode.gid,
    size,
    used: type === FileType.DIR ? size : inode.used,
    rdev: major === 0 && minor === 0 ? NO_DEVICE : { specdata1: major, specdata2: minor },
    fsid,
    fileid: ino,
    atime: inode.atime,
    mtime: inode.mtime,
    ctime: inode.ctime,
  }
}

function beforeOf(inode: Inode): Before {
  return { size: sizeOf(inode), mtime: inode.mtime, ctime: inode.ctime }
}

export function changeOf(ino: number, before: Inode, after: Inode, fsid: number): Change {
  return { before: beforeOf(before), after: attributesOf(ino, after, fsid) }
}
