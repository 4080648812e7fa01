/** Calls of the control program, to a running server. */
import { RpcClient, RpcError } from '../rpc/client.ts'
import { type Codec, voidType } from '../xdr/codec.ts'
import * as history from './history-types.ts'
import { controlSocketPath } from './socket.ts'
import type { StreamPage } from './streams.ts'
import * as wire from './types.ts'

/** Nothing that is asked here takes longer, unless the server's disk hangs. */
const CALL_TIMEOUT_MS = 120_000

/** There is no server at the socket any more, or it does not speak this version. */
export class ServerGone extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ServerGone'
  }
}

export class RemoteCalls {
  readonly #client: RpcClient

  /**
   * @throws the system's error where no server listens (ENOENT, ECONNREFUSED) or may be asked
   *   (EACCES), SocketError where the socket's path is too long
   */
  static async connect(directory: string): Promise<RemoteCalls> {
    const { path, release } = await controlSocketPath(directory)
    try {
      const options = { timeoutMs: CALL_TIMEOUT_MS }
      return new RemoteCalls(await RpcClient.connect({ transport: 'unix', path }, options))
    } finally {
      await release()
    }
  }

  private constructor(client: RpcClient) {
    this.#client = client
  }

  /** Ends the connection. Long calls that were started run on in the server. */
  close(): Promise<void> {
    return this.#client.close()
  }

  /** Asks how a job goes until it has ended and all of its list is here. */
  async follow<P, R, I>(
    proc: number,
    job: number,
    poll: Codec<wire.Poll<P, R, I>>,
    report: (progress: P) => void,
  ): Promise<{ readonly value: R; readonly items: readonly I[] }> {
    const items: I[] = []
    for (;;) {
      const args = { job, from: items.length }
      const { progress, outcome } = await this.call(proc, wire.pollArgs, args, poll)
      for (const step of progress) report(step)
      if (outcome === undefined) continue
      if (!outcome.ok) throw outcome.error
      items.push(...outcome.value.items)
      if (!outcome.value.more) return { value: outcome.value.value, items }
    }
  }

  /** Asks for the pages of a list, as far as anybody wants them. */
  async *stream<A, T>(
    proc: number,
    args: Codec<A>,
    given: A,
    next: number,
    page: Codec<StreamPage<T>>,
  ): AsyncGenerator<T> {
    const { streamNumber, HISTORYPROC } = history
    const number = await this.call(proc, args, given, streamNumber)
    let more = true
    try {
      while (more) {
        more = false
        const answer = await this.call(next, streamNumber, number, page)
        more = answer.more
        yield* answer.items
      }
    } finally {
      if (more) await this.call(HISTORYPROC.END, streamNumber, number, voidType)
    }
  }

  async call<A, R>(proc: number, args: Codec<A>, given: A, results: Codec<R>): Promise<R> {
    const { CONTROL_PROGRAM, CONTROL_VERSION } = wire
    let answer: wire.Result<R>
    try {
      const codec = wire.result(results)
      answer = await this.#client.call(CONTROL_PROGRAM, CONTROL_VERSION, proc, args, given, codec)
    } catch (error) {
      if (error instanceof RpcError) throw new ServerGone(explain(error), { cause: error })
      throw error
    }
    if (answer.ok) return answer.value
    throw answer.error
  }
}

function explain({ code, message }: RpcError): string {
  switch (code) {
    case 'CLOSED':
      return `the server ended before it answered (${message})`
    case 'TIMEDOUT':
      return `the server did not answer within ${CALL_TIMEOUT_MS / 1000} seconds`
    case 'PROG_MISMATCH':
      return 'the running server is another version of zerofs-nfs; use its own command, or restart it'
    default:
      return `the server refused: ${message}`
  }
}
