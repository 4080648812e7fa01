/** Parts of a benchmark that have a process to themselves, so that each has its own peak memory. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

/**
 * Runs a script beside this one with one argument, and waits for what it prints.
 *
 * @throws where it fails; what it says about that has gone to stderr
 */
export function runPart<T>(script: string, given: unknown): T {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const args = ['--import', 'tsx', path, JSON.stringify(given)]
  const { status, signal, stdout } = spawnSync(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: OUTPUT_BYTES_MAX,
    encoding: 'utf8',
  })
  if (status === 0) return JSON.parse(stdout) as T
  throw new Error(`${script} failed with ${signal ?? `code ${status}`}`)
}

/** What `runPart` has given to this process. */
export function givenPart<T>(): T {
  return JSON.parse(process.argv[2] ?? '') as T
}
