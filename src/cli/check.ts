/** `zerofs-nfs check` */

import { dataFolder } from './context.ts'
import { abortable, Exit } from './errors.ts'
import { withOperations } from './operations.ts'
import type { Command } from './options.ts'
import { counted } from './text.ts'

export const check: Command = {
  name: 'check',
  args: '',
  usage: '',
  about: 'prove that the store is sound: its counts, its space, its checksums',
  options: [],
  json: 'lines',
  notes: 'It reads only. Problems are listed, one a line, and then it exits with 1.',
  examples: ['zerofs-nfs check', 'zerofs-nfs check --data /srv/data --json'],
  run: (context, given) =>
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
    }),
}
