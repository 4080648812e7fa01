/** A FileSystem by paths and texts, as one user: what tests of any FileSystem are written in. */
import * as assert from 'uvu/assert'
import { type Errno, FsError } from '../../src/fs/error.ts'
import {
  type Attributes,
  type CreateHow,
  type Cred,
  type DirectoryEntry,
  type FileId,
  type FileSystem,
  type Found,
  type SetAttributes,
  StableHow,
} from '../../src/fs/filesystem.ts'

export const ROOT: Cred = { uid: 0, gid: 0, gids: [] }
export const ALICE: Cred = { uid: 1001, gid: 2001, gids: [2002] }
export const BOB: Cred = { uid: 1003, gid: 2003, gids: [] }
/** Anything larger than what one page of answers holds. */
const READ_ALL_BYTES = 1024 * 1024

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'))
export const text = (data: Uint8Array): string => Buffer.from(data).toString('latin1')

/** Passes where `action` throws FsError `code`. */
export function fails(code: Errno, action: () => unknown): void {
  let result: unknown
  try {
    result = action()
  } catch (error) {
    if (!(error instanceof FsError)) throw error
    assert.is(error.code, code)
    return
  }
  assert.unreachable(`expected ${code}, got ${JSON.stringify(result)}`)
}

/** As `fails`, of what may have to wait. */
export async function rejects(code: Errno, action: () => unknown): Promise<void> {
  let failed = false
  try {
    await action()
  } catch (error) {
    if (!(error instanceof FsError)) throw error
    assert.is(error.code, code)
    failed = true
  }
  assert.ok(failed, `expected ${code}, got an answer`)
}

export class Client {
  readonly fs: FileSystem
  readonly start: FileId
  readonly cred: Cred

  constructor(fs: FileSystem, start: FileId, cred: Cred = ROOT) {
    this.fs = fs
    this.start = start
    this.cred = cred
  }

  as(cred: Cred): Client {
    return new Client(this.fs, this.start, cred)
  }

  find(path: string): Found {
    let found: Found = { id: this.start, attributes: this.fs.getattr(this.start) }
    for (const part of path.split('/').filter((name) => name !== '')) {
      found = this.fs.lookup(this.cred, found.id, bytes(part))
    }
    return found
  }

  id(path: string): FileId {
    return this.find(path).id
  }

  stat(path: string): Attributes {
    return this.fs.getattr(this.id(path))
  }

  /** Whether the path stands for something. */
  has(path: string): boolean {
    try {
      this.find(path)
      return true
    } catch (error) {
      if (error instanceof FsError && error.code === 'NOENT') return false
      throw error
    }
  }

  /** The directory a path lies in, and the last name of it. */
  split(path: string): [FileId, Uint8Array] {
    const at = path.lastIndexOf('/')
    return [this.id(path.slice(0, Math.max(at, 0))), bytes(path.slice(at + 1))]
  }

  create(path: string, mode = 0o644, how?: CreateHow): FileId {
    const [dir, name] = this.split(path)
    const given = how ?? { mode: 'GUARDED' as const, attributes: { mode } }
    return this.fs.create(this.cred, dir, name, given).id
  }

  mkdir(path: string, mode = 0o755): FileId {
    const [dir, name] = this.split(path)
    return this.fs.mkdir(this.cred, dir, name, { mode }).id
  }

  symlink(path: string, target: string): FileId {
    const [dir, name] = this.split(path)
    return this.fs.symlink(this.cred, dir, name, bytes(target), {}).id
  }

  remove(path: string): void {
    this.fs.remove(this.cred, ...this.split(path))
  }

  rmdir(path: string): void {
    this.fs.rmdir(this.cred, ...this.split(path))
  }

  rename(from: string, to: string): void {
    this.fs.rename(this.cred, ...this.split(from), ...this.split(to))
  }

  link(path: string, to: string): void {
    this.fs.link(this.cred, this.id(path), ...this.split(to))
  }

  set(path: string, set: SetAttributes): void {
    this.fs.setattr(this.cred, this.id(path), set)
  }

  async write(
    path: string,
    offset: number,
    data: string | Uint8Array,
    stable: StableHow = StableHow.UNSTABLE,
  ): Promise<void> {
    const all = typeof data === 'string' ? bytes(data) : data
    const { count } = await this.fs.write(this.cred, this.id(path), offset, all, stable)
    assert.is(count, all.length)
  }

  async read(path: string, offset = 0, count = READ_ALL_BYTES): Promise<Uint8Array> {
    const result = await this.fs.read(this.cred, this.id(path), offset, count)
    const data = new Uint8Array(result.data)
    result.release?.()
    return data
  }

  async readText(path: string): Promise<string> {
    return text(await this.read(path))
  }

  entries(path: string, cookie = 0, plus = true): DirectoryEntry[] {
    const all: DirectoryEntry[] = []
    this.fs.readdir(this.cred, this.id(path), cookie, plus, (entry) => all.push(entry) > 0)
    return all
  }

  /** The names of a directory in READDIR order, without `.` and `..`. */
  names(path: string): string[] {
    return this.entries(path, 2, false).map(({ name }) => text(name))
  }
}
