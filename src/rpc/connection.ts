/**
 * One connection of a stream listener: bytes in, calls, replies out.
 *
 *     socket -> RecordParser -> Dispatcher -> procedure -> ReplyQueue -> socket
 *
 * All calls that lie whole in the bytes just received are dispatched in one go, and what was
 * answered at once leaves in one write. What is answered later is gathered per turn of the event
 * loop. Nothing is read while too much is unanswered or unsent, so a connection's memory is bounded
 * by its limits, whatever its peer does.
 */
import type { Socket } from 'node:net'
import type { RecordBuffers } from '../xdr/buffers.ts'
import type { XdrReader } from '../xdr/reader.ts'
import type { XdrWriter } from '../xdr/writer.ts'
import { CredentialReader } from './auth.ts'
import type { BusyPoll } from './busypoll.ts'
import type { Peer } from './call.ts'
import type { Dispatcher } from './dispatch.ts'
import type { Caller } from './program.ts'
import { type Receive, type Receiver, takeOver } from './receive.ts'
import { RecordError, RecordParser } from './record.ts'
import { type Budget, ReplyQueue, type WriterPool } from './replies.ts'

export interface ConnectionLimits {
  /** Longest call in bytes. A longer one closes the connection before it is received. */
  readonly recordBytesMax: number
  /** Calls that wait for their answer. */
  readonly callsWaitingMax: number
  /** Bytes that those calls keep (large WRITEs); the last one may go beyond. */
  readonly callBytesWaitingMax: number
  /** Bytes of replies that the socket has not taken; the last one may go beyond. */
  readonly replyBytesMax: number
}

/** What the connections of one listener share. */
export interface Shared {
  readonly dispatcher: Dispatcher
  readonly limits: ConnectionLimits
  readonly budget: Budget
  readonly pool: WriterPool
  /** Where records are received that are not received in place. In use within one turn only. */
  readonly buffer: Uint8Array
  readonly receive: Receive
  readonly buffers: RecordBuffers | undefined
  readonly busyPoll: BusyPoll | undefined
}

/** Longest record, in bytes as received, after which a lone call keeps the event loop awake. */
const LONE_CALL_BYTES_MAX = 512

/** Bytes that gather before a write, while more calls of the batch are still to be answered. */
const WRITE_BYTES = 256 * 1024

export class Connection implements Peer, Receiver {
  readonly caller: Caller
  readonly credentials = new CredentialReader()
  readonly #shared: Shared
  readonly #parser: RecordParser
  readonly #replies: ReplyQueue
  readonly #socket: Socket
  #target: Uint8Array | undefined
  #callsWaiting = 0
  #callBytesWaiting = 0
  /** Calls in the bytes last received. */
  #batch = 0
  #parsing = false
  #full = false
  #reading = true
  #turnPlanned = false
  /** No more calls are taken: the peer has ended its side, or the server shuts down. */
  #ending = false
  #quietSweeps = 0

