/**
 * A load generator of this project, that prints what nfsbench prints: `npx tsx bench/load.ts
 * --help`. It is there so that the benchmarks run everywhere. It takes more CPU for a request than
 * a server does: what it measures is itself.
 */
import { readFileSync } from 'node:fs'
import { argumentsOf, numberOf } from './arguments.ts'
import { OPERATIONS, type Operation, type Slot, Workplace } from './load-operations.ts'
import { NfsClient, StatusError } from './nfs-client.ts'

const HELP = `
Usage: npx tsx bench/load.ts [OPTIONS]

Keeps requests under way on a server, and prints a line of JSON for each operation.

  --port N          where NFS is (2049)
  --mountport N     where MOUNT is (the same)
  --export PATH     what to mount (/)
  --dir NAME        a directory that is made there (load)
  --op A,B,...      operations, in order (null)
  --inflight N      requests under way on each connection (16)
  --conns N         connections (1)
  --seconds S       time of each operation (1)
  --warmup S        time before it that does not count (0)
  --files N         files of getattr, lookup, access and setattr (1000)
  --entries N       entries of the directory that is listed (100000)
  --file-size N     bytes of the file that is read and written, whole MiB (${256 * 1024 * 1024})
  --pid N           the server's process, whose CPU time is counted
  --label TEXT      copied to the output
`
const TICKS_PER_SECOND = 100

const options = argumentsOf(HELP, {
  port: { type: 'string', default: '2049' },
  mountport: { type: 'string' },
  export: { type: 'string', default: '/' },
  dir: { type: 'string', default: 'load' },
  op: { type: 'string', default: 'null' },
  inflight: { type: 'string', default: '16' },
  conns: { type: 'string', default: '1' },
  seconds: { type: 'string', default: '1' },
  warmup: { type: 'string', default: '0' },
  files: { type: 'string', default: '1000' },
  entries: { type: 'string', default: '100000' },
  'file-size': { type: 'string', default: `${256 * 1024 * 1024}` },
  pid: { type: 'string' },
  label: { type: 'string', default: '' },
})

/** Seconds that the server has had, user and system. */
function serverCpu(): number {
  if (options.pid === undefined) return Number.NaN
  const stat = readFileSync(`/proc/${options.pid}/stat`, 'utf8')
  const [user, system] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 14).map(Number)
  return ((user ?? 0) + (system ?? 0)) / TICKS_PER_SECOND
}

class Tally {
  readonly latencies: number[] = []
  errors = 0
  firstError = 0
  bytes = 0
  entries = 0

  fail(error: unknown): void {
    if (!(error instanceof StatusError)) throw error
    this.errors++
    if (this.firstError === 0) this.firstError = error.status
  }

  /** Microseconds. */
  percentile(share: number): number {
    const sorted = this.latencies.toSorted((a, b) => a - b)
    return (sorted[Math.floor(share * sorted.length)] ?? 0) * 1000
  }
}

async function keepUnderWay(
  issue: Operation['issue'],
  slots: readonly Slot[],
  seconds: number,
  tally: Tally,
): Promise<void> {
  const until = performance.now() + seconds * 1000
  const keep = async (slot: Slot) => {
    for (let sent = performance.now(); sent < until; sent = performance.now()) {
      const asked = issue(slot)
      if (asked === undefined) return
      slot.sent++
      try {
        const { bytes = 0, entries = 0 } = await asked
        tally.bytes += bytes
        tally.entries += entries
      } catch (error) {
        tally.fail(error)
      }
      tally.latencies.push(performance.now() - sent)
    }
  }
  await Promise.all(slots.map(keep))
}

async function run(operation: string, work: Workplace, slots: readonly Slot[]): Promise<void> {
  const prepare = OPERATIONS[operation]
  if (prepare === undefined) throw new Error(`there is no operation '${operation}'`)
  const { issue, finish } = await prepare(work)
  await keepUnderWay(issue, slots, Number(options.warmup), new Tally())
  const tally = new Tally()
  const [started, cpu] = [performance.now(), serverCpu()]
  await keepUnderWay(issue, slots, Number(options.seconds), tally)
  await finish?.()
  print(operation, tally, (performance.now() - started) / 1000, serverCpu() - cpu)
}

function print(op: string, tally: Tally, seconds: number, cpu: number): void {
  const ops = tally.latencies.length
  const line = {
    ...{ label: options.label, op, conns: Number(options.conns), inflight: inFlight },
    ...{ ops, errors: tally.errors, first_error: tally.firstError, seconds },
    ops_per_s: ops / seconds,
    mb_per_s: tally.bytes / seconds / 1e6,
    entries_per_s: tally.entries / seconds,
    ...{ p50_us: tally.percentile(0.5), p99_us: tally.percentile(0.99) },
    server_cpu_s: cpu,
    server_cpu_us_per_op: ops > 0 ? (cpu * 1e6) / ops : 0,
    other_cpu_s: 0,
  }
  console.log(JSON.stringify(line))
}

const inFlight = numberOf(options.inflight)
const port = numberOf(options.port)

async function main(): Promise<void> {
  const mounting = await NfsClient.connect(numberOf(options.mountport ?? options.port))
  const root = await mounting.mount(options.export)
  await mounting.close()
  const clients: NfsClient[] = []
  for (let i = 0; i < numberOf(options.conns); i++) clients.push(await NfsClient.connect(port))
  const [first] = clients
  if (first === undefined) throw new Error('there has to be a connection')
  const sizes = { files: numberOf(options.files), entries: numberOf(options.entries) }
  const all = { ...sizes, fileBytes: numberOf(options['file-size']) }
  const dir = await first.mkdir(root, options.dir)
  const work = new Workplace(first, dir, all, clients.length * inFlight)
  for (const operation of options.op.split(',')) {
    const slots = clients.flatMap((client, c) =>
      Array.from({ length: inFlight }, (_, i): Slot => {
        const listing = { cookie: 0, cookieverf: new Uint8Array(8) }
        return { client, id: c * inFlight + i, sent: 0, ...listing }
      }),
    )
    await run(operation, work, slots)
  }
  for (const client of clients) await client.close()
}

await main()
