/**
 * How the bytes of an accepted connection are received.
 *
 * Node's 'data' events allocate a buffer for every read, which for large WRITEs costs several times
 * as much as all else together. net.Socket's `onread` receives into buffers of our choice, but only
 * new sockets take it, not those a server accepts. So the accepted socket's handle is given to a
 * new socket; the constructor's `handle` option that this needs is not documented, though net.Server
 * itself uses it. Where the handle is not what we know, 'data' events serve as well, more slowly.
 */
import { Socket, type SocketConstructorOpts } from 'node:net'

export type Receive = 'onread' | 'data'

export interface Receiver {
  /** Where to receive next. Asked before each read; with 'data' events never. */
  buffer(): Uint8Array
  /** `size` bytes are in `buffer`, which may be used again as soon as this returns. */
  received(size: number, buffer: Uint8Array): void
}

/** The parts of Node's TCP and Pipe handles by which they are recognized. */
interface Handle {
  readStart(): unknown
  useUserBuffer(buffer: Uint8Array): unknown
}

/** What the constructor takes beyond its types. */
interface SocketOptions extends SocketConstructorOpts {
  readonly handle: Handle
  readonly onread: {
    readonly buffer: () => Uint8Array
    readonly callback: (size: number, buffer: Uint8Array) => boolean
  }
}

/**
 * The socket to go on with instead of `accepted`, which comes from a server with `pauseOnConnect`.
 *
 * @param receive 'onread' is a wish: it needs a handle of the known kind
 */
export function takeOver(accepted: Socket, receiver: Receiver, receive: Receive): Socket {
  const handle = receive === 'onread' ? detachHandle(accepted) : undefined
  if (handle === undefined) {
    accepted.on('data', (chunk: Buffer) => receiver.received(chunk.length, chunk))
    accepted.resume()
    return accepted
  }
  const options: SocketOptions = {
    handle,
    allowHalfOpen: true,
    onread: {
      buffer: () => receiver.buffer(),
      callback(size, buffer) {
        receiver.received(size, buffer)
        return true
      },
    },
  }
  return new Socket(options)
}

function detachHandle(accepted: Socket): Handle | undefined {
  if (!('_handle' in accepted) || !isHandle(accepted._handle)) return undefined
  const handle = accepted._handle
  accepted._handle = null
  return handle
}

function isHandle(handle: unknown): handle is Handle {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    'readStart' in handle &&
    typeof handle.readStart === 'function' &&
    'useUserBuffer' in handle &&
    typeof handle.useUserBuffer === 'function'
  )
}
