/** What is to be done about an entry, by what is there already on the operator's disk. */
import type { BigIntStats } from 'node:fs'
import * as fs from 'node:fs/promises'
import type { EntryInfo, Overwrite } from '../control/operations.ts'
import { FileType, type Time } from '../fs/filesystem.ts'
import { besideName } from '../snapshot/restore-beside.ts'
import { Refused } from './export-file.ts'

export interface Verdict {
  readonly what: 'make' | 'unchanged' | 'skip'
  /** Where it goes, or is. */
  readonly at: Buffer
  /** Whether something else is there, which is replaced. */
  readonly replaces: boolean
}

/** As a Verdict: a folder that is there is `unchanged`. */
export interface FolderVerdict extends Verdict {
  /** Whether it gets the attributes that it had. */
  readonly attributes: boolean
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
}

/** What is at a path; nothing is below what is no folder, either. */
export async function look(path: Buffer | string): Promise<BigIntStats | undefined> {
  try {
    return await fs.lstat(path, { bigint: true })
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** The permission bits that an entry gets: only with its owner does a file keep setuid. */
export function permissions({ mode }: EntryInfo, root: boolean): number {
  return root ? mode & 0o7777 : mode & 0o1777
}

/** Microseconds: Node sets no finer times. */
const micros = ({ seconds, nseconds }: Time) =>
  BigInt(seconds) * 1_000_000n + BigInt(Math.floor(nseconds / 1000))

/** Of Linux; elsewhere a device is made anew each time. */
function deviceNumber({ major, minor }: EntryInfo): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)]
  return ((a & ~0xfffn) << 32n) | ((a & 0xfffn) << 8n) | ((b & ~0xffn) << 12n) | (b & 0xffn)
}

export class Judge {
  readonly #snapshot: string
  readonly #overwrite: Overwrite
  readonly #root: boolean

  constructor(options: { snapshot: string; overwrite: Overwrite; root: boolean }) {
    this.#snapshot = options.snapshot
    this.#overwrite = options.overwrite
    this.#root = options.root
  }

  /** For whatever is no folder. @throws Refused where a folder is in the way */
  async file(info: EntryInfo, at: Buffer): Promise<Verdict> {
    const same = async (there: BigIntStats, path: Buffer) =>
      this.#overwrite !== 'never' &&
      this.#overwrite !== 'always' &&
      !there.isDirectory() &&
      (await this.isSame(info, there, path))
    return this.#judge(info, at, same)
  }

  /** For a further name of a file that is at `first`. @throws Refused where a folder is in the way */
  async link(info: EntryInfo, first: Buffer, at: Buffer): Promise<Verdict> {
    const { dev, ino } = await fs.lstat(first, { bigint: true })
    return this.#judge(info, at, async (there) => there.dev === dev && there.ino === ino)
  }

  async #judge(
    info: EntryInfo,
    at: Buffer,
    same: (there: BigIntStats, path: Buffer) => Promise<boolean>,
  ): Promise<Verdict> {
    const existing = await look(at)
    if (existing === undefined) return { what: 'make', at, replaces: false }
    if (await same(existing, at)) return { what: 'unchanged', at, replaces: false }
    if (this.#overwrite === 'keep-both') return this.#beside(at, same)
    if (existing.isDirectory()) throw new Refused('a folder is in the way')
    if (this.#stays(info, existing)) return { what: 'skip', at, replaces: false }
    return { what: 'make', at, replaces: true }
  }

  /** @param isOwn whether a folder beside it may be what an earlier run has put there */
  async directory(
    info: EntryInfo,
    at: Buffer,
    isOwn: (there: Buffer) => Promise<boolean>,
  ): Promise<FolderVerdict> {
    const existing = await look(at)
    if (existing === undefined) {
      return { what: 'make', at, replaces: false, attributes: true }
    }
    if (existing.isDirectory()) {
      const newer = this.#overwrite !== 'if-newer' || !this.#stays(info, existing)
      const attributes = newer && this.#overwrite !== 'never' && this.#overwrite !== 'keep-both'
      return { what: 'unchanged', at, replaces: false, attributes }
    }
    if (this.#overwrite === 'keep-both') {
      const beside = await this.#beside(
        at,
        async (there, path) => there.isDirectory() && (await isOwn(path)),
      )
      return { ...beside, attributes: beside.what === 'make' }
    }
    if (this.#stays(info, existing)) {
      return { what: 'skip', at, replaces: false, attributes: false }
    }
    return { what: 'make', at, replaces: true, attributes: true }
  }

  /** Whether what is there, and is not as it was, is to stay. */
  #stays({ mtime }: EntryInfo, { mtimeNs }: BigIntStats): boolean {
    if (this.#overwrite === 'if-newer') return micros(mtime) <= mtimeNs / 1000n
    return this.#overwrite === 'never'
  }

  /** The place beside one that is taken: a free one, or what an earlier run has put there. */
  async #beside(
    at: Buffer,
    same: (there: BigIntStats, path: Buffer) => Promise<boolean>,
  ): Promise<Verdict> {
    const slash = at.lastIndexOf(0x2f) + 1
    const folder = at.subarray(0, slash)
    const taken: Buffer[] = []
    for (;;) {
      const name = besideName(at.subarray(slash), this.#snapshot, (wanted) =>
        taken.every((other) => !other.equals(wanted)),
      )
      const path = Buffer.concat([folder, name])
      const there = await look(path)
      if (there === undefined) return { what: 'make', at: path, replaces: false }
      if (await same(there, path)) return { what: 'unchanged', at: path, replaces: false }
      taken.push(Buffer.from(name))
    }
  }

  async isSame(info: EntryInfo, existing: BigIntStats, at: Buffer): Promise<boolean> {
    const { uid, gid, mtimeNs, size } = existing
    if (this.#root && (uid !== BigInt(info.uid) || gid !== BigInt(info.gid))) return false
    if (info.type === FileType.LNK) {
      if (!existing.isSymbolicLink()) return false
      return (await fs.readlink(at, { encoding: 'buffer' })).equals(info.target)
    }
    if (Number(existing.mode & 0o7777n) !== permissions(info, this.#root)) return false
    if (info.type === FileType.FIFO) return existing.isFIFO()
    if (info.type === FileType.SOCK) return existing.isSocket()
    if (info.type === FileType.BLK || info.type === FileType.CHR) {
      const sameType =
        info.type === FileType.BLK ? existing.isBlockDevice() : existing.isCharacterDevice()
      return sameType && existing.rdev === deviceNumber(info)
    }
    if (!existing.isFile()) return false
    return size === BigInt(info.size) && mtimeNs / 1000n === micros(info.mtime)
  }
}
