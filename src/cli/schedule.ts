/** `zerofs-nfs schedule show|set|off|run|prune` */
import type { PolicyChange, ScheduleInfo, Verdict } from '../control/operations.ts'
import { PERIODS, SCHEDULE_COUNT_MAX } from '../snapshot/retention.ts'
import { type Context, datasetWords } from './context.ts'
import { abortable, Exit, UsageError } from './errors.ts'
import { withDataset } from './operations.ts'
import type { Command, Given } from './options.ts'
import { columns, count, counted, isoTime, localTime } from './text.ts'

function printSchedule(context: Context, given: Given, { on, periods }: ScheduleInfo): void {
  const how = `zerofs-nfs schedule set --hourly 24 --daily 30${datasetWords(given)}`
  if (!on) context.print(`no schedule is set; '${how}' sets one`)
  const now = context.io.now()
  const rows = periods.map(({ period, keep, snapshots, newest, next }) => [
    ...[period, count(keep), count(snapshots), newest === undefined ? '-' : localTime(newest)],
    next === undefined ? '-' : next.seconds * 1000 <= now ? 'due now' : localTime(next),
  ])
  if (rows.length > 0) {
    const [head = '', ...lines] = columns([['PERIOD', 'KEEP', 'THERE', 'NEWEST', 'NEXT'], ...rows])
    context.print(context.style('bold', head.trimEnd()))
    for (const line of lines) context.print(line)
  }
  const asJson = periods.map(({ newest, next, ...counts }) => ({
    ...counts,
    newest: newest === undefined ? null : isoTime(newest),
    next: next === undefined ? null : isoTime(next),
  }))
  context.printJson({ on, periods: asJson })
}

export const scheduleShow: Command = {
  name: 'schedule show',
  args: '',
  usage: '',
  about: 'show which snapshots are taken by themselves, and how many are kept',
  options: [],
  ofDataset: true,
  json: 'document',
  notes:
    'Periods begin in UTC: at full hours, at midnight, on Mondays, on the first of a month and of a\n' +
    'year. Times are shown as this machine has them. Each dataset has a schedule of its own.',
  examples: ['zerofs-nfs schedule show', 'zerofs-nfs schedule show --json --dataset projects'],
  run: (context, given) =>
    withDataset(context, given, 'schedule show', async (operations) => {
      printSchedule(context, given, await operations.schedule())
      return Exit.OK
    }),
}

/** @throws UsageError */
function changeOf(given: Given): PolicyChange {
  const counts = PERIODS.map((period) => {
    const value = given.value(period)
    if (value === undefined) return [period, undefined]
    const number = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN
    if (number <= SCHEDULE_COUNT_MAX) return [period, number]
    throw new UsageError(`--${period} is a number from 0 to ${SCHEDULE_COUNT_MAX}, not '${value}'`)
  })
  if (counts.every(([, number]) => number === undefined)) {
    throw new UsageError('how many snapshots of which period are kept? --daily 30, for example')
  }
  return Object.fromEntries(counts)
}

const EVERY = {
  frequently: 'snapshots taken every 15 minutes',
  hourly: 'hourly ones',
  daily: 'daily ones',
  weekly: 'weekly ones, of Mondays',
  monthly: 'monthly ones',
  yearly: 'yearly ones',
}

export const scheduleSet: Command = {
  name: 'schedule set',
  args: '',
  usage: '',
  about: 'take snapshots by themselves, and keep so many of each period',
  options: PERIODS.map((name) => ({ name, value: 'N', about: `keep the newest N ${EVERY[name]}` })),
  ofDataset: true,
  json: 'document',
  notes:
    'The running server takes one snapshot of each period when it begins, the first ones at once,\n' +
    'named auto-PERIOD-TIME, and then prunes what is beyond N. Periods that are not named stay as\n' +
    'they were; of one with N = 0 none are taken, and those that there are go. Snapshots that are\n' +
    "held, or have other names, are never pruned. 'schedule prune --dry-run' tells beforehand.",
  examples: [
    'zerofs-nfs schedule set --hourly 24 --daily 30 --monthly 12',
    'zerofs-nfs schedule set --frequently 4 --hourly 0',
    'zerofs-nfs schedule set --daily 7 --dataset projects',
  ],
  run: (context, given) => {
    const change = changeOf(given)
    return withDataset(context, given, 'schedule set', async (operations) => {
      printSchedule(context, given, await operations.setSchedule(change))
      return Exit.OK
    })
  },
}

