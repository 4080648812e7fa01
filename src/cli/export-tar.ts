/**
 * `zerofs-nfs restore --output -`: a tar archive on stdout.
 *
 * Files come one after the other, each piece checked against the checksum that was taken where the
 * blocks' own were verified. Holes come as zeros. What cannot be read is listed as failed: a file
 * whose header is out already goes on with zeros, since an archive has no way back.
 */
import { ServerGone } from '../control/client.ts'
import type { EntryInfo, Operations, RestoreRequest } from '../control/operations.ts'
import { FsError } from '../fs/error.ts'
import { FileType } from '../fs/filesystem.ts'
import { Filter } from '../snapshot/filter.ts'
import type { Context } from './context.ts'
import { abortable, CommandError, Exit, Interrupted } from './errors.ts'
import { type FilePiece, pieces, Refused } from './export-file.ts'
import { codeOf } from './export-judge.ts'
import { describe, survey } from './export-progress.ts'
import { type Source, sourceAt, type WalkOptions, walk } from './export-walk.ts'
import { type Failure, jsonFailures, reportFailed } from './failures.ts'
import { lastName } from './paths.ts'
import { amount, leftOut } from './plan.ts'
import { Progress } from './progress.ts'
import { canBeInTar, padding, tarEnd, tarHeader } from './tar.ts'
import { elapsed, printable, size } from './text.ts'

/** Files whose further names are remembered; a file beyond them becomes one for each name. */
const HARD_LINKS_MAX = 1_000_000
const ZEROS = Buffer.alloc(1024 * 1024)
const INTERRUPTED = 'interrupted; the archive is not complete'

export type TarRequest = Omit<RestoreRequest, 'to' | 'overwrite' | 'delete' | 'dryRun'>

/** @param context prints on stderr: stdout is the archive's */
export async function tarCommand(
  context: Context,
  operations: Operations,
  request: TarRequest,
  signal: AbortSignal,
): Promise<number> {
  if (context.io.stdout.isTTY) {
    throw new CommandError('an archive is not for a terminal: write it to a file, or into a pipe')
  }
  const started = context.io.now()
  const options = { operations, snapshot: request.snapshot, filter: new Filter(request), signal }
  const sources: Source[] = []
  for (const path of request.paths) sources.push(await sourceAt(options, path))
  requireDistinct(context, sources)
  const total = await abortable(signal, survey(options, sources), INTERRUPTED)
  const progress = new Progress(context)
  const tar = new TarExport(context, options, () =>
    progress.update(() => describe(tar.copied, total, context.io.now() - started)),
  )
  try {
    for (const source of sources) await tar.add(source)
    await tar.end()
  } finally {
    progress.end()
  }
  tell(context, operations.dataset, request, tar, context.io.now() - started)
  return tar.failed.length > 0 ? Exit.PARTIAL : Exit.OK
}

function tell(
  context: Context,
  dataset: string,
  { snapshot }: TarRequest,
  tar: TarExport,
  ms: number,
): void {
  const { done: _, ...counts } = tar.copied
  reportFailed(context, tar.failed)
  const left = leftOut(counts)
  const archived = `archived ${amount(counts)}, ${size(counts.bytes)}`
  context.print([archived, ...left, `checksums verified, in ${elapsed(ms)}`].join(', '))
  const failed = jsonFailures(context, tar.failed)
  const from = { event: 'archived', dataset, snapshot }
  context.printJson({ ...from, ...counts, failed, seconds: ms / 1000 })
}

/** @throws CommandError where two of the paths have one name */
function requireDistinct({ seen }: Context, sources: readonly Source[]): void {
  const names = new Set<string>()
  for (const { path } of sources) {
    const last = lastName(seen(path))
    const name = Buffer.from(last).toString('latin1')
    if (names.has(name) || (names.size > 0 && name === '')) {
      throw new CommandError(
        `two of the paths would become '${printable(last)}'; archive one by one`,
      )
    }
    names.add(name)
  }
}

class TarExport {
  readonly failed: Failure[] = []
  readonly copied = { files: 0, directories: 0, unchanged: 0, skipped: 0, bytes: 0, done: 0 }
  readonly #context: Context
  readonly #options: WalkOptions
  readonly #onProgress: () => void
  /** Where the first name of a file with several is. */
  readonly #links = new Map<number, Uint8Array>()
  /** Folders that are only there for what is in them, and that nothing has come to yet. */
  #through: { readonly path: Uint8Array; readonly info: EntryInfo }[] = []
  #written = 0