  /** @param accepted a paused socket, taken over here. @param onClosed runs once, at the very end */
  constructor(shared: Shared, caller: Caller, accepted: Socket, onClosed: () => void) {
    this.caller = caller
    this.#shared = shared
    this.#parser = new RecordParser(
      shared.limits.recordBytesMax,
      (r, owned) => this.#take(r, owned),
      shared.buffers,
    )
    this.#socket = takeOver(accepted, this, shared.receive)
    this.#replies = new ReplyQueue(this.#socket, shared.pool, shared.budget, () => {
      this.#quietSweeps = 0
      this.#settle()
    })
    // Whatever is wrong with a connection, 'close' follows.
    this.#socket.on('error', () => undefined)
    this.#socket.on('end', () => this.finish())
    this.#socket.on('close', () => {
      this.#parser.close()
      onClosed()
    })
  }

  /** Nothing received is unanswered, and nothing answered is unsent. */
  get idle(): boolean {
    return this.#callsWaiting === 0 && this.#replies.bytes === 0 && this.#parser.idle
  }

  /** Sweeps since anything was received or sent. */
  get quietSweeps(): number {
    return this.#quietSweeps
  }

  /** The listener's clock: closes what has been quiet for too many sweeps. */
  sweep(idleSweepsMax: number, stallSweepsMax: number): void {
    this.#quietSweeps++
    const stalled = this.#replies.bytes > 0 || (this.#reading && !this.#parser.idle)
    const max = stalled ? stallSweepsMax : this.#callsWaiting > 0 ? Infinity : idleSweepsMax
    if (this.#quietSweeps > max) this.destroy()
  }

  /** Takes no more calls, answers those it has, and ends the connection. */
  finish(): void {
    this.#ending = true
    this.#parser.stop()
    this.#settle()
  }

  /** Closes at once. */
  destroy(): void {
    this.#socket.destroy()
  }

  // Receiver

  buffer(): Uint8Array {
    this.#target = this.#parser.target
    return this.#target ?? this.#shared.buffer
  }

  received(size: number, buffer: Uint8Array): void {
    this.#quietSweeps = 0
    this.#batch = 0
    this.#parse(() => {
      if (buffer === this.#target) this.#parser.landed(size)
      else this.#parser.feed(buffer, size)
    })
    this.#settle()
    if (this.#batch === 1 && size <= LONE_CALL_BYTES_MAX) this.#shared.busyPoll?.touch()
  }

  // Peer

  openReply(): XdrWriter {
    return this.#replies.open()
  }

  closeReply(onSent: (() => void) | undefined): void {
    this.#replies.close(onSent)
    this.#settleSoon()
  }

  drop(): void {
    this.#settleSoon()
  }

  #settleSoon(): void {
    if (this.#parsing || this.#turnPlanned) return
    this.#turnPlanned = true
    setImmediate(() => {
      this.#turnPlanned = false
      this.#settle()
    })
  }

  hold(bytes: number): void {
    this.#callsWaiting++
    this.#shared.busyPoll?.hold()
    this.#callBytesWaiting += bytes
    this.#shared.budget.used += bytes
  }

  release(bytes: number): void {
    this.#callsWaiting--
    this.#shared.busyPoll?.release()
    this.#callBytesWaiting -= bytes
    this.#shared.budget.used -= bytes
  }

  #take(r: XdrReader, owned: boolean): void {
    this.#batch++
    if (!this.#shared.dispatcher.dispatch(this, r, owned ? r.remaining : 0)) {
      this.#refuse()
      return
    }
    if (this.#replies.bytes >= WRITE_BYTES) this.#replies.flush()
    if (!this.#isFull()) return
    this.#full = true
    this.#parser.pause()
  }

  /** The peer does not speak this protocol. */
  #refuse(): void {
    this.#parser.stop()
    this.#socket.destroy()
  }

  #parse(parse: () => void): void {
    this.#parsing = true
    try {
      parse()
    } catch (error) {
      if (!(error instanceof RecordError)) this.#shared.dispatcher.reportBug(error)
      this.#refuse()
    } finally {
      this.#parsing = false
    }
  }

  #isFull(): boolean {
    const { limits, budget } = this.#shared
    return (
      this.#callsWaiting >= limits.callsWaitingMax ||
      this.#callBytesWaiting >= limits.callBytesWaitingMax ||
      this.#replies.bytes >= limits.replyBytesMax ||
      (budget.used >= budget.max && this.#callBytesWaiting + this.#replies.bytes > 0)
    )
  }

  /** Sends what has gathered, and takes calls again, or no more, as the limits say. */
  #settle(): void {
    if (this.#parsing) return
    this.#replies.flush()
    if (this.#full && !this.#isFull()) {
      this.#full = false
      this.#parse(() => this.#parser.resume())
      this.#replies.flush()
    }
    if (this.#ending) this.#end()
    else if (this.#full === this.#reading) this.#toggleReading()
  }

  #toggleReading(): void {
    this.#reading = !this.#reading
    if (this.#reading) this.#socket.resume()
    else this.#socket.pause()
  }

  #end(): void {
    if (this.#callsWaiting > 0 || this.#replies.bytes > 0 || this.#socket.writableEnded) return
    this.#socket.end()
    // What the peer still sends is read and dropped: closing on unread bytes would reset the
    // connection and could take the last replies with it. The listener's deadline ends this.
    if (!this.#reading) this.#toggleReading()
  }
}
