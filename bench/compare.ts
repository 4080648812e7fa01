/**
 * `npx tsx bench/compare.ts`: the same load on this server and on nfs-ganesha, side by side.
 *
 * Rounds are interleaved: each group of operations runs on every server in turn, round after round,
 * so that what else the machine does falls on all of them. Medians are compared. --save writes
 * bench/results/DATE.json and the table in bench/README.md.
 */

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { measure, nfsbenchAt } from './nfsbench.ts'
import { machine, type Result, table } from './report.ts'
import { GROUPS, type Group } from './rows.ts'
import { ganeshaMissing, type Server, startGanesha, startOurs } from './servers.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const { NFSBENCH } = process.env
const PEER = 'nfs-ganesha'
const TABLE = /(<!-- table -->\n).*(<!-- \/table -->)/s

const { values: options } = parseArgs({
  options: {
    nfsbench: {
      type: 'string',
      default: NFSBENCH ?? join(HERE, '../../shared/nfsbench'),
    },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    /** Only groups whose name holds this. */
    group: { type: 'string', default: '' },
    /** The disk to measure on. */
    dir: { type: 'string', default: tmpdir() },
    'no-peer': { type: 'boolean', default: false },
    'no-ours': { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
})

async function startAll(dir: string): Promise<Server[]> {
  const servers: Server[] = []
  const missing = options['no-peer'] ? 'not asked for' : ganeshaMissing()
  if (missing === undefined) servers.push(await startGanesha(join(dir, 'ganesha')))
  else console.log(`${PEER} is left out: ${missing}`)
  if (options['no-ours']) return servers
  servers.push(await startOurs(join(dir, 'sync'), 'sync'))
  servers.push(await startOurs(join(dir, 'async'), 'async'))
  return servers
}

function serversOf(group: Group, servers: readonly Server[]): readonly Server[] {
  const modes = group.durabilities.map((durability) => `zerofs-nfs ${durability}`)
  return servers.filter(({ name }) => name === PEER || modes.includes(name))
}

/** Every round of one group on every server that it is for. */
function runGroup(program: string, group: Group, servers: readonly Server[]): Result[] {
  const { name, operations, connections, inFlight } = group
  const results = serversOf(group, servers).flatMap((server) =>
    operations.map((operation): Result => {
      return { group: name, operation, connections, inFlight, server: server.name, rounds: [] }
    }),
  )
  for (let round = 1; round <= Number(options.rounds); round++) {
    for (const server of serversOf(group, servers)) {
      console.error(`${name}: ${server.name}, round ${round}`)
      for (const measured of measure(program, server, group, Number(options.seconds))) {
        const is = (r: Result) => r.server === server.name && r.operation === measured.op
        results.find(is)?.rounds.push(measured)
      }
    }
  }
  return results
}

function save(groups: readonly Group[], results: readonly Result[], hardware: string): void {
  const date = new Date().toISOString().slice(0, 10)
  const commit = execFileSync('git', ['-C', HERE, 'rev-parse', '--short', 'HEAD'], {
    encoding: 'utf8',
  }).trim()
  mkdirSync(join(HERE, 'results'), { recursive: true })
  const kept = { date, commit, hardware, ...options, results }
  // Where things lay on this machine is of no use to others.
  const json = JSON.stringify({ ...kept, dir: undefined, nfsbench: undefined }, null, 1)
  writeFileSync(join(HERE, `results/${date}-${commit}.json`), `${json}\n`)
  const readme = join(HERE, 'README.md')
  const facts = `${date}, commit ${commit}: ${hardware}; median of ${options.rounds} rounds.`
  const text = `$1\n${facts}\n\n${table(groups, results, PEER)}\n\n$2`
  writeFileSync(readme, readFileSync(readme, 'utf8').replace(TABLE, text))
}

async function main(): Promise<void> {
  const dir = mkdtempSync(join(options.dir, 'zerofs-nfs-bench-'))
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  process.once('SIGINT', () => process.exit(130))
  const program = nfsbenchAt(options.nfsbench, dir)
  const groups = GROUPS.filter(({ name }) => name.includes(options.group))
  const servers = await startAll(dir)
  try {
    const results = groups.flatMap((group) => runGroup(program, group, servers))
    console.log(table(groups, results, options['no-ours'] ? '' : PEER))
    if (options.save) save(groups, results, machine(dir))
    const wrong = results.flatMap((result) => result.rounds).filter(({ errors }) => errors > 0)
    for (const { op, errors, first_error } of wrong) {
      console.log(`${op}: ${errors} errors, the first is status ${first_error}`)
    }
    process.exitCode = wrong.length > 0 ? 1 : 0
  } finally {
    for (const server of servers) await server.stop()
  }
}

await main()
