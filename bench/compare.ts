/** The same load on this server and its peers, side by side: `npx tsx bench/compare.ts --help`. */

import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { argumentsOf, numberOf } from './arguments.ts'
import { comparisonCharts } from './comparison-charts.ts'
import { MIB } from './dense.ts'
import {
  type Generator,
  type Measured,
  measure,
  NFSBENCH_HELP,
  NFSBENCH_OPTION,
  nfsbenchAt,
} from './nfsbench.ts'
import { PEERS, peers } from './peers.ts'
import * as report from './report.ts'
import { OURS, type Result, SNAPSHOTTING } from './report.ts'
import { type Group, groupsOf } from './rows.ts'
import { type Server, startOurs } from './servers.ts'
import { whileSnapshotting } from './snapshotting.ts'
import { keptOfThisCommit, save } from './tables.ts'
import { DEFAULT_DIR } from './tree.ts'

const HELP = `
Usage: npx tsx bench/compare.ts [OPTIONS]

The same load on this server and on nfs-ganesha and unfs3, where they are installed: on loopback, on
the same disk, in interleaved rounds, so that what else the machine does falls on all of them.
Medians are compared. The program is built first: npm run build. An error in any reply is a failure,
a time never is.

  ${NFSBENCH_HELP}
  --unfs3 PATH      the program of unfs3 (unfsd on the PATH)
  --rounds N        how often each is measured (5)
  --seconds N       how long (2)
  --group A,B..     only groups of operations whose name holds one of these
  --files N         files whose attributes are read and set (1000)
  --file N          MiB of the file that is read and written (1024)
  --entries N       names in the directory that is listed (100000)
  --dir DIR         the disk to measure on (${DEFAULT_DIR})
  --no-peer         measures this server alone
  --no-ours         measures the peers alone
  --save            keeps the tables, the charts and the figures
  --add             adds to what was kept of the same commit: other groups, or more rounds
`
/** Long enough for several snapshots. */
const SNAPSHOTTING_SECONDS_MIN = 3
/** What a peer answers with NFS3ERR_NOTSUPP. */
const NOT_SUPPORTED: Readonly<Record<string, readonly string[]>> = { unfs3: ['readdirplus'] }

const options = argumentsOf(HELP, {
  nfsbench: NFSBENCH_OPTION,
  unfs3: { type: 'string' },
  rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '2' },
  group: { type: 'string', default: '' },
  files: { type: 'string', default: '1000' },
  file: { type: 'string', default: '1024' },
  entries: { type: 'string', default: '100000' },
  dir: { type: 'string', default: DEFAULT_DIR },
  'no-peer': { type: 'boolean', default: false },
  'no-ours': { type: 'boolean', default: false },
  save: { type: 'boolean', default: false },
  add: { type: 'boolean', default: false },
})

async function startAll(dir: string, servers: Server[]): Promise<void> {
  for (const peer of peers(options.unfs3)) {
    const missing = options['no-peer'] ? 'not asked for' : peer.missing
    if (missing === undefined) servers.push(await peer.start(join(dir, peer.name)))
    else console.log(`${peer.name} is left out: ${missing}`)
  }
  if (options['no-ours']) return
  servers.push(await startOurs(join(dir, 'sync'), 'sync'))
  servers.push(await startOurs(join(dir, 'async'), 'async'))
}

/** Who does a group, under which names, and how. */
interface Side {
  readonly name: string
  readonly operations: readonly string[]
  measure(group: Group, seconds: number): Promise<Measured[]>
}

function sidesOf(program: Generator, group: Group, servers: readonly Server[]): readonly Side[] {
  const modes = group.durabilities.map((durability) => `${OURS} ${durability}`)
  const isPeer = (name: string) => PEERS.some((peer) => peer === name)
  const taking = servers.filter(({ name }) => isPeer(name) || modes.includes(name))
  const sides = taking.map((server): Side => {
    const refused = NOT_SUPPORTED[server.name] ?? []
    const operations = group.operations.filter((operation) => !refused.includes(operation))
    return {
      ...{ name: server.name, operations },
      measure: (each, seconds) => measure(program, server, { ...each, operations }, seconds),
    }
  })
  const ours = servers.find(({ name }) => name === `${OURS} sync`)
  if (!group.snapshotting || ours === undefined) return sides
  const snapshotting: Side = {
    ...{ name: SNAPSHOTTING, operations: group.operations },
    measure: async (each, seconds) =>
      (await whileSnapshotting(ours, () => measure(program, ours, each, seconds))).result,
  }
  return [...sides, snapshotting]
}

