/** Tables in markdown, and where they are kept: bench/README.md, and the figures in bench/results. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { machine } from './report.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))

/** @param head the first column is text, the others are figures */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = `|${head.map((_, i) => (i === 0 ? '---' : '--:')).join('|')}|`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

export function milliseconds(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms >= 100) return `${Math.round(ms)} ms`
  return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`
}

export function size(bytes: number): string {
  if (bytes < 1024) return `${Math.round(bytes)} B`
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`
  if (bytes < 1024 ** 3) return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
  return `${(bytes / 1024 ** 3).toFixed(2)} GiB`
}

/** The most memory that this process has ever had, in bytes. */
export function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024
}

export interface Shown {
  /** The benchmark: its place in bench/README.md is between `<!-- NAME -->` and `<!-- /NAME -->`. */
  readonly name: string
  /** Where it ran, which is told with the machine. */
  readonly dir: string
  /** One sentence: sizes, rounds, and whatever else the figures depend on. */
  readonly about: string
  readonly table: string
  /** What the table was made from. */
  readonly figures: unknown
}

/** Keeps a table and its figures, with the machine, the date and the commit. */
export function save({ name, dir, about, table, figures }: Shown): void {
  const date = new Date().toISOString().slice(0, 10)
  const git = ['-C', HERE, 'rev-parse', '--short', 'HEAD']
  const commit = execFileSync('git', git, { encoding: 'utf8' }).trim()
  const hardware = machine(dir)
  const kept = JSON.stringify({ name, date, commit, hardware, about, figures }, null, 1)
  mkdirSync(join(HERE, 'results'), { recursive: true })
  writeFileSync(join(HERE, `results/${name}-${date}-${commit}.json`), `${kept}\n`)
  const readme = join(HERE, 'README.md')
  const text = readFileSync(readme, 'utf8')
  const place = new RegExp(`(<!-- ${name} -->\n).*(<!-- /${name} -->)`, 's')
  if (!place.test(text)) throw new Error(`bench/README.md has no place for '${name}'`)
  const facts = `${date}, commit ${commit}: ${hardware}; ${about}.`
  const shown = (_: string, from: string, to: string) => `${from}\n${facts}\n\n${table}\n\n${to}`
  writeFileSync(readme, text.replace(place, shown))
}
