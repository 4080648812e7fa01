/**
 * Large receive buffers that are used again. A WRITE's data stays where it was received until it is
 * on the disk; giving its memory back to the system each time would cost more than writing it.
 *
 *     region   buffer 0 | buffer 1 | ...     each as long as the longest record
 *
 * A buffer counts who needs its bytes: the record itself while it is being answered, and every page
 * of it that the file system has kept. With the last `release` it is free. Who forgets to release
 * loses nothing but that buffer; when all are taken, records get memory of their own.
 *
 * Invariant: bytes are kept beyond the call that brought them only by who has retained them.
 */
import assert from 'node:assert/strict'

/** Every buffer has this length: the longest record there is. Shorter ones are not worth it. */
export const RECORD_BUFFER_BYTES = 1024 * 1024 + 4096
/** Records from this length on, in bytes, are received into these buffers. */
export const REUSED_BYTES_MIN = 512 * 1024

export class RecordBuffers {
  readonly #region: Uint8Array
  /** How many need each of the buffers. */
  readonly #holders: Uint32Array
  /** Those that nobody needs, the one used last at the end. */
  readonly #free: number[]

  /** @param region memory for as many buffers as fit */
  constructor(region: Uint8Array) {
    const count = Math.floor(region.length / RECORD_BUFFER_BYTES)
    this.#region = region
    this.#holders = new Uint32Array(count)
    this.#free = Array.from({ length: count }, (_, i) => count - 1 - i)
  }

  /** How many buffers nobody needs. */
  get free(): number {
    return this.#free.length
  }

  /** A buffer of at least `length` bytes with anything in it, retained once. */
  take(length: number): Uint8Array {
    if (length < REUSED_BYTES_MIN || length > RECORD_BUFFER_BYTES) return uninitialized(length)
    const index = this.#free.pop()
    if (index === undefined) return uninitialized(length)
    this.#holders[index] = 1
    const at = index * RECORD_BUFFER_BYTES
    return this.#region.subarray(at, at + RECORD_BUFFER_BYTES)
  }

  /** `holders` more need the bytes. Anything that is not part of such a buffer is ignored. */
  retain(bytes: Uint8Array, holders: number): void {
    const index = this.#indexOf(bytes)
    if (index >= 0) this.#holders[index] = (this.#holders[index] ?? 0) + holders
  }

  /** So many need them no longer. */
  release(bytes: Uint8Array, holders: number): void {
    const index = this.#indexOf(bytes)
    if (index < 0) return
    const left = (this.#holders[index] ?? 0) - holders
    assert(left >= 0, 'a receive buffer is released more often than retained')
    this.#holders[index] = left
    if (left === 0) this.#free.push(index)
  }

  #indexOf(bytes: Uint8Array): number {
    if (bytes.buffer !== this.#region.buffer) return -1
    const index = Math.floor((bytes.byteOffset - this.#region.byteOffset) / RECORD_BUFFER_BYTES)
    return index < this.#holders.length ? index : -1
  }
}

/** Memory that is not cleared: all of it is received before any of it is read. */
export function uninitialized(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
}
