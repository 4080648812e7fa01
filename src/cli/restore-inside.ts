/** A restore inside the file system: asked for, followed, and told what came of it. */
import type {
  Operations,
  RestorePhase,
  RestoreProgress,
  RestoreRequest,
  RestoreSummary,
} from '../control/operations.ts'
import { FsError } from '../fs/error.ts'
import { type Context, dataOption, datasetOption } from './context.ts'
import { abortable, Exit } from './errors.ts'
import { jsonFailures, reportFailed } from './failures.ts'
import { explained } from './operations.ts'
import type { Given } from './options.ts'
import { amount, leftOut, plannedSentence, printEntry } from './plan.ts'
import { bar, Progress } from './progress.ts'
import { count, counted, duration, elapsed, printable, shellWord, size, utf8 } from './text.ts'

const INTERRUPTED = 'interrupted; the same command completes what was begun'

export async function restoreInside(
  context: Context,
  given: Given,
  operations: Operations,
  request: RestoreRequest,
  signal: AbortSignal,
): Promise<number> {
  const started = context.io.now()
  const progress = new Progress(context)
  const pace = new Pace(started)
  const running = operations.restore(request, (step) =>
    progress.update((nowMs) => describe(step, pace.of(step, nowMs), request.dryRun === true)),
  )
  let summary: RestoreSummary
  try {
    const restored = explained(operations, request.snapshot, running)
    summary = await abortable(signal, restored, INTERRUPTED)
  } finally {
    progress.end()
  }
  if (request.dryRun) tellPlan(context, operations, request, summary)
  else await tellDone(context, given, operations, request, summary, context.io.now() - started)
  return summary.failed.length > 0 ? Exit.PARTIAL : Exit.OK
}

/** How fast a phase goes. */
class Pace {
  #phase: RestorePhase = 'restore'
  #since: number
  #first = 0

  /** @param startedMs milliseconds since 1970 */
  constructor(startedMs: number) {
    this.#since = startedMs
  }

