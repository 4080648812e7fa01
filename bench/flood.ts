/**
 * Calls of one kind as fast as a server answers them, about any files of a large store: little more
 * than a template that is filled in, so that the client costs less than the server.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'

const NFS_PROGRAM = 100003
const PROCEDURES = { getattr: 1, lookup: 3, write: 7, create: 8 } as const
/** Bytes of a reply before its status: record mark, xid, REPLY, accepted, verifier, SUCCESS. */
const REPLY_BYTES = 28
/** Where the xid is in a call, behind the record mark. */
const XID_AT = 4
const WARMUP = 0.2

export type Operation = keyof typeof PROCEDURES

/** What the next call is about: a file, a name in a directory, a place in a file. */
export interface Target {
  readonly handle: Uint8Array
  readonly name?: string
  /** Where WRITE_BYTES are written, UNSTABLE. */
  readonly offset?: number
}

/** The longest WRITE there is. */
export const WRITE_BYTES = 2 ** 20
const DATA = Buffer.alloc(WRITE_BYTES, 'flood')

export interface Flood {
  readonly port: number
  /** The server's process. */
  readonly pid: number
  readonly operation: Operation
  readonly next: () => Target
  readonly connections: number
  readonly inFlight: number
  readonly seconds: number
  /** After how many answers it ends, instead of so many seconds. */
  readonly calls?: number
}

export interface Flooded {
  readonly perSecond: number
  /** Microseconds of the server's CPU time. */
  readonly cpu: number
  /** Milliseconds: the longest that all connections together went without a reply. */
  readonly stall: number
}

/** The same numbers in the same order each time. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** CPU time of a process, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** @throws where a call is answered by anything but NFS3_OK */
export async function flood(load: Flood): Promise<Flooded> {
  const sockets: Socket[] = []
  for (let i = 0; i < load.connections; i++) {
    const socket = connect(load.port, '127.0.0.1').setNoDelay(true)
    await once(socket, 'connect')
    sockets.push(socket)
  }
  const state: State = { load, answered: 0, stall: 0, last: performance.now(), over: false }
  const loops = sockets.map((socket, i) => callLoop(socket, state, i))
  const failed = Promise.all(loops)
  const wait = (seconds: number) =>
    Promise.race([failed, new Promise((done) => setTimeout(done, seconds * 1000))])
  if (load.calls === undefined) await wait(load.seconds * WARMUP)
  const before = { at: performance.now(), cpu: cpuSeconds(load.pid), answered: state.answered }
  state.stall = 0
  if (load.calls === undefined) await wait(load.seconds)
  else await failed
  const seconds = (performance.now() - before.at) / 1000
  const cpu = cpuSeconds(load.pid) - before.cpu
  const answered = state.answered - before.answered
  state.over = true
  await failed
  return { perSecond: answered / seconds, cpu: (cpu * 1e6) / answered, stall: state.stall }
}

interface State {
  readonly load: Flood
  answered: number
  stall: number
  last: number
  over: boolean
}

/** Keeps so many calls in flight on one connection until it is over, and takes their answers. */
function callLoop(socket: Socket, state: State, connection: number): Promise<void> {
  const { operation, next, inFlight } = state.load
  let xid = connection * 0x1000_0000
  let open = 0
  let kept = Buffer.alloc(0)
  const send = (count: number) => {
    const calls = Array.from({ length: count }, () => callOf(operation, next(), ++xid >>> 0))
    open += count
    socket.write(Buffer.concat(calls))
  }
  return new Promise((resolve, reject) => {
    socket.on('data', (bytes) => {
      const all = kept.length === 0 ? bytes : Buffer.concat([kept, bytes])
      let at = 0
      let replies = 0
      while (at + 4 <= all.length) {
        const end = at + 4 + (all.readUInt32BE(at) & 0x7fff_ffff)
        if (end > all.length) break
        const status = all.readUInt32BE(at + REPLY_BYTES)
        if (status !== 0) reject(new Error(`${operation} was answered with status ${status}`))
        at = end
        replies++
      }
      kept = Buffer.from(all.subarray(at))
      const now = performance.now()
      state.stall = Math.max(state.stall, now - state.last)
      state.last = now
      state.answered += replies
      open -= replies
      if (state.answered >= (state.load.calls ?? Number.POSITIVE_INFINITY)) state.over = true
      if (!state.over) send(replies)
      else if (open === 0) socket.end(resolve)
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the server has closed the connection')))
    send(inFlight)
  })
}

/** Of root, by AUTH_SYS: without gids, from a machine without a name. */
const CREDENTIAL = [1, 20, 0, 0, 0, 0, 0]
const NO_VERIFIER = [0, 0]
/** createhow3 GUARDED, and a sattr3 of mode 0644. */
const NEW_FILE = [1, 1, 0o644, 0, 0, 0, 0, 0]

function callOf(operation: Operation, { handle, name, offset }: Target, xid: number): Buffer {
  const head = [0, xid, 0, 2, NFS_PROGRAM, 3, PROCEDURES[operation]]
  const words = [...head, ...CREDENTIAL, ...NO_VERIFIER, handle.length]
  const more = operation === 'create' ? NEW_FILE : operation === 'write' ? writeOf(offset) : []
  const padded = name === undefined ? 0 : 4 + Math.ceil(name.length / 4) * 4
  const call = Buffer.alloc(4 * words.length + handle.length + padded + 4 * more.length)
  for (const [i, word] of words.entries()) call.writeUInt32BE(word >>> 0, 4 * i)
  call.set(handle, 4 * words.length)
  let at = 4 * words.length + handle.length
  if (name !== undefined) {
    call.writeUInt32BE(name.length, at)
    call.write(name, at + 4, 'latin1')
    at += padded
  }
  for (const [i, word] of more.entries()) call.writeUInt32BE(word, at + 4 * i)
  const data = operation === 'write' ? DATA : DATA.subarray(0, 0)
  call.writeUInt32BE(0x8000_0000 + call.length + data.length - 4, 0)
  call.writeUInt32BE(xid, XID_AT)
  return data.length === 0 ? call : Buffer.concat([call, data])
}

/** offset3, count3, UNSTABLE, and the length of the data. */
function writeOf(offset = 0): readonly number[] {
  return [Math.floor(offset / 2 ** 32), offset % 2 ** 32, WRITE_BYTES, 0, WRITE_BYTES]
}
