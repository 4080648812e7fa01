/**
 * The operator's disk: making entries there under temporary names and moving them into place.
 *
 * Paths are bytes: a name in the store need not be UTF-8. Times are kept to the microsecond, which
 * is what Node can set. Only root keeps owners, and only with its owner does a file keep setuid.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { constants } from 'node:fs'
import * as fs from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { getSystemErrorMap, promisify } from 'node:util'
import type { EntryInfo, Overwrite } from '../control/operations.ts'
import { FileType, type Time } from '../fs/filesystem.ts'
import { Refused } from './export-file.ts'
import { codeOf, permissions } from './export-judge.ts'

const run = promisify(execFile)

/** So is named what is not finished: `.zerofs-nfs-0123456789ab.part`. */
export const TEMPORARY_NAME = /^\.zerofs-nfs-[0-9a-f]{12}\.part$/

function temporaryName(): string {
  return `.zerofs-nfs-${randomBytes(6).toString('hex')}.part`
}

/** The path of `name` in the folder `dir`. */
export function inside(dir: Uint8Array, name: Uint8Array): Buffer {
  // Names of the store are never like this; should one be, it must not lead elsewhere.
  const text = Buffer.from(name).toString('latin1')
  if (text === '' || text === '.' || text === '..' || /[/\0]/.test(text)) {
    throw new Refused('its name cannot be a name here')
  }
  return Buffer.concat([dir, Buffer.from('/'), name])
}

export function parentOf(path: Buffer): Buffer {
  return path.subarray(0, path.lastIndexOf(0x2f))
}

/** Why the system refused, without the path: `permission denied`. */
export function systemReason(error: Error): string {
  const { errno } = error as NodeJS.ErrnoException
  return (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? error.message
}

/** What utimes takes. Node cuts it to microseconds; the half keeps them from being rounded down. */
const utime = ({ seconds, nseconds }: Time) => seconds + (Math.floor(nseconds / 1000) + 0.5) / 1e6

export class LocalDisk {
  readonly #overwrite: Overwrite
  readonly #root: boolean
  /** An existing folder of the disk that is written to, whose path is text. */
  readonly #base: string

  constructor(options: { overwrite: Overwrite; root: boolean; base: string }) {
    this.#overwrite = options.overwrite
    this.#root = options.root
    this.#base = options.base
  }

  /**
   * Makes a regular file, written by `write`, and moves it into place.
   *
   * @returns false where something appeared there that is to be left alone
   */
  makeFile(info: EntryInfo, at: Buffer, write: (file: fs.FileHandle) => Promise<void>) {
    return this.#make(at, async (temporary) => {
      const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
      const file = await fs.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
      try {
        await write(file)
        if (this.#root) await file.chown(info.uid, info.gid)
        await file.chmod(permissions(info, this.#root))
        await file.utimes(utime(info.atime), utime(info.mtime))
        await file.sync()
      } finally {
        await file.close()
      }
    })
  }

  makeSymlink(info: EntryInfo, at: Buffer): Promise<boolean> {
    return this.#make(at, async (temporary) => {
      await fs.symlink(Buffer.from(info.target), temporary)
      if (this.#root) await fs.lchown(temporary, info.uid, info.gid)
      await fs.lutimes(temporary, utime(info.atime), utime(info.mtime))
    })
  }

  /** A second name of the file at `source`. */
  makeLink(source: Buffer, at: Buffer): Promise<boolean> {
    return this.#make(at, (temporary) => fs.link(source, temporary))
  }

  /** A FIFO, a socket's name, or, for root, a device. */
  makeSpecial(info: EntryInfo, at: Buffer): Promise<boolean> {
    const device = info.type === FileType.BLK || info.type === FileType.CHR
    if (device && !this.#root) throw new Refused('only root can make a device')
    return this.#make(at, async (temporary) => {
      await this.#special(info, temporary)
      if (this.#root) await fs.lchown(temporary, info.uid, info.gid)
      await fs.chmod(temporary, permissions(info, this.#root))
      await fs.utimes(temporary, utime(info.atime), utime(info.mtime))
    })
  }

  /** Node has no mknod(2); the commands take text only, so they work under a name in the base. */
  async #special(info: EntryInfo, temporary: Buffer): Promise<void> {
    const path = join(this.#base, temporaryName())
    const { major, minor } = info
    if (info.type === FileType.SOCK) return makeSocket(this.#base, temporary)
    if (info.type === FileType.FIFO) await run('mkfifo', ['-m', '600', path])
    else {
      const letter = info.type === FileType.BLK ? 'b' : 'c'
      await run('mknod', ['-m', '600', path, letter, String(major), String(minor)])
    }
    await fs.rename(path, temporary)
  }

  async #make(at: Buffer, fill: (temporary: Buffer) => Promise<void>): Promise<boolean> {
    const temporary = inside(parentOf(at), Buffer.from(temporaryName()))
    try {
      await fill(temporary)
      return await this.#place(temporary, at)
    } finally {
      // Where it was moved there is nothing; where it is one of the file's own names it stayed.
      await fs.rm(temporary, { force: true })
    }
  }

  async #place(temporary: Buffer, at: Buffer): Promise<boolean> {
    if (this.#overwrite === 'never' || this.#overwrite === 'keep-both') {
      try {
        await fs.link(temporary, at)
        return true
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return false
        // A disk without hard links.
        if (codeOf(error) !== 'EPERM' && codeOf(error) !== 'ENOTSUP') throw error
      }
    }
    await fs.rename(temporary, at)
    return true
  }

  /** @param file whether a file is there, to be replaced */
  async makeDirectory(at: Buffer, file: boolean): Promise<void> {
    if (file) await fs.unlink(at)
    await fs.mkdir(at, 0o700)
  }

  /** Gives a folder its attributes, now that nothing in it changes any more. */
  async finishDirectory(info: EntryInfo, at: Buffer, attributes: boolean): Promise<void> {
    if (attributes) {
      if (this.#root) await fs.chown(at, info.uid, info.gid)
      await fs.chmod(at, permissions(info, this.#root))
      await fs.utimes(at, utime(info.atime), utime(info.mtime))
    }
    await syncDirectory(at)
  }
}

/** Makes the names in a folder durable. */
export async function syncDirectory(path: Buffer | string): Promise<void> {
  const directory = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await directory.sync()
  } catch (error) {
    // Some file systems have no such thing.
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOTSUP') throw error
  } finally {
    await directory.close()
  }
}

/** A socket's name with nobody behind it. Its address is short whatever the folder's path is. */
async function makeSocket(base: string, temporary: Buffer): Promise<void> {
  const folder = await fs.open(base, constants.O_RDONLY | constants.O_DIRECTORY)
  const name = temporaryName()
  const server = createServer().listen(join('/proc/self/fd', String(folder.fd), name))
  try {
    await once(server, 'listening')
    // Closing removes the name that it listened on, and this one stays.
    await fs.link(join(base, name), temporary)
    server.close()
    await once(server, 'close')
  } finally {
    await folder.close()
  }
}
