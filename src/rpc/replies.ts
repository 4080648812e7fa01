/**
 * The replies of one stream connection on their way out.
 *
 * All replies that become ready in one batch of received calls, or in one turn of the event loop,
 * are encoded one behind the other in one buffer and leave in one write. While a write is under
 * way the next ones gather, so that a connection holds two buffers at most, however slow its peer.
 */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { XdrWriter } from '../xdr/writer.ts'

const LAST_FRAGMENT = 0x8000_0000
const MARK_BYTES = 4

/** A buffer to begin with, and the longest one that is kept for another connection. */
const BUFFER_BYTES = 32 * 1024
const BUFFER_KEPT_BYTES_MAX = 256 * 1024
const BUFFERS_KEPT_MAX = 64

/** Bytes that all connections together keep; beyond `max`, each may keep one call's worth. */
export interface Budget {
  used: number
  readonly max: number
}

/** Output buffers that no connection is using. */
export class WriterPool {
  readonly #free: XdrWriter[] = []

  take(): XdrWriter {
    return this.#free.pop() ?? new XdrWriter(BUFFER_BYTES)
  }

  give(w: XdrWriter): void {
    if (this.#free.length === BUFFERS_KEPT_MAX || w.capacity > BUFFER_KEPT_BYTES_MAX) return
    w.reset()
    this.#free.push(w)
  }
}

export class ReplyQueue {
  readonly #socket: Socket
  readonly #pool: WriterPool
  readonly #budget: Budget
  readonly #onProgress: () => void
  /** What gathers for the next write. */
  #writer: XdrWriter | undefined
  #onSent: (() => void)[] = []
  /** Where the reply being written began, -1 while none is. */
  #start = -1
  /** Bytes of the write under way. */
  #writing = 0

  /** @param onProgress runs when a write ended and `bytes` became less */
  constructor(socket: Socket, pool: WriterPool, budget: Budget, onProgress: () => void) {
    this.#socket = socket
    this.#pool = pool
    this.#budget = budget
    this.#onProgress = onProgress
  }

  /** Bytes that the socket has not taken yet. */
  get bytes(): number {
    return this.#writing + (this.#writer?.length ?? 0)
  }

  /** Begins one reply. */
  open(): XdrWriter {
    assert(this.#start === -1, 'one reply at a time')
    this.#writer ??= this.#pool.take()
    this.#start = this.#writer.reserve()
    return this.#writer
  }

  /** Ends the reply. `onSent` runs when its bytes are out of use, sent or not. */
  close(onSent: (() => void) | undefined): void {
    const w = this.#writer
    assert(w !== undefined && this.#start !== -1, 'no reply is open')
    w.patch(this.#start, LAST_FRAGMENT + w.length - this.#start - MARK_BYTES)
    this.#start = -1
    if (onSent !== undefined) this.#onSent.push(onSent)
  }

  /** Writes what has gathered. Where a write is under way, or a reply is open, that ends first. */
  flush(): void {
    const w = this.#writer
    if (w === undefined || this.#writing > 0 || this.#start !== -1) return
    const onSent = this.#onSent
    this.#writer = undefined
    this.#onSent = []
    this.#writing = w.length
    this.#budget.used += w.length
    const pieces = w.take()
    const last = pieces.pop() ?? new Uint8Array(0)
    const done = () => this.#done(w, onSent)
    if (pieces.length === 0) {
      this.#socket.write(last, done)
      return
    }
    this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    this.#socket.write(last, done)
    this.#socket.uncork()
  }

  /** Runs after each write, also when it failed because the connection is gone. */
  #done(w: XdrWriter, onSent: readonly (() => void)[]): void {
    this.#budget.used -= this.#writing
    this.#writing = 0
    this.#pool.give(w)
    for (const run of onSent) run()
    this.flush()
    this.#onProgress()
  }
}
