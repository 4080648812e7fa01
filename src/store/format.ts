/**
 * The data folder.
 *
 *   format      "zerofs-nfs 3\n": which version of the formats below; written last when it is made
 *   meta/       the database: metadata (keys.ts, records.ts)
 *   blocks/     file data (blocks.ts)
 *   log.0 log.1 the intent log (log.ts)
 *   replies     what calls were answered that must not be done twice (replies.ts)
 *   owner.json  which process has the store open, for the sentence that another one prints
 *   control.sock the running server's control program
 *   scrub.json   how the last scrub went (check/scrub.ts)
 *   backup.json  of which store it is a backup; next/ and ready/ too (incoming.ts)
 *
 * A version that this program does not know, or a folder that holds something else, is refused.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Disk } from './disk.ts'

const FORMAT_VERSION = 3
/** What the file `format` of a store says. */
export const FORMAT = `zerofs-nfs ${FORMAT_VERSION}\n`
const FORMAT_FILE = 'format'
const OWNER_FILE = 'owner.json'
/** Which store a folder is a backup of (incoming.ts). */
export const BACKUP_FILE = 'backup.json'
/** What a store cannot do without. */
const NEEDED = ['meta', 'blocks', 'log.0', 'log.1']
/** What a folder may hold whose making was interrupted before `format` was written. */
const PARTS = new Set([...NEEDED, 'replies', OWNER_FILE, 'format.new'])

/** The store cannot be opened; the message says why and what to do. */
export class StoreError extends Error {
  readonly code: 'BUSY' | 'FORMAT' | 'MISSING' | 'DAMAGED'
  constructor(code: StoreError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreError'
    this.code = code
  }
}

/**
 * Whether the folder holds a store of a format that is known, or is empty and may become one.
 *
 * @throws StoreError FORMAT, DAMAGED (a part is missing)
 */
export async function inspectFolder(directory: string): Promise<'store' | 'empty'> {
  const names = await readdir(directory)
  if (!names.includes(FORMAT_FILE)) {
    const foreign = names.find((name) => !PARTS.has(name))
    if (foreign === undefined) return 'empty'
    if (names.includes(BACKUP_FILE)) {
      const advice = 'run the same zerofs-nfs backup again'
      throw new StoreError('FORMAT', `${directory} is a backup that was never completed; ${advice}`)
    }
    throw new StoreError(
      'FORMAT',
      `${directory} is not a zerofs-nfs store, and not empty (it holds '${foreign}'); ` +
        'give an empty or new folder',
    )
  }
  const format = await readFile(join(directory, FORMAT_FILE), 'utf8')
  const missing = NEEDED.find((name) => !names.includes(name))
  if (format === FORMAT && missing === undefined) return 'store'
  if (format === FORMAT) {
    throw new StoreError('DAMAGED', `the store ${directory} is not whole: '${missing}' is missing`)
  }
  throw new StoreError('FORMAT', `${directory} ${unknownFormat(format)}`)
}

function unknownFormat(format: string): string {
  const [, version] = /^zerofs-nfs (\d+)\n$/.exec(format) ?? []
  const advice =
    Number(version) < FORMAT_VERSION
      ? 'copy its files with the zerofs-nfs that made it'
      : 'use a newer zerofs-nfs'
  const [known, found] = [FORMAT, format.slice(0, 40)].map((text) => JSON.stringify(text.trim()))
  return `has the format ${found}, which this version does not know (it knows ${known}); ${advice}`
}

/** Makes the folder (mode 0700) where it is missing. */
export async function makeFolder(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
}

/** Forgets the files of an interrupted making, the database apart: nothing was ever stored there. */
export async function clearParts(directory: string): Promise<void> {
  for (const part of ['blocks', 'log.0', 'log.1', 'replies', 'format.new'])
    await rm(join(directory, part), { recursive: true, force: true })
}

/** Declares the store whole. */
export async function writeFormat(disk: Disk, directory: string): Promise<void> {
  const file = await disk.open(join(directory, 'format.new'))
  await file.write([Buffer.from(FORMAT)], 0)
  await file.datasync()
  await file.close()
  await rename(join(directory, 'format.new'), join(directory, FORMAT_FILE))
  await disk.syncDirectory(directory)
}

/** Who has the store open. */
export interface Owner {
  readonly pid: number
  readonly command: string
}

export async function writeOwner(directory: string, owner: Owner): Promise<void> {
  await writeFile(join(directory, OWNER_FILE), `${JSON.stringify(owner)}\n`, { mode: 0o600 })
}

export async function removeOwner(directory: string): Promise<void> {
  await rm(join(directory, OWNER_FILE), { force: true })
}

/** The refusal that names the process which has the store open. */
export async function inUse(directory: string): Promise<StoreError> {
  const owner = await readFile(join(directory, OWNER_FILE), 'utf8').then(
    (text) => JSON.parse(text) as Owner,
    () => undefined,
  )
  const by = owner === undefined ? 'another process' : `process ${owner.pid} (${owner.command})`
  return new StoreError('BUSY', `the store ${directory} is in use by ${by}`)
}