export const scheduleOff: Command = {
  name: 'schedule off',
  args: '',
  usage: '',
  about: 'take and prune no more snapshots; those that there are stay',
  options: [],
  ofDataset: true,
  json: 'document',
  examples: ['zerofs-nfs schedule off', 'zerofs-nfs schedule off --dataset projects'],
  run: (context, given) =>
    withDataset(context, given, 'schedule off', async (operations) => {
      printSchedule(context, given, await operations.endSchedule())
      return Exit.OK
    }),
}

export const scheduleRun: Command = {
  name: 'schedule run',
  args: '',
  usage: '',
  about: 'take the snapshots that are due now, and prune by the schedule',
  options: [],
  ofDataset: true,
  json: 'document',
  notes: 'A running server does this by itself. Where none runs, a job of the system may.',
  examples: ['zerofs-nfs schedule run', 'zerofs-nfs schedule run --json --data /srv/data'],
  run: (context, given) => {
    return withDataset(context, given, 'schedule run', async (operations, signal) => {
      const taken = (await operations.runSchedule()).map(({ name }) => name)
      for (const name of taken) context.print(`taken   ${name}`)
      if (taken.length === 0) context.print('nothing is due')
      const pruning = operations.pruneSchedule(false, (name) => context.print(`pruned  ${name}`))
      const verdicts = await abortable(signal, pruning, INTERRUPTED)
      context.printJson({ taken, ...sorted(verdicts) })
      return Exit.OK
    })
  },
}

const INTERRUPTED = 'interrupted; a pruning that has begun goes on by itself'

/** What is pruned, and what kept, for JSON. */
function sorted(verdicts: readonly Verdict[]) {
  const told = (keep: boolean) =>
    verdicts.flatMap(({ keep: kept, ...rest }) => (kept === keep ? [rest] : []))
  return { pruned: told(false), kept: told(true) }
}

export const schedulePrune: Command = {
  name: 'schedule prune',
  args: '',
  usage: '',
  about: 'delete the snapshots that the schedule no longer keeps',
  options: [{ name: 'dry-run', about: 'only tell what would be pruned and kept, and why' }],
  ofDataset: true,
  json: 'document',
  notes: 'A running server does this by itself, after it has taken a snapshot.',
  examples: ['zerofs-nfs schedule prune --dry-run', 'zerofs-nfs schedule prune'],
  run: (context, given) => {
    const dryRun = given.flag('dry-run')
    return withDataset(context, given, 'schedule prune', async (operations, signal) => {
      const pruning = operations.pruneSchedule(dryRun, (name) => context.print(`pruned  ${name}`))
      const verdicts = await abortable(signal, pruning, INTERRUPTED)
      if (dryRun) printPlan(context, verdicts)
      const { pruned, kept } = sorted(verdicts)
      const done = `${counted(pruned.length, 'snapshot')} ${dryRun ? 'would be pruned' : 'pruned'}`
      context.print(`${done}, ${count(kept.length)} kept`)
      context.printJson({ dryRun, pruned, kept })
      return Exit.OK
    })
  },
}

function printPlan(context: Context, verdicts: readonly Verdict[]): void {
  const rows = verdicts.map(({ name, keep, why }) => [keep ? 'keep' : 'prune', name, why])
  for (const line of columns(rows)) context.print(line)
}
