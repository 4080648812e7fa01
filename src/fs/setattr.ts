/**
 * SETATTR (RFC 1813 §3.3.2): who may change which attribute, and what else changes with it.
 *
 * It is what chmod(2), chown(2), utimensat(2) and truncate(2) do, with Linux's choices where POSIX
 * leaves one.
 */
import { FileType, type Inode } from '../store/records.ts'
import { compareTime, type Time, timeAfter } from '../store/time.ts'
import {
  inGroup,
  isRoot,
  MODE_BITS,
  Permission,
  requirePermission,
  requireWrite,
  S_ISGID,
  S_ISUID,
  S_IXGRP,
} from './access.ts'
import { FsError } from './error.ts'
import { type Change, type Cred, FILE_BYTES_MAX, type SetAttributes } from './filesystem.ts'
import { draftOf } from './inode.ts'
import { type File, requireRegular } from './inodes.ts'
import type { Live } from './live.ts'

/**
 * @param guard the ctime that the file must have
 * @throws FsError NOT_SYNC, PERM, ACCES, ISDIR, INVAL, FBIG, NOSPC
 */
export function setattr(
  live: Live,
  cred: Cred,
  { ino, inode }: File,
  set: SetAttributes,
  guard: Time | undefined,
): Change {
  const before = live.current(ino, inode)
  if (guard !== undefined && compareTime(before.ctime, guard) !== 0) throw new FsError('NOT_SYNC')
  if (setsNothing(inode, set)) return live.change(ino, before, before)
  checkSetattr(cred, inode, set)
  const after = live.store.transact((tx) => {
    const settled = live.settled(tx, ino, inode)
    const { size } = set
    const sized = size === undefined ? settled : live.data.truncate(tx, ino, settled, size)
    const changed = withAttributes(cred, sized, set, tx.now)
    live.put(tx, ino, changed)
    return changed
  })
  return live.change(ino, before, after)
}

/** True where `set` asks for nothing that this file has. A symlink's mode is nobody's to set. */
function setsNothing(inode: Inode, set: SetAttributes): boolean {
  return (
    (set.mode === undefined || inode.type === FileType.LNK) &&
    set.uid === undefined &&
    set.gid === undefined &&
    set.size === undefined &&
    set.atime === undefined &&
    set.mtime === undefined
  )
}

function checkSetattr(cred: Cred, inode: Inode, set: SetAttributes): void {
  if (set.size !== undefined) {
    requireRegular(inode)
    if (set.size > FILE_BYTES_MAX) throw new FsError('FBIG')
    requireWrite(cred, inode)
  }
  if (isRoot(cred)) return
  const owner = cred.uid === inode.uid
  if (set.mode !== undefined && inode.type !== FileType.LNK && !owner) throw new FsError('PERM')
  checkOwners(cred, inode, set)
  if (!owner) checkTimes(cred, inode, set)
}

/** Only root gives files away. An owner may choose among the groups that are his. */
function checkOwners(cred: Cred, inode: Inode, { uid, gid }: SetAttributes): void {
  const owner = cred.uid === inode.uid
  if (uid !== undefined && !(owner && uid === inode.uid)) throw new FsError('PERM')
  if (gid === undefined) return
  if (!owner || (gid !== inode.gid && !inGroup(cred, gid))) throw new FsError('PERM')
}

/** Whoever may write may say `now`; any other time is the owner's to say. */
function checkTimes(cred: Cred, inode: Inode, { atime, mtime }: SetAttributes): void {
  if (atime === undefined && mtime === undefined) return
  if (typeof atime === 'object' || typeof mtime === 'object') throw new FsError('PERM')
  requirePermission(cred, inode, Permission.WRITE)
}

/**
 * The inode as `set` leaves it, its size apart: that is the file data's to change.
 *
 * @param now the transaction's time
 */
function withAttributes(cred: Cred, inode: Inode, set: SetAttributes, now: Time): Inode {
  const time = timeAfter(now, inode.ctime)
  const { uid = inode.uid, gid = inode.gid } = set
  // A size that is set to what it was is still a write: O_TRUNC has to move mtime.
  const mtime = set.mtime ?? (set.size === undefined ? inode.mtime : 'now')
  const atime = set.atime ?? inode.atime
  const after = draftOf(inode)
  after.mode = modeAfter(cred, inode, set, gid)
  after.uid = uid
  after.gid = gid
  after.atime = atime === 'now' ? time : atime
  after.mtime = mtime === 'now' ? time : mtime
  after.ctime = time
  after.verifier = undefined
  return after
}

function modeAfter(cred: Cred, inode: Inode, set: SetAttributes, gid: number): number {
  if (set.mode !== undefined && inode.type !== FileType.LNK) {
    return allowedMode(cred, set.mode, gid)
  }
  const chown = set.uid !== undefined || set.gid !== undefined
  if (chown && inode.type !== FileType.DIR) return unprivileged(cred, inode.mode, gid)
  return set.size === undefined ? inode.mode : modeAfterWrite(cred, inode)
}

/** The mode that `cred` may give to a file of group `gid`: S_ISGID needs the group. */
export function allowedMode(cred: Cred, mode: number, gid: number): number {
  const bits = mode & MODE_BITS
  return isRoot(cred) || inGroup(cred, gid) ? bits : bits & ~S_ISGID
}

/** What somebody else wrote must not run with the owner's rights: suid and sgid go. */
export function modeAfterWrite(cred: Cred, inode: Inode): number {
  if (isRoot(cred) || (inode.mode & (S_ISUID | S_ISGID)) === 0) return inode.mode
  return unprivileged(cred, inode.mode, inode.gid)
}

/** Without suid and sgid. Where nobody of the group may execute, S_ISGID is no privilege. */
function unprivileged(cred: Cred, mode: number, gid: number): number {
  const lost = (mode & S_IXGRP) === 0 ? S_ISUID : S_ISUID | S_ISGID
  return allowedMode(cred, mode & ~lost, gid)
}
