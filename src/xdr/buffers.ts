/**
 * Large receive buffers that are used again. A WRITE's data stays where it was received until it is
 * on the disk; giving its memory back to the system each time would cost more than writing it.
 *
 * A buffer counts who needs its bytes: the record itself while it is being answered, and every page
 * of it that the file system has kept. With the last `release` it is free. Whoever forgets to release
 * loses nothing but the reuse: the buffer is then collected like all others.
 *
 * Invariant: bytes are kept beyond the call that brought them only by who has retained them.
 */
import assert from 'node:assert/strict'

/** Every buffer has this length: the longest record there is. Shorter ones are not worth it. */
const BUFFER_BYTES = 1024 * 1024 + 4096
/** Records from this length on, in bytes, are received into these buffers. */
export const REUSED_BYTES_MIN = 512 * 1024
/**
 * Free buffers that are kept: 96 MiB, a little more than what may be on its way to the disk at a
 * time (fs/data-options.ts). Where fewer come back than are taken, memory outside of its heap makes
 * V8 collect garbage tens of times a second.
 */
const FREE_MAX = 96

interface Lease {
  readonly buffer: Uint8Array
  holders: number
}

export class RecordBuffers {
  readonly #leases = new WeakMap<ArrayBufferLike, Lease>()
  readonly #free: Lease[] = []
  /** The fewest that were free at a time since the last tick. */
  #spare = 0

  /** A buffer of at least `length` bytes with anything in it, retained once. */
  take(length: number): Uint8Array {
    if (length < REUSED_BYTES_MIN || length > BUFFER_BYTES) return uninitialized(length)
    const lease = this.#free.pop() ?? this.#create()
    lease.holders = 1
    this.#spare = Math.min(this.#spare, this.#free.length)
    return lease.buffer
  }

  #create(): Lease {
    const buffer = uninitialized(BUFFER_BYTES)
    const lease = { buffer, holders: 0 }
    this.#leases.set(buffer.buffer, lease)
    return lease
  }

  /**
   * To be called about once a second: drops a buffer if one was not needed since the last time. Not
   * all of them at once, because memory that is new costs more than what is done with it.
   */
  tick(): void {
    if (this.#spare > 0) this.#free.shift()
    this.#spare = this.#free.length
  }

  /** `holders` more need the bytes. Anything that is not part of such a buffer is ignored. */
  retain(bytes: Uint8Array, holders: number): void {
    const lease = this.#leases.get(bytes.buffer)
    if (lease !== undefined) lease.holders += holders
  }

  /** So many need them no longer. */
  release(bytes: Uint8Array, holders: number): void {
    const lease = this.#leases.get(bytes.buffer)
    if (lease === undefined) return
    lease.holders -= holders
    assert(lease.holders >= 0, 'a receive buffer is released more often than retained')
    if (lease.holders === 0 && this.#free.length < FREE_MAX) this.#free.push(lease)
  }
}

/** Memory that is not cleared: all of it is received before any of it is read. */
export function uninitialized(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
}
