/** CREATE, MKDIR, SYMLINK and MKNOD (RFC 1813 §3.3.8 to §3.3.11). */
import { FileType, type Inode } from '../store/records.ts'
import type { Transaction } from '../store/transaction.ts'
import { isRoot, requireNamesChange, S_ISGID } from './access.ts'
import { insertName, isDot, isDotDot } from './directory.ts'
import { FsError } from './error.ts'
import {
  type CreateHow,
  type Cred,
  type DeviceNumber,
  FILE_BYTES_MAX,
  type FileId,
  type Made,
  PATH_BYTES_MAX,
  type SetAttributes,
} from './filesystem.ts'
import { type InodeDraft, newInode } from './inode.ts'
import type { File } from './inodes.ts'
import type { Live } from './live.ts'
import { allowedMode, setattr } from './setattr.ts'

/** Gives a new file what files of other types have not. */
type Fill = (inode: InodeDraft) => void

const EMPTY: Fill = () => undefined
const NOTHING: SetAttributes = {}
/** Linux shows every symlink so; its mode means nothing. */
const SYMLINK_MODE = 0o777

export function create(
  live: Live,
  cred: Cred,
  dirId: FileId,
  name: Uint8Array,
  how: CreateHow,
): Made {
  const dir = entered(live, cred, dirId, name)
  const existing = live.named(dir.ino, name)
  if (existing !== undefined) return createExisting(live, cred, dir, existing, how)
  if (how.mode !== 'EXCLUSIVE')
    return make(live, cred, dir, name, FileType.REG, how.attributes, EMPTY)
  // EXCLUSIVE carries no attributes: the client sets them later, when it knows that it was first.
  const verifier = new Uint8Array(how.verifier)
  return make(live, cred, dir, name, FileType.REG, NOTHING, (inode) => {
    inode.verifier = verifier
  })
}

export function mkdir(
  live: Live,
  cred: Cred,
  dirId: FileId,
  name: Uint8Array,
  attributes: SetAttributes,
): Made {
  const dir = unused(live, cred, dirId, name)
  return make(live, cred, dir, name, FileType.DIR, attributes, EMPTY)
}

export function symlink(
  live: Live,
  cred: Cred,
  dirId: FileId,
  name: Uint8Array,
  target: Uint8Array,
  attributes: SetAttributes,
): Made {
  if (target.length === 0 || target.includes(0)) throw new FsError('INVAL')
  if (target.length > PATH_BYTES_MAX) throw new FsError('NAMETOOLONG')
  const dir = unused(live, cred, dirId, name)
  const set = { ...attributes, mode: SYMLINK_MODE }
  return make(live, cred, dir, name, FileType.LNK, set, (inode) => {
    inode.target = new Uint8Array(target)
    inode.size = target.length
  })
}

export function mknod(
  live: Live,
  cred: Cred,
  dirId: FileId,
  name: Uint8Array,
  type: FileType,
  rdev: DeviceNumber,
  attributes: SetAttributes,
): Made {
  const device = type === FileType.BLK || type === FileType.CHR
  if (!device && type !== FileType.SOCK && type !== FileType.FIFO) throw new FsError('BADTYPE')
  const dir = unused(live, cred, dirId, name)
  if (!device) return make(live, cred, dir, name, type, attributes, EMPTY)
  if (!isRoot(cred)) throw new FsError('PERM', 'only root makes devices')
  return make(live, cred, dir, name, type, attributes, (inode) => {
    inode.major = rdev.specdata1
    inode.minor = rdev.specdata2
  })
}

/** The directory that a name shall come into. @throws FsError STALE, NOTDIR, ACCES, EXIST, ... */
function entered(live: Live, cred: Cred, dirId: FileId, name: Uint8Array): File {
  const dir = live.searched(cred, dirId, name)
  if (isDot(name) || isDotDot(name)) throw new FsError('EXIST')
  return dir
}

/** As `entered`, and the name is not there yet. @throws FsError EXIST */
function unused(live: Live, cred: Cred, dirId: FileId, name: Uint8Array): File {
  const dir = entered(live, cred, dirId, name)
  if (live.named(dir.ino, name) !== undefined) throw new FsError('EXIST')
  return dir
}

/** CREATE of a name that is there. */
function createExisting(live: Live, cred: Cred, dir: File, file: File, how: CreateHow): Made {
  const { ino, inode } = file
  if (inode.type !== FileType.REG || how.mode === 'GUARDED') throw new FsError('EXIST')
  if (how.mode === 'EXCLUSIVE') {
    // The same verifier: a retransmission, whose first answer was lost.
    if (!sameBytes(inode.verifier, how.verifier)) throw new FsError('EXIST')
  } else if (how.attributes.size !== undefined) {
    // Of the attributes only the size is for a file that was there: that is how O_TRUNC comes.
    setattr(live, cred, file, { size: how.attributes.size }, undefined)
  }
  const { id, attributes } = live.found(ino, live.at(ino))
  return { id, attributes, dir: live.unchanged(dir.ino, dir.inode) }
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0
}

/** Makes a file of any type under a name that is not there. @throws FsError ACCES, FBIG, NOSPC */
function make(
  live: Live,
  cred: Cred,
  dir: File,
  name: Uint8Array,
  type: FileType,
  attributes: SetAttributes,
  fill: Fill,
): Made {
  requireNamesChange(cred, dir.inode)
  const ino = live.store.newIno()
  const [inode, after] = live.store.transact((tx) => {
    const fresh = initial(live, tx, cred, dir, type, attributes)
    fill(fresh)
    const made = type === FileType.REG ? regular(live, tx, ino, fresh, attributes) : fresh
    live.putNew(tx, ino, made)
    const parent = insertName(tx, live.dataset, dir, name, { ino, type })
    // The `..` of a directory is a link to the one above.
    if (type === FileType.DIR) parent.nlink++
    live.put(tx, dir.ino, parent)
    return [made, parent] as const
  })
  const { id, attributes: made } = live.found(ino, inode)
  return { id, attributes: made, dir: live.change(dir.ino, dir.inode, after) }
}

/** The inode of a new file. Ids are root's to choose; a setgid directory hands its group down. */
function initial(
  live: Live,
  tx: Transaction,
  cred: Cred,
  dir: File,
  type: FileType,
  attributes: SetAttributes,
): InodeDraft {
  const { mode = 0, atime, mtime } = attributes
  const chosen = isRoot(cred) ? attributes : NOTHING
  const inherits = (dir.inode.mode & S_ISGID) !== 0
  const uid = chosen.uid ?? cred.uid
  const gid = chosen.gid ?? (inherits ? dir.inode.gid : cred.gid)
  const handedDown = inherits && type === FileType.DIR ? S_ISGID : 0
  const inode = newInode({
    type,
    mode: allowedMode(cred, mode, gid) | handedDown,
    uid,
    gid,
    now: tx.now,
    generation: live.store.generation,
  })
  inode.parent = dir.ino
  inode.cookie = dir.inode.nextCookie
  if (typeof atime === 'object') inode.atime = atime
  if (typeof mtime === 'object') inode.mtime = mtime
  return inode
}

/** A regular file keeps its data under its own number, and may be made with a size. */
function regular(
  live: Live,
  tx: Transaction,
  ino: number,
  inode: InodeDraft,
  { size = 0 }: SetAttributes,
): Inode {
  inode.content = ino
  if (size === 0) return inode
  if (size > FILE_BYTES_MAX) throw new FsError('FBIG')
  return live.data.truncate(tx, ino, inode, size)
}
