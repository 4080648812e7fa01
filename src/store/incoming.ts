/**
 * A backup (src/backup) on its way into the folder that is its store: what is begun, what is ready,
 * and how the latter takes the place of what was there.
 *
 *   backup.json      which store it is a backup of, and when it was last made
 *   next/            a backup that is being made; nobody needs it
 *   ready/           one that is whole, and takes its place
 *     lock/          a database that nobody reads: who has it open works on the folder
 *     meta/          the new database
 *     moved          blocks whose places the former backup needs (blocks in other places are there)
 *     backup.json
 *
 * The renaming of `next` to `ready` is the instant in which the new backup counts. Before it the
 * folder is the former backup, to the last byte that this refers to. Afterwards it is the new one:
 * whoever opens the folder first completes the steps below, each of which may be done twice.
 */
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BlockStore } from './blocks.ts'
import { Database, InUseError } from './database.ts'
import type { Disk, DiskFile } from './disk.ts'
import { BACKUP_FILE, StoreError, writeFormat } from './format.ts'
import { BLOCK_BYTES } from './records.ts'

export const NEXT = 'next'
export const READY = 'ready'
const OLD = 'old'
/** An entry of `moved`: the block's number, in a block of its own, and the block. */
export const MOVED_BYTES = 2 * BLOCK_BYTES
/** Entries of `moved` that are read at a time. */
const MOVED_AT_ONCE = 64

/** Takes the lock of `next` or `ready`. @throws StoreError BUSY where another process has it */
export async function lockIncoming(directory: string, folder: string): Promise<Database> {
  try {
    return await Database.open(join(directory, folder, 'lock'))
  } catch (error) {
    if (!(error instanceof InUseError)) throw error
    throw new StoreError('BUSY', `a backup into ${directory} is under way in another process`)
  }
}

/**
 * Completes a backup that is ready; nothing where none is.
 *
 * @throws StoreError BUSY; the system's errors
 */
export async function completeIncoming(disk: Disk, directory: string): Promise<void> {
  const names: readonly string[] = await readdir(directory).catch(() => [])
  if (!names.includes(READY) || !names.includes(BACKUP_FILE)) return
  const lock = await lockIncoming(directory, READY)
  try {
    await putInPlace(disk, directory)
  } finally {
    await lock.close()
  }
  await rm(join(directory, READY), { recursive: true })
  await disk.syncDirectory(directory)
}

/** The folder is no backup any more: a later one into it is refused. */
export async function leaveBackups(disk: Disk, directory: string): Promise<void> {
  await rm(join(directory, BACKUP_FILE), { force: true })
  await disk.syncDirectory(directory)
}

/** What is ready takes its place. The lock is the caller's, and so is the folder's removal. */
export async function putInPlace(disk: Disk, directory: string): Promise<void> {
  const ready = join(directory, READY)
  const names = await readdir(ready)
  if (names.includes('meta')) {
    await placeMoved(disk, directory)
    // What the logs hold belongs to the former database, and the replies to nobody who still asks.
    for (const name of ['log.0', 'log.1', 'replies']) {
      await using(await disk.open(join(directory, name)), (file) => file.truncate(0))
    }
    const before = await readdir(directory)
    if (before.includes('meta')) await rename(join(directory, 'meta'), join(ready, OLD))
    await rename(join(ready, 'meta'), join(directory, 'meta'))
    await disk.syncDirectory(directory)
  }
  if (names.includes(BACKUP_FILE)) {
    await rename(join(ready, BACKUP_FILE), join(directory, BACKUP_FILE))
  }
  await writeFormat(disk, directory)
}

async function placeMoved(disk: Disk, directory: string): Promise<void> {
  const folder = join(directory, 'blocks')
  const blocks = await BlockStore.open(disk, folder, { names: await readdir(folder) })
  try {
    await using(await disk.open(join(directory, READY, 'moved')), (file) => copyMoved(file, blocks))
    await blocks.sync()
  } finally {
    await blocks.close()
  }
}

async function copyMoved(file: DiskFile, blocks: BlockStore): Promise<void> {
  const size = await file.size()
  for (let at = 0; at < size; at += MOVED_AT_ONCE * MOVED_BYTES) {
    const bytes = Buffer.alloc(Math.min(MOVED_AT_ONCE * MOVED_BYTES, size - at))
    await file.read(bytes, at)
    for (let entry = 0; entry < bytes.length; entry += MOVED_BYTES) {
      const address = bytes.readDoubleBE(entry)
      blocks.write(address, [bytes.subarray(entry + BLOCK_BYTES, entry + MOVED_BYTES)])
    }
    await blocks.settled()
  }
}

async function using(file: DiskFile, use: (file: DiskFile) => Promise<void>): Promise<void> {
  try {
    await use(file)
    await file.datasync()
  } finally {
    await file.close()
  }
}
