/** A program for the tests of the RPC layer, and how they start it and call it. */
import { connect, type Socket } from 'node:net'
import { RpcClient } from '../../src/rpc/client.ts'
import { Dispatcher } from '../../src/rpc/dispatch.ts'
import { Listener, type ListenerOptions } from '../../src/rpc/listener.ts'
import { writeCallHeader } from '../../src/rpc/message.ts'
import type { CallContext, Procedure, Program, Reply } from '../../src/rpc/program.ts'
import { RecordParser } from '../../src/rpc/record.ts'
import {
  type Codec,
  opaque,
  opaqueByReference,
  struct,
  uint32,
  voidType,
} from '../../src/xdr/codec.ts'
import { XdrWriter } from '../../src/xdr/writer.ts'

export const PROG = 0x2000_0001
export const VERS = 3
export const [NULL, ECHO, LATER, BUG, HALF_BUG, LEFT_OPEN, READ] = [0, 1, 2, 3, 4, 5, 6]

const BYTES_MAX = 4 * 1024 * 1024
export const data = opaque(BYTES_MAX)
export const readArgs = struct({ size: uint32, fill: uint32 })
const readResults = opaqueByReference(BYTES_MAX)

/** What a test sees and does from within. */
export class TestProgram implements Program {
  readonly prog = PROG
  readonly vers = VERS
  readonly bugs: string[] = []
  /** Contexts of the calls handled, in order. */
  readonly contexts: CallContext[] = []
  /** Answers of LATER that wait for `answer`, by their argument. */
  readonly later = new Map<number, () => void>()
  /** Buffers that replies by reference use, and how many of them were given back. */
  lent = 0
  returned = 0
  onCall: (() => void) | undefined

  readonly procedures: Program['procedures'] = [
    undefined,
    this.#procedure(data, (args, reply) => {
      data.encode(reply.begin(), args)
      reply.end()
    }),
    this.#procedure(uint32, (args, reply) => {
      this.later.set(args, () => {
        uint32.encode(reply.begin(), args)
        reply.end()
      })
    }),
    this.#procedure(voidType, () => {
      throw new Error('a bug')
    }),
    this.#procedure(voidType, (_, reply) => {
      reply.begin().uint32(0xbad)
      throw new Error('a bug in the middle')
    }),
    this.#procedure(voidType, (_, reply) => {
      reply.begin().uint32(0xbad)
    }),
    this.#procedure(readArgs, ({ size, fill }, reply) => {
      this.lent++
      readResults.encode(reply.begin(), new Uint8Array(size).fill(fill))
      reply.end(() => {
        this.returned++
      })
    }),
  ]

  readonly reportBug = (error: unknown): void => {
    this.bugs.push(error instanceof Error ? error.message : String(error))
  }

  /** Answers LATER's call with this argument. */
  answer(args: number): void {
    this.later.get(args)?.()
    this.later.delete(args)
  }

  #procedure<A>(args: Codec<A>, run: (args: A, reply: Reply) => void): Procedure<unknown> {
    const procedure: Procedure<A> = {
      args,
      handle: (context, value, reply) => {
        this.contexts.push(context)
        this.onCall?.()
        run(value, reply)
      },
    }
    return procedure
  }
}

export interface TestServer {
  readonly program: TestProgram
  readonly listener: Listener
  readonly port: number
  /** A client of its own, closed with the server. */
  connect(): Promise<RpcClient>
  /** A bare connection, closed with the server. */
  dial(): Promise<RawConnection>
}

export async function withServer(
  options: ListenerOptions,
  run: (server: TestServer) => Promise<void>,
): Promise<void> {
  const program = new TestProgram()
  const dispatcher = new Dispatcher([program], program.reportBug)
  const listener = await Listener.listen({ host: '127.0.0.1', port: 0 }, dispatcher, options)
  const { address } = listener
  const port = typeof address === 'string' ? 0 : address.port
  const open: { close(): unknown }[] = []
  const opened = <T extends { close(): unknown }>(one: T) => {
    open.push(one)
    return one
  }
  try {
    await run({
      program,
      listener,
      port,
      connect: async () =>
        opened(await RpcClient.connect({ transport: 'tcp', host: '127.0.0.1', port })),
      dial: async () => opened(await RawConnection.open(port)),
    })
  } finally {
    for (const one of open) await one.close()
    await listener.close(1000)
  }
}

/** A connection for bytes that no proper client sends. */
export class RawConnection {
  readonly socket: Socket
  readonly records: Uint8Array[] = []
  readonly #closed: Promise<void>
  #wake: (() => void) | undefined

  static async open(port: number): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new RawConnection(socket)
  }

  private constructor(socket: Socket) {
    this.socket = socket
    const parser = new RecordParser(8 * 1024 * 1024, (r) => {
      this.records.push(Uint8Array.from(r.unread()))
      this.#wake?.()
    })
    socket.on('data', (bytes: Buffer) => parser.feed(bytes))
    socket.on('error', () => undefined)
    socket.on('end', () => socket.end())
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()))
  }

  /** Ends when so many records have come in all. */
  async received(count: number): Promise<void> {
    while (this.records.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Ends when the server has closed the connection. */
  async ended(): Promise<void> {
    await this.#closed
  }

  async close(): Promise<void> {
    this.socket.destroy()
    await this.#closed
  }
}

/** The message of a call with AUTH_NONE. */
export function call<A>(xid: number, proc: number, args: Codec<A>, value: A): Uint8Array {
  const w = new XdrWriter()
  const cred = { flavor: 0, body: new Uint8Array(0) }
  writeCallHeader(w, { xid, prog: PROG, vers: VERS, proc, cred })
  args.encode(w, value)
  return Uint8Array.from(w.finish())
}

/** One message as one record of one fragment. */
export function recordOf(message: Uint8Array): Uint8Array {
  const mark = Buffer.alloc(4)
  mark.writeUInt32BE(0x8000_0000 + message.length)
  return Buffer.concat([mark, message])
}
