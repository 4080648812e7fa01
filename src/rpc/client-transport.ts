/** How a client's messages reach a server: TCP and Unix sockets with record marks, or datagrams. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect as connectStream, isIPv6, type Socket } from 'node:net'
import { XdrReader } from '../xdr/reader.ts'
import { RecordParser } from './record.ts'

const LAST_FRAGMENT = 0x8000_0000

interface DatagramAddress extends FromPort {
  readonly transport: 'udp'
  readonly host: string
  readonly port: number
}
type StreamAddress =
  | ({ readonly transport: 'tcp'; readonly host: string; readonly port: number } & FromPort)
  | { readonly transport: 'unix'; readonly path: string }

/** From which port of ours; any, where it is left out. Ports below 1024 need root. */
interface FromPort {
  readonly localPort?: number
}

/** Where a server is. Over UDP the host is numeric. */
export type ServerAddress = StreamAddress | DatagramAddress

export interface TransportEvents {
  /** One message. The bytes it was received in are not used again. */
  onMessage(r: XdrReader): void
  /** No more messages come or go; runs at least once. */
  onClose(why: string): void
}

export interface ClientTransport {
  /** True where messages may be lost, so that they are worth sending again. */
  readonly lossy: boolean
  send(pieces: readonly Uint8Array[]): void
  /** From now on it does not keep the process from ending. */
  unref(): void
  close(): Promise<void>
}

/** Longest reply in bytes: 4 MiB of a snapshot's file, and what is around them. */
const REPLY_BYTES_MAX = 4 * 1024 * 1024 + 64 * 1024

/**
 * @param timeoutMs for how long to try, in milliseconds
 * @throws the system's error where there is nobody to connect to
 */
export function connect(
  to: ServerAddress,
  events: TransportEvents,
  timeoutMs: number,
): Promise<ClientTransport> {
  return to.transport === 'udp' ? overDatagrams(to, events) : overStream(to, events, timeoutMs)
}

async function overStream(
  to: StreamAddress,
  events: TransportEvents,
  timeoutMs: number,
): Promise<ClientTransport> {
  const socket = await connected(to, timeoutMs)
  socket.setNoDelay(true)
  const parser = new RecordParser(REPLY_BYTES_MAX, (r) => events.onMessage(r))
  socket.on('data', (bytes: Buffer) => {
    try {
      parser.feed(bytes)
    } catch (error) {
      socket.destroy(error instanceof Error ? error : undefined)
    }
  })
  socket.on('error', (error) => events.onClose(error.message))
  socket.on('close', () => events.onClose('the server closed the connection'))
  return {
    lossy: false,
    send(pieces) {
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
      const mark = new DataView(new ArrayBuffer(4))
      mark.setUint32(0, LAST_FRAGMENT + length)
      socket.cork()
      socket.write(new Uint8Array(mark.buffer))
      for (const piece of pieces) socket.write(piece)
      socket.uncork()
    },
    unref: () => void socket.unref(),
    async close() {
      if (socket.closed) return
      socket.destroy()
      await once(socket, 'close')
    },
  }
}

async function connected(to: StreamAddress, timeoutMs: number): Promise<Socket> {
  const socket = connectStream(to)
  const why = `no connection within ${timeoutMs} ms`
  const late = Object.assign(new Error(why), { code: 'ETIMEDOUT' })
  const timer = setTimeout(() => socket.destroy(late), timeoutMs)
  try {
    await once(socket, 'connect')
    return socket
  } finally {
    clearTimeout(timer)
  }
}

async function overDatagrams(
  to: DatagramAddress,
  events: TransportEvents,
): Promise<ClientTransport> {
  const socket = createSocket(isIPv6(to.host) ? 'udp6' : 'udp4')
  try {
    if (to.localPort !== undefined) {
      socket.bind(to.localPort)
      await once(socket, 'listening')
    }
    socket.connect(to.port, to.host)
    await once(socket, 'connect')
  } catch (error) {
    socket.close()
    throw error
  }
  // A connected socket hears of it when nobody listens at the other end.
  socket.on('error', (error) => events.onClose(error.message))
  socket.on('message', (bytes) => events.onMessage(new XdrReader(bytes)))
  return {
    lossy: true,
    // Errors come as events too; without a callback here they come only so.
    send: (pieces) => socket.send(pieces),
    unref: () => void socket.unref(),
    async close() {
      socket.close()
      await once(socket, 'close')
    },
  }
}
