/** A whole server on loopback, and messages to it and back as bytes, over both transports. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type ServeOptions, startServer } from '../../src/server.ts'
import { Wire } from '../nfs/wire.ts'
import { withFolder } from '../store/open-store.ts'

/** How long a reply to a datagram may take: none comes a second time. */
const REPLY_MS = 20_000

/** Runs `use` with a server; no port of the system's is taken. */
export async function withServing<T>(
  use: (port: number, directory: string) => Promise<T>,
  more: Partial<ServeOptions> = {},
): Promise<T> {
  return withFolder((directory) => servingIn(directory, (port) => use(port, directory), more))
}

/** The same on a folder that may have been served before. */
export async function servingIn<T>(
  directory: string,
  use: (port: number) => Promise<T>,
  more: Partial<ServeOptions> = {},
): Promise<T> {
  const serving = await startServer({
    ...{ directory, listen: ['127.0.0.1'], port: 0, mountPort: undefined, portmap: 'off' },
    ...{ durability: 'sync', version: 'test' },
    report: (message, error) => {
      throw new Error(message, { cause: error })
    },
    ...more,
  })
  try {
    return await use(Number(serving.addresses[0]?.split(':').at(-1)))
  } finally {
    await serving.stop()
  }
}

/** One client's end: calls go out, and their replies come back, one at a time. */
export interface Line {
  call(message: Uint8Array): Promise<Uint8Array>
  close(): Promise<unknown>
}

export async function openTcp(port: number): Promise<Line> {
  const wire = await Wire.open(port)
  return { call: (message) => wire.call(message), close: () => wire.cut() }
}

export async function openUdp(port: number, from?: number): Promise<Line & { socket: Socket }> {
  const socket = createSocket('udp4')
  socket.bind(from ?? 0, '127.0.0.1')
  await once(socket, 'listening')
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return {
    socket,
    async call(message) {
      const signal = AbortSignal.timeout(REPLY_MS)
      const answered = once(socket, 'message', { signal })
      socket.send(message)
      const [reply] = (await answered) as [Buffer]
      return Uint8Array.from(reply)
    },
    async close() {
      socket.close()
      await once(socket, 'close')
    },
  }
}
