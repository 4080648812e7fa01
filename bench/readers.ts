/** Whether clients notice that there are many snapshots: `npx tsx bench/readers.ts --help`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { argumentsOf, numberOf } from './arguments.ts'
import { type Measured, measure, NFSBENCH_HELP, NFSBENCH_OPTION, nfsbenchAt } from './nfsbench.ts'
import { runPart } from './parts.ts'
import type { Part } from './readers-part.ts'
import { median } from './report.ts'
import { rateOf } from './rows.ts'
import { type Server, startOurs } from './servers.ts'
import { listSnapshots } from './snapdir-client.ts'
import { markdown, milliseconds, save } from './tables.ts'
import { DEFAULT_DIR } from './tree.ts'

const HELP = `
Usage: npx tsx bench/readers.ts [OPTIONS]

How fast clients read live files in a store with many snapshots, beside one without: over TCP, each
from a server process of its own, in turns. And how long listing '.snapshots' takes, and looking up
each of its names. The program is built first: npm run build.

  ${NFSBENCH_HELP}
  --snapshots N     how many there are (1000)
  --files N         files of the tree (10000)
  --changes N       files that are written between two snapshots (100)
  --rounds N        how often each is measured (5)
  --seconds N       how long (2)
  --dir DIR         the disk to measure on (${DEFAULT_DIR})
  --save            keeps the table in bench/README.md and the figures in bench/results
`
const OPERATIONS = ['getattr', 'lookup', 'read_rand', 'write_rand'] as const

const options = argumentsOf(HELP, {
  nfsbench: NFSBENCH_OPTION,
  snapshots: { type: 'string', default: '1000' },
  files: { type: 'string', default: '10000' },
  changes: { type: 'string', default: '100' },
  rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '2' },
  dir: { type: 'string', default: DEFAULT_DIR },
  save: { type: 'boolean', default: false },
})

const GROUP = {
  ...{ name: 'readers', operations: OPERATIONS },
  ...{ connections: 4, inFlight: 16 },
}

interface Side {
  readonly server: Server
  readonly rounds: Measured[]
  /** Milliseconds of listing `.snapshots`, and of looking up all names in it. */
  readonly listings: number[]
  readonly lookups: number[]
}

async function start(dir: string, snapshots: number): Promise<Side> {
  const shape = { files: numberOf(options.files), changes: numberOf(options.changes) }
  const part: Part = { directory: join(dir, 'data'), snapshots, ...shape }
  runPart('./readers-part.ts', part)
  const server = await startOurs(dir, 'sync')
  return { server, rounds: [], listings: [], lookups: [] }
}

function table(many: Side, none: Side, snapshots: number): string {
  const rows = OPERATIONS.map((operation) => {
    const { field, unit } = rateOf(operation)
    const of = ({ rounds }: Side, figure: keyof Measured) =>
      median(rounds.filter(({ op }) => op === operation).map((round) => Number(round[figure])))
    const shown = (side: Side) => {
      const rate = Math.round(of(side, field)).toLocaleString('en')
      return `${rate} · ${of(side, 'server_cpu_us_per_op').toFixed(2)} us`
    }
    const ratio = (figure: keyof Measured) => (of(many, figure) / of(none, figure)).toFixed(2)
    const ratios = [ratio(field), ratio('server_cpu_us_per_op')]
    return [`${operation} (${unit} · CPU)`, shown(none), shown(many), ...ratios]
  })
  const { listings, lookups } = many
  const extra = [
    [`listing .snapshots of ${snapshots}`, '', milliseconds(median(listings)), '', ''],
    ['looking up each of its names', '', milliseconds(median(lookups)), '', ''],
  ]
  const head = ['', 'no snapshots', `${snapshots} snapshots`, 'rate ratio', 'CPU ratio']
  return markdown(head, [...rows, ...extra])
}

async function bench(dir: string, sides: Side[]): Promise<void> {
  const program = nfsbenchAt(options.nfsbench, dir)
  const [snapshots, rounds] = [numberOf(options.snapshots), numberOf(options.rounds)]
  console.error('making the stores')
  const none = await start(join(dir, 'none'), 0)
  sides.push(none)
  const many = await start(join(dir, 'many'), snapshots)
  sides.push(many)
  for (let i = 1; i <= rounds; i++) {
    console.error(`round ${i}`)
    for (const side of sides) {
      const measured = await measure(program, side.server, GROUP, Number(options.seconds))
      const wrong = measured.find(({ errors }) => errors > 0)
      if (wrong !== undefined) throw new Error(`${wrong.op}: status ${wrong.first_error}`)
      side.rounds.push(...measured)
    }
    const { names, listing, lookups } = await listSnapshots(many.server.port)
    if (names !== snapshots) throw new Error(`.snapshots lists ${names} names`)
    many.listings.push(listing)
    many.lookups.push(lookups)
  }
  const shown = table(many, none, snapshots)
  console.log(shown)
  const about =
    `sync, 4 clients with 16 requests in flight each, ${options.changes} of ` +
    `${options.files} files written between two snapshots, median of ${rounds} rounds`
  if (options.save) save({ name: 'readers', dir, about, table: shown, figures: [none, many] })
}

const dir = mkdtempSync(join(options.dir, 'zerofs-nfs-bench-'))
const sides: Side[] = []
try {
  await bench(dir, sides)
} finally {
  for (const { server } of sides) await server.stop()
  rmSync(dir, { recursive: true, force: true })
}