/** Every round of one group on every server that it is for. */
async function runGroup(
  program: Generator,
  group: Group,
  servers: readonly Server[],
): Promise<Result[]> {
  const { name, connections, inFlight } = group
  const seconds = Math.max(
    Number(options.seconds),
    group.snapshotting && options.save ? SNAPSHOTTING_SECONDS_MIN : 0,
  )
  const sides = sidesOf(program, group, servers)
  const results = sides.flatMap((side) =>
    side.operations.map((operation): Result => {
      return { group: name, operation, connections, inFlight, server: side.name, rounds: [] }
    }),
  )
  for (let round = 1; round <= numberOf(options.rounds); round++) {
    for (const side of sides) {
      console.error(`${name}: ${side.name}, round ${round}`)
      for (const measured of await side.measure(group, seconds)) {
        const is = (r: Result) => r.server === side.name && r.operation === measured.op
        results.find(is)?.rounds.push(measured)
      }
    }
  }
  return results
}

/** What was measured before, with more rounds where there are any. */
function joined(before: readonly Result[], now: readonly Result[]): readonly Result[] {
  const same = (a: Result, b: Result) =>
    a.group === b.group && a.operation === b.operation && a.server === b.server
  const both = before.map((result) => {
    const rounds = now.filter((other) => same(result, other)).flatMap((other) => other.rounds)
    return { ...result, rounds: [...result.rounds, ...rounds] }
  })
  return [...both, ...now.filter((result) => !before.some((other) => same(result, other)))]
}

function keep(groups: readonly Group[], measured: readonly Result[], dir: string): void {
  const before = options.add ? keptOfThisCommit<readonly Result[]>('compare') : undefined
  const results = joined(before ?? [], measured)
  const rows = report.rowsOf(groups, results)
  const rounds = results.map((result) => result.rounds.length)
  const about = `median of ${Math.min(...rounds)} rounds or more, ${options.seconds} s each`
  save({
    ...{ name: 'compare', dir, about, figures: results },
    table: report.figures(rows),
    more: { ratios: report.ratios(rows), 'beside-snapshots': report.besideSnapshots(results) },
    charts: comparisonCharts(rows),
  })
}

async function main(dir: string, servers: Server[]): Promise<void> {
  const program = nfsbenchAt(options.nfsbench, dir)
  const groups = groupsOf({
    files: numberOf(options.files),
    fileBytes: numberOf(options.file) * MIB,
    entries: numberOf(options.entries),
  })
  await startAll(dir, servers)
  const results: Result[] = []
  const wanted = options.group.split(',')
  for (const group of groups.filter(({ name }) => wanted.some((part) => name.includes(part)))) {
    results.push(...(await runGroup(program, group, servers)))
  }
  const rows = report.rowsOf(groups, results)
  for (const table of [
    report.figures(rows),
    report.ratios(rows),
    report.besideSnapshots(results),
  ]) {
    console.log(`${table}\n`)
  }
  if (options.save) keep(groups, results, dir)
  const wrong = results.flatMap((result) => result.rounds).filter(({ errors }) => errors > 0)
  for (const { op, errors, first_error } of wrong) {
    console.log(`${op}: ${errors} errors, the first is status ${first_error}`)
  }
  process.exitCode = wrong.length > 0 ? 1 : 0
}

const dir = mkdtempSync(join(options.dir, 'zerofs-nfs-bench-'))
process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
process.once('SIGINT', () => process.exit(130))
const servers: Server[] = []
try {
  await main(dir, servers)
} finally {
  for (const server of servers) await server.stop()
}
