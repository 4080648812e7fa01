/** `zerofs-nfs rollback`: everything as it was in a snapshot. */
import type {
  RollbackCounts,
  RollbackEntry,
  RollbackProgress,
  RollbackSummary,
} from '../control/rollback.ts'
import { type Context, dataOption, datasetOption } from './context.ts'
import { abortable, Exit } from './errors.ts'
import { jsonFailures, jsonPath, reportFailed } from './failures.ts'
import { explained, withDataset } from './operations.ts'
import type { Command, Given } from './options.ts'
import { Progress } from './progress.ts'
import { count, counted, elapsed, printable, shellWord, size } from './text.ts'
import { AT_OPTION, askedSnapshot, nameOf } from './which-snapshot.ts'

const INTERRUPTED = 'interrupted; the same command completes what was begun'
const ACTION_COLUMNS = 'attributes'.length

export const rollback: Command = {
  name: 'rollback',
  args: '[snapshot]',
  usage: 'SNAPSHOT|--at TIME',
  about: 'bring all of a dataset back to exactly what a snapshot shows',
  options: [AT_OPTION, { name: 'dry-run', about: 'tell what would be done, and do nothing' }],
  ofDataset: true,
  json: 'lines',
  notes:
    'It takes as long as what changed since the snapshot, however much there is besides, and copies\n' +
    'no data. What was made since is removed. It makes a snapshot first (pre-rollback-TIME), which\n' +
    'has all of that, and says how to go back to it; where nothing has changed it makes none. All\n' +
    'other snapshots stay, later ones too. Clients may go on working; what they change while it\n' +
    'runs may stay. A rollback that was interrupted is completed by the same command. To put back a\n' +
    "part of the files, use 'zerofs-nfs restore'. TIMEs are those of restore: one stands for all of\n" +
    'what it names (2026-11-22: that day). Snapshots that were made to go back to do not count for it.',
  examples: [
    'zerofs-nfs rollback before-upgrade --dry-run',
    'zerofs-nfs rollback before-upgrade --dataset projects',
    'zerofs-nfs rollback --at "2 hours ago"',
    'zerofs-nfs rollback pre-rollback-20261122-201405   # undoes that rollback',
  ],
  async run(context, given) {
    const name = { named: given.args[0], naming: 'SNAPSHOT', needs: 'SNAPSHOT' }
    const asked = askedSnapshot(given, 'rollback', name, context.io.now())
    const dryRun = given.flag('dry-run')
    return withDataset(context, given, 'rollback', async (operations, signal) => {
      const snapshot = await nameOf(context, operations, asked)
      const started = context.io.now()
      const progress = new Progress(context)
      const running = operations.rollback({ snapshot, dryRun }, (step) =>
        progress.update(() => describe(step)),
      )
      let summary: RollbackSummary
      try {
        summary = await abortable(signal, explained(operations, snapshot, running), INTERRUPTED)
      } finally {
        progress.end()
      }
      const from = { dataset: operations.dataset, snapshot }
      if (dryRun) tellPlan(context, from, summary)
      else tellDone(context, given, from, summary, context.io.now() - started)
      return summary.failed.length > 0 ? Exit.PARTIAL : Exit.OK
    })
  },
}

const entries = (many: number) => counted(many, 'entry', 'entries')

function describe(step: RollbackProgress) {
  const { phase, done } = step
  const said = {
    compare: `looking for what changed, ${counted(done, 'record')}`,
    restore: `rolling back, ${entries(done)}: ${amounts(step).join(', ') || 'nothing yet'}`,
    delete: `deleting what came since, ${entries(step.deleted)}`,
  }[phase]
  return { text: said, json: { ...step } }
}

/** `3 brought back`, `2 replaced`: what became of everything that is not as it was. */
function amounts(counts: RollbackCounts): readonly string[] {
  const { created, replaced, moved, attributes, deleted } = counts
  return [
    ...(created > 0 ? [`${count(created)} brought back`] : []),
    ...(replaced > 0 ? [`${count(replaced)} replaced`] : []),
    ...(moved > 0 ? [`${count(moved)} renamed`] : []),
    ...(attributes > 0 ? [`attributes of ${count(attributes)}`] : []),
    ...(deleted > 0 ? [`${count(deleted)} deleted`] : []),
  ]
}

/** The snapshot, and whose it is. */
interface From {
  readonly dataset: string
  readonly snapshot: string
}

function tellPlan(context: Context, from: From, summary: RollbackSummary): void {
  const { failed, plan, safetySnapshot: _, ...counts } = summary
  for (const entry of plan) printEntry(context, entry)
  const { bytes, ...entries } = counts
  const more = Object.values(entries).reduce((sum, many) => sum + many, 0) - plan.length
  if (more > 0) context.print(`... and ${counted(more, 'more entry', 'more entries')}`)
  reportFailed(context, failed)
  const all = amounts(counts)
  const what = all.length === 0 ? asItWas(from.snapshot) : `would roll back: ${all.join(', ')}`
  const data = bytes > 0 ? `, ${size(bytes)}` : ''
  context.print(`${what}${data}; nothing was changed`)
  context.printJson({
    ...{ event: 'planned', ...from, ...counts },
    failed: jsonFailures(context, failed),
  })
}

const asItWas = (snapshot: string): string => `everything is as it was in '${snapshot}'`

function printEntry(context: Context, { action, path, bytes }: RollbackEntry): void {
  const amount = bytes > 0 ? `  (${size(bytes)})` : ''
  context.print(
    `${action.padEnd(ACTION_COLUMNS)}  ${printable(context.seen(path)) || '/'}${amount}`,
  )
  context.printJson({ event: 'plan', action, ...jsonPath(context.seen(path)), bytes })
}

function tellDone(
  context: Context,
  given: Given,
  from: From,
  summary: RollbackSummary,
  ms: number,
): void {
  const { failed, plan: _, safetySnapshot, ...counts } = summary
  const where = [...datasetOption(given), ...dataOption(context, given)]
  const words = ['zerofs-nfs', 'rollback', safetySnapshot ?? '', ...where]
  const undo = safetySnapshot === undefined ? undefined : words.map(shellWord).join(' ')
  reportFailed(context, failed)
  if (failed.length > 0 && counts.deleted === 0) {
    context.warn('nothing was deleted, because not everything could be put back')
  }
  if (undo === undefined) {
    context.print(`nothing was changed; ${asItWas(from.snapshot)}`)
  } else {
    const data = `${size(counts.bytes)} (all shared, 0 B copied)`
    const all = [...amounts(counts), data, `in ${elapsed(ms)}`].join(', ')
    context.print(`rolled back to '${from.snapshot}': ${all}; undo: ${undo}`)
  }
  context.printJson({
    ...{ event: 'rolled-back', ...from, ...counts, copiedBytes: 0 },
    failed: jsonFailures(context, failed),
    ...{ safetySnapshot: safetySnapshot ?? null, undo: undo ?? null, seconds: ms / 1000 },
  })
}
