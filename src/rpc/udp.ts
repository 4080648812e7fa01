/**
 * An RPC endpoint over UDP: one datagram is one call, and its reply is one datagram. The small
 * programs (portmap, MOUNT, NSM, NLM) are always there over UDP, NFS where it is asked for.
 *
 * Datagrams that come while too many calls or replies are under way are dropped, as UDP allows:
 * clients ask again.
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, isIPv6 } from 'node:net'
import { XdrReader } from '../xdr/reader.ts'
import { XdrWriter } from '../xdr/writer.ts'
import { CredentialReader } from './auth.ts'
import type { Peer } from './call.ts'
import { networkCaller } from './caller.ts'
import type { Dispatcher } from './dispatch.ts'
import { accept_stat, writeAccepted } from './message.ts'
import type { Caller } from './program.ts'
import { WriterPool } from './replies.ts'

/** Largest reply in bytes: what one IPv4 datagram carries. A larger one becomes SYSTEM_ERR. */
export const DATAGRAM_BYTES_MAX = 65_507

/** Calls that wait for their answer, and replies that wait to be sent, together. */
const DATAGRAMS_UNDER_WAY_MAX = 256

/**
 * Bytes that the system is asked to keep each way, so that a burst of WRITEs finds room while we do
 * something else. It may give less.
 */
const SOCKET_BYTES = 1024 * 1024

export class UdpEndpoint {
  readonly #socket: Socket
  readonly #dispatcher: Dispatcher
  readonly #pool = new WriterPool()
  readonly #underWay = new Set<DatagramPeer>()
  #onEmpty: (() => void) | undefined
  #closed = false

  /**
   * @param at a numeric host; an IPv6 host takes IPv6 only. Port 0 takes any that is free
   * @throws the system's error where the address cannot be had (EADDRINUSE, EACCES)
   */
  static async listen(
    at: { readonly host: string; readonly port: number },
    dispatcher: Dispatcher,
  ): Promise<UdpEndpoint> {
    const ipv6 = isIPv6(at.host)
    const socket = createSocket({ type: ipv6 ? 'udp6' : 'udp4', ipv6Only: ipv6 })
    socket.bind({ address: at.host, port: at.port })
    try {
      await once(socket, 'listening')
    } catch (error) {
      socket.close()
      throw error
    }
    enlarge(socket)
    return new UdpEndpoint(socket, dispatcher)
  }

  private constructor(socket: Socket, dispatcher: Dispatcher) {
    this.#socket = socket
    this.#dispatcher = dispatcher
    socket.on('message', (bytes, { address, port }) => this.#take(bytes, address, port))
    // An error is of one datagram, as a rule that its sender cannot be reached any more.
    socket.on('error', () => undefined)
  }

  get address(): AddressInfo {
    return this.#socket.address()
  }

  /** Takes no more calls, answers those it has, and closes; after `deadlineMs` in any case. */
  async close(deadlineMs: number): Promise<void> {
    this.#socket.removeAllListeners('message')
    if (this.#underWay.size > 0) {
      await new Promise<void>((resolve) => {
        const deadline = setTimeout(resolve, deadlineMs)
        this.#onEmpty = () => {
          clearTimeout(deadline)
          resolve()
        }
      })
    }
    this.#closed = true
    this.#socket.close()
  }

  #take(bytes: Uint8Array, address: string, port: number): void {
    if (this.#underWay.size >= DATAGRAMS_UNDER_WAY_MAX) return
    const peer = new DatagramPeer(
      networkCaller(address, port, 'udp'),
      this.#pool,
      (reply) => this.#send(peer, reply, address, port),
      () => this.#done(peer),
    )
    this.#underWay.add(peer)
    // Each datagram has a buffer of its own, so views of it may be kept.
    const r = new XdrReader(bytes)
    if (!this.#dispatcher.dispatch(peer, r, bytes.length)) this.#done(peer)
  }

  #send(peer: DatagramPeer, reply: Uint8Array, address: string, port: number): void {
    const sent = () => {
      peer.sent()
      this.#done(peer)
    }
    if (this.#closed) sent()
    else this.#socket.send(reply, port, address, sent)
  }

  #done(peer: DatagramPeer): void {
    this.#underWay.delete(peer)
    if (this.#underWay.size === 0) this.#onEmpty?.()
  }
}

/** Some systems give less than is asked for, others refuse. */
function enlarge(socket: Socket): void {
  try {
    socket.setRecvBufferSize(SOCKET_BYTES)
    socket.setSendBufferSize(SOCKET_BYTES)
  } catch {
    // The system's own sizes do: what finds no room is sent again.
  }
}

/** The sender of one datagram, for the one call in it. */
class DatagramPeer implements Peer {
  readonly caller: Caller
  readonly credentials = new CredentialReader()
  readonly #pool: WriterPool
  readonly #send: (reply: Uint8Array) => void
  readonly drop: () => void
  #writer: XdrWriter | undefined
  #onSent: (() => void) | undefined

  constructor(
    caller: Caller,
    pool: WriterPool,
    send: (reply: Uint8Array) => void,
    drop: () => void,
  ) {
    this.caller = caller
    this.drop = drop
    this.#pool = pool
    this.#send = send
  }

  isSame(other: object | undefined): boolean {
    if (!(other instanceof DatagramPeer)) return false
    const { address, port } = other.caller
    return address === this.caller.address && port === this.caller.port
  }

  openReply(): XdrWriter {
    this.#writer = this.#pool.take()
    return this.#writer
  }

  closeReply(onSent: (() => void) | undefined): void {
    this.#onSent = onSent
    if (this.#writer === undefined) return
    const reply = this.#writer.finish()
    this.#send(reply.length > DATAGRAM_BYTES_MAX ? tooLarge(reply) : reply)
  }

  sent(): void {
    if (this.#writer !== undefined) this.#pool.give(this.#writer)
    this.#writer = undefined
    this.#onSent?.()
  }

  hold(): void {
    // Every datagram counts as one, answered or not.
  }

  release(): void {
    // As above.
  }
}

/** What is sent instead of a reply that no datagram carries. */
function tooLarge(reply: Uint8Array): Uint8Array {
  const w = new XdrWriter()
  writeAccepted(w, new XdrReader(reply).uint32(), accept_stat.SYSTEM_ERR)
  return w.finish()
}
