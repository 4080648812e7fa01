/**
 * Listens for stream connections: TCP, or a Unix socket. One listener is one address; a server that
 * has several gives them the same Dispatcher and Budget.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { RecordBuffers } from '../xdr/buffers.ts'
import type { BusyPoll } from './busypoll.ts'
import { networkCaller, UNIX_CALLER } from './caller.ts'
import { Connection, type ConnectionLimits, type Shared } from './connection.ts'
import type { Dispatcher } from './dispatch.ts'
import type { Caller } from './program.ts'
import type { Receive } from './receive.ts'
import { type Budget, WriterPool } from './replies.ts'

/** Where to listen. `port` 0 takes any that is free; an IPv6 host takes IPv6 only. */
export type StreamAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string }

export interface ListenerLimits extends ConnectionLimits {
  readonly connectionsMax: number
  /** A connection with nothing to do is closed after this long. Clients open a new one. */
  readonly idleSecondsMax: number
  /** A peer that neither takes a reply nor completes a call for this long is closed. */
  readonly stallSecondsMax: number
}

const MIB = 1024 * 1024

/** A WRITE of 1 MiB and its header: the file handle, the credential and the record's own fields. */
export const RECORD_BYTES_MAX = MIB + 4096

export const DEFAULT_LIMITS: ListenerLimits = {
  recordBytesMax: RECORD_BYTES_MAX,
  callsWaitingMax: 256,
  callBytesWaitingMax: 32 * MIB,
  replyBytesMax: 4 * MIB,
  connectionsMax: 1024,
  idleSecondsMax: 900,
  stallSecondsMax: 120,
}

/** Default of Budget.max. */
export const BUDGET_BYTES_MAX = 512 * MIB

/** One receive buffer serves all connections of a listener: no two are read at the same time. */
const RECEIVE_BYTES = 64 * 1024

/** How often quiet connections are looked for, where no limit is shorter. */
const SWEEP_SECONDS = 10
const KEEPALIVE_MS = 60_000

export interface ListenerOptions {
  readonly limits?: Partial<ListenerLimits>
  /** Shared by the listeners of one server; without it the listener has one of its own. */
  readonly budget?: Budget
  readonly receive?: Receive
  /**
   * Where large records are received; left out: memory of their own. Only for programs that keep
   * bytes of their arguments beyond `handle` in no other way than by retaining them there.
   */
  readonly buffers?: RecordBuffers
  /** Shared by the listeners of one server; without it the process sleeps between calls. */
  readonly busyPoll?: BusyPoll
}

export class Listener {
  readonly #server: Server
  readonly #unix: boolean
  readonly #limits: ListenerLimits
  readonly #shared: Shared
  readonly #connections = new Set<Connection>()
  readonly #sweeper: NodeJS.Timeout
  #closing = false
  #onEmpty: (() => void) | undefined

  /**
   * @throws the system's error where the address cannot be had (EADDRINUSE, EACCES)
   */
  static async listen(
    at: StreamAddress,
    dispatcher: Dispatcher,
    options: ListenerOptions = {},
  ): Promise<Listener> {
    const listener = new Listener('path' in at, dispatcher, options)
    listener.#server.listen('path' in at ? at : { ...at, ipv6Only: true })
    try {
      await once(listener.#server, 'listening')
    } catch (error) {
      clearInterval(listener.#sweeper)
      throw error
    }
    // Later errors are of single accepts (EMFILE): the listener goes on.
    listener.#server.on('error', () => undefined)
    return listener
  }

  private constructor(unix: boolean, dispatcher: Dispatcher, options: ListenerOptions) {
    this.#unix = unix
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#shared = {
      dispatcher,
      limits: this.#limits,
      budget: options.budget ?? { used: 0, max: BUDGET_BYTES_MAX },
      pool: new WriterPool(),
      buffer: new Uint8Array(RECEIVE_BYTES),
      receive: options.receive ?? 'onread',
      buffers: options.buffers,
      busyPoll: options.busyPoll,
    }
    this.#server = createServer({
      pauseOnConnect: true,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEPALIVE_MS,
    })
    this.#server.on('connection', (socket) => this.#accept(socket))
    this.#sweeper = setInterval(() => this.#sweep(), this.#sweepSeconds * 1000)
    this.#sweeper.unref()
  }

  /** The address as bound; a string is the path of a Unix socket. */
  get address(): AddressInfo | string {
    const address = this.#server.address()
    assert(address !== null, 'the listener is closed')
    return address
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#connections.size
  }

  /** Bytes of calls and replies that are kept for all connections that share this Budget. */
  get bytesKept(): number {
    return this.#shared.budget.used
  }

  /**
   * Stops accepting, answers the calls that came, and closes each connection when that is done;
   * those still open after `deadlineMs` are closed as they are.
   */
  async close(deadlineMs: number): Promise<void> {
    this.#closing = true
    clearInterval(this.#sweeper)
    this.#server.close()
    for (const connection of this.#connections) connection.finish()
    if (this.#connections.size === 0) return
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(() => {
        for (const connection of this.#connections) connection.destroy()
      }, deadlineMs)
      this.#onEmpty = () => {
        clearTimeout(deadline)
        resolve()
      }
    })
  }

  #accept(socket: Socket): void {
    const caller = this.#callerOf(socket)
    if (caller === undefined || this.#closing || !this.#hasRoom()) {
      socket.destroy()
      return
    }
    const connection = new Connection(this.#shared, caller, socket, () => {
      this.#connections.delete(connection)
      if (this.#connections.size === 0) this.#onEmpty?.()
    })
    this.#connections.add(connection)
  }

  /** Undefined where the peer is gone already. */
  #callerOf({ remoteAddress, remotePort }: Socket): Caller | undefined {
    if (this.#unix) return UNIX_CALLER
    if (remoteAddress === undefined || remotePort === undefined) return undefined
    return networkCaller(remoteAddress, remotePort, 'tcp')
  }

  /** Where need be, makes room by closing what has had nothing to do for longest. */
  #hasRoom(): boolean {
    if (this.#connections.size < this.#limits.connectionsMax) return true
    let quietest: Connection | undefined
    for (const connection of this.#connections) {
      if (!connection.idle || connection.quietSweeps === 0) continue
      if (quietest === undefined || connection.quietSweeps > quietest.quietSweeps) {
        quietest = connection
      }
    }
    if (quietest === undefined) return false
    this.#connections.delete(quietest)
    quietest.destroy()
    return true
  }

  get #sweepSeconds(): number {
    return Math.min(SWEEP_SECONDS, this.#limits.idleSecondsMax, this.#limits.stallSecondsMax)
  }

  #sweep(): void {
    const { idleSecondsMax, stallSecondsMax } = this.#limits
    const seconds = this.#sweepSeconds
    for (const connection of this.#connections) {
      connection.sweep(idleSecondsMax / seconds, stallSecondsMax / seconds)
    }
  }
}
