/** A server process whose start and memory are measured. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePorts } from './servers.ts'

const COMMAND = fileURLToPath(new URL('../bin/zerofs-nfs.js', import.meta.url))

export interface MeasuredServer {
  readonly port: number
  readonly pid: number
  /** Milliseconds from its start to the line `ready`. */
  readonly readyMs: number
  /** Milliseconds that it takes to stop. */
  stop(): Promise<number>
}

/** Starts a server of a store, without a portmapper, and waits until clients may come. */
export async function startMeasured(
  data: string,
  options: readonly string[] = [],
): Promise<MeasuredServer> {
  const { port } = await freePorts()
  const ports = ['--port', `${port}`, '--portmap', 'off']
  const started = performance.now()
  const child = spawn(process.execPath, [COMMAND, 'serve', data, ...ports, ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const { pid } = child
  if (pid === undefined) throw new Error('the server could not be started')
  const exited = once(child, 'exit')
  const ready = new Promise<void>((resolve) => {
    createInterface(child.stdout).on('line', (line) => line.startsWith('ready ') && resolve())
  })
  await Promise.race([
    ready,
    exited.then(([code]) => {
      throw new Error(`the server ended with code ${code} before it was ready`)
    }),
  ])
  const readyMs = performance.now() - started
  const stop = async () => {
    const asked = performance.now()
    child.kill('SIGTERM')
    await exited
    return performance.now() - asked
  }
  return { port, pid, readyMs, stop }
}

/** Resident memory in bytes: all, the most there ever was, and of files that are mapped. */
export interface Resident {
  readonly now: number
  readonly peak: number
  readonly mapped: number
}

export function residentOf(pid: number): Resident {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
  return { now: field('VmRSS'), peak: field('VmHWM'), mapped: field('RssFile') }
}

/** Takes the files of a store out of the page cache. */
export function dropFromCache(data: string): void {
  for (const entry of readdirSync(data, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const { status } = spawnSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0'], {
      stdio: 'ignore',
    })
    if (status !== 0) throw new Error(`dd cannot take ${path} out of the page cache`)
  }
}
