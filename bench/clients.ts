/** What becomes of it with more clients: `npx tsx bench/clients.ts --help`. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { argumentsOf, numberOf, numbersOf } from './arguments.ts'
import { clientsChart, clientsTable, type Point } from './clients-table.ts'
import { MIB } from './dense.ts'
import { type Generator, measure, NFSBENCH_HELP, NFSBENCH_OPTION, nfsbenchAt } from './nfsbench.ts'
import { peers } from './peers.ts'
import { type Server, startOurs } from './servers.ts'
import { save } from './tables.ts'
import { DEFAULT_DIR } from './tree.ts'

const HELP = `
Usage: npx tsx bench/clients.ts [OPTIONS]

How fast this server and nfs-ganesha answer 1 to 256 connections with a few requests under way on
each, in turns, and how much memory the server then has. The program is built first: npm run build.

  ${NFSBENCH_HELP}
  --connections A,B..  how many there are (1,4,16,64,256)
  --inflight N      requests under way on each (4)
  --rounds N        how often each is measured (3)
  --seconds N       how long (1)
  --file N          MiB of the file that is read and written (256)
  --dir DIR         the disk to measure on (${DEFAULT_DIR})
  --no-peer         measures this server alone
  --save            keeps the table, the chart and the figures
`
const OPERATIONS = ['getattr', 'read_rand', 'write_rand', 'create'] as const

const options = argumentsOf(HELP, {
  nfsbench: NFSBENCH_OPTION,
  connections: { type: 'string', default: '1,4,16,64,256' },
  inflight: { type: 'string', default: '4' },
  rounds: { type: 'string', default: '3' },
  seconds: { type: 'string', default: '1' },
  file: { type: 'string', default: '256' },
  dir: { type: 'string', default: DEFAULT_DIR },
  'no-peer': { type: 'boolean', default: false },
  save: { type: 'boolean', default: false },
})

/** Bytes of memory that the server has now. */
function memoryOf({ pid }: Server): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024
}

async function round(
  program: Generator,
  server: Server,
  connections: number,
  points: Point[],
): Promise<void> {
  const group = {
    ...{ name: 'clients', operations: OPERATIONS, connections },
    inFlight: numberOf(options.inflight),
    options: ['--file-size', `${numberOf(options.file) * MIB}`, '--files', '100'],
  }
  for (const measured of await measure(program, server, group, Number(options.seconds))) {
    const { op: operation, errors, first_error } = measured
    if (errors > 0) throw new Error(`${operation}: status ${first_error}`)
    const memory = memoryOf(server)
    points.push({ server: server.name, operation, connections, memory, measured })
  }
}

async function bench(dir: string, servers: Server[]): Promise<void> {
  const program = nfsbenchAt(options.nfsbench, dir)
  const [ganesha] = peers(undefined)
  const missing = options['no-peer'] ? 'not asked for' : ganesha?.missing
  if (missing !== undefined) console.log(`nfs-ganesha is left out: ${missing}`)
  else if (ganesha !== undefined) servers.push(await ganesha.start(join(dir, 'ganesha')))
  servers.push(await startOurs(join(dir, 'sync'), 'sync'))
  const points: Point[] = []
  for (let i = 1; i <= numberOf(options.rounds); i++) {
    for (const connections of numbersOf(options.connections)) {
      for (const server of servers) {
        console.error(`${connections} connections: ${server.name}, round ${i}`)
        await round(program, server, connections, points)
      }
    }
  }
  const table = clientsTable(points)
  console.log(table)
  const about =
    `sync, ${options.inflight} requests in flight on each connection, ` +
    `median of ${options.rounds} rounds`
  const charts = { clients: clientsChart(points) }
  if (options.save) save({ name: 'clients', dir, about, table, charts, figures: points })
}

const dir = mkdtempSync(join(options.dir, 'zerofs-nfs-bench-'))
const servers: Server[] = []
try {
  await bench(dir, servers)
} finally {
  for (const server of servers) await server.stop()
  rmSync(dir, { recursive: true, force: true })
}
