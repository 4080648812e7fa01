/** What restores take that stay inside the file system: `npx tsx bench/restore.ts --help`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { argumentsOf, numberOf } from './arguments.ts'
import { runPart } from './parts.ts'
import type { Measured, Part } from './restore-part.ts'
import { markdown, milliseconds, save, size } from './tables.ts'
import { DEFAULT_DIR } from './tree.ts'

const HELP = `
Usage: npx tsx bench/restore.ts [OPTIONS]

What restores of a large file and of a tree take, inside the file system: in process, until they are
on the disk. File data that is read and written, and blocks that are taken for it, are counted: a
restore shares what the snapshot has.

  --large N     MiB of the large file (10240): so much room is needed on the disk
  --files N     files of the tree (100000)
  --bytes N     bytes of each (4096)
  --rounds N    how often each is done (3)
  --dir DIR     the disk to measure on (${DEFAULT_DIR})
  --save        keeps the table in bench/README.md and the figures in bench/results
`
const BLOCK_BYTES = 4096

const options = argumentsOf(HELP, {
  large: { type: 'string', default: '10240' },
  files: { type: 'string', default: '100000' },
  bytes: { type: 'string', default: '4096' },
  rounds: { type: 'string', default: '3' },
  dir: { type: 'string', default: DEFAULT_DIR },
  save: { type: 'boolean', default: false },
})

function table({ rows, memory }: Measured): string {
  const lines = rows.map(({ what, cost, files, bytes }) => [
    ...[what, milliseconds(cost.ms), files.toLocaleString('en'), size(bytes)],
    ...[size(cost.dataRead), size(cost.dataWritten), size(cost.blocks * BLOCK_BYTES)],
    size(cost.written),
  ])
  const restored = ['', 'time', 'files back', 'bytes back']
  const counted = ['data read', 'data written', 'room taken for data', 'metadata written']
  const text = markdown([...restored, ...counted], lines)
  return `${text}\n\nPeak memory of the process: ${size(memory)}.`
}

const dir = mkdtempSync(join(options.dir, 'zerofs-nfs-bench-'))
try {
  const [large, files] = [numberOf(options.large), numberOf(options.files)]
  const sizes = { large, files, bytes: numberOf(options.bytes), rounds: numberOf(options.rounds) }
  const part = { directory: join(dir, 'store'), ...sizes }
  console.error('making what is restored')
  runPart('./restore-part.ts', { ...part, work: 'make' } satisfies Part)
  console.error('restoring')
  const given = { ...part, work: 'measure' } satisfies Part
  const measured = runPart<Measured>('./restore-part.ts', given)
  console.log(table(measured))
  const about = `files of ${options.bytes} bytes, median of ${options.rounds} rounds`
  if (options.save)
    save({ name: 'restore', dir, about, table: table(measured), figures: measured.rows })
} finally {
  rmSync(dir, { recursive: true, force: true })
}