  /** @returns entries per second; 0 where it cannot be told yet */
  of({ phase, done }: RestoreProgress, nowMs: number): number {
    if (phase !== this.#phase) {
      this.#phase = phase
      this.#since = nowMs
      this.#first = done
    }
    const ms = nowMs - this.#since
    return ms > 0 ? ((done - this.#first) / ms) * 1000 : 0
  }
}

function describe(step: RestoreProgress, rate: number, planned: boolean) {
  const { phase, files, bytes, done, total } = step
  const left = total === undefined || rate === 0 ? 0 : (total - done) / rate
  const all = counted(total ?? done, 'entry', 'entries')
  const said = {
    restore: `${planned ? 'planned' : 'restored'} ${counted(files, 'file')}, ${size(bytes)}`,
    delete: 'deleting what was not there',
    verify: 'verifying',
  }[phase]
  const parts = [
    `${total === undefined ? '' : `${bar(done, total)}  `}${said}`,
    ...(total === undefined && phase === 'restore'
      ? []
      : [total === undefined ? all : `${count(done)} of ${all}`]),
    ...(rate >= 1 ? [`${count(Math.round(rate))}/s`] : []),
    ...(left >= 1 ? [`${duration(left)} left`] : []),
  ]
  return { text: parts.join(', '), json: { ...step, perSecond: Math.round(rate) } }
}

function tellPlan(
  context: Context,
  { dataset }: Operations,
  { snapshot }: RestoreRequest,
  summary: RestoreSummary,
): void {
  const { failed, safetySnapshot: _, plan, ...counts } = summary
  for (const entry of plan) printEntry(context, entry)
  const { attributes, deleted, verified: _verified, bytes: _bytes, ...entries } = counts
  const all = Object.values(entries).reduce((sum, many) => sum + many, attributes + deleted)
  const more = all - plan.length
  if (more > 0) context.print(`... and ${counted(more, 'more entry', 'more entries')}`)
  reportFailed(context, failed)
  context.print(plannedSentence(counts, attributes, deleted))
  context.printJson({
    ...{ event: 'planned', dataset, snapshot, ...counts },
    failed: jsonFailures(context, failed),
  })
}

async function tellDone(
  context: Context,
  given: Given,
  operations: Operations,
  request: RestoreRequest,
  summary: RestoreSummary,
  ms: number,
): Promise<void> {
  const { snapshot } = request
  const { failed, safetySnapshot, plan: _, ...counts } = summary
  const undo = await undoOf(context, given, operations, request, safetySnapshot)
  reportFailed(context, failed)
  if (request.delete && failed.length > 0 && counts.deleted === 0) {
    context.warn('nothing was deleted, because not everything could be restored')
  }
  context.print(sentence(summary, snapshot, ms) + (undo === undefined ? '' : `; undo: ${undo}`))
  context.printJson({
    ...{ event: 'restored', dataset: operations.dataset, snapshot, ...counts, copiedBytes: 0 },
    failed: jsonFailures(context, failed),
    ...{ safetySnapshot: safetySnapshot ?? null, undo: undo ?? null, seconds: ms / 1000 },
  })
}

function sentence(summary: RestoreSummary, snapshot: string, ms: number): string {
  const { files, directories, attributes, deleted, bytes, skipped } = summary
  const gone = deleted > 0 ? [`${counted(deleted, 'entry', 'entries')} deleted`] : []
  const checked = summary.verified > 0 ? [`${count(summary.verified)} verified`] : []
  const left = [...leftOut(summary), ...gone, ...checked]
  if (files === 0 && directories === 0) {
    const only = attributes > 0 ? [`restored attributes of ${counted(attributes, 'folder')}`] : []
    if (attributes > 0 || deleted > 0) return [...only, ...left, `in ${elapsed(ms)}`].join(', ')
    const why = left.length === 0 ? '' : `: ${left.join(', ')}`
    const same = skipped > 0 ? '' : `; it is as it was in '${snapshot}'`
    return `nothing was restored${why}${same}`
  }
  const restored = `restored ${amount(summary)}, ${size(bytes)}`
  return [`${restored} (all shared, 0 B copied)`, ...left, `in ${elapsed(ms)}`].join(', ')
}

/** How to go back to the safety snapshot; what was not there before is to be deleted. */
async function undoOf(
  context: Context,
  given: Given,
  operations: Operations,
  { paths, overwrite, delete: deleting }: RestoreRequest,
  safety: string | undefined,
): Promise<string | undefined> {
  if (safety === undefined) return undefined
  const before: string[] = []
  const made: string[] = []
  for (const path of paths) {
    const there = await exists(operations, safety, path)
    const list = there ? before : made
    const shown = context.seen(path)
    list.push(shown.length === 0 ? '/' : (utf8(shown) ?? printable(shown)))
  }
  const exactly = deleting ? ['--delete'] : []
  const where = [...datasetOption(given), ...dataOption(context, given)]
  if (overwrite === 'keep-both' && before.length > 0) {
    const { dataset } = operations
    const of = dataset === '' ? [] : ['--dataset', dataset]
    const words = ['zerofs-nfs', 'diff', safety, ...of, ...dataOption(context, given)]
    const diff = words.map(shellWord).join(' ')
    return `delete what came beside; ${diff} lists it`
  }
  const options = ['--snapshot', safety, ...exactly, ...where]
  const dashed = before.some((path) => path.startsWith('-'))
  const words = dashed ? [...options, '--', ...before] : [...before, ...options]
  const command = ['zerofs-nfs', 'restore', ...words].map(shellWord).join(' ')
  const remove = `delete ${made.map(shellWord).join(' ')}, which was not there before`
  if (made.length === 0) return command
  return before.length === 0 ? remove : `${command}, and ${remove}`
}

async function exists(operations: Operations, snapshot: string, path: Uint8Array) {
  try {
    await operations.stat(snapshot, path)
    return true
  } catch (error) {
    if (error instanceof FsError && (error.code === 'NOENT' || error.code === 'NOTDIR'))
      return false
    throw error
  }
}
