/**
 * Tables in markdown, and where they are kept: between `<!-- NAME -->` and `<!-- /NAME -->` in
 * bench/README.md and docs/performance.md. The figures are in bench/results: the newest of each
 * benchmark, and no older ones.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { aligned, machine } from './report.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const RESULTS = join(HERE, 'results')
const PAGES = [join(HERE, 'README.md'), join(HERE, '../docs/performance.md')]
const CHARTS = join(HERE, '../docs/charts')

/** @param head the first column is text, the others are figures */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return aligned(head, rows, 1)
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
  /** The benchmark, and the place of its table. */
  readonly name: string
  /** Where it ran, which is told with the machine. */
  readonly dir: string
  /** One sentence: sizes, rounds, and whatever else the figures depend on. */
  readonly about: string
  readonly table: string
  /** More tables by the names of their places; empty where there is nothing to show. */
  readonly more?: Readonly<Record<string, string>>
  /** SVG by the names of their files in docs/charts, without `.svg`. */
  readonly charts?: Readonly<Record<string, string>>
  /** What the tables were made from. */
  readonly figures: unknown
}

function commitNow(): string {
  const git = ['-C', HERE, 'rev-parse', '--short', 'HEAD']
  return execFileSync('git', git, { encoding: 'utf8' }).trim()
}

/** The files of a benchmark's figures: one, or none. */
function resultsOf(name: string): readonly string[] {
  mkdirSync(RESULTS, { recursive: true })
  return readdirSync(RESULTS).filter((file) => file.replace(/-\d{4}-.*/, '') === name)
}

/** What was kept of a benchmark, if it was of this very commit. */
export function keptOfThisCommit<T>(name: string): T | undefined {
  const commit = commitNow()
  const file = resultsOf(name).find((each) => each.endsWith(`-${commit}.json`))
  if (file === undefined) return undefined
  return JSON.parse(readFileSync(join(RESULTS, file), 'utf8')).figures
}

/** Keeps tables, charts and figures, with the machine, the date and the commit. */
export function save({ name, dir, about, table, more = {}, charts = {}, figures }: Shown): void {
  const date = new Date().toISOString().slice(0, 10)
  const commit = commitNow()
  const hardware = machine(dir)
  const kept = JSON.stringify({ name, date, commit, hardware, about, figures }, null, 1)
  for (const file of resultsOf(name)) rmSync(join(RESULTS, file))
  writeFileSync(join(RESULTS, `${name}-${date}-${commit}.json`), `${kept}\n`)
  const facts = `${date}, commit ${commit}: ${hardware}; ${about}.`
  show(name, `${facts}\n\n${table}`)
  for (const [place, text] of Object.entries(more)) {
    if (text !== '') show(place, `${facts}\n\n${text}`)
  }
  mkdirSync(CHARTS, { recursive: true })
  for (const [chart, svg] of Object.entries(charts))
    writeFileSync(join(CHARTS, `${chart}.svg`), svg)
}

/** Puts a text where its place is. @throws where there is none */
function show(name: string, text: string): void {
  const place = new RegExp(`(<!-- ${name} -->\n).*(<!-- /${name} -->)`, 's')
  const pages = PAGES.filter((page) => place.test(readFileSync(page, 'utf8')))
  if (pages.length === 0) throw new Error(`neither page has a place for '${name}'`)
  for (const page of pages) {
    const shown = (_: string, from: string, to: string) => `${from}\n${text}\n\n${to}`
    writeFileSync(page, readFileSync(page, 'utf8').replace(place, shown))
  }
}
