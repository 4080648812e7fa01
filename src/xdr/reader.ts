/** Reads XDR (RFC 4506) from one buffer, every length checked before it is believed. */

/** The bytes are not what the type says. `offset` is where, in bytes from the buffer's start. */
export class XdrError extends Error {
  readonly offset: number
  constructor(message: string, offset: number) {
    super(`${message} at byte ${offset}`)
    this.name = 'XdrError'
    this.offset = offset
  }
}

/**
 * Some of a buffer's bytes, for who reads them in the same turn and keeps none: a view of so few
 * takes longer to make than to read.
 */
export class Span {
  readonly bytes: Uint8Array
  readonly at: number
  readonly length: number

  constructor(bytes: Uint8Array, at: number, length: number) {
    this.bytes = bytes
    this.at = at
    this.length = length
  }

  view(): Uint8Array {
    return this.bytes.subarray(this.at, this.at + this.length)
  }
}

export class XdrReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at: number
  #end: number

  /** Reads the bytes from offset `at` up to, not including, offset `end`. */
  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = at
    this.#end = end
  }

  /** Goes on with other bytes of the same buffer: cheaper than a new reader for each message. */
  aim(at: number, end: number): void {
    this.#at = at
    this.#end = end
  }

  /** Offset of the next unread byte. */
  get position(): number {
    return this.#at
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#end - this.#at
  }

  #take(size: number): number {
    const at = this.#at
    if (size > this.#end - at) {
      throw new XdrError(`${size} bytes wanted, ${this.#end - at} left`, at)
    }
    this.#at = at + size
    return at
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4))
  }

  /** Values of 2^53 and above lose their low bits; whoever limits them does so far below. */
  uint64(): number {
    const at = this.#take(8)
    return this.#view.getUint32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4)
  }

  bool(): boolean {
    const at = this.#at
    const value = this.uint32()
    if (value > 1) throw new XdrError(`bool is ${value}`, at)
    return value === 1
  }

  /** Whether the next bytes are `expected`; nothing is read. */
  startsWith(expected: Uint8Array): boolean {
    const at = this.#at
    const size = expected.length
    if (size > this.#end - at) return false
    for (let i = 0; i < size; i++) {
      if (this.#bytes[at + i] !== expected[i]) return false
    }
    return true
  }

  /**
   * A hash of 32 bits of the bytes not read yet (MurmurHash3): a fraction of what it costs to call
   * out of JavaScript for the few bytes that arguments are. Other seeds give other hashes.
   */
  checksum(seed: number): number {
    let hash = seed
    let at = this.#at
    for (; at + 4 <= this.#end; at += 4) hash = mixed(hash, this.#view.getUint32(at))
    for (; at < this.#end; at++) hash = mixed(hash, this.#view.getUint8(at))
    hash ^= this.#end - this.#at
    hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
    return (hash ^ (hash >>> 16)) >>> 0
  }

  /** The bytes not read yet, as a view of the buffer. */
  unread(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#end)
  }

  /** Passes over `size` bytes. */
  skip(size: number): void {
    this.#take(size)
  }

  /** `size` bytes and their padding (RFC 4506 §4.9), as a view of the buffer: no copy. */
  opaqueFixed(size: number): Uint8Array {
    const at = this.#takePadded(size)
    return this.#bytes.subarray(at, at + size)
  }

  /** A length of at most `max` and that many bytes (RFC 4506 §4.10), as a view of the buffer. */
  opaque(max: number): Uint8Array {
    return this.opaqueFixed(this.#lengthUpTo(max))
  }

  /** As `opaque`, without a view: valid as long as the buffer's bytes are. */
  opaqueSpan(max: number): Span {
    const size = this.#lengthUpTo(max)
    return new Span(this.#bytes, this.#takePadded(size), size)
  }

  /** Passes over what `opaque` would read. */
  skipOpaque(max: number): void {
    this.#takePadded(this.#lengthUpTo(max))
  }

  #lengthUpTo(max: number): number {
    const at = this.#at
    const size = this.uint32()
    if (size > max) throw new XdrError(`length ${size} exceeds ${max}`, at)
    return size
  }

  #takePadded(size: number): number {
    // `(size + 3) & ~3` would wrap for lengths near 2^32.
    const at = this.#take(size + (-size & 3))
    for (let i = at + size; i < this.#at; i++) {
      if (this.#bytes[i] !== 0) throw new XdrError('padding is not zero', i)
    }
    return at
  }
}

/** One step of MurmurHash3. */
function mixed(hash: number, word: number): number {
  const product = Math.imul(word, 0xcc9e_2d51)
  const next = hash ^ Math.imul((product << 15) | (product >>> 17), 0x1b87_3593)
  return (Math.imul((next << 13) | (next >>> 19), 5) + 0xe654_6b64) | 0
}
