/** From many rounds to one table. */

import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import type { Measured } from './nfsbench.ts'
import { type Group, rateOf } from './rows.ts'

const GIB = 2 ** 30

/** One operation on one server, in every round. */
export interface Result {
  readonly group: string
  readonly operation: string
  readonly connections: number
  readonly inFlight: number
  readonly server: string
  readonly rounds: Measured[]
}

interface Median {
  readonly rate: number
  readonly p50: number
  readonly p99: number
  /** Server CPU, microseconds for each operation, or for each entry of a listing. */
  readonly cpu: number
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
  const cpuOf = (round: Measured) =>
    field === 'entries_per_s'
      ? (round.server_cpu_s * 1e6) / (round.entries_per_s * round.seconds)
      : round.server_cpu_us_per_op
  return {
    rate: median(rounds.map((round) => round[field])),
    p50: median(rounds.map((round) => round.p50_us)),
    p99: median(rounds.map((round) => round.p99_us)),
    cpu: median(rounds.map(cpuOf)),
  }
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

/** A markdown table of one line for each operation and server of ours, beside the peer. */
export function table(groups: readonly Group[], results: readonly Result[], peer: string): string {
  const lines = [
    `| operation | in flight | ${peer} | CPU | zerofs-nfs | CPU | mode | rate ratio | CPU ratio |`,
    '|---|---|--:|--:|--:|--:|---|--:|--:|',
  ]
  for (const { name } of groups) {
    const group = results.filter((result) => result.group === name)
    for (const ours of group.filter((result) => result.server !== peer)) {
      const theirs = group.find((r) => r.server === peer && r.operation === ours.operation)
      lines.push(row(ours, theirs))
    }
  }
  return lines.join('\n')
}

function row(ours: Result, theirs: Result | undefined): string {
  const { operation, connections, inFlight, server } = ours
  const us = medianOf(ours)
  const them = theirs === undefined ? undefined : medianOf(theirs)
  const { unit } = rateOf(operation)
  const cells = [
    `${operation} (${unit})`,
    `${connections} x ${inFlight}`,
    ...figures(them),
    ...figures(us),
    server.split(' ').at(-1),
    them === undefined ? '' : (us.rate / them.rate).toFixed(2),
    them === undefined ? '' : (us.cpu / them.cpu).toFixed(2),
  ]
  return `| ${cells.join(' | ')} |`
}

function figures(m: Median | undefined): readonly string[] {
  if (m === undefined) return ['', '']
  const rate = Math.round(m.rate).toLocaleString('en')
  return [`${rate} · ${m.p50.toFixed(0)}/${m.p99.toFixed(0)} us`, `${m.cpu.toFixed(2)} us`]
}
