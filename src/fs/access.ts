/**
 * Who may do what: the permission bits of POSIX, as an NFS server has to apply them.
 *
 * A client checks at open(2) and asks ACCESS for it, so ACCESS answers what the bits say. READ and
 * WRITE come later, when the mode may have changed: there the owner is always let through, and a
 * file that may only be executed may be read, or it could not be run (RFC 1813 §4.4).
 */
import { FileType, type Inode } from '../store/records.ts'
import { FsError } from './error.ts'
import { Access, type Cred } from './filesystem.ts'

/** The three bits that a class of users has in a mode. */
export const Permission = { EXECUTE: 1, WRITE: 2, READ: 4 } as const
const { EXECUTE, WRITE, READ } = Permission

export const S_ISUID = 0o4000
export const S_ISGID = 0o2000
export const S_ISVTX = 0o1000
export const S_IXGRP = 0o010
/** All that chmod(2) can set. */
export const MODE_BITS = 0o7777

export function isRoot(cred: Cred): boolean {
  return cred.uid === 0
}

export function ownsOrRoot(cred: Cred, inode: Inode): boolean {
  return cred.uid === inode.uid || isRoot(cred)
}

export function inGroup(cred: Cred, gid: number): boolean {
  return cred.gid === gid || cred.gids.includes(gid)
}

/** @param wanted bits of Permission, all of which must be granted */
export function permits(cred: Cred, inode: Inode, wanted: number): boolean {
  if (isRoot(cred)) {
    // Root searches every directory, but runs only what somebody may run.
    return (wanted & EXECUTE) === 0 || inode.type === FileType.DIR || (inode.mode & 0o111) !== 0
  }
  const shift = cred.uid === inode.uid ? 6 : inGroup(cred, inode.gid) ? 3 : 0
  return ((inode.mode >> shift) & wanted) === wanted
}

/** @throws FsError ACCES where not all of `wanted` is granted */
export function requirePermission(cred: Cred, inode: Inode, wanted: number): void {
  if (!permits(cred, inode, wanted)) throw new FsError('ACCES')
}

/** For READ of a file (RFC 1813 §4.4). @throws FsError ACCES */
export function requireRead(cred: Cred, inode: Inode): void {
  if (ownsOrRoot(cred, inode) || permits(cred, inode, READ) || permits(cred, inode, EXECUTE)) return
  throw new FsError('ACCES')
}

/** For WRITE and a change of size (RFC 1813 §4.4). @throws FsError ACCES */
export function requireWrite(cred: Cred, inode: Inode): void {
  if (!ownsOrRoot(cred, inode)) requirePermission(cred, inode, WRITE)
}

/** For making, moving and removing names of a directory. @throws FsError ACCES */
export function requireNamesChange(cred: Cred, dir: Inode): void {
  requirePermission(cred, dir, WRITE | EXECUTE)
}

/**
 * A sticky directory's names are removed and replaced only by the owner of the file or of the
 * directory.
 *
 * @throws FsError PERM
 */
export function requireSticky(cred: Cred, dir: Inode, file: Inode): void {
  if ((dir.mode & S_ISVTX) === 0 || ownsOrRoot(cred, file) || cred.uid === dir.uid) return
  throw new FsError('PERM')
}

/** Each bit of ACCESS and the permission it stands for; a type's missing bits are never granted. */
const FILE_BITS = [
  [Access.READ, READ],
  [Access.MODIFY, WRITE],
  [Access.EXTEND, WRITE],
  [Access.EXECUTE, EXECUTE],
] as const
const DIRECTORY_BITS = [
  [Access.READ, READ],
  [Access.LOOKUP, EXECUTE],
  [Access.MODIFY, WRITE | EXECUTE],
  [Access.EXTEND, WRITE | EXECUTE],
  [Access.DELETE, WRITE | EXECUTE],
] as const
const CHANGES = Access.MODIFY | Access.EXTEND | Access.DELETE

/**
 * RFC 1813 §3.3.4: the bits of `mask` that are granted.
 *
 * @param readOnly nothing is granted that would change a file system which cannot change
 */
export function grantedAccess(cred: Cred, inode: Inode, mask: number, readOnly: boolean): number {
  let granted = 0
  for (const [bit, permission] of inode.type === FileType.DIR ? DIRECTORY_BITS : FILE_BITS) {
    if ((mask & bit) !== 0 && permits(cred, inode, permission)) granted |= bit
  }
  return readOnly ? granted & ~CHANGES : granted
}
