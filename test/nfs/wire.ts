/** NFS and MOUNT over TCP with calls that a test holds in its hand, to send them as often as it likes. */
import { connect, type Socket } from 'node:net'
import { MOUNT_V3, mountres3_ok } from '../../src/nfs/mount.ts'
import { nfsstat3 } from '../../src/nfs/nfsstat3.ts'
import { NFS_V3 } from '../../src/nfs/program.ts'
import { encodeCredential } from '../../src/rpc/auth.ts'
import { writeCallHeader } from '../../src/rpc/message.ts'
import { type Credential, MOUNT_PROGRAM, NFS_PROGRAM } from '../../src/rpc/program.ts'
import { RecordParser } from '../../src/rpc/record.ts'
import { opaque } from '../../src/xdr/codec.ts'
import { XdrReader } from '../../src/xdr/reader.ts'
import { XdrWriter } from '../../src/xdr/writer.ts'
import { recordOf } from '../rpc/testprogram.ts'
import { type Args, as, encodeArgs, type Name, NUMBERS, type Resok, resokOf } from './harness.ts'

const REPLY_BYTES_MAX = 2 * 1024 * 1024
/** xid, REPLY, MSG_ACCEPTED, an empty verifier, SUCCESS. */
const REPLY_HEADER_BYTES = 24

/** A call of NFS, ready to be sent. */
export function callOf<K extends Name>(
  xid: number,
  name: K,
  args: Args<K>,
  credential: Credential = as(0),
): Uint8Array {
  return messageOf(xid, NFS_PROGRAM, NFS_V3, NUMBERS[name], encodeArgs(name, args), credential)
}

export function messageOf(
  xid: number,
  prog: number,
  vers: number,
  proc: number,
  args: Uint8Array,
  credential: Credential = as(0),
): Uint8Array {
  const w = new XdrWriter()
  writeCallHeader(w, { xid, prog, vers, proc, cred: encodeCredential(credential) })
  w.opaqueFixed(args)
  return Uint8Array.from(w.finish())
}

/** The status of a reply, or -1 where it was not accepted. */
export function statusOf(reply: Uint8Array): number {
  const r = new XdrReader(reply, REPLY_HEADER_BYTES - 4)
  return r.uint32() === 0 ? r.uint32() : -1
}

/** What a reply says that is NFS3_OK. @throws Error where it is another */
export function resultOf<K extends Name>(name: K, reply: Uint8Array): Resok<K> {
  const status = statusOf(reply)
  if (status !== nfsstat3.NFS3_OK) throw new Error(`${name} is answered ${status}`)
  return resokOf(name, new XdrReader(reply, REPLY_HEADER_BYTES + 4))
}

export interface WireOptions {
  /** The client's own port; any that is free unless told otherwise. */
  readonly localPort?: number
  /** Of 127.0.0.0/8: which client it is. */
  readonly localAddress?: string
}

export class Wire {
  readonly #socket: Socket
  readonly #replies: Uint8Array[] = []
  readonly #closed: Promise<void>
  #wake: (() => void) | undefined

  static async open(port: number, options: WireOptions = {}): Promise<Wire> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, ...options })
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new Wire(socket)
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    const parser = new RecordParser(REPLY_BYTES_MAX, (r) => {
      this.#replies.push(Uint8Array.from(r.unread()))
      this.#wake?.()
    })
    socket.on('data', (bytes: Buffer) => parser.feed(bytes))
    socket.on('error', () => undefined)
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        resolve()
        this.#wake?.()
      })
    })
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0
  }

  send(...calls: readonly Uint8Array[]): void {
    this.#socket.write(Buffer.concat(calls.map(recordOf)))
  }

  /** The bytes as they are: parts of records, or none. */
  sendBytes(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** The next reply. @throws Error where the connection ends before it comes */
  async reply(): Promise<Uint8Array> {
    for (;;) {
      const reply = this.#replies.shift()
      if (reply !== undefined) return reply
      if (this.#socket.destroyed) throw new Error('the connection ended without a reply')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Sends one call and waits for its reply; there are no others under way. */
  call(message: Uint8Array): Promise<Uint8Array> {
    this.send(message)
    return this.reply()
  }

  /** One call whose result is wanted. */
  async ok<K extends Name>(xid: number, name: K, args: Args<K>): Promise<Resok<K>> {
    return resultOf(name, await this.call(callOf(xid, name, args)))
  }

  /** The handle of the export `/`. */
  async mount(xid: number): Promise<Uint8Array> {
    const w = new XdrWriter()
    opaque(1024).encode(w, Buffer.from('/'))
    const reply = await this.call(messageOf(xid, MOUNT_PROGRAM, MOUNT_V3, 1, w.finish()))
    return mountres3_ok.decode(new XdrReader(reply, REPLY_HEADER_BYTES + 4)).fhandle.slice()
  }

  /** Reads nothing until `resume`. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Ends the connection with a reset, so that its port can be used again at once. */
  async cut(): Promise<void> {
    this.#socket.resetAndDestroy()
    await this.#closed
  }
}
