/**
 * Copies a tree of a snapshot to the operator's disk.
 *
 * Folders are gone through one by one, a page of names at a time; the files of a page a few at
 * once. An entry that fails is noted and the others go on; where the server or the whole disk
 * fails, or somebody interrupts, everything under way is cleaned up and it ends.
 */
import { ServerGone } from '../control/client.ts'
import type { EntryInfo, Listing, Overwrite, PlanEntry } from '../control/operations.ts'
import { FileType } from '../fs/filesystem.ts'
import { atOnce } from './at-once.ts'
import { abortable, CommandError, Interrupted } from './errors.ts'
import { Refused, writeContent } from './export-file.ts'
import { ExportFolder } from './export-folder.ts'
import { codeOf, type FolderVerdict, Judge, look, type Verdict } from './export-judge.ts'
import { LocalDisk, systemReason } from './export-local.ts'
import { mayBeOf } from './export-own.ts'
import { verifyContent } from './export-verify.ts'
import { type Source, sourceBelow, type WalkOptions } from './export-walk.ts'
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
  verified: number
  readonly failed: Failure[]
}

export interface ExportOptions extends WalkOptions {
  readonly overwrite: Overwrite
  readonly root: boolean
  /** Reads back what was written, and what was there as it should be. */
  readonly verify: boolean
  /** Is told of each entry what would be done, and nothing is; undefined: it is done. */
  readonly plan: ((entry: PlanEntry) => void) | undefined
  /** An existing folder of the disk that is written to. */
  readonly base: string
  /** Runs whenever `exported` has changed. */
  readonly onProgress: () => void
}

export class TreeExport {
  readonly exported: Exported = {
    ...{ files: 0, directories: 0, bytes: 0, done: 0, unchanged: 0, skipped: 0 },
    verified: 0,
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
   * Copies an entry of the snapshot.
   *
   * @throws Interrupted, ServerGone, CommandError; failures of single entries are in `exported`
   */
  async copy(source: Source, above: ExportFolder, name: Uint8Array): Promise<void> {
    const { info, position } = source
    try {
      if (this.#options.signal.aborted) throw new Interrupted(INTERRUPTED)
      if (position.wanted === 'no') return
      if (info.type === FileType.DIR) await this.#directory(source, above, name)
      else {
        const at = await above.at(name)
        if (at !== undefined) await this.#leaf(info, at)
      }
    } catch (error) {
      this.#note(source.path, error)
    }
    this.#options.onProgress()
  }

  /** The names of a folder of the snapshot, into a folder of the disk. */
  async copyInto(source: Source, folder: ExportFolder): Promise<void> {
    const { operations, snapshot, filter } = this.#options
    let after: number | undefined = 0
    while (after !== undefined) {
      const page = operations.list(snapshot, source.info.ino, after)
      const { entries, next }: Listing = await this.#wait(page)
      const copy = (entry: EntryInfo) =>
        this.copy(sourceBelow(filter, source, entry), folder, entry.name)
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

  async #directory(source: Source, above: ExportFolder, name: Uint8Array): Promise<void> {
    const { info } = source
    const begun: FolderVerdict[] = []
    const folder = new ExportFolder(async () => {
      const to = await above.at(name)
      if (to === undefined) return undefined
      const verdict = await this.#begin(source, to)
      begun.push(verdict)
      return verdict.what === 'skip' ? undefined : verdict.at
    })
    // A folder that is not wanted itself is only there for what is in it.
    const wanted = source.position.wanted === 'yes'
    if (wanted && (await folder.get()) === undefined) return
    await this.copyInto(source, folder)
    for (const { what, at, attributes } of begun) {
      if (what === 'skip' || (what !== 'make' && !wanted)) continue
      if (this.#options.plan === undefined) await this.#disk.finishDirectory(info, at, attributes)
      this.exported.directories++
    }
  }

  async #begin(source: Source, to: Buffer): Promise<FolderVerdict> {
    const isOwn = (there: Buffer) => this.#wait(mayBeOf(this.#options, this.#judge, source, there))
    const verdict = await this.#judge.directory(source.info, to, isOwn)
    const { what, at, replaces } = verdict
    if (what !== 'unchanged') this.#plan(verdict, 0)
    if (what === 'skip') this.exported.skipped++
    if (what === 'make' && this.#options.plan === undefined) {
      await this.#disk.makeDirectory(at, replaces)
    }
    return verdict
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
    const made = this.#options.plan !== undefined || (await this.#disk.makeLink(first, verdict.at))
    return made || !this.#isTakenBeside(verdict) ? made : this.#link(info, first, to)
  }

  /** Both are kept, and something else came to the free name that was found: there is another. */
  #isTakenBeside({ what }: Verdict): boolean {
    return what === 'make' && this.#options.overwrite === 'keep-both'
  }

  /** @returns where the file is now, made or unchanged; undefined where it is left alone */
  async #single(info: EntryInfo, to: Buffer): Promise<Buffer | undefined> {
    const verdict = await this.#judge.file(info, to)
    const { what, at } = verdict
    this.#plan(verdict, info.type === FileType.REG ? info.size : 0)
    const otherwise = what === 'unchanged' ? undefined : false
    const made = what === 'make' ? await this.#made(info, at) : otherwise
    if (made === false && this.#isTakenBeside(verdict)) return this.#single(info, to)
    if (made !== false) await this.#verify(info, at)
    this.#count(made, info)
    return made === false ? undefined : at
  }

  async #verify(info: EntryInfo, at: Buffer): Promise<void> {
    const { operations, snapshot, verify, plan } = this.#options
    if (!verify || plan !== undefined) return
    const there = await look(at)
    if (there === undefined || !(await this.#judge.isSame(info, there, at))) {
      throw new Refused('verified: its attributes are not what they should be')
    }
    if (info.type === FileType.REG) {
      const read = (offset: number, count: number) =>
        this.#wait(operations.read(snapshot, info.ino, offset, count))
      await verifyContent(at, { size: info.size, read })
    }
    this.exported.verified++
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
      const made = await this.#disk.makeFile(info, at, (file) => writeContent(file, content))
      if (!made) this.exported.bytes -= copied
      return made
    } finally {
      // From now on it counts as a whole.
      this.exported.done -= copied
    }
  }
}
