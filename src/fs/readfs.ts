/** The reading half of a FileSystem, over the live dataset or over a snapshot's view. */
import type { Inode, Page, PageEntry } from '../store/records.ts'
import { grantedAccess, Permission, permits, requirePermission, requireRead } from './access.ts'
import { listPages } from './directory.ts'
import { FsError } from './error.ts'
import {
  type Attributes,
  type Awaitable,
  type Cred,
  type DirectoryEntry,
  type FileId,
  IO_BYTES_MAX,
  type Lookup,
  type Packing,
  type ReaddirResult,
  type ReadResult,
} from './filesystem.ts'
import { DOT_COOKIE, DOT_DOT_COOKIE } from './inode.ts'
import type { FileBytes, Inodes } from './inodes.ts'

/**
 * How many records a listing reads from the database in one turn until it ends, with the page that
 * it is at: some milliseconds of other clients' time. The client asks for the rest.
 */
export const LISTING_LOADS_MAX = 512

const DOT = Uint8Array.of(0x2e)
const DOT_DOT = Uint8Array.of(0x2e, 0x2e)

export class ReadableFileSystem {
  protected readonly inodes: Inodes
  readonly #readOnly: boolean

  /** @param readOnly whether ACCESS has to deny every change */
  constructor(inodes: Inodes, readOnly: boolean) {
    this.inodes = inodes
    this.#readOnly = readOnly
  }

  root(): FileId {
    return this.inodes.root()
  }

  getattr(id: FileId): Attributes {
    return this.inodes.attributes(id.ino, this.inodes.resolve(id))
  }

  lookup(cred: Cred, dir: FileId, name: Uint8Array): Lookup {
    const parent = this.inodes.searched(cred, dir, name)
    const { ino, inode } = this.inodes.lookup(parent, name)
    const { id, attributes } = this.inodes.found(ino, inode)
    return { id, attributes, dirAttributes: this.inodes.attributes(parent.ino, parent.inode) }
  }

  access(cred: Cred, id: FileId, mask: number): number {
    return grantedAccess(cred, this.inodes.resolve(id), mask, this.#readOnly)
  }

  /** Whoever could look it up may read it, whatever its mode: as on every Unix. */
  readlink(_cred: Cred, id: FileId): Uint8Array {
    const { target } = this.inodes.resolve(id)
    if (target === undefined) throw new FsError('INVAL')
    return target
  }

  read(cred: Cred, id: FileId, offset: number, count: number): Awaitable<ReadResult> {
    const inode = this.inodes.regular(id)
    requireRead(cred, inode)
    const attributes = this.inodes.attributes(id.ino, inode)
    const wanted = Math.max(0, Math.min(count, IO_BYTES_MAX, attributes.size - offset))
    const bytes = this.inodes.files.read(id.ino, inode, offset, wanted)
    return bytes instanceof Promise
      ? bytes.then((late) => readResult(late, offset, attributes))
      : readResult(bytes, offset, attributes)
  }

  readdir(
    cred: Cred,
    dir: FileId,
    cookie: number,
    plus: boolean,
    emit: (entry: DirectoryEntry) => boolean,
    packing?: Packing,
  ): ReaddirResult {
    const inode = this.inodes.directory(dir)
    requirePermission(cred, inode, Permission.READ)
    // Handles and attributes are what a LOOKUP would answer, so they need what a LOOKUP needs.
    const find = plus && permits(cred, inode, Permission.EXECUTE)
    const { reader, listing } = this.inodes
    const loadsMax = reader.loads + LISTING_LOADS_MAX
    const emitFound = (entry: Omit<PageEntry, 'type'>) => emit(this.#entryOf(entry, find))
    const emitPage = (page: Page, key: string): boolean => {
      // A page and its inodes are far fewer: so the first one is emitted.
      if (reader.loads >= loadsMax) return false
      if (find && packing !== undefined && listing !== undefined) {
        return listing.list(page, key, cookie, packing)
      }
      for (const entry of page) if (entry.cookie > cookie && !emitFound(entry)) return false
      return true
    }
    const eof =
      emitDots(dir.ino, inode, cookie, emitFound) &&
      listPages(reader, dir.ino, inode.nextCookie, cookie, emitPage)
    return { eof, attributes: this.inodes.attributes(dir.ino, inode) }
  }

  #entryOf({ ino, name, cookie }: Omit<PageEntry, 'type'>, find: boolean): DirectoryEntry {
    const found = find ? this.inodes.found(ino, this.inodes.at(ino)) : undefined
    return { fileid: ino, name, cookie, found }
  }
}

/** The two names that have no record. */
function emitDots(
  ino: number,
  { parent }: Inode,
  cookie: number,
  emit: (entry: Omit<PageEntry, 'type'>) => boolean,
): boolean {
  if (cookie < DOT_COOKIE && !emit({ ino, name: DOT, cookie: DOT_COOKIE })) return false
  return cookie >= DOT_DOT_COOKIE || emit({ ino: parent, name: DOT_DOT, cookie: DOT_DOT_COOKIE })
}

function readResult(bytes: FileBytes, offset: number, attributes: Attributes): ReadResult {
  const { data, release } = bytes
  return { data, eof: offset + data.length >= attributes.size, attributes, release }
}
