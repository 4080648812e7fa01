/**
 * Copies a tree of a snapshot to the operator's disk.
 *
 * Folders are gone through one by one, a page of names at a time; the files of a page a few at
 * once. An entry that fails is noted and the others go on; where the server or the whole disk
 * fails, or somebody interrupts, everything under way is cleaned up and it ends.
 */
import { ServerGone } from '../control/client.ts'
import type { EntryInfo, Listing, Operations, Overwrite, PlanEntry } from '../control/operations.ts'
import { FileType } from '../fs/filesystem.ts'
import { abortable, CommandError, Interrupted } from './errors.ts'
import { writeContent } from './export-file.ts'
import { codeOf, Judge, look, type Verdict } from './export-judge.ts'
import { inside, LocalDisk, systemReason } from './export-local.ts'
import type { Failure } from './failures.ts'

/** Each holds two pieces of a file in memory. */
const FILES_AT_ONCE = 4
/** Files whose further names are remembered; a file beyond them becomes one for each name. */
const HARD_LINKS_MAX = 1_000_000
/** More failures than this end it. */
const FAILURES_MAX = 10_000

/** Errors of the whole disk rather than of one entry. */
const FATAL = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENODEV'])

const INTERRUPTED =
  'interrupted; every file that is there is whole, and the same command goes on from here'

export interface Exported {
  files: number
  directories: number
  /** Bytes that were copied; holes are none. */
  bytes: number
  /** And with them, bytes that were not: of unchanged files, and of further names. */
  done: number
  unchanged: number
  skipped: number
  readonly failed: Failure[]
}

export interface ExportOptions {
  readonly operations: Operations
  readonly snapshot: string
  readonly overwrite: Overwrite
  readonly root: boolean
  /** Is told of each entry what would be done, and nothing is; undefined: it is done. */
  readonly plan: ((entry: PlanEntry) => void) | undefined
  /** An existing folder of the disk that is written to. */
  readonly base: string
  readonly signal: AbortSignal
  /** Runs whenever `exported` has changed. */
  readonly onProgress: () => void
}

export class TreeExport {
  readonly exported: Exported = {
    ...{ files: 0, directories: 0, bytes: 0, done: 0, unchanged: 0, skipped: 0 },
    failed: [],
  }
  readonly #options: ExportOptions
  readonly #disk: LocalDisk
  readonly #judge: Judge
  /** Where the first name of a file with several was made; undefined where it was not. */
  readonly #links = new Map<number, Promise<Buffer | undefined>>()

  constructor(options: ExportOptions) {
    this.#options = options
    this.#disk = new LocalDisk(options)
    this.#judge = new Judge(options)
  }

  /**
   * Copies what is at `path` in the snapshot to `at`.
   *
   * @throws Interrupted, ServerGone, CommandError; failures of single entries are in `exported`
   */
  async copy(path: Uint8Array, info: EntryInfo, at: Buffer): Promise<void> {
    try {
      if (this.#options.signal.aborted) throw new Interrupted(INTERRUPTED)
      if (info.type === FileType.DIR) await this.#directory(path, info, at)
      else await this.#leaf(info, at)
    } catch (error) {
      this.#note(path, error)
    }
    this.#options.onProgress()
  }

  /** The names of a folder of the snapshot, into a folder that is there. */
  async copyInto(path: Uint8Array, { ino }: EntryInfo, at: Buffer): Promise<void> {
    const { operations, snapshot } = this.#options
    let after: number | undefined = 0
    while (after !== undefined) {
      const { entries, next }: Listing = await this.#wait(operations.list(snapshot, ino, after))
      const copy = (entry: EntryInfo) => this.#child(path, entry, at)
      await atOnce(
        FILES_AT_ONCE,
        entries.filter(({ type }) => type !== FileType.DIR),
        copy,
      )
      await atOnce(
        1,
        entries.filter(({ type }) => type === FileType.DIR),
        copy,
      )
      after = next
    }
  }

  #wait<T>(run: Promise<T>): Promise<T> {
    return abortable(this.#options.signal, run, INTERRUPTED)
  }

  async #child(path: Uint8Array, entry: EntryInfo, at: Buffer): Promise<void> {
    const separator = path.length === 0 ? [] : [path, Buffer.from('/')]
    const childPath = Buffer.concat([...separator, entry.name])
    try {
      await this.copy(childPath, entry, inside(at, entry.name))
    } catch (error) {
      this.#note(childPath, error)
    }
  }

