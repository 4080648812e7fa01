/** Where a backup goes: what folder may be one, and that nobody else works on it. */
import { copyFile, link, mkdir, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { Database, InUseError } from '../store/database.ts'
import type { Disk } from '../store/disk.ts'
import { FsError } from '../store/error.ts'
import { BACKUP_FILE, inUse, makeFolder } from '../store/format.ts'
import { completeIncoming, lockIncoming, NEXT } from '../store/incoming.ts'

/** What `backup.json` says. */
export interface BackupNote {
  /** The store's uuid in hexadecimal digits. */
  readonly store: string
  /** Its folder when the backup was made. */
  readonly from: string
  /** When that was: seconds since 1970; undefined until one is whole. */
  readonly seconds?: number
}

/** What of a LevelDB database never changes once it is there. */
const TABLE = /\.(ldb|sst)$/
/** What it makes anew whenever it is opened. */
const OWN = new Set(['LOCK', 'LOG', 'LOG.old'])

export interface Place {
  readonly directory: string
  /** Whether no backup is there yet. */
  readonly first: boolean
  /** Whether one was interrupted: blocks may be there that no record refers to. */
  readonly interrupted: boolean
  /** Who has it open works on the folder. */
  readonly lock: Database
}

/**
 * Makes a folder ready to be written to, and finishes what an earlier backup left to be done.
 *
 * @throws FsError INVAL (it is, or lies in, the store; it holds something else), StoreError BUSY
 */
export async function openPlace(disk: Disk, note: BackupNote, directory: string): Promise<Place> {
  await requireApart(note.from, directory)
  await makeFolder(directory)
  await requireOurs(note, directory)
  await completeIncoming(disk, directory)
  const names = await readdir(directory)
  await makeFolder(join(directory, NEXT))
  const lock = await lockIncoming(directory, NEXT)
  try {
    const left = (await readdir(join(directory, NEXT))).filter((name) => name !== 'lock')
    for (const name of left) await rm(join(directory, NEXT, name), { recursive: true })
    const first = !names.includes('meta')
    if (!first) await (await openIdle(directory)).close()
    if (!names.includes(BACKUP_FILE)) await writeNote(disk, directory, note)
    await makeFolder(join(directory, 'blocks'))
    return { directory, first, interrupted: names.includes(NEXT), lock }
  } catch (error) {
    await lock.close()
    throw error
  }
}

/** Opens the database that is there: as long as that is open, nobody serves it. */
export async function openIdle(directory: string): Promise<Database> {
  try {
    return await Database.open(join(directory, 'meta'))
  } catch (error) {
    if (error instanceof InUseError) throw await inUse(directory)
    throw error
  }
}

export async function writeNote(disk: Disk, directory: string, note: BackupNote): Promise<void> {
  const file = await disk.open(join(directory, BACKUP_FILE))
  try {
    await file.write([Buffer.from(`${JSON.stringify(note)}\n`)], 0)
    await file.datasync()
  } finally {
    await file.close()
  }
  await disk.syncDirectory(directory)
}

/** A database of its own that begins as the one that is there: its tables are shared. */
export async function beginDatabase({ directory, first }: Place): Promise<Database> {
  const next = join(directory, NEXT, 'meta')
  await mkdir(next, { mode: 0o700 })
  const there = first ? [] : await readdir(join(directory, 'meta'))
  for (const name of there.filter((one) => !OWN.has(one))) {
    const [from, to] = [join(directory, 'meta', name), join(next, name)]
    if (!TABLE.test(name)) await copyFile(from, to)
    // Some file systems know no second names.
    else await link(from, to).catch(() => copyFile(from, to))
  }
  return Database.open(next)
}

async function requireApart(store: string, directory: string): Promise<void> {
  const [from, to] = [await realpath(store), await realpathOf(directory)]
  const isIn = (inner: string, outer: string) => !/^\.\.(\/|$)/.test(relative(outer, inner))
  if (!isIn(to, from) && !isIn(from, to)) return
  throw new FsError('INVAL', `${directory} and the store ${store} lie in one another`)
}

/** Of a folder that may not be there yet. */
async function realpathOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error
    return join(await realpathOf(dirname(path)), path.slice(dirname(path).length))
  }
}

async function requireOurs(note: BackupNote, directory: string): Promise<void> {
  const names = await readdir(directory)
  if (names.length === 0) return
  if (names.includes(BACKUP_FILE)) {
    const { store, from } = await readNote(directory)
    if (store === note.store) return
    throw new FsError('INVAL', `${directory} is a backup of another store (of ${from})`)
  }
  const what = names.includes('format')
    ? 'is a store of its own, and no backup (or was served, and is none any more)'
    : `is not empty, and no backup (it holds '${names[0]}')`
  throw new FsError('INVAL', `${directory} ${what}; give an empty or new folder`)
}

/** @throws FsError INVAL where it cannot be read */
export async function readNote(directory: string): Promise<BackupNote> {
  try {
    return JSON.parse(await readFile(join(directory, BACKUP_FILE), 'utf8')) as BackupNote
  } catch (error) {
    throw new FsError('INVAL', `${join(directory, BACKUP_FILE)} cannot be read: ${String(error)}`)
  }
}
