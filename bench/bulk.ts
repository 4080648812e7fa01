/**
 * Stores of very many empty files, made in a minute or two: the records go to the database as a
 * checkpoint would write them, in the order of their keys. `zerofs-nfs check` finds them sound.
 *
 *     /d000000/f00000000 ...   NAMES_PER_DIRECTORY files in each of these
 *     /empty                   a directory without names
 *     /wide/f00000000 ...      a directory of `wide` files
 */
import { join } from 'node:path'
import { newInode } from '../src/fs/inode.ts'
import type { Put } from '../src/store/checkpoint.ts'
import { Database } from '../src/store/database.ts'
import { bitmapKey, type Key, keyBytes, nameKey, pageKey } from '../src/store/keys.ts'
import { decodeRecord, encodeRecord, sealRecord } from '../src/store/record.ts'
import {
  BITMAP_BITS,
  FileType,
  type Inode,
  type NameRecord,
  PAGE_COOKIES,
  type Page,
  type PageEntry,
} from '../src/store/records.ts'
import type { TableSpec } from '../src/store/table.ts'
import {
  bitmapSpec,
  inodeSpec,
  nameSpec,
  pageSpec,
  superblockSpec,
  usageSpec,
} from '../src/store/tables.ts'
import type { Time } from '../src/store/time.ts'
import { opened } from './tree.ts'

export const NAMES_PER_DIRECTORY = 1000
const BATCH_RECORDS = 10_000
const DATASET = 1
const ROOT_INO = 1
const EPOCH = 1
const FIRST_COOKIE = 3

/** A directory, and the files in it, whose numbers follow each other. */
export interface BulkDirectory {
  readonly ino: number
  readonly name: string
  readonly firstFile: number
  readonly files: number
}

/** What the store has beside its root directory. */
export interface BulkTree {
  /** In the order of their numbers and of their names. */
  readonly directories: readonly BulkDirectory[]
  /** Files and directories, the root included. */
  readonly inodes: number
  readonly generation: number
}

export interface BulkShape {
  /** Files and directories, the root included: at least `wide` + 3. */
  readonly inodes: number
  /** Files of the directory `wide`. */
  readonly wide: number
}

export const fileName = (file: number): string => `f${String(file).padStart(8, '0')}`

/** Where everything comes to lie. @param firstIno from which on numbers are free */
export function planOf({ inodes, wide }: BulkShape, firstIno: number): BulkTree {
  const left = inodes - 3 - wide
  const many = Math.ceil(left / (NAMES_PER_DIRECTORY + 1))
  let firstFile = firstIno + many + 2
  let rest = left - many
  const directories: BulkDirectory[] = []
  const add = (name: string, files: number) => {
    directories.push({ ino: firstIno + directories.length, name, firstFile, files })
    firstFile += files
  }
  for (let i = 0; i < many; i++) {
    const files = Math.min(rest, NAMES_PER_DIRECTORY)
    add(`d${String(i).padStart(6, '0')}`, files)
    rest -= files
  }
  add('empty', 0)
  add('wide', wide)
  return { directories, inodes, generation: 1 }
}

/** Makes such a store where there is none. */
export async function bulkLoad(directory: string, shape: BulkShape): Promise<BulkTree> {
  const volume = await opened(directory)
  await volume.close()
  const database = await Database.open(join(directory, 'meta'))
  try {
    const at = Buffer.from(keyBytes(0, superblockSpec.kind, 0))
    const record = database.get(at)
    if (record === undefined) throw new Error('the store has no superblock')
    const superblock = decodeRecord(superblockSpec.codec, record).value
    const tree = planOf(shape, superblock.nextIno)
    const nextIno = superblock.nextIno + shape.inodes
    const usage = { bytes: 0, inodes: tree.inodes, written: 0 }
    await database.write([
      put(0, superblockSpec, 0, { ...superblock, nextIno }, 0),
      put(DATASET, usageSpec, 0, usage, 0),
    ])
    let batch: Put[] = []
    for (const one of recordsOf(tree)) {
      batch.push(one)
      if (batch.length < BATCH_RECORDS) continue
      await database.write(batch)
      batch = []
    }
    await database.write(batch)
    return tree
  } finally {
    await database.close()
  }
}

function put<V>(
  dataset: number,
  spec: TableSpec<V>,
  id: Key,
  value: V,
  birth: number = EPOCH,
): Put {
  const key = Buffer.from(keyBytes(dataset, spec.kind, id))
  return { key, value: sealRecord(key, encodeRecord(spec.codec, birth, value)) }
}