  constructor(context: Context, options: WalkOptions, onProgress: () => void) {
    this.#context = context
    this.#options = options
    this.#onProgress = onProgress
  }

  /** Adds an entry, and all below it, under its own name. */
  async add(source: Source): Promise<void> {
    const { seen } = this.#context
    const top = seen(source.path)
    const cut = top.length - lastName(top).length
    for await (const { path, info, position } of walk(this.#options, source)) {
      if (this.#options.signal.aborted) throw new Interrupted(INTERRUPTED)
      const shown = seen(path)
      const name = shown.length === 0 ? Buffer.from('.') : shown.subarray(cut)
      try {
        if (position.wanted === 'yes') await this.#entry(name, info)
        else this.#through.push({ path: name, info })
      } catch (error) {
        this.#note(path, error)
      }
      this.#onProgress()
    }
    if (this.#options.signal.aborted) throw new Interrupted(INTERRUPTED)
  }

  async end(): Promise<void> {
    await this.#write(tarEnd(this.#written))
  }

  /** Notes why an entry failed. @throws the error where it is not the entry's alone */
  #note(path: Uint8Array, error: unknown): void {
    if (!(error instanceof FsError) && !(error instanceof Refused)) throw error
    this.failed.push({ path, reason: error.message })
  }

  async #entry(path: Uint8Array, info: EntryInfo): Promise<void> {
    if (!canBeInTar(info.type)) {
      this.#context.warn(`left out: ${printable(path)}: an archive has no place for a socket`)
      this.copied.skipped++
      return
    }
    const above = this.#through.filter((folder) => isBelow(path, folder.path))
    this.#through = []
    for (const folder of above) await this.#header(folder.path, folder.info)
    if (info.type === FileType.DIR) {
      await this.#header(path, info)
      return
    }
    const first = this.#links.get(info.ino)
    if (first !== undefined) await this.#header(path, { ...info, size: 0 }, first)
    else await this.#file(path, info)
    this.copied.files++
    if (info.type === FileType.REG) this.copied.done += info.used
  }

  async #header(path: Uint8Array, info: EntryInfo, linkTo?: Uint8Array): Promise<void> {
    const data = info.type === FileType.REG ? info.size : 0
    if (info.type === FileType.DIR) this.copied.directories++
    await this.#write(tarHeader({ ...info, path, size: data, linkTo }))
  }

  async #file(path: Uint8Array, info: EntryInfo): Promise<void> {
    if (info.type === FileType.REG && info.size > 0) await this.#data(path, info)
    else await this.#header(path, info)
    if (info.nlink > 1 && this.#links.size < HARD_LINKS_MAX) this.#links.set(info.ino, path)
  }

  /** A file that cannot be read from the start is left out. */
  async #data(path: Uint8Array, info: EntryInfo): Promise<void> {
    const { operations, snapshot, signal } = this.#options
    const read = (offset: number, count: number) =>
      abortable(signal, operations.read(snapshot, info.ino, offset, count), INTERRUPTED)
    let end = 0
    try {
      for await (const piece of pieces({ size: info.size, read })) {
        if (end === 0) await this.#header(path, info)
        await this.#piece(piece)
        end = piece.offset + piece.data.length + piece.hole
      }
    } catch (error) {
      if (end === 0 || error instanceof ServerGone || error instanceof CommandError) throw error
      await this.#zeros(info.size - end)
      await this.#write(padding(info.size))
      throw error
    }
    await this.#write(padding(info.size))
  }

  async #piece({ data, hole }: FilePiece): Promise<void> {
    await this.#write(data)
    this.copied.bytes += data.length
    await this.#zeros(hole)
    this.#onProgress()
  }

  async #zeros(bytes: number): Promise<void> {
    for (let left = bytes; left > 0; left -= ZEROS.length) {
      if (this.#options.signal.aborted) throw new Interrupted(INTERRUPTED)
      await this.#write(ZEROS.subarray(0, Math.min(left, ZEROS.length)))
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return
    try {
      await this.#context.io.writeBytes(bytes)
    } catch (error) {
      const why = codeOf(error) === 'EPIPE' ? 'whoever read it is gone' : String(error)
      throw new CommandError(`the archive could not be written: ${why}`)
    }
    this.#written += bytes.length
  }
}

function isBelow(path: Uint8Array, folder: Uint8Array): boolean {
  if (folder.length === 1 && folder[0] === 0x2e) return true
  const slash = path[folder.length] === 0x2f
  return slash && Buffer.compare(path.subarray(0, folder.length), folder) === 0
}
