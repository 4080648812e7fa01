/**
 * `npm test [-- PART-OF-A-PATH...]`: runs every test/**\/*.test.ts in a process of its own.
 *
 * uvu can be green by mistake: it exits 0 when a hook threw and when `.run()` was forgotten, and it
 * waits for ever for a file that left a socket open. Here a file fails unless it ran tests, passed
 * all of them, ended by itself, and ended in time. The guest suites want the machine to themselves:
 * they run last, one at a time. The last line is `N passed, N failed`, and `, N skipped` if any.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const FILE_SECONDS_MAX = 600
const FILES_AT_ONCE = 2
/** How long a stopped file has for its own cleaning up. */
const STOP_SECONDS = 5

const PROJECT = fileURLToPath(new URL('../', import.meta.url))
const GUEST = join('test', 'guest')

interface Outcome {
  readonly file: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Why the file failed as a whole. */
  readonly problem: string | undefined
  readonly output: string
  readonly seconds: number
}

const running = new Set<ChildProcess>()

function findTests(parts: readonly string[]): string[] {
  const all = readdirSync(join(PROJECT, 'test'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(PROJECT, join(entry.parentPath, entry.name)))
    .sort()
  return parts.length === 0 ? all : all.filter((file) => parts.some((part) => file.includes(part)))
}

/** Signals a file's process and those it started, save what made itself a group of its own. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function runFile(file: string): Promise<Outcome> {
  const started = performance.now()
  const child = spawn(process.execPath, ['--import', 'tsx', file], {
    cwd: PROJECT,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  running.add(child)
  let output = ''
  const keep = (text: string) => {
    output += text
  }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)

  let overdue = false
  const late = setTimeout(() => {
    overdue = true
    signalGroup(child, 'SIGTERM')
    setTimeout(signalGroup, STOP_SECONDS * 1000, child, 'SIGKILL').unref()
  }, FILE_SECONDS_MAX * 1000)
  const [code, signal] = await once(child, 'close')
  clearTimeout(late)
  running.delete(child)
  const end = overdue ? `did not end within ${FILE_SECONDS_MAX} s` : undefined
  const seconds = (performance.now() - started) / 1000
  return judge(file, output, end ?? (code === null ? `was ended by ${signal}` : code), seconds)
}

/** What became of a file, from its summary and from how it ended: an exit code, or a problem. */
function judge(file: string, output: string, end: number | string, seconds: number): Outcome {
  const summaries = [
    ...output.matchAll(/^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm),
  ]
  const [total, passed, skipped] = (summaries.at(-1)?.slice(1) ?? [0, 0, 0]).map(Number)
  const missed = (total ?? 0) - (passed ?? 0)
  let problem: string | undefined
  if (typeof end === 'string') problem = end
  else if (summaries.length === 0) problem = `ended with code ${end} before its tests did`
  else if (total === 0 && skipped === 0) problem = 'ran no test'
  else if (missed > 0 && end === 0) problem = 'a hook threw, so tests did not run'
  else if (missed === 0 && end !== 0) problem = `passed its tests, but ended with code ${end}`
  const failed = problem === undefined ? missed : Math.max(1, missed)
  return { file, passed: passed ?? 0, failed, skipped: skipped ?? 0, problem, output, seconds }
}

function report({ file, passed, failed, skipped, problem, output, seconds }: Outcome): void {
  const counts = `${passed} passed${failed > 0 ? `, ${failed} failed` : ''}`
  const skips = skipped > 0 ? `, ${skipped} skipped` : ''
  const head = `${failed > 0 ? 'FAIL' : 'ok  '} ${file}: ${counts}${skips}`
  console.log(`${head} (${seconds.toFixed(1)} s)`)
  if (failed > 0) console.log(`${output}${problem === undefined ? '' : `\n${file} ${problem}\n`}`)
  else for (const [reason] of output.matchAll(/^skipped: .*$/gm)) console.log(`     ${reason}`)
}

async function runAll(files: readonly string[], atOnce: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const left = [...files]
  const work = async () => {
    for (let file = left.shift(); file !== undefined; file = left.shift()) {
      const outcome = await runFile(file)
      report(outcome)
      outcomes.push(outcome)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return outcomes
}

/** Tests of the command run what users run: the built one. */
function build(): number {
  const built = spawnSync('npm', ['run', '--silent', 'build'], { cwd: PROJECT, encoding: 'utf8' })
  if (built.status === 0) return 0
  console.log(`FAIL npm run build\n${built.stdout}${built.stderr}`)
  return 1
}

async function main(parts: readonly string[]): Promise<void> {
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(signal, () => {
      for (const child of running) signalGroup(child, 'SIGTERM')
      process.exit(code)
    })
  }
  let failed = build()
  const files = findTests(parts)
  const inGuest = files.filter((file) => file.startsWith(GUEST))
  const others = files.filter((file) => !file.startsWith(GUEST))
  const outcomes = [...(await runAll(others, FILES_AT_ONCE)), ...(await runAll(inGuest, 1))]

  const sum = (count: (outcome: Outcome) => number) =>
    outcomes.reduce((total, outcome) => total + count(outcome), 0)
  failed += sum((outcome) => outcome.failed)
  const passed = sum((outcome) => outcome.passed)
  const skipped = sum((outcome) => outcome.skipped)
  if (files.length === 0) console.log('no test file matches')
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  process.exitCode = failed > 0 || files.length === 0 ? 1 : 0
}

await main(process.argv.slice(2))
