/** `zerofs-nfs backup`: the whole store, into a folder that is a store itself. */
import { resolve } from 'node:path'
import type { BackupProgress, BackupSummary } from '../control/backup.ts'
import { type Context, dataFolder } from './context.ts'
import { abortable, Exit, UsageError } from './errors.ts'
import { withOperations } from './operations.ts'
import type { Command, Given } from './options.ts'
import { Progress } from './progress.ts'
import { Rate } from './rate.ts'
import { parseSize } from './size.ts'
import { count, counted, elapsed, size } from './text.ts'

const INTERRUPTED =
  'interrupted: a server goes on with it; otherwise the same command completes what was begun'

export const backup: Command = {
  name: 'backup',
  args: '<dir>',
  usage: 'DIR',
  about: 'copy the store, as it is now, into a folder that is a store itself',
  options: [
    { name: 'rate', value: 'BYTES', about: 'copy at most so much in a second: --rate 50M' },
  ],
  json: 'lines',
  notes:
    'Clients go on working. The first backup copies everything, a later one into the same folder what\n' +
    'is new since. While it runs, what is deleted gives no room back. The folder is the former backup\n' +
    'until the new one is whole, and stays so where it fails. Data is verified as it is copied: what\n' +
    'is damaged is listed, everything else is in the backup, and the exit code is 3. To look into a\n' +
    "backup, or to restore from it, use it as a data folder: 'zerofs-nfs check --data DIR',\n" +
    "'zerofs-nfs serve DIR' (what is served is no backup any more; serve a copy, or make a new one).",
  examples: ['zerofs-nfs backup /mnt/disk/backup', 'zerofs-nfs backup /mnt/disk/backup --rate 50M'],
  run(context, given) {
    const directory = resolve(context.io.cwd, given.args[0] ?? '')
    const request = { directory, bytesPerSecond: rateOf(given) }
    const data = dataFolder(context, given)
    return withOperations(context, data, 'backup', async (operations, signal) => {
      const started = context.io.now()
      const progress = new Progress(context)
      const rate = new Rate(started)
      const running = operations.backup(request, (step) =>
        progress.update((now) => describe(step, rate, now)),
      )
      let summary: BackupSummary
      try {
        summary = await abortable(signal, running, INTERRUPTED)
      } finally {
        progress.end()
      }
      tell(context, directory, summary, context.io.now() - started)
      return summary.problems.length > 0 ? Exit.PARTIAL : Exit.OK
    })
  },
}

function rateOf(given: Given): number {
  const value = given.value('rate')
  if (value === undefined) return 0
  const bytes = parseSize(value)
  if (bytes !== undefined && bytes > 0) return bytes
  throw new UsageError(`--rate is a number of bytes, as 50M, not '${value}'`)
}

function describe(step: BackupProgress, rate: Rate, now: number) {
  const { phase, records, doneBytes, totalBytes } = step
  const json = { ...step, ...rate.json(now, doneBytes, totalBytes) }
  if (phase === 'compare') return { text: `comparing, ${counted(records, 'record')}`, json }
  if (phase === 'finish') return { text: 'putting the backup in place', json }
  return { text: `copying ${rate.text(now, doneBytes, totalBytes)}`, json }
}

function tell(context: Context, directory: string, summary: BackupSummary, ms: number): void {
  const { first, problems, copiedBytes, totalBytes, written, deleted } = summary
  for (const problem of problems) context.warn(`damaged: ${problem}`)
  if (problems.length > 0) {
    context.warn(`${counted(problems.length, 'problem')}: this is damaged in the backup, too`)
  }
  const records = `${counted(written, 'record')}${deleted > 0 ? `, ${count(deleted)} removed` : ''}`
  const what = first ? 'backed up' : 'brought up to date'
  const data = `${size(copiedBytes)} of ${size(totalBytes)} copied, ${records}`
  context.print(`${what} in ${directory}: ${data}, in ${elapsed(ms)}`)
  context.printJson({ event: 'backed-up', directory, ...summary, seconds: ms / 1000 })
}
