/** Clients that write while snapshots are deleted: `npx tsx bench/deletion.ts --help`. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { RemoteOperations } from '../src/control/client.ts'
import { argumentsOf, numberOf } from './arguments.ts'
import type { Part } from './deletion-part.ts'
import { MIB } from './dense.ts'
import {
  type Generator,
  type Measured,
  measure,
  NFSBENCH_HELP,
  NFSBENCH_OPTION,
  nfsbenchAt,
} from './nfsbench.ts'
import { runPart } from './parts.ts'
import { median } from './report.ts'
import { rateOf } from './rows.ts'
import { type Server, startOurs } from './servers.ts'
import { markdown, save } from './tables.ts'
import { DEFAULT_DIR } from './tree.ts'

const HELP = `
Usage: npx tsx bench/deletion.ts [OPTIONS]

How fast four clients write while a big snapshot is deleted in the background, beside how fast they
write without that: over TCP, to a server process of its own. Each round deletes another snapshot,
of all files: all of them were written anew after it. The program is built first: npm run build.

  ${NFSBENCH_HELP}
  --files N         small files in each snapshot (200000)
  --large N         MiB of a large file in each snapshot (512)
  --rounds N        snapshots that are deleted, one after the other (3)
  --seconds N       how long each kind of writing is measured (2)
  --dir DIR         the disk to measure on (${DEFAULT_DIR})
  --save            keeps the table in bench/README.md and the figures in bench/results
`
const COMMAND = fileURLToPath(new URL('../bin/zerofs-nfs.js', import.meta.url))
const OPERATIONS = ['write_rand', 'write_sync', 'write_seq'] as const
const CLIENTS = 4
const IN_FLIGHT = 16
const BEGIN_SECONDS = 30

const options = argumentsOf(HELP, {
  nfsbench: NFSBENCH_OPTION,
  files: { type: 'string', default: '200000' },
  large: { type: 'string', default: '512' },
  rounds: { type: 'string', default: '3' },
  seconds: { type: 'string', default: '2' },
  dir: { type: 'string', default: DEFAULT_DIR },
  save: { type: 'boolean', default: false },
})

interface Round {
  readonly operation: (typeof OPERATIONS)[number]
  readonly without: Measured
  readonly during: Measured
  /** Superseded records that the deletion has freed meanwhile, each second. */
  readonly freedPerSecond: number
  /** Whether the deletion was over before the writing was. */
  readonly ended: boolean
}

/** What a run of nfsbench is for, as bench/compare.ts has it. */
function groupOf(operation: Round['operation']) {
  const flow = { connections: CLIENTS, inFlight: IN_FLIGHT }
  return { name: 'load', operations: [operation], ...flow }
}

class Deletion {
  readonly #program: Generator
  readonly #server: Server
  readonly #operations: RemoteOperations
  readonly #directory: string

  constructor(program: Generator, server: Server, operations: RemoteOperations, directory: string) {
    this.#program = program
    this.#server = server
    this.#operations = operations
    this.#directory = directory
  }

  async #write(operation: Round['operation']): Promise<Measured> {
    const group = groupOf(operation)
    const [measured] = await measure(this.#program, this.#server, group, Number(options.seconds))
    if (measured === undefined) throw new Error(`nfsbench has no figure for ${operation}`)
    if (measured.errors > 0) throw new Error(`${operation}: status ${measured.first_error}`)
    return measured
  }

  /** Superseded records that are freed; undefined where nothing is being freed. */
  async #freed(): Promise<number | undefined> {
    return (await this.#operations.status()).freeing?.versions
  }

  /** Deletes a snapshot, as people do it, and waits until it is being freed. */
  async #begin(snapshot: string): Promise<ChildProcess> {
    const args = [COMMAND, 'snapshot', 'delete', snapshot, '--data', this.#directory, '--json']
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    const ended = once(child, 'exit')
    for (let left = BEGIN_SECONDS * 100; left > 0 && child.exitCode === null; left--) {
      if ((await this.#freed()) !== undefined) return child
      await Promise.race([sleep(10), ended])
    }
    return child
  }

  async round(snapshot: string): Promise<Round[]> {
    const without: Measured[] = []
    for (const operation of OPERATIONS) without.push(await this.#write(operation))
    const deleting = await this.#begin(snapshot)
    const rounds: Round[] = []
    for (const [i, operation] of OPERATIONS.entries()) {
      const before = await this.#freed()
      const started = performance.now()
      const during = await this.#write(operation)
      const after = await this.#freed()
      const seconds = (performance.now() - started) / 1000
      const ended = before === undefined || after === undefined
      const freedPerSecond = ended ? Number.NaN : (after - before) / seconds
      const alone = without[i]
      if (alone !== undefined) {
        rounds.push({ operation, without: alone, during, freedPerSecond, ended })
      }
    }
    if (deleting.exitCode === null) await once(deleting, 'exit')
    return rounds
  }
}

function table(rounds: readonly Round[]): string {
  const rows = OPERATIONS.map((operation) => {
    const all = rounds.filter((round) => round.operation === operation)
    const { field, unit } = rateOf(operation)
    const rate = (of: 'without' | 'during') => median(all.map((round) => round[of][field]))
    const late = (of: 'without' | 'during') => median(all.map((round) => round[of].p99_us))
    const shown = (of: 'without' | 'during') =>
      `${Math.round(rate(of)).toLocaleString('en')} · ${late(of).toFixed(0)} us`
    const ended = all.filter((round) => round.ended).length
    const freed = Math.round(median(all.map((round) => round.freedPerSecond)))
    return [
      `${operation} (${unit} · p99)`,
      ...[shown('without'), shown('during'), (rate('during') / rate('without')).toFixed(2)],
      ended > 0 ? `over too early in ${ended} rounds` : freed.toLocaleString('en'),
    ]
  })
  return markdown(['', 'alone', 'while deleting', 'ratio', 'records freed each second'], rows)
}

async function bench(dir: string): Promise<void> {
  const program = nfsbenchAt(options.nfsbench, dir)
  const [files, snapshots] = [numberOf(options.files), numberOf(options.rounds)]
  const directory = join(dir, 'data')
  const part: Part = { directory, files, large: numberOf(options.large) * MIB, snapshots }
  console.error(`making ${snapshots} snapshots of ${files} files`)
  runPart('./deletion-part.ts', part)
  const server = await startOurs(dir, 'sync')
  try {
    const operations = await RemoteOperations.connect(directory)
    const deletion = new Deletion(program, server, operations, directory)
    const rounds: Round[] = []
    for (let i = 1; i <= snapshots; i++) {
      console.error(`round ${i}`)
      rounds.push(...(await deletion.round(`s${i}`)))
    }
    await operations.close()
    console.log(table(rounds))
    const about =
      `sync, ${CLIENTS} clients with ${IN_FLIGHT} requests in flight each, ` +
      `snapshots of ${files} files and ${options.large} MiB, median of ${snapshots} rounds`
    if (options.save) save({ name: 'deletion', dir, about, table: table(rounds), figures: rounds })
  } finally {
    await server.stop()
  }
}

const dir = mkdtempSync(join(options.dir, 'zerofs-nfs-bench-'))
try {
  await bench(dir)
} finally {
  rmSync(dir, { recursive: true, force: true })
}
