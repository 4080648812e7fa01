/**
 * RENAME (RFC 1813 §3.3.14), in the order of checks of Linux, which its clients' tests expect.
 *
 * Where both names stand for the same file already, POSIX has nothing happen at all.
 */
import { FileType, type Inode } from '../store/records.ts'
import type { Transaction } from '../store/transaction.ts'
import { Permission, requireNamesChange, requirePermission } from './access.ts'
import {
  changeName,
  eraseName,
  insertName,
  isDot,
  isDotDot,
  placeOf,
  replaceName,
} from './directory.ts'
import { FsError } from './error.ts'
import type { Change, Cred, FileId } from './filesystem.ts'
import { changed, type InodeDraft } from './inode.ts'
import type { File } from './inodes.ts'
import type { Live } from './live.ts'
import { removable } from './names.ts'

/** One side: a name of a directory. */
interface Side {
  readonly dir: File
  readonly name: Uint8Array
}

export function rename(
  live: Live,
  cred: Cred,
  fromId: FileId,
  fromName: Uint8Array,
  toId: FileId,
  toName: Uint8Array,
): { readonly from: Change; readonly to: Change } {
  if (!live.owns(fromId) || !live.owns(toId)) throw new FsError('XDEV')
  const from = side(live, cred, fromId, fromName)
  const to = side(live, cred, toId, toName)
  const source = live.named(from.dir.ino, fromName)
  const target = live.named(to.dir.ino, toName)
  if (source !== undefined && source.ino === target?.ino) return unchanged(live, from, to)
  const moved = requireRenamable(live, cred, from, to, source, target)
  const [fromAfter, toAfter] = live.store.transact((tx) => move(live, tx, from, to, moved, target))
  return {
    from: live.change(from.dir.ino, from.dir.inode, fromAfter),
    to: live.change(to.dir.ino, to.dir.inode, toAfter),
  }
}

/** @throws FsError STALE, NOTDIR, ACCES, INVAL, NAMETOOLONG */
function side(live: Live, cred: Cred, id: FileId, name: Uint8Array): Side {
  const dir = live.searched(cred, id, name)
  if (isDot(name) || isDotDot(name)) throw new FsError('INVAL')
  return { dir, name }
}

function unchanged(live: Live, from: Side, to: Side): { from: Change; to: Change } {
  return {
    from: live.unchanged(from.dir.ino, from.dir.inode),
    to: live.unchanged(to.dir.ino, to.dir.inode),
  }
}

/** @throws FsError NOENT, ACCES, PERM, INVAL, ISDIR, NOTDIR, NOTEMPTY */
function requireRenamable(
  live: Live,
  cred: Cred,
  from: Side,
  to: Side,
  source: File | undefined,
  target: File | undefined,
): File {
  if (source !== undefined && liesIn(live, to.dir, source)) {
    throw new FsError('INVAL', 'a directory cannot move into itself')
  }
  const moved = removable(cred, from.dir.inode, source)
  const directory = moved.inode.type === FileType.DIR
  if (target === undefined) requireNamesChange(cred, to.dir.inode)
  else requireReplaceable(directory, removable(cred, to.dir.inode, target))
  // A directory that changes its parent is written itself: its `..` is.
  if (directory && from.dir.ino !== to.dir.ino) {
    requirePermission(cred, moved.inode, Permission.WRITE)
  }
  return moved
}

/** @throws FsError ISDIR, NOTDIR, NOTEMPTY */
function requireReplaceable(directory: boolean, { inode }: File): void {
  if (directory && inode.type !== FileType.DIR) throw new FsError('NOTDIR')
  if (!directory && inode.type === FileType.DIR) throw new FsError('ISDIR')
  if (inode.entries > 0) throw new FsError('NOTEMPTY')
}

/** Whether directory `dir` is `file`, or below it. */
function liesIn(live: Live, dir: File, file: File): boolean {
  if (file.inode.type !== FileType.DIR) return false
  for (let { ino, inode } = dir; ; ino = inode.parent, inode = live.at(ino)) {
    if (ino === file.ino) return true
    if (ino === live.place.root) return false
  }
}

/** @returns the inodes of both directories as they are then */
function move(
  live: Live,
  tx: Transaction,
  from: Side,
  to: Side,
  moved: File,
  target: File | undefined,
): readonly [Inode, Inode] {
  const directory = moved.inode.type === FileType.DIR
  const renamed = changed(live.settled(tx, moved.ino, moved.inode), tx.now)
  const keepsCookie = from.dir.ino === to.dir.ino && target === undefined
  const place = placeOf(live.dataset, to.dir, keepsCookie ? from.name : to.name)
  renamed.parent = place.parent
  renamed.cookie = place.cookie
  live.put(tx, moved.ino, renamed)
  if (target !== undefined) live.dropLink(tx, target)
  const { ino } = moved
  const { type } = moved.inode
  if (from.dir.ino === to.dir.ino) {
    const inode = moveWithin(live, tx, from, to.name, { ino, type }, target)
    return [inode, inode]
  }
  const fromAfter = eraseName(tx, live.dataset, from.dir, from.name)
  if (directory) fromAfter.nlink--
  const toAfter = (target === undefined ? insertName : replaceName)(
    tx,
    live.dataset,
    to.dir,
    to.name,
    { ino, type },
  )
  // Where a directory replaces one, the number of subdirectories is what it was.
  if (directory && target === undefined) toAfter.nlink++
  live.put(tx, from.dir.ino, fromAfter)
  live.put(tx, to.dir.ino, toAfter)
  return [fromAfter, toAfter]
}

/** @returns the inode of the directory as it is then */
function moveWithin(
  live: Live,
  tx: Transaction,
  { dir, name }: Side,
  toName: Uint8Array,
  moved: { readonly ino: number; readonly type: FileType },
  target: File | undefined,
): Inode {
  let inode: InodeDraft
  if (target === undefined) {
    inode = changeName(tx, live.dataset, dir, name, toName)
  } else {
    const erased = eraseName(tx, live.dataset, dir, name)
    inode = replaceName(tx, live.dataset, { ino: dir.ino, inode: erased }, toName, moved)
    if (moved.type === FileType.DIR) inode.nlink--
  }
  live.put(tx, dir.ino, inode)
  return inode
}
