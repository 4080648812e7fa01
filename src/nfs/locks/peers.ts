/**
 * The lock managers of clients: where they listen, and calls to them.
 *
 * Another host's portmapper is asked for it. On this host that would answer our own port: its
 * kernel's lock manager is where it told the portmapper that it is.
 */
import { RpcClient, RpcError } from '../../rpc/client.ts'
import { askPort } from '../../rpc/portmap-client.ts'
import { NLM_PROG } from '../../rpc/program.ts'
import { type Codec, voidType } from '../../xdr/codec.ts'
import type { NlmVersion } from './nlm-types.ts'

export interface PeersParts {
  /** Whether a numeric address is one of this host's. */
  readonly isHere: (address: string) => boolean
  /** Where the lock manager of this host's kernel listens; undefined where it does not. */
  readonly portHere: (vers: number, transport: 'tcp' | 'udp', address: string) => number | undefined
  /** Runs something later; what it returns calls that off. */
  readonly after: (ms: number, run: () => void) => () => void
  /** Other than 111 in tests only. */
  readonly portmapPort?: number
}

export interface Peer {
  /** Numeric. */
  readonly address: string
  readonly vers: NlmVersion
}

/** The client cannot have heard of the call. */
export class PeerUnreachable extends Error {}

/** How long a portmapper may take for an answer, and a lock manager, in milliseconds. */
const ASK_MS = 3000
export const CALL_MS = 5000
/** Connections kept, and for how long after their last call. */
const CONNECTIONS_MAX = 64
const IDLE_MS = 60_000
/** Calls without results under way; more are not made: their clients ask again. */
const SENDS_MAX = 1024

interface Connection {
  readonly client: Promise<RpcClient>
  opened: RpcClient | undefined
  usedAt: number
}

export class Peers {
  readonly #parts: PeersParts
  /** Least lately used first. */
  readonly #connections = new Map<string, Connection>()
  #sends = 0
  #uses = 0
  #callOff: (() => void) | undefined

  constructor(parts: PeersParts) {
    this.#parts = parts
  }

  /**
   * @throws PeerUnreachable where the call was not sent; RpcError where it may have been executed,
   *   or was refused
   */
  async call<A, R>(
    peer: Peer,
    proc: number,
    args: Codec<A>,
    value: A,
    results: Codec<R>,
  ): Promise<R> {
    const client = await this.#connect(peer)
    return client.call(NLM_PROG, peer.vers, proc, args, value, results, { timeoutMs: CALL_MS })
  }

  /** A call without results that nobody waits for. What goes wrong is for the client to notice. */
  send<A>(peer: Peer, proc: number, args: Codec<A>, value: A): void {
    if (this.#sends >= SENDS_MAX) return
    this.#sends++
    this.call(peer, proc, args, value, voidType)
      .catch(() => undefined)
      .finally(() => {
        this.#sends--
      })
  }

  async close(): Promise<void> {
    this.#callOff?.()
    const connections = [...this.#connections.values()]
    this.#connections.clear()
    // Those that are still being made do not keep the process from ending.
    await Promise.all(connections.map(({ opened }) => opened?.close()))
  }

  /** TCP where there is: what comes twice by UDP is answered twice, and differently. */
  async #connect(peer: Peer): Promise<RpcClient> {
    const key = `${peer.address} ${peer.vers}`
    let kept = this.#connections.get(key)
    this.#connections.delete(key)
    if (kept === undefined || kept.opened?.closed) {
      kept = { client: this.#open(peer), opened: undefined, usedAt: 0 }
    }
    kept.usedAt = ++this.#uses
    this.#connections.set(key, kept)
    this.#tidy()
    try {
      kept.opened = await kept.client
      return kept.opened
    } catch (error) {
      if (this.#connections.get(key) === kept) this.#connections.delete(key)
      throw error
    }
  }

  async #open(peer: Peer): Promise<RpcClient> {
    let why = 'it is not registered there'
    for (const transport of ['tcp', 'udp'] as const) {
      try {
        const port = await this.#port(peer, transport)
        if (port === undefined) continue
        const to = { transport, host: peer.address, port }
        return await RpcClient.connect(to, { timeoutMs: ASK_MS, background: true })
      } catch (error) {
        why = error instanceof Error ? error.message : String(error)
        if (!(error instanceof RpcError) && !isSystemError(error)) throw error
      }
    }
    throw new PeerUnreachable(`the lock manager of ${peer.address} cannot be reached: ${why}`)
  }

  async #port({ address: host, vers }: Peer, transport: 'tcp' | 'udp') {
    const { isHere, portHere, portmapPort } = this.#parts
    if (isHere(host)) return portHere(vers, transport, host)
    const options = { timeoutMs: ASK_MS, ...(portmapPort && { port: portmapPort }) }
    return askPort({ host, prog: NLM_PROG, vers, transport }, options)
  }

  /** Closes the connections that are too many, and in a while those that are not used. */
  #tidy(): void {
    for (const [key, { opened }] of this.#connections) {
      if (this.#connections.size <= CONNECTIONS_MAX) break
      if (opened !== undefined && opened.waiting === 0) this.#drop(key, opened)
    }
    this.#callOff ??= this.#parts.after(IDLE_MS, () => this.#dropIdle(this.#uses))
  }

  #dropIdle(uses: number): void {
    this.#callOff = undefined
    for (const [key, { opened, usedAt }] of this.#connections) {
      if (usedAt <= uses && opened !== undefined && opened.waiting === 0) this.#drop(key, opened)
    }
    if (this.#connections.size > 0) this.#tidy()
  }

  #drop(key: string, client: RpcClient): void {
    this.#connections.delete(key)
    client.close().catch(() => undefined)
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'code' in error
}
