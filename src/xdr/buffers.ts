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
/** Free buffers that are kept: 48 MiB, about what is on its way to the disk at a time. */
const FREE_MAX = 48

interface Lease {
  readonly buffer: Uint8Array
  holders: number
}

export class RecordBuffers {
  readonly #leases = new WeakMap<ArrayBufferLike, Lease>()
  readonly #free: Lease[] = []

  /** A buffer of at least `length` bytes with anything in it, retained once. */
  take(length: number): Uint8Array {
    if (length < REUSED_BYTES_MIN || length > BUFFER_BYTES) return uninitialized(length)
    const lease = this.#free.pop() ?? this.#create()
    lease.holders = 1
    return lease.buffer
  }

  #create(): Lease {
    const buffer = uninitialized(BUFFER_BYTES)
    const lease = { buffer, holders: 0 }
    this.#leases.set(buffer.buffer, lease)
    return lease
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

  /** Releases pages once each; neighbours of one buffer are counted together. */
  releaseAll(pages: readonly Uint8Array[]): void {
    for (let start = 0; start < pages.length; ) {
      const first = pages[start]
      if (first === undefined) return
      let end = start + 1
      while (pages[end]?.buffer === first.buffer) end++
      this.release(first, end - start)
      start = end
    }
  }
}

/** Memory that is not cleared: all of it is received before any of it is read. */
export function uninitialized(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
}
