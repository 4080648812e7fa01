/** `zerofs-nfs restore --output LOCAL`: from a snapshot to this machine's disk. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { EntryInfo, Operations, RestoreRequest } from '../control/operations.ts'
import { FileType } from '../fs/filesystem.ts'
import { Filter } from '../snapshot/filter.ts'
import type { Context } from './context.ts'
import { abortable, CommandError, Exit } from './errors.ts'
import { ExportFolder } from './export-folder.ts'
import { codeOf, look } from './export-judge.ts'
import { inside, parentOf, syncDirectory, systemReason } from './export-local.ts'
import { describe, survey, type Total } from './export-progress.ts'
import { type Exported, TreeExport } from './export-tree.ts'
import { type Source, sourceAt, type WalkOptions } from './export-walk.ts'
import { jsonFailures, reportFailed } from './failures.ts'
import { lastName } from './paths.ts'
import { amount, leftOut, plannedSentence, printEntry } from './plan.ts'
import { Progress } from './progress.ts'
import { count, elapsed, printable, size } from './text.ts'

export interface ExportRequest extends Omit<RestoreRequest, 'to' | 'delete'> {
  /** As the user wrote it. */
  readonly output: string
}

/**
 * A restore that makes a new folder leaves an empty file beside it until it is done, by whose name
 * the same command knows the folder for its own when it is run again after an interruption.
 */
function markerOf(target: string, dataset: string, snapshot: string, path: Uint8Array): string {
  const hash = createHash('sha256').update(`${target}\0${dataset}\0${snapshot}\0`).update(path)
  return join(dirname(target), `.zerofs-nfs-${hash.digest('hex').slice(0, 12)}.part`)
}

async function begin(marker: string, base: string): Promise<void> {
  try {
    await fs.writeFile(marker, '')
  } catch (error) {
    const why = error instanceof Error ? systemReason(error) : String(error)
    throw new CommandError(`${base} cannot be written to: ${why}`, Exit.ERROR, { cause: error })
  }
}

/** One path of the snapshot, and where it goes. */
interface Job {
  readonly source: Source
  readonly at: Buffer
  /** It is a folder whose names go into the existing folder `at`. */
  readonly into: boolean
}

interface Plan {
  readonly jobs: readonly Job[]
  /** An existing folder of the disk that is written to. */
  readonly base: string
  readonly marker: string | undefined
}

export async function exportCommand(
  context: Context,
  operations: Operations,
  request: ExportRequest,
  signal: AbortSignal,
): Promise<number> {
  const { snapshot, overwrite, dryRun } = request
  const filter = new Filter(request)
  const started = context.io.now()
  const { jobs, base, marker } = await plan(context, operations, request, filter)
  const options = { operations, snapshot, filter, signal }
  const sources = jobs.map(({ source }) => source)
  const total = await abortable(signal, survey(options, sources), 'interrupted')
  if (!dryRun) await warnIfFull(context, base, total)
  const progress = new Progress(context)
  const tree = new TreeExport({
    ...{ ...options, overwrite, base, root: context.io.uid === 0 },
    verify: request.verify === true,
    plan: dryRun ? (entry) => printEntry(context, entry) : undefined,
    onProgress: () => {
      if (dryRun) return
      progress.update(() => describe(tree.exported, total, context.io.now() - started))
    },
  })
  try {
    if (marker !== undefined && !dryRun) await begin(marker, base)
    for (const { source, at, into } of jobs) {
      if (into) await tree.copyInto(source, new ExportFolder(async () => at))
      else await tree.copy(source, new ExportFolder(async () => parentOf(at)), lastName(at))
    }
    if (!dryRun) await syncDirectory(base)
    if (marker !== undefined && !dryRun) await fs.rm(marker, { force: true })
  } finally {
    progress.end()
  }
  tell(context, operations.dataset, request, tree.exported, context.io.now() - started)
  return tree.exported.failed.length > 0 ? Exit.PARTIAL : Exit.OK
}

