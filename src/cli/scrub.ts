/** `zerofs-nfs scrub`: a check beside the work of clients. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ScrubResult, ScrubRunning, ScrubStatus } from '../check/scrub.ts'
import type { Operations } from '../control/operations.ts'
import { type Context, dataFolder } from './context.ts'
import { CommandError, Exit, Interrupted, UsageError } from './errors.ts'
import { withOperations } from './operations.ts'
import type { Command } from './options.ts'
import { Progress } from './progress.ts'
import { Rate } from './rate.ts'
import { ago, counted, duration, isoTime, size } from './text.ts'

/** How often a running server is asked how far it is. */
const ASKED_MS = 200
const BLOCK_BYTES = 4096

type Use = (context: Context, operations: Operations, signal: AbortSignal) => Promise<number>

export const scrub: Command = {
  name: 'scrub',
  args: '[action]',
  usage: '[start|status|stop]',
  about: 'verify all data and metadata while clients work',
  options: [],
  json: 'lines',
  notes:
    'It does what check does, and gives way to clients: it takes the longer the more they do. Without\n' +
    "an action it waits for the result, and Ctrl-C ends it. 'start' leaves it to the running server,\n" +
    "'status' tells how far it is and how the last one went, 'stop' ends it. The result is kept until\n" +
    "the next one has come to its end; 'zerofs-nfs status' tells of it, too. Where something is\n" +
    'damaged it exits with 1.',
  examples: ['zerofs-nfs scrub', 'zerofs-nfs scrub start', 'zerofs-nfs scrub status --json'],
  run(context, given) {
    const action = given.args[0] ?? 'wait'
    const use = ACTIONS.get(action)
    if (use === undefined) {
      throw new UsageError(`a scrub can be told to start, status or stop, not '${action}'`)
    }
    const data = dataFolder(context, given)
    return withOperations(context, data, 'scrub', (operations, signal) =>
      use(context, operations, signal),
    )
  },
}

const wait: Use = async (context, operations, signal) => {
  const progress = new Progress(context)
  const rate = new Rate(context.io.now())
  let status = await operations.scrub('start')
  try {
    while (status.running !== undefined) {
      const { running } = status
      progress.update((now) => describe(running, rate, now))
      if (signal.aborted) {
        await operations.scrub('stop')
        throw new Interrupted('interrupted; nothing of it is kept')
      }
      await sleep(ASKED_MS)
      status = await operations.scrub('status')
    }
  } finally {
    progress.end()
  }
  if (status.failure === undefined) return tellLast(context, status)
  throw new CommandError(`it did not go to its end: ${status.failure}`)
}

const start: Use = async (context, operations) => {
  if ((await operations.status()).state === 'offline') {
    throw new CommandError("no server runs that could go on with it; use 'zerofs-nfs scrub' alone")
  }
  const status = await operations.scrub('start')
  context.print("a scrub runs; 'zerofs-nfs scrub status' tells how far it is")
  context.printJson({ event: 'status', ...scrubJson(status) })
  return Exit.OK
}

const tellStatus: Use = async (context, operations) => {
  const status = await operations.scrub('status')
  for (const problem of status.last?.problems ?? []) context.print(`problem: ${problem}`)
  for (const line of scrubLines(status, context.io.now())) context.print(line)
  context.printJson({ event: 'status', ...scrubJson(status) })
  return (status.last?.problemCount ?? 0) > 0 ? Exit.ERROR : Exit.OK
}

const stop: Use = async (context, operations) => {
  const { running } = await operations.scrub('status')
  const status = await operations.scrub('stop')
  context.print(running === undefined ? 'no scrub was running' : 'the scrub was stopped')
  context.printJson({ event: 'status', ...scrubJson(status) })
  return Exit.OK
}

const ACTIONS = new Map(Object.entries({ wait, start, status: tellStatus, stop }))

function describe({ done, doneBytes, totalBytes }: ScrubRunning, rate: Rate, now: number) {
  const json = { done, doneBytes, totalBytes, ...rate.json(now, doneBytes, totalBytes) }
  if (totalBytes === 0) return { text: `scrubbing metadata: ${done}`, json }
  return { text: `scrubbing ${rate.text(now, doneBytes, totalBytes)}`, json }
}

function tellLast(context: Context, status: ScrubStatus): number {
  const { last } = status
  if (last === undefined) throw new CommandError('its result could not be kept')
  for (const problem of last.problems) context.print(`problem: ${problem}`)
  const { inodes, blocks, started, ended } = last
  const looked = `${counted(inodes, 'file')} and ${size(blocks * BLOCK_BYTES)}`
  context.print(`scrubbed ${looked} in ${duration(ended - started)}: ${verdict(last)}`)
  context.printJson({ event: 'scrubbed', ...last })
  return last.problemCount > 0 ? Exit.ERROR : Exit.OK
}

const verdict = ({ problemCount }: ScrubResult): string =>
  problemCount === 0 ? 'no problems' : counted(problemCount, 'problem')

const timeJson = (seconds: number): string => isoTime({ seconds, nseconds: 0 })

/** For programs: with times that people can read, too. */
export function scrubJson({ running, last, failure }: ScrubStatus) {
  const times = last && { started: timeJson(last.started), ended: timeJson(last.ended) }
  return {
    running: running ?? null,
    last: last === undefined ? null : { ...last, ...times },
    failure: failure ?? null,
  }
}

/** How it stands with scrubs, a line each. */
export function scrubLines({ running, last, failure }: ScrubStatus, nowMs: number): string[] {
  const lines: string[] = []
  if (running !== undefined) {
    const { doneBytes, totalBytes, done } = running
    const far = totalBytes > 0 ? `${size(doneBytes)} of ${size(totalBytes)}` : done
    lines.push(`running since ${ago({ seconds: running.started, nseconds: 0 }, nowMs)}: ${far}`)
  }
  if (failure !== undefined) lines.push(`the newest did not go to its end: ${failure}`)
  const when = last && ago({ seconds: last.ended, nseconds: 0 }, nowMs)
  lines.push(last === undefined ? 'never done to its end' : `${when}: ${verdict(last)}`)
  return lines
}
