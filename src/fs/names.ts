/** REMOVE, RMDIR and LINK (RFC 1813 §3.3.12, §3.3.13, §3.3.15). */
import { FileType, type Inode } from '../store/records.ts'
import { requireNamesChange, requireSticky } from './access.ts'
import { eraseName, insertName, isDot, isDotDot, placeOf } from './directory.ts'
import { FsError } from './error.ts'
import { type Attributes, type Change, type Cred, type FileId, LINK_MAX } from './filesystem.ts'
import { changed } from './inode.ts'
import type { File } from './inodes.ts'
import type { Live } from './live.ts'

export function remove(live: Live, cred: Cred, dirId: FileId, name: Uint8Array): Change {
  const dir = live.searched(cred, dirId, name)
  if (isDot(name) || isDotDot(name)) throw new FsError('INVAL')
  const file = removable(cred, dir.inode, live.named(dir.ino, name))
  if (file.inode.type === FileType.DIR) throw new FsError('ISDIR')
  return removeName(live, dir, name, file)
}

export function rmdir(live: Live, cred: Cred, dirId: FileId, name: Uint8Array): Change {
  const dir = live.searched(cred, dirId, name)
  if (isDot(name)) throw new FsError('INVAL')
  if (isDotDot(name)) throw new FsError('EXIST')
  const file = removable(cred, dir.inode, live.named(dir.ino, name))
  if (file.inode.type !== FileType.DIR) throw new FsError('NOTDIR')
  if (file.inode.entries > 0) throw new FsError('NOTEMPTY')
  return removeName(live, dir, name, file)
}

export function link(
  live: Live,
  cred: Cred,
  id: FileId,
  dirId: FileId,
  name: Uint8Array,
): { readonly attributes: Attributes; readonly dir: Change } {
  if (!live.owns(id) || !live.owns(dirId)) throw new FsError('XDEV')
  const inode = live.resolve(id)
  const dir = live.searched(cred, dirId, name)
  if (isDot(name) || isDotDot(name)) throw new FsError('EXIST')
  if (inode.type === FileType.DIR) throw new FsError('ISDIR')
  if (live.named(dir.ino, name) !== undefined) throw new FsError('EXIST')
  requireNamesChange(cred, dir.inode)
  if (inode.nlink >= LINK_MAX) throw new FsError('MLINK')
  const [linked, after] = live.store.transact((tx) => {
    const more = changed(live.settled(tx, id.ino, inode), tx.now)
    const { parent, cookie } = placeOf(live.dataset, dir, name)
    more.parent = parent
    more.cookie = cookie
    more.nlink++
    live.put(tx, id.ino, more)
    const named = insertName(tx, live.dataset, dir, name, { ino: id.ino, type: inode.type })
    live.put(tx, dir.ino, named)
    return [more, named] as const
  })
  const attributes = live.attributes(id.ino, linked)
  return { attributes, dir: live.change(dir.ino, dir.inode, after) }
}

/** What a name of `dir` stands for, if `cred` may remove it. @throws FsError NOENT, ACCES, PERM */
export function removable(cred: Cred, dir: Inode, file: File | undefined): File {
  if (file === undefined) throw new FsError('NOENT')
  requireNamesChange(cred, dir)
  requireSticky(cred, dir, file.inode)
  return file
}

function removeName(live: Live, dir: File, name: Uint8Array, file: File): Change {
  const after = live.store.transact((tx) => {
    const left = eraseName(tx, live.dataset, dir, name)
    if (file.inode.type === FileType.DIR) left.nlink--
    live.put(tx, dir.ino, left)
    live.dropLink(tx, file)
    return left
  })
  return live.change(dir.ino, dir.inode, after)
}