function tell(
  context: Context,
  dataset: string,
  request: ExportRequest,
  exported: Exported,
  ms: number,
): void {
  const { snapshot, output, dryRun } = request
  const { failed, done: _, ...counts } = exported
  failed.sort((a, b) => Buffer.compare(a.path, b.path))
  reportFailed(context, failed)
  context.print(dryRun ? plannedSentence(counts, 0, 0) : sentence(exported, output, ms))
  context.printJson({
    ...{ event: dryRun ? 'planned' : 'exported', dataset, snapshot },
    ...{ output: resolve(context.io.cwd, output), ...counts },
    ...{ failed: jsonFailures(context, failed), ...(dryRun ? {} : { seconds: ms / 1000 }) },
  })
}

/**
 * Where each path goes, as cp has it: an existing folder receives it under its own name.
 *
 * @throws CommandError, FsError NOENT
 */
async function plan(
  context: Context,
  operations: Operations,
  { snapshot, paths, output, overwrite }: ExportRequest,
  filter: Filter,
): Promise<Plan> {
  const target = resolve(context.io.cwd, output)
  const there = await fs.stat(target).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new CommandError(`${output} cannot be used: ${systemReason(error as Error)}`)
  })
  const [path, second] = paths
  const marker =
    path && second === undefined ? markerOf(target, operations.dataset, snapshot, path) : undefined
  const resumed = marker !== undefined && (await look(marker)) !== undefined
  if (there?.isDirectory() && !resumed) {
    const jobs = await intoFolder(context, { operations, snapshot, filter }, paths, target)
    return { jobs, base: target, marker: undefined }
  }
  if (path === undefined || second !== undefined) {
    throw new CommandError(`several paths need an existing folder, and ${output} is none`)
  }
  const source = await sourceAt({ operations, snapshot, filter }, path)
  const { info } = source
  const base = dirname(target)
  const inTheWay = there !== undefined && overwrite !== 'keep-both'
  if (!resumed) await checkTarget(info, output, base, inTheWay)
  const jobs = [{ source, at: Buffer.from(target), into: false }]
  return { jobs, base, marker: info.type === FileType.DIR ? marker : undefined }
}

/** @throws CommandError where two of the paths have one name */
async function intoFolder(
  { seen }: Context,
  from: Omit<WalkOptions, 'signal'>,
  paths: readonly Uint8Array[],
  target: string,
): Promise<readonly Job[]> {
  const jobs: Job[] = []
  for (const path of paths) {
    const source = await sourceAt(from, path)
    const name = lastName(seen(path))
    const into = name.length === 0
    const at = into ? Buffer.from(target) : inside(Buffer.from(target), name)
    if (jobs.some((job) => job.at.equals(at))) {
      throw new CommandError(`two of the paths would become ${printable(at)}; restore one by one`)
    }
    jobs.push({ source, at, into })
  }
  return jobs
}

/** @throws CommandError where `output`, which is no folder, cannot become the entry */
async function checkTarget(info: EntryInfo, output: string, base: string, there: boolean) {
  const directory = info.type === FileType.DIR
  if (there && directory) {
    throw new CommandError(`${output} is a file, and what is to be restored is a folder`)
  }
  if (output.endsWith('/') && !directory) throw new CommandError(`there is no folder ${output}`)
  const parent = await fs.stat(base).catch(() => undefined)
  if (!parent?.isDirectory()) throw new CommandError(`there is no folder ${base}; make it first`)
}

async function warnIfFull(context: Context, base: string, { used }: Total): Promise<void> {
  const { bavail, bsize } = await fs.statfs(base)
  if (used <= bavail * bsize) return
  context.warn(
    `warning: ${size(used)} are to be written, and ${base} has ${size(bavail * bsize)} free`,
  )
}

function sentence(exported: Exported, output: string, ms: number): string {
  const { bytes } = exported
  const rate = ms > 0 ? ` (${size((bytes / ms) * 1000)}/s)` : ''
  return [
    `restored ${amount(exported)} to ${output}, ${size(bytes)}`,
    ...leftOut(exported),
    ...(exported.verified > 0 ? [`${count(exported.verified)} read back`] : []),
    `checksums verified, in ${elapsed(ms)}${bytes > 0 ? rate : ''}`,
  ].join(', ')
}
