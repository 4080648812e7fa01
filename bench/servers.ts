/** A server under load: ours here, the peers in bench/peers.ts. Each has ports of its own. */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Durability } from './rows.ts'

const READY_SECONDS = 30
const PROBE_MS = 50
const COMMAND = fileURLToPath(new URL('../bin/zerofs-nfs.js', import.meta.url))
const BOUND = ['--pdeathsig', 'KILL'] as const

export interface Server {
  readonly name: string
  readonly port: number
  readonly mountPort: number
  /** What a client mounts. */
  readonly exported: string
  /** Where it was told to keep what it has. */
  readonly data: string
  /** The process whose CPU time counts. */
  readonly pid: number
  stop(): Promise<void>
}

/** Where a server runs: on this machine's loopback, or in a network that a guest can reach. */
export interface Network {
  readonly host: string
  /** Starts a program that dies with this process. */
  spawn(command: readonly string[], options: SpawnOptions): ChildProcess
}

export const LOOPBACK: Network = {
  host: '127.0.0.1',
  spawn: (command, options) => spawn('setpriv', [...BOUND, ...command], options),
}

/** What is needed to start one. */
export interface Started extends Omit<Server, 'pid' | 'stop'> {
  readonly command: readonly string[]
  /** Where its log goes. */
  readonly dir: string
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  if (typeof address !== 'object' || address === null) throw new Error('no free port')
  return address.port
}

/** Two that differ. */
export async function freePorts(): Promise<{ readonly port: number; readonly mountPort: number }> {
  const port = await freePort()
  for (;;) {
    const mountPort = await freePort()
    if (mountPort !== port) return { port, mountPort }
  }
}

export async function startOurs(
  dir: string,
  durability: Durability,
  network: Network = LOOPBACK,
): Promise<Server> {
  const { port, mountPort } = await freePorts()
  const data = join(dir, 'data')
  const ports = ['--port', `${port}`, '--mount-port', `${mountPort}`, '--portmap', 'off']
  const where = ['--listen', network.host, '--squash', 'none', '--durability', durability]
  const command = [process.execPath, COMMAND, 'serve', data, ...ports, ...where]
  const name = `zerofs-nfs ${durability}`
  return start({ name, dir, data, port, mountPort, exported: '/', command }, network)
}

/** Starts a server that dies with this process, and waits until both of its ports answer. */
export async function start(
  { command, dir, ...server }: Started,
  network: Network,
): Promise<Server> {
  const { name, port, mountPort } = server
  mkdirSync(dir, { recursive: true })
  const path = join(dir, 'log')
  const log = openSync(path, 'w')
  const child = network.spawn(command, { stdio: ['ignore', log, log] })
  const { pid } = child
  if (pid === undefined) throw new Error(`${name} could not be started`)
  for (const each of [port, mountPort]) {
    if (await answers(child, network, each)) continue
    child.kill('SIGKILL')
    throw new Error(`${name} does not answer on port ${each}: see ${path}`)
  }
  const stop = async () => {
    const ended = once(child, 'exit')
    if (child.exitCode === null && child.kill('SIGKILL')) await ended
  }
  return { ...server, pid, stop }
}

/** Whether a port takes connections before the time is over. */
async function answers(child: ChildProcess, network: Network, port: number): Promise<boolean> {
  const deadline = performance.now() + READY_SECONDS * 1000
  while (performance.now() < deadline && child.exitCode === null) {
    // A program of that network has to ask: it may be one that this process is not in.
    const probe = ['bash', '-c', `exec 3<>/dev/tcp/${network.host}/${port}`]
    const [code] = await once(network.spawn(probe, { stdio: 'ignore' }), 'exit')
    if (code === 0) return true
    await sleep(PROBE_MS)
  }
  return false
}
