/**
 * The control socket: `control.sock` in the data folder, mode 0600.
 *
 * A Unix socket's address holds about 100 bytes of path (unix(7): 108, 104 on macOS, with a NUL).
 * A longer path is reached through /proc/self/fd/N, N being the open folder, where there is /proc.
 */
import { access, lstat, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Dispatcher } from '../rpc/dispatch.ts'
import { DEFAULT_LIMITS, Listener, type ListenerLimits } from '../rpc/listener.ts'
import type { Program } from '../rpc/program.ts'

export const CONTROL_SOCKET = 'control.sock'

/** Longest path of a socket in bytes, on every system. */
const SOCKET_PATH_BYTES_MAX = 103

const MIB = 1024 * 1024

/** A restore's paths are one call, and as long as a command line may be; a reply may be 4 MiB. */
const LIMITS: Partial<ListenerLimits> = {
  recordBytesMax: 4 * MIB,
  connectionsMax: 64,
  replyBytesMax: 2 * DEFAULT_LIMITS.replyBytesMax,
}

/** The socket cannot be had, or its path cannot be named; the message says what to do. */
export class SocketError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SocketError'
  }
}

export interface SocketPath {
  /** What to bind or connect to; good until `release`. */
  readonly path: string
  release(): Promise<void>
}

/**
 * A path to the folder's control socket that fits into a socket's address.
 *
 * @throws SocketError where there is none
 */
export async function controlSocketPath(directory: string): Promise<SocketPath> {
  const path = join(directory, CONTROL_SOCKET)
  const size = Buffer.byteLength(path)
  if (size <= SOCKET_PATH_BYTES_MAX) return { path, release: async () => undefined }
  const folder = await open(directory, 'r')
  const short = join('/proc/self/fd', String(folder.fd))
  if (await exists(short))
    return { path: join(short, CONTROL_SOCKET), release: () => folder.close() }
  await folder.close()
  throw new SocketError(
    `the path ${path} is ${size} bytes long, and a socket's may be ${SOCKET_PATH_BYTES_MAX}; ` +
      'use a data folder with a shorter path',
  )
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}

export interface ControlSocket {
  readonly connections: number
  /** Answers the calls that came, for at most `deadlineMs`, and removes the socket. */
  close(deadlineMs: number): Promise<void>
}

/**
 * Serves the program on the folder's control socket. The caller holds the store's lock, so a socket
 * that is there already is what a server left that was killed: it is replaced.
 *
 * @throws SocketError
 */
export async function openControlSocket(
  directory: string,
  program: Program,
  reportBug: (error: unknown) => void,
): Promise<ControlSocket> {
  await removeStale(join(directory, CONTROL_SOCKET))
  const address = await controlSocketPath(directory)
  try {
    const listener = await listen(address.path, new Dispatcher([program], reportBug))
    return {
      get connections() {
        return listener.connections
      },
      async close(deadlineMs) {
        await listener.close(deadlineMs)
        await address.release()
      },
    }
  } catch (error) {
    await address.release()
    const why = error instanceof Error ? error.message : String(error)
    throw new SocketError(`the control socket cannot be opened: ${why}`, { cause: error })
  }
}

function listen(path: string, dispatcher: Dispatcher): Promise<Listener> {
  // It is bound before `listen` returns: the socket is 0600 from its first moment on.
  const mask = process.umask(0o177)
  try {
    return Listener.listen({ path }, dispatcher, { limits: LIMITS })
  } finally {
    process.umask(mask)
  }
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket()) throw new SocketError(`${path} is in the way: it is no socket; move it`)
  await rm(path)
}
