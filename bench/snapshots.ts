/** What snapshots cost, in trees of several sizes: `npx tsx bench/snapshots.ts --help`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { argumentsOf, numberOf, numbersOf } from './arguments.ts'
import type { Cost } from './meter.ts'
import { runPart } from './parts.ts'
import type { Measured, Part } from './snapshots-part.ts'
import { markdown, milliseconds, save, size } from './tables.ts'
import { DEFAULT_DIR } from './tree.ts'

const HELP = `
Usage: npx tsx bench/snapshots.ts [OPTIONS]

What snapshots cost in trees of several sizes: making one, the first and the second write behind it,
deleting it, a diff, restores, a rollback. In process, without a network; what is measured is done
when it is on the disk. Told of each: the median time, records of the intent log, and bytes written.

  --files N,N,...   sizes of the tree (1e3,1e5,1e6)
  --changes N       how much changes between two snapshots (1000)
  --bytes N         bytes of each file (4096)
  --rounds N        rounds of what takes long (3); the rest has seven times as many
  --dir DIR         the disk to measure on (${DEFAULT_DIR})
  --save            keeps the table in bench/README.md and the figures in bench/results
`
const QUICK = 7

const options = argumentsOf(HELP, {
  files: { type: 'string', default: '1e3,1e5,1e6' },
  changes: { type: 'string', default: '1000' },
  bytes: { type: 'string', default: '4096' },
  rounds: { type: 'string', default: '3' },
  dir: { type: 'string', default: DEFAULT_DIR },
  save: { type: 'boolean', default: false },
})

function measure(files: number, dir: string): Measured {
  const directory = join(dir, `store-${files}`)
  const rounds = numberOf(options.rounds)
  const sizes = { files, bytes: numberOf(options.bytes), changes: numberOf(options.changes) }
  const part = { directory, ...sizes, rounds, quickRounds: QUICK * rounds }
  console.error(`${files} files: making them`)
  runPart('./snapshots-part.ts', { ...part, work: 'make' } satisfies Part)
  console.error(`${files} files: measuring`)
  const measured = runPart<Measured>('./snapshots-part.ts', {
    ...part,
    work: 'measure',
  } satisfies Part)
  rmSync(directory, { recursive: true })
  return measured
}

function cell(cost: Cost | undefined): string {
  if (cost === undefined) return ''
  const records = `${Math.round(cost.records).toLocaleString('en')} records`
  return `${milliseconds(cost.ms)} · ${records} · ${size(cost.written)}`
}

function table(all: readonly Measured[]): string {
  const [smallest] = all
  const largest = all.at(-1)
  const rows = Object.keys(smallest?.costs ?? {}).map((row) => {
    const ratio = (largest?.costs[row]?.ms ?? 0) / (smallest?.costs[row]?.ms ?? 0)
    return [row, ...all.map(({ costs }) => cell(costs[row])), ratio.toFixed(2)]
  })
  const memory = all.map((measured) => size(measured.memory))
  const ratio = (largest?.memory ?? 0) / (smallest?.memory ?? 0)
  const head = all.map(({ files }) => `${files.toLocaleString('en')} files`)
  return markdown(
    ['', ...head, 'time, last to first'],
    [...rows, ['peak memory of the process', ...memory, ratio.toFixed(2)]],
  )
}

const dir = mkdtempSync(join(options.dir, 'zerofs-nfs-bench-'))
try {
  const all = numbersOf(options.files).map((files) => measure(files, dir))
  console.log(table(all))
  const about = `files of ${options.bytes} bytes, median of ${options.rounds} rounds`
  if (options.save) save({ name: 'snapshots', dir, about, table: table(all), figures: all })
} finally {
  rmSync(dir, { recursive: true, force: true })
}
