/** `zerofs-nfs check` */

import { type Context, dataFolder } from './context.ts'
import { abortable, Exit } from './errors.ts'
import { withOperations } from './operations.ts'
import type { Command, Given } from './options.ts'
import { counted } from './text.ts'

export const check: Command = {
  name: 'check',
  args: '',
  usage: '',
  about: 'prove that the store is sound: its counts, its space, its checksums',
  options: [{ name: 'repair', about: 'put right what can be without guessing; no server may run' }],
  json: 'lines',
  notes:
    'It reads only. Problems are listed, one a line, and then it exits with 1. --repair corrects counters\n' +
    '(references of blocks, accounts, link counts, used bytes) that everything else tells, and takes\n' +
    'space back that nobody has. Where anything else is wrong it leaves them alone, but for what can\n' +
    'harm nobody. It says what it did, and exits with 0 where nothing is left.',
  examples: [
    'zerofs-nfs check',
    'zerofs-nfs check --data /srv/data --json',
    'zerofs-nfs check --repair',
  ],
  run: (context, given) => (given.flag('repair') ? repair(context, given) : look(context, given)),
}

const look = (context: Context, given: Given): Promise<number> =>
  withOperations(context, dataFolder(context, given), 'check', async (operations, signal) => {
    const progress = (done: string) => {
      context.printJson({ event: 'progress', done })
      context.print(done)
    }
    const report = await abortable(signal, operations.check(progress), 'interrupted')
    const { inodes, blocks, snapshots, problems } = report
    for (const problem of problems) context.print(`problem: ${problem}`)
    const verdict = problems.length === 0 ? 'no problems' : counted(problems.length, 'problem')
    const looked = [
      counted(inodes, 'inode'),
      counted(blocks, 'block'),
      counted(snapshots, 'snapshot'),
    ]
    context.print(`checked ${looked.join(', ')}: ${verdict}`)
    context.printJson({ event: 'checked', ...report })
    return problems.length === 0 ? Exit.OK : Exit.ERROR
  })

async function repair(context: Context, given: Given): Promise<number> {
  const { parts, version, warn } = context
  const directory = dataFolder(context, given)
  const report = (message: string, error: unknown) =>
    warn(`zerofs-nfs: ${message}: ${error instanceof Error ? error.message : error}`)
  const options = { directory, command: 'zerofs-nfs check --repair', version, report }
  const progress = (done: string) => {
    context.printJson({ event: 'progress', done })
    context.print(done)
  }
  const outcome = await parts.repair(options, progress)
  const { found, repaired, problems } = outcome
  for (const problem of found) context.print(`found: ${problem}`)
  for (const done of repaired) context.print(`repaired: ${done}`)
  for (const problem of problems) context.print(`not repaired: ${problem}`)
  const left =
    problems.length === 0 ? 'nothing is left' : `${counted(problems.length, 'problem')} left`
  context.print(
    `${counted(found.length, 'problem')} found, ${counted(repaired.length, 'repair')}: ${left}`,
  )
  context.printJson({ event: 'repaired', ...outcome })
  return problems.length === 0 ? Exit.OK : Exit.ERROR
}
