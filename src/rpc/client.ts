/**
 * Calls procedures of an RPC server over TCP, a Unix socket or UDP: for registering with a port
 * mapper, for the command line, and for tests. Any number of calls may be under way; replies are
 * told apart by their xid and may come in any order.
 */
import type { Codec } from '../xdr/codec.ts'
import { XdrError, type XdrReader } from '../xdr/reader.ts'
import { XdrWriter } from '../xdr/writer.ts'
import { encodeCredential } from './auth.ts'
import { type ClientTransport, connect, type ServerAddress } from './client-transport.ts'
import { type Refusal, readReply, writeCallHeader } from './message.ts'
import type { Credential } from './program.ts'

const TIMEOUT_MS = 30_000

/** Over UDP a call without a reply is sent again this often. */
const RESEND_MS = 1000

/** Why a call has no results. */
export type RpcErrorCode =
  /** No reply came in time. The call may have been executed. */
  | 'TIMEDOUT'
  /** The connection ended first. The call may have been executed. */
  | 'CLOSED'
  /** The reply is not what its codec says. */
  | 'GARBAGE_RESULTS'
  /** The server refused: an accept_stat or reject_stat. */
  | Refusal['stat']

export class RpcError extends Error {
  readonly code: RpcErrorCode
  /** What the server said, where it refused. */
  readonly refusal: Refusal | undefined
  constructor(code: RpcErrorCode, message: string, refusal?: Refusal) {
    super(message)
    this.name = 'RpcError'
    this.code = code
    this.refusal = refusal
  }
}

export interface CallOptions {
  /** AUTH_NONE where nothing is given. */
  readonly credential?: Credential
  readonly timeoutMs?: number
}

export interface ClientOptions extends CallOptions {
  /** The first call's xid; the next ones count up from it. */
  readonly firstXid?: number
  /** Whether the process may end while calls are under way. */
  readonly background?: boolean
}

/** A call under way. */
interface Waiting {
  take(reply: XdrReader): void
  fail(error: RpcError): void
}

export class RpcClient {
  readonly #options: ClientOptions
  readonly #waiting = new Map<number, Waiting>()
  #transport: ClientTransport | undefined
  #nextXid: number
  #closed: string | undefined

  /** @throws the system's error where there is nobody to connect to */
  static async connect(to: ServerAddress, options: ClientOptions = {}): Promise<RpcClient> {
    const client = new RpcClient(options)
    const events = {
      onMessage: (r: XdrReader) => client.#receive(r),
      onClose: (why: string) => client.#close(why),
    }
    client.#transport = await connect(to, events, options.timeoutMs ?? TIMEOUT_MS)
    if (options.background) client.#transport.unref()
    return client
  }

  private constructor(options: ClientOptions) {
    this.#options = options
    this.#nextXid = options.firstXid ?? 1
  }

  /** True once no call can succeed any more. */
  get closed(): boolean {
    return this.#closed !== undefined
  }

  /** Calls that wait for their reply. */
  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Calls one procedure and answers its results.
   *
   * @throws RpcError
   */
  async call<A, R>(
    prog: number,
    vers: number,
    proc: number,
    args: Codec<A>,
    value: A,
    results: Codec<R>,
    options: CallOptions = {},
  ): Promise<R> {
    const xid = this.#nextXid
    this.#nextXid = (xid + 1) >>> 0
    const given = { ...this.#options, ...options }
    const w = new XdrWriter()
    const cred = encodeCredential(given.credential ?? { flavor: 'AUTH_NONE' })
    writeCallHeader(w, { xid, prog, vers, proc, cred })
    args.encode(w, value)
    const what = `program ${prog} version ${vers} procedure ${proc}`
    return this.#exchange(xid, w.take(), given.timeoutMs ?? TIMEOUT_MS, what, results)
  }

  /** Ends the connection. Calls that wait fail with CLOSED. */
  async close(): Promise<void> {
    this.#close('this side closed the connection')
    await this.#transport?.close()
  }

  #exchange<R>(
    xid: number,
    message: readonly Uint8Array[],
    timeoutMs: number,
    what: string,
    results: Codec<R>,
  ): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const transport = this.#transport
      if (transport === undefined || this.#closed !== undefined) {
        reject(new RpcError('CLOSED', `${what}: ${this.#closed}`))
        return
      }
      const timer = setTimeout(
        () => waiting.fail(new RpcError('TIMEDOUT', `${what}: no reply within ${timeoutMs} ms`)),
        timeoutMs,
      )
      const again = transport.lossy
        ? setInterval(() => transport.send(message), RESEND_MS)
        : undefined
      if (this.#options.background) {
        timer.unref()
        again?.unref()
      }
      const forget = () => {
        clearTimeout(timer)
        clearInterval(again)
        this.#waiting.delete(xid)
      }
      const waiting: Waiting = {
        take(reply) {
          forget()
          resolve(readResults(reply, results, what))
        },
        fail(error) {
          forget()
          reject(error)
        },
      }
      this.#waiting.set(xid, waiting)
      transport.send(message)
    })
  }

  #receive(r: XdrReader): void {
    if (r.remaining < 4) return
    const waiting = this.#waiting.get(r.uint32())
    try {
      waiting?.take(r)
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      waiting?.fail(error)
    }
  }

  #close(why: string): void {
    this.#closed ??= why
    for (const waiting of this.#waiting.values()) waiting.fail(new RpcError('CLOSED', why))
  }
}

function readResults<R>(reply: XdrReader, results: Codec<R>, what: string): R {
  try {
    const refusal = readReply(reply)
    if (refusal === undefined) return results.decode(reply)
    throw new RpcError(refusal.stat, `${what}: ${describe(refusal)}`, refusal)
  } catch (error) {
    if (!(error instanceof XdrError)) throw error
    throw new RpcError('GARBAGE_RESULTS', `${what}: the reply is malformed: ${error.message}`)
  }
}

function describe(refusal: Refusal): string {
  switch (refusal.stat) {
    case 'PROG_MISMATCH':
    case 'RPC_MISMATCH':
      return `${refusal.stat}, the server has versions ${refusal.low} to ${refusal.high}`
    case 'AUTH_ERROR':
      return `AUTH_ERROR, auth_stat ${refusal.auth}`
    default:
      return refusal.stat
  }
}
