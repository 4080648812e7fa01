import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { failure } from './failure.ts'
import { ZEROFS_NFS } from './guest.ts'
import { type HostNet, SERVER_ADDRESS } from './net.ts'

const READY_SECONDS = 20
/** What the manual promises for SIGTERM. */
const STOP_SECONDS = 5

/** A server on this machine's side of a network, which can be stopped and started again. */
export class HostServer {
  readonly #net: HostNet
  readonly #data: string
  #child: ChildProcess | undefined
  /** All it printed since it was last started. */
  log = ''

  constructor(net: HostNet, data: string) {
    this.#net = net
    this.#data = data
  }

  get running(): boolean {
    return this.#child !== undefined
  }

  /** Resolves when clients may come. */
  async start(): Promise<void> {
    this.log = ''
    const command = [...ZEROFS_NFS, 'serve', this.#data, '--listen', SERVER_ADDRESS]
    const child = this.#net.spawn(command, { stdio: ['ignore', 'pipe', 'pipe'] })
    const ready = new Promise<void>((resolve) => {
      const keep = (text: string) => {
        this.log += text
        if (/^ready/m.test(this.log)) resolve()
      }
      for (const stream of [child.stdout, child.stderr] as Readable[]) {
        stream.setEncoding('utf8').on('data', keep)
      }
    })
    const late = setTimeout(() => child.kill('SIGKILL'), READY_SECONDS * 1000)
    const ended = once(child, 'close').then(([code]) => code)
    const isReady = await Promise.race([ready.then(() => true), ended.then(() => false)])
    clearTimeout(late)
    this.#child = isReady ? child : undefined
    if (!isReady) {
      throw failure(`the server was not ready but ended with ${await ended}`, this.log)
    }
  }

  /** Ends it and waits. @throws unless SIGTERM made it exit with 0 in time. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (child === undefined) throw new Error('the server was not started')
    this.#child = undefined
    const ended = once(child, 'exit')
    child.kill(signal)
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_SECONDS * 1000)
    const [code, by] = await ended
    clearTimeout(late)
    if (signal === 'SIGTERM' && code !== 0) {
      throw failure(`the server did not stop well (code ${code}, signal ${by})`, this.log)
    }
  }
}

/** Starts a server on `data`, runs `use`, and ends the server if `use` left it running. */
export async function withHostServer(
  net: HostNet,
  data: string,
  use: (server: HostServer) => Promise<void>,
): Promise<void> {
  const server = new HostServer(net, data)
  await server.start()
  try {
    await use(server)
    if (server.running) await server.stop('SIGTERM')
  } finally {
    if (server.running) await server.stop('SIGKILL')
  }
}

/** Runs the command under test here. @returns what it printed @throws unless it succeeds */
export async function zerofsNfs(...args: string[]): Promise<string> {
  const [program = '', ...words] = [...ZEROFS_NFS, ...args]
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const keep = (text: string) => {
    output += text
  }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)
  const [code] = await once(child, 'close')
  if (code !== 0) throw failure(`${args.join(' ')} failed with ${code}`, output)
  return output
}
