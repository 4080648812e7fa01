/** From many rounds to tables. */

import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import type { Measured } from './nfsbench.ts'
import { PEERS, type PeerName } from './peers.ts'
import { type Durability, type Group, type RateField, rateOf, titleOf } from './rows.ts'
import { atLeast, atMost, BESIDE_SNAPSHOTS, type Wanted, wantedOf } from './wanted.ts'

const MIB = 2 ** 20
const GIB = 2 ** 30
export const OURS = 'zerofs-nfs'
/** What a server is called that takes a snapshot every second meanwhile. */
export const SNAPSHOTTING = `${OURS} sync, a snapshot every second`

/** One operation on one server, in every round. */
export interface Result {
  readonly group: string
  readonly operation: string
  readonly connections: number
  readonly inFlight: number
  readonly server: string
  readonly rounds: Measured[]
}

export interface Median {
  readonly rate: number
  readonly p50: number
  readonly p99: number
  /** Server CPU, microseconds for each operation, entry of a listing, or MiB. */
  readonly cpu: number
}

/** Our server in one mode, and each peer that did the same. */
export interface Row {
  readonly operation: string
  readonly title: string
  readonly flow: string
  readonly mode: Durability
  readonly wanted: Wanted
  readonly ours: Median
  readonly peers: Readonly<Partial<Record<PeerName, Median>>>
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const low = sorted[Math.floor(middle)] ?? Number.NaN
  const high = sorted[Math.ceil(middle)] ?? Number.NaN
  return (low + high) / 2
}

export function medianOf({ operation, rounds }: Result): Median {
  const { field } = rateOf(operation)
  const cpuOf = (round: Measured) => (round.server_cpu_s * 1e6) / amountOf(field, round)
  return {
    rate: median(rounds.map((round) => round[field])),
    p50: median(rounds.map((round) => round.p50_us)),
    p99: median(rounds.map((round) => round.p99_us)),
    cpu: median(rounds.map(cpuOf)),
  }
}

/** What CPU is told for one of: an operation, an entry, or a MiB, which may be several requests. */
function amountOf(field: RateField, round: Measured): number {
  if (field === 'mb_per_s') return (round.mb_per_s * 1e6 * round.seconds) / MIB
  return field === 'entries_per_s' ? round.entries_per_s * round.seconds : round.ops
}

/** What the figures were measured on, in one line. */
export function machine(dir: string): string {
  const [cpu] = cpus()
  const memory = `${Math.round(totalmem() / GIB)} GiB`
  const df = execFileSync('df', ['--output=fstype', dir], { encoding: 'utf8' })
  const disk = df.trim().split('\n').at(-1)
  const model = `${cpus().length} x ${cpu?.model.trim() ?? 'unknown CPU'}`
  return `${model}, ${memory}, ${disk}, Linux ${release()}, Node ${process.version}`
}

/** A row for each operation and mode of ours, in the order of the groups. */
export function rowsOf(groups: readonly Group[], results: readonly Result[]): readonly Row[] {
  return groups.flatMap((group) => {
    const all = results.filter((result) => result.group === group.name)
    const ours = all.filter(({ server }) => server.startsWith(OURS) && server !== SNAPSHOTTING)
    return ours
      .filter(({ operation }) => !group.preparing?.includes(operation))
      .map((result) => rowOf(result, all))
  })
}

function rowOf(result: Result, all: readonly Result[]): Row {
  const { operation, connections, inFlight, server } = result
  const mode = server.endsWith('async') ? 'async' : 'sync'
  const theirs = PEERS.flatMap((peer) => {
    const same = all.find((other) => other.server === peer && other.operation === operation)
    return same === undefined ? [] : [[peer, medianOf(same)] as const]
  })
  return {
    ...{ operation, title: titleOf(operation), mode, flow: `${connections} x ${inFlight}` },
    wanted: wantedOf(operation, mode, connections * inFlight === 1 && !isListing(operation)),
    ours: medianOf(result),
    peers: Object.fromEntries(theirs),
  }
}

function isListing(operation: string): boolean {
  return rateOf(operation).field === 'entries_per_s'
}

/** The figures of every server. */
export function figures(rows: readonly Row[]): string {
  const head = ['operation', 'in flight', 'mode', OURS, ...PEERS]
  const lines = rows.map(({ operation, title, flow, mode, ours, peers }) => {
    const { unit } = rateOf(operation)
    const each = [ours, ...PEERS.map((peer) => peers[peer])]
    return [`${title} (${unit})`, flow, mode, ...each.map(shown)]
  })
  return aligned(head, lines)
}

function shown(m: Median | undefined): string {
  if (m === undefined) return ''
  const rate = Math.round(m.rate).toLocaleString('en')
  return `${rate} · ${m.p50.toFixed(0)}/${m.p99.toFixed(0)} us · ${m.cpu.toFixed(2)} us`
}

/** Our figures divided by the peers', and what is wanted of that. */
export function ratios(rows: readonly Row[]): string {
  const columns = PEERS.flatMap((peer) => [`to ${peer}: rate`, 'CPU'])
  const lines = rows.map((row) => {
    const { title, flow, mode, wanted } = row
    const what = wanted.latency === undefined ? title : `${title}: median latency`
    return [what, flow, mode, ...PEERS.flatMap((peer) => ratiosTo(row, peer))]
  })
  return aligned(['operation', 'in flight', 'mode', ...columns], lines)
}

function ratiosTo({ ours, peers, wanted }: Row, peer: PeerName): readonly string[] {
  const theirs = peers[peer]
  if (theirs === undefined) return ['', '']
  const cpu = atMost(ours.cpu / theirs.cpu, peer === 'nfs-ganesha' ? wanted.cpu : undefined)
  if (wanted.latency !== undefined) return [atMost(ours.p50 / theirs.p50, wanted.latency), cpu]
  return [atLeast(ours.rate / theirs.rate, wanted.rate[peer]), cpu]
}

/** Writing while a snapshot is taken every second, beside the same without. */
export function besideSnapshots(results: readonly Result[]): string {
  const withThem = results.find(({ server }) => server === SNAPSHOTTING)
  const without = results.find(
    ({ server, group }) => server === `${OURS} sync` && group === withThem?.group,
  )
  if (withThem === undefined || without === undefined) return ''
  const [a, b] = [medianOf(without), medianOf(withThem)]
  const what = `${titleOf(withThem.operation)} (${rateOf(withThem.operation).unit})`
  const head = ['', 'no snapshots', 'one every second', 'rate ratio', 'CPU ratio']
  const rate = atLeast(b.rate / a.rate, BESIDE_SNAPSHOTS)
  const line = [what, shown(a), shown(b), rate, (b.cpu / a.cpu).toFixed(2)]
  return aligned(head, [line], 1)
}

/** A markdown table. @param texts how many of the first columns are text, and not figures */
export function aligned(
  head: readonly string[],
  lines: readonly (readonly string[])[],
  texts = 3,
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = `|${head.map((_, i) => (i < texts ? '---' : '--:')).join('|')}|`
  return [line(head), rule, ...lines.map(line)].join('\n')
}