  /** Notes why an entry failed. @throws the error where it is not the entry's alone */
  #note(path: Uint8Array, error: unknown): void {
    if (error instanceof CommandError || error instanceof ServerGone) throw error
    if (!(error instanceof Error)) throw error
    const code = codeOf(error)
    const reason = systemReason(error)
    if (code !== undefined && FATAL.has(code)) {
      throw new CommandError(`${this.#options.base} cannot be written to: ${reason}`)
    }
    this.exported.failed.push({ path, reason })
    if (this.exported.failed.length > FAILURES_MAX) {
      throw new CommandError(`more than ${FAILURES_MAX} paths failed; the last: ${reason}`)
    }
  }

  async #directory(path: Uint8Array, info: EntryInfo, to: Buffer): Promise<void> {
    const verdict = await this.#judge.directory(info, to)
    const { what, at, replaces, attributes } = verdict
    if (what !== 'unchanged') this.#plan(verdict, 0)
    if (what === 'skip') {
      this.exported.skipped++
      return
    }
    const { plan } = this.#options
    if (what === 'make' && plan === undefined) await this.#disk.makeDirectory(at, replaces)
    await this.copyInto(path, info, at)
    if (plan === undefined) await this.#disk.finishDirectory(info, at, attributes)
    this.exported.directories++
  }

  #plan({ what, at, replaces }: Verdict, bytes: number): void {
    const make = replaces ? 'replace' : 'create'
    this.#options.plan?.({ action: what === 'make' ? make : what, path: at, bytes })
  }

  async #leaf(info: EntryInfo, at: Buffer): Promise<void> {
    if (info.nlink === 1) {
      await this.#single(info, at)
      return
    }
    const pending = this.#links.get(info.ino)
    const first = pending && (await pending)
    if (first !== undefined) {
      this.#count(await this.#link(info, first, at), info)
      return
    }
    const made = this.#single(info, at)
    if (this.#links.size < HARD_LINKS_MAX || this.#links.has(info.ino)) {
      const path = made.catch(() => undefined)
      this.#links.set(info.ino, path)
    }
    await made
  }

  async #link(info: EntryInfo, first: Buffer, to: Buffer): Promise<boolean | undefined> {
    // What is only planned has no first name yet.
    const planned = this.#options.plan !== undefined && (await look(first)) === undefined
    const verdict = await (planned ? this.#judge.file(info, to) : this.#judge.link(info, first, to))
    this.#plan(verdict, 0)
    if (verdict.what !== 'make') return verdict.what === 'unchanged' ? undefined : false
    return this.#options.plan !== undefined || this.#disk.makeLink(first, verdict.at)
  }

  /** @returns where the file is now, made or unchanged; undefined where it is left alone */
  async #single(info: EntryInfo, to: Buffer): Promise<Buffer | undefined> {
    const verdict = await this.#judge.file(info, to)
    const { what, at } = verdict
    this.#plan(verdict, info.type === FileType.REG ? info.size : 0)
    const otherwise = what === 'unchanged' ? undefined : false
    const made = what === 'make' ? await this.#made(info, at) : otherwise
    this.#count(made, info)
    return made === false ? undefined : at
  }

  /** @param made undefined: it was as it should be; false: it is left alone */
  #count(made: boolean | undefined, { type, used }: EntryInfo): void {
    if (made === true) this.exported.files++
    else if (made === undefined) this.exported.unchanged++
    else this.exported.skipped++
    if (type === FileType.REG) this.exported.done += used
  }

  async #made(info: EntryInfo, at: Buffer): Promise<boolean> {
    if (this.#options.plan === undefined) return this.#make(info, at)
    if (info.type === FileType.REG) this.exported.bytes += info.used
    return true
  }

  async #make(info: EntryInfo, at: Buffer): Promise<boolean> {
    if (info.type === FileType.LNK) return this.#disk.makeSymlink(info, at)
    if (info.type !== FileType.REG) return this.#disk.makeSpecial(info, at)
    const { operations, snapshot, onProgress } = this.#options
    let copied = 0
    const content = {
      size: info.size,
      read: (offset: number, count: number) =>
        this.#wait(operations.read(snapshot, info.ino, offset, count)),
      done: (bytes: number) => {
        copied += bytes
        this.exported.bytes += bytes
        this.exported.done += bytes
        onProgress()
      },
    }
    try {
      return await this.#disk.makeFile(info, at, (file) => writeContent(file, content))
    } finally {
      // From now on it counts as a whole.
      this.exported.done -= copied
    }
  }
}

/** Runs `run` for each item, a few at once; where one throws, the others end first. */
async function atOnce<T>(
  many: number,
  items: readonly T[],
  run: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items]
  let failed = false
  const work = async () => {
    for (let item = left.shift(); item !== undefined && !failed; item = left.shift()) {
      try {
        await run(item)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const results = await Promise.allSettled(Array.from({ length: many }, work))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
