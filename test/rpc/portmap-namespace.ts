/** A network namespace of a test's own, with an empty /run, for port 111 and the programs around it. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const PROJECT = fileURLToPath(new URL('../../', import.meta.url))
const { PATH } = process.env
const env = { ...process.env, PATH: `${PATH}:/usr/sbin:/sbin` }

/** How long a program of the system may take to say that it is ready, or to answer. */
const WAIT_MS = 20_000
const ASK_AGAIN_MS = 50

const SETUP = `
  ip link set lo up &&
  mount -t tmpfs tmpfs /run &&
  mkdir -p /run/rpcbind /run/sendsigs.omit.d &&
  mount -t tmpfs tmpfs /var/lib/nfs &&
  mkdir -p /var/lib/nfs/sm /var/lib/nfs/sm.bak &&
  echo ready && exec cat`

/** Why such a namespace cannot be had here; undefined where it can. */
export function missing(commands: readonly string[]): string | undefined {
  if (process.platform !== 'linux') return 'this is not Linux'
  if (process.getuid?.() !== 0) return 'not root'
  for (const command of ['unshare', 'nsenter', 'ip', ...commands]) {
    const found = spawnSync('sh', ['-c', `command -v ${command}`], { env })
    if (found.status !== 0) return `${command} is not installed`
  }
  const tried = spawnSync('unshare', ['-n', '-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/run'], { env })
  return tried.status === 0 ? undefined : 'namespaces are not permitted'
}

export interface Namespace {
  /** Runs a command to its end; its output, both streams, whatever the exit code. */
  run(command: string, ...args: string[]): Promise<string>
  /** As `run`, again and again until the output matches. */
  runUntil(pattern: RegExp, command: string, ...args: string[]): Promise<string>
  /** Starts a command that goes on until its input ends or the namespace is left. */
  start(command: string, ...args: string[]): ChildProcess
  /** Starts test/rpc/portmap-fixture.ts and answers the line that it prints. */
  serve(mode: string): Promise<{ by: string; summary: string; stop(): Promise<void> }>
}

export async function withNamespace(use: (namespace: Namespace) => Promise<void>): Promise<void> {
  const started: ChildProcess[] = []
  const launch = (command: string, args: readonly string[]) => {
    const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
    started.push(child)
    return child
  }
  try {
    const holder = launch('unshare', ['-n', '-m', 'sh', '-c', SETUP])
    await firstLine(holder)
    await use(namespaceOf(['-t', String(holder.pid), '-n', '-m', `--wd=${PROJECT}`], launch))
  } finally {
    for (const child of started.reverse()) await end(child)
  }
}

function namespaceOf(
  into: readonly string[],
  launch: (command: string, args: readonly string[]) => ChildProcess,
): Namespace {
  const run = async (command: string, ...args: string[]) => {
    const options = { env, timeout: WAIT_MS }
    try {
      const done = await promisify(execFile)('nsenter', [...into, command, ...args], options)
      return done.stdout + done.stderr
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
      return stdout + stderr
    }
  }
  const start = (command: string, ...args: string[]) =>
    launch('nsenter', [...into, command, ...args])
  return {
    run,
    start,
    async runUntil(pattern, command, ...args) {
      const deadline = performance.now() + WAIT_MS
      for (;;) {
        const output = await run(command, ...args)
        if (pattern.test(output) || performance.now() > deadline) return output
        await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS))
      }
    },
    async serve(mode) {
      const fixture = 'test/rpc/portmap-fixture.ts'
      const child = start(process.execPath, '--import', 'tsx', fixture, mode)
      const outcome = JSON.parse(await firstLine(child))
      return { ...outcome, stop: () => endOfInput(child) }
    },
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no output to read')
  for await (const line of createInterface({ input: child.stdout })) return line
  throw new Error(`${child.spawnargs.join(' ')} ended without a word`)
}

const ended = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

async function endOfInput(child: ChildProcess): Promise<void> {
  child.stdin?.end()
  if (!ended(child)) await once(child, 'exit')
}

async function end(child: ChildProcess): Promise<void> {
  if (ended(child)) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
