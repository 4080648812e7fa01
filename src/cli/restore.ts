/** `zerofs-nfs restore`: back into the file system, or out to this machine's disk. */
import type { Operations, RestoreSummary } from '../control/operations.ts'
import { FsError } from '../fs/error.ts'
import { type Context, dataFolder, dataOption } from './context.ts'
import { abortable, Exit, UsageError } from './errors.ts'
import { exportCommand } from './export.ts'
import { jsonFailures, reportFailed } from './failures.ts'
import { explained, withOperations } from './operations.ts'
import type { Command, Given } from './options.ts'
import { parsePath } from './paths.ts'
import { withPick } from './pick.ts'
import { Progress } from './progress.ts'
import { count, counted, elapsed, printable, shellWord, size, utf8 } from './text.ts'

const OVERWRITE = ['never', 'if-changed', 'always'] as const

export const restore: Command = {
  name: 'restore',
  args: '[...paths]',
  usage: 'PATH... --snapshot NAME',
  about: 'put files and trees back as they were in a snapshot',
  options: [
    { name: 'snapshot', value: 'NAME', about: 'the snapshot to restore from' },
    { name: 'to', value: 'PATH', about: 'restore to another path of the file system' },
    {
      name: 'output',
      value: 'LOCAL',
      about: "write to this machine's disk instead; an existing folder gets it under its own name",
    },
    {
      name: 'overwrite',
      value: 'RULE',
      about: 'what is there already: never, if-changed or always (default: if-changed)',
    },
    { name: 'source', value: 'PATH', many: true, about: 'the same as PATH' },
    { name: 'destination', value: 'LOCAL', about: 'the same as --output LOCAL' },
  ],
  json: 'lines',
  notes:
    'PATH counts from the root of what is served. Restoring inside the file system copies no data. In\n' +
    'place (without --to and --output) it makes a snapshot first, and says how to go back to it. What\n' +
    'was made since the snapshot stays. A restore that was interrupted is completed by the same command.\n' +
    'On a terminal, a file without a snapshot lists its versions to pick from.',
  examples: [
    'zerofs-nfs restore project/config.yml --snapshot before-upgrade',
    'zerofs-nfs restore project --snapshot before-upgrade --to project-before',
    'zerofs-nfs restore project --snapshot before-upgrade --output /tmp',
    'zerofs-nfs restore --source project --destination /tmp/project --snapshot before-upgrade',
    'zerofs-nfs restore --snapshot before-upgrade -- -strange-name',
  ],
  async run(context, given) {
    const wanted = wantedOf(await withPick(context, given))
    const { output } = wanted
    return withOperations(context, dataFolder(context, given), 'restore', (operations, signal) => {
      if (output !== undefined) {
        const { paths, snapshot, overwrite } = wanted
        const what = { paths, snapshot, overwrite, output }
        return explained(operations, snapshot, exportCommand(context, operations, what, signal))
      }
      return restoreInside(context, given, operations, wanted, signal)
    })
  },
}

interface Wanted {
  readonly snapshot: string
  readonly paths: readonly Uint8Array[]
  readonly to: Uint8Array | undefined
  readonly output: string | undefined
  readonly overwrite: (typeof OVERWRITE)[number]
}

/** @throws UsageError */
function wantedOf(given: Given): Wanted {
  const snapshot = given.value('snapshot')
  const sources = [...given.args, ...given.values('source')]
  const [first] = sources
  if (snapshot === undefined) {
    throw new UsageError("'restore' needs --snapshot NAME ('zerofs-nfs snapshot list' tells them)")
  }
  if (first === undefined) {
    throw new UsageError("'restore' needs a PATH; / restores everything")
  }
  const destination = given.value('destination')
  if (destination !== undefined && given.value('output') !== undefined) {
    throw new UsageError('--output and --destination are the same: give one of them')
  }
  const output = given.value('output') ?? destination
  const to = given.value('to')
  if (to !== undefined && output !== undefined) {
    throw new UsageError('--to is inside the file system and --output outside: give one of them')
  }
  return {
    ...{ snapshot, output, paths: sources.map(parsePath) },
    to: to === undefined ? undefined : parsePath(to),
    overwrite: given.word('overwrite', OVERWRITE, 'if-changed'),
  }
}

const INTERRUPTED = 'interrupted; the same command completes what was begun'

async function restoreInside(
  context: Context,
  given: Given,
  operations: Operations,
  { snapshot, paths, to, overwrite }: Wanted,
  signal: AbortSignal,
): Promise<number> {
  const started = context.io.now()
  const progress = new Progress(context)
  const running = operations.restore({ snapshot, paths, to, overwrite }, (step) =>
    progress.update(() => ({
      text: `restored ${counted(step.files, 'file')}, ${size(step.bytes)}`,
      json: { ...step },
    })),
  )
  let summary: RestoreSummary
  try {
    const restored = explained(operations, snapshot, running)
    summary = await abortable(signal, restored, INTERRUPTED)
  } finally {
    progress.end()
  }
  const undo = await undoOf(context, given, operations, paths, summary.safetySnapshot)
  const ms = context.io.now() - started
  reportFailed(context, summary.failed)
  context.print(sentence(summary, snapshot, ms) + (undo === undefined ? '' : `; undo: ${undo}`))
  const { failed, safetySnapshot, ...counts } = summary
  context.printJson({
    ...{ event: 'restored', snapshot, ...counts, copiedBytes: 0 },
    failed: jsonFailures(failed),
    ...{ safetySnapshot: safetySnapshot ?? null, undo: undo ?? null, seconds: ms / 1000 },
  })
  return failed.length > 0 ? Exit.PARTIAL : Exit.OK
}

function sentence(summary: RestoreSummary, snapshot: string, ms: number): string {
  const { files, directories, bytes, unchanged, skipped } = summary
  const left = [
    ...(unchanged > 0 ? [`${count(unchanged)} unchanged`] : []),
    ...(skipped > 0 ? [`${count(skipped)} left alone`] : []),
  ]
  if (files === 0 && directories === 0) {
    const why = left.length === 0 ? '' : `: ${left.join(', ')}`
    return `nothing was restored${why}; it is as it was in '${snapshot}'`
  }
  const folders = directories > 0 ? ` in ${counted(directories, 'folder')}` : ''
  const restored = `restored ${counted(files, 'file')}${folders}, ${size(bytes)}`
  return [`${restored} (all shared, 0 B copied)`, ...left, `in ${elapsed(ms)}`].join(', ')
}

/** How to go back to the safety snapshot; what was not there before is to be deleted. */
async function undoOf(
  context: Context,
  given: Given,
  operations: Operations,
  paths: readonly Uint8Array[],
  safety: string | undefined,
): Promise<string | undefined> {
  if (safety === undefined) return undefined
  const before: string[] = []
  const made: string[] = []
  for (const path of paths) {
    const there = await exists(operations, safety, path)
    const list = there ? before : made
    list.push(path.length === 0 ? '/' : (utf8(path) ?? printable(path)))
  }
  const options = ['--snapshot', safety, ...dataOption(context, given)]
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
