/** `zerofs-nfs status` */
import type { Status } from '../control/operations.ts'
import { promotionText } from './clone.ts'
import { type Context, dataFolder } from './context.ts'
import { Exit } from './errors.ts'
import { withOperations } from './operations.ts'
import type { Command } from './options.ts'
import { scrubJson, scrubLines } from './scrub.ts'
import { freeingText } from './snapshot-text.ts'
import { columns, count, counted, duration, isoTime, localTime, size } from './text.ts'

function stateOf({ state, reason, uptime, pid }: Status): string {
  switch (state) {
    case 'serving':
      return `serving for ${duration(uptime)}, process ${pid}`
    case 'failed':
      return `FAILED: ${reason ?? 'the reason is not known'}`
    case 'offline':
      return 'no server is running'
  }
}

const COLOURS = { serving: 'green', failed: 'red', offline: 'dim' } as const

function rows(status: Status, style: Context['style']): string[][] {
  const served = status.state !== 'offline'
  const whenServed: string[][] = [
    ['addresses', status.addresses.join(', ')],
    ['connections', count(status.connections)],
    ...memoryRow(status),
    ['durability', status.durability],
  ]
  return [
    ['state', style(COLOURS[status.state], stateOf(status))],
    ['data folder', status.directory],
    ['version', status.version],
    ...(served ? whenServed : []),
    ['snapshots', count(status.snapshots)],
    ...freeingRow(status),
    ...status.promoting.map((one) => [
      'promoting',
      `dataset '${one.dataset}': ${promotionText(one)}`,
    ]),
    ['file data', size(status.dataBytes)],
    ['disk free', size(status.freeBytes)],
    ['intent log', `${size(status.logBytes)} to replay if this machine crashed now`],
    ...scheduleRows(status, style),
  ]
}

function memoryRow({ memory }: Status): string[][] {
  return memory === undefined
    ? []
    : [['memory', `${size(memory.used)} of at most ${size(memory.max)}`]]
}

function scheduleRows({ schedule, state }: Status, style: Context['style']): string[][] {
  if (schedule === undefined) return []
  const { next, failure } = schedule
  if (state !== 'serving') return [['schedule', 'set; it needs a server that serves']]
  const failed = failure === undefined ? [] : [['', style('red', `FAILED: ${failure}`)]]
  return [['schedule', `the next snapshot comes at ${localTime(next)}`], ...failed]
}

function scheduleJson(schedule: Status['schedule']) {
  if (schedule === undefined) return null
  return { next: isoTime(schedule.next), failure: schedule.failure ?? null }
}

function freeingRow({ freeing }: Status): string[][] {
  if (freeing === undefined) return []
  return [['deleting', `${counted(freeing.snapshots, 'snapshot')}: ${freeingText(freeing)}`]]
}

export const status: Command = {
  name: 'status',
  args: '',
  usage: '',
  about: 'tell what is served, and how the store is',
  options: [],
  json: 'document',
  notes:
    'Where no server runs, the store is looked at without one. A store that failed exits with 1.',
  examples: ['zerofs-nfs status', "zerofs-nfs status --json | jq '.freeBytes'"],
  run: (context, given) =>
    withOperations(context, dataFolder(context, given), 'status', async (operations) => {
      const found = await operations.status()
      const scrubbed = await operations.scrub('status')
      const scrubRows = scrubLines(scrubbed, context.io.now()).map((line, i) => [
        i === 0 ? 'scrub' : '',
        line,
      ])
      const all = [...rows(found, context.style), ...scrubRows]
      for (const line of columns(all)) context.print(line)
      const schedule = scheduleJson(found.schedule)
      const { reason = null, freeing = null, memory = null } = found
      const scrub = scrubJson(scrubbed)
      context.printJson({ ...found, reason, freeing, memory, schedule, scrub })
      return found.state === 'failed' ? Exit.ERROR : Exit.OK
    }),
}
