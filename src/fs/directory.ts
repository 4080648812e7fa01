/**
 * Directories: names found by name and listed by cookie.
 *
 * A name has a record under its bytes, which says what it stands for, and an entry in the page
 * that its cookie falls into. A listing walks the pages in the order of their numbers; bitmaps tell
 * which pages exist (bitmap.ts).
 *
 * Invariants:
 * - A name's record and its page entry say the same. The inode's `entries` counts them.
 * - Cookies grow in the order in which names came, and the inode's `nextCookie` is above all of
 *   them. Nobody gets the cookie of a name that is gone: a listing that goes on behind it misses
 *   nothing and repeats nothing.
 * - A page without entries does not exist.
 *
 * Functions that change a directory put its records, but answer its inode for the caller to put:
 * an operation may have more to change about it.
 */
import assert from 'node:assert/strict'
import type { Dataset, Reader } from '../store/dataset.ts'
import { nameKey, pageKey } from '../store/keys.ts'
import {
  type FileType,
  type Inode,
  type NameRecord,
  PAGE_COOKIES,
  type Page,
  type PageEntry,
} from '../store/records.ts'
import type { Transaction } from '../store/transaction.ts'
import { clearBit, nextBit, setBit } from './bitmap.ts'
import { FsError } from './error.ts'
import { NAME_BYTES_MAX } from './filesystem.ts'
import { type InodeDraft, namesChanged } from './inode.ts'

const NUL = 0
const SLASH = 0x2f
const DOT = 0x2e

/** A directory that changes: its number, and its inode as it stands in the transaction. */
export interface Directory {
  readonly ino: number
  readonly inode: Inode
}

export function isDot(name: Uint8Array): boolean {
  return name.length === 1 && name[0] === DOT
}

export function isDotDot(name: Uint8Array): boolean {
  return name.length === 2 && name[0] === DOT && name[1] === DOT
}

/** @throws FsError NAMETOOLONG above 255 bytes; INVAL where empty, or with a `/` or a NUL inside */
export function checkName(name: Uint8Array): void {
  if (name.length === 0) throw new FsError('INVAL', 'a name is empty')
  if (name.length > NAME_BYTES_MAX) throw new FsError('NAMETOOLONG')
  for (const byte of name) {
    if (byte === SLASH || byte === NUL) throw new FsError('INVAL', 'a name has a / or a NUL inside')
  }
}

/** What `name` stands for in directory `dir`. `.` and `..` have no record. */
export function findName(
  reader: Pick<Reader, 'findName'>,
  dir: number,
  name: Uint8Array,
): NameRecord | undefined {
  return reader.findName(dir, name)
}

/** Where a name of the directory is, or would be: the hint for the inode that it stands for. */
export function placeOf(
  reader: Pick<Reader, 'findName'>,
  dir: Directory,
  name: Uint8Array,
): Pick<Inode, 'parent' | 'cookie'> {
  const cookie = findName(reader, dir.ino, name)?.cookie ?? dir.inode.nextCookie
  return { parent: dir.ino, cookie }
}

/**
 * Adds a name that is not there yet.
 *
 * @returns the directory's inode, with its times and counts, to be put
 */
export function insertName(
  tx: Transaction,
  dataset: Dataset,
  dir: Directory,
  name: Uint8Array,
  target: { readonly ino: number; readonly type: FileType },
): InodeDraft {
  const cookie = dir.inode.nextCookie
  putEntry(tx, dataset, dir.ino, name, { ino: target.ino, type: target.type, cookie })
  const inode = namesChanged(dir.inode, tx.now)
  inode.entries++
  inode.nextCookie = cookie + 1
  return inode
}

/** A name for something that is no directory. */
export interface NewName {
  readonly name: Uint8Array
  readonly ino: number
  readonly type: FileType
}

/**
 * Adds names, of which no record is or was there: nothing is looked up. Their bytes are the caller's
 * to give away.
 *
 * @returns the directory's inode, with its times and counts, to be put
 */
export function insertNewNames(
  tx: Transaction,
  dataset: Dataset,
  dir: Directory,
  names: readonly NewName[],
): InodeDraft {
  const first = dir.inode.nextCookie
  const entries = names.map(({ name, ino, type }, i) => ({ ino, type, cookie: first + i, name }))
  for (const { ino, type, cookie, name } of entries) {
    tx.putNew(dataset.names, nameKey(dir.ino, name), { ino, type, cookie })
  }
  for (let from = 0; from < entries.length; ) {
    const number = Math.floor((first + from) / PAGE_COOKIES)
    const to = (number + 1) * PAGE_COOKIES - first
    const key = pageKey(dir.ino, number)
    const page = dataset.pages.get(key)
    tx.put(dataset.pages, key, [...(page ?? []), ...entries.slice(from, to)])
    if (page === undefined) setBit(tx, dataset, dir.ino, number)
    from = to
  }
  const inode = namesChanged(dir.inode, tx.now)
  inode.entries += names.length
  inode.nextCookie = first + names.length
  return inode
}