/** All records of the tree in the order of their keys, so that the database has little to merge. */
function* recordsOf(tree: BulkTree): Generator<Put> {
  yield* inodesOf(tree)
  const all = [rootOf(tree), ...tree.directories.map(namesOf)]
  for (const { ino, entries } of all) {
    for (const entry of entries()) {
      const { cookie, type, name } = entry
      const record: NameRecord = { ino: entry.ino, type, cookie }
      yield put(DATASET, nameSpec, nameKey(ino, name), record)
    }
  }
  for (const { ino, entries } of all) {
    for (const [number, page] of pagesOf(entries())) {
      yield put(DATASET, pageSpec, pageKey(ino, number), page)
    }
  }
  for (const { ino, count } of all) yield* bitmapsOf(ino, count)
}

function* inodesOf({ directories, generation, inodes }: BulkTree): Generator<Put> {
  const seconds = Math.floor(Date.now() / 1000)
  const nowOf = (ino: number): Time => ({ seconds, nseconds: (ino * 7919) % 1_000_000_000 })
  const of = (ino: number, type: FileType, more: Partial<Inode>) => {
    const mode = type === FileType.DIR ? 0o755 : 0o644
    const inode = newInode({ type, mode, uid: 0, gid: 0, now: nowOf(ino), generation })
    return put(DATASET, inodeSpec, ino, { ...inode, ...more })
  }
  const directory = (entries: number, subdirectories: number) => ({
    entries,
    nlink: 2 + subdirectories,
    nextCookie: FIRST_COOKIE + entries,
  })
  const count = directories.length
  const root = { ...directory(count, count), parent: ROOT_INO, cookie: 0, generation: 0 }
  yield of(ROOT_INO, FileType.DIR, root)
  for (const [i, { ino, files }] of directories.entries()) {
    const place = { parent: ROOT_INO, cookie: FIRST_COOKIE + i }
    yield of(ino, FileType.DIR, { ...directory(files, 0), ...place })
  }
  let made = 1 + count
  for (const { ino: parent, firstFile, files } of directories) {
    for (let i = 0; i < files; i++, made++) {
      const ino = firstFile + i
      yield of(ino, FileType.REG, { content: ino, parent, cookie: FIRST_COOKIE + i })
    }
  }
  if (made !== inodes) throw new Error(`${made} inodes were made, not ${inodes}`)
}

/** A directory's names in the order of their cookies and of their bytes, which is the same here. */
interface Names {
  readonly ino: number
  readonly count: number
  entries(): Generator<PageEntry>
}

function rootOf({ directories }: BulkTree): Names {
  const entries = function* () {
    for (const [i, { ino, name }] of directories.entries()) {
      yield { ino, type: FileType.DIR, cookie: FIRST_COOKIE + i, name: Buffer.from(name) }
    }
  }
  return { ino: ROOT_INO, count: directories.length, entries }
}

function namesOf({ ino, firstFile, files }: BulkDirectory): Names {
  const entries = function* () {
    for (let i = 0; i < files; i++) {
      const name = Buffer.from(fileName(i))
      yield { ino: firstFile + i, type: FileType.REG, cookie: FIRST_COOKIE + i, name }
    }
  }
  return { ino, count: files, entries }
}

function* pagesOf(entries: Iterable<PageEntry>): Generator<[number: number, page: Page]> {
  let page: PageEntry[] = []
  let number = 0
  for (const entry of entries) {
    const its = Math.floor(entry.cookie / PAGE_COOKIES)
    if (its !== number && page.length > 0) yield [number, page]
    if (its !== number) page = []
    number = its
    page.push(entry)
  }
  if (page.length > 0) yield [number, page]
}

/** Of a directory whose pages follow each other without a gap (src/fs/bitmap.ts). */
function* bitmapsOf(owner: number, names: number): Generator<Put> {
  if (names === 0) return
  let last = Math.floor((FIRST_COOKIE + names - 1) / PAGE_COOKIES)
  for (let level = 0, first = 0; last >= first; level++, first = 1) {
    const records = Math.floor(last / BITMAP_BITS)
    for (let n = 0; n <= records; n++) {
      const bits = new Uint8Array(BITMAP_BITS / 8)
      const end = Math.min(last, (n + 1) * BITMAP_BITS - 1)
      for (let bit = Math.max(first, n * BITMAP_BITS); bit <= end; bit++) {
        const index = bit % BITMAP_BITS
        bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7))
      }
      yield put(DATASET, bitmapSpec, bitmapKey(owner, level, n), bits)
    }
    last = records
  }
}