/** Removes a name. @returns the directory's inode, with its times and counts, to be put */
export function eraseName(
  tx: Transaction,
  dataset: Dataset,
  dir: Directory,
  name: Uint8Array,
): InodeDraft {
  const record = findName(dataset, dir.ino, name)
  assert(record !== undefined, 'a name that was found has a record')
  tx.delete(dataset.names, nameKey(dir.ino, name))
  takeFromPage(tx, dataset, dir.ino, record.cookie)
  const inode = namesChanged(dir.inode, tx.now)
  inode.entries--
  return inode
}

/**
 * Makes a name that is there stand for something else. It keeps its cookie, so that a listing under
 * way sees either the one or the other.
 *
 * @returns the directory's inode, with its times, to be put
 */
export function replaceName(
  tx: Transaction,
  dataset: Dataset,
  dir: Directory,
  name: Uint8Array,
  target: { readonly ino: number; readonly type: FileType },
): InodeDraft {
  const record = findName(dataset, dir.ino, name)
  assert(record !== undefined, 'a name that was found has a record')
  putEntry(tx, dataset, dir.ino, name, { ...record, ino: target.ino, type: target.type })
  return namesChanged(dir.inode, tx.now)
}

/**
 * Gives a name of the directory other bytes, which no name of it has. It keeps its cookie, so that
 * a listing under way sees the file exactly once.
 *
 * @returns the directory's inode, with its times, to be put
 */
export function changeName(
  tx: Transaction,
  dataset: Dataset,
  dir: Directory,
  from: Uint8Array,
  to: Uint8Array,
): InodeDraft {
  const record = findName(dataset, dir.ino, from)
  assert(record !== undefined, 'a name that was found has a record')
  tx.delete(dataset.names, nameKey(dir.ino, from))
  putEntry(tx, dataset, dir.ino, to, record)
  return namesChanged(dir.inode, tx.now)
}

/** Puts the name's record, and its entry into the page, in place of the one with its cookie. */
function putEntry(
  tx: Transaction,
  dataset: Dataset,
  dir: number,
  name: Uint8Array,
  record: NameRecord,
): void {
  const { ino, type, cookie } = record
  // A name from the network is a view of a buffer that the next request will use.
  const entry = { ino, type, cookie, name: new Uint8Array(name) }
  const number = Math.floor(cookie / PAGE_COOKIES)
  const key = pageKey(dir, number)
  const page = dataset.pages.get(key)
  tx.put(dataset.names, nameKey(dir, name), record)
  tx.put(dataset.pages, key, page === undefined ? [entry] : withEntry(page, entry))
  if (page === undefined) setBit(tx, dataset, dir, number)
}

function withEntry(page: Page, entry: PageEntry): Page {
  // A new name, which is most of them, has the highest cookie.
  if ((page.at(-1)?.cookie ?? 0) < entry.cookie) return [...page, entry]
  const at = page.findIndex(({ cookie }) => cookie >= entry.cookie)
  return page.toSpliced(at, page[at]?.cookie === entry.cookie ? 1 : 0, entry)
}

function takeFromPage(tx: Transaction, dataset: Dataset, dir: number, cookie: number): void {
  const number = Math.floor(cookie / PAGE_COOKIES)
  const key = pageKey(dir, number)
  const page = dataset.pages.get(key)
  assert(page !== undefined, 'the page of a cookie is missing')
  const rest = page.filter((entry) => entry.cookie !== cookie)
  if (rest.length > 0) {
    tx.put(dataset.pages, key, rest)
  } else {
    tx.delete(dataset.pages, key)
    clearBit(tx, dataset, dir, number)
  }
}

/**
 * Hands the names behind `cookie` to `emit` in the order of their cookies, until it answers false.
 *
 * @param nextCookie the directory's, above which there is nothing to look for
 * @returns whether all were taken
 */
export function listNames(
  reader: Pick<Reader, 'pages' | 'bitmaps'>,
  dir: number,
  nextCookie: number,
  cookie: number,
  emit: (entry: PageEntry) => boolean,
): boolean {
  return listPages(reader, dir, nextCookie, cookie, (page) => {
    for (const entry of page) if (entry.cookie > cookie && !emit(entry)) return false
    return true
  })
}

/** The same, page by page: of the first one, some entries may not be behind `cookie`. */
export function listPages(
  reader: Pick<Reader, 'pages' | 'bitmaps'>,
  dir: number,
  nextCookie: number,
  cookie: number,
  emit: (page: Page, key: string) => boolean,
): boolean {
  const limit = Math.floor((nextCookie - 1) / PAGE_COOKIES) + 1
  const first = Math.floor((cookie + 1) / PAGE_COOKIES)
  for (
    let number = nextBit(reader, dir, first, limit);
    number !== undefined;
    number = nextBit(reader, dir, number + 1, limit)
  ) {
    const key = pageKey(dir, number)
    const page = reader.pages.get(key)
    assert(page !== undefined, 'a page that its bitmap names is missing')
    if (!emit(page, key)) return false
  }
  return true
}
