/**
 * Writes XDR (RFC 4506): big-endian, every item padded to a multiple of four bytes.
 *
 * Small items go into one growing buffer. A large opaque (a READ's data) is kept by reference and
 * handed out in order by `pieces`, so that file data is never copied on its way to the socket.
 */

/** An opaque at least this long (bytes) is taken by reference where the caller allows it. */
export const REFERENCE_BYTES_MIN = 2048

const PADDING = new Uint8Array(4)

export class XdrWriter {
  #bytes: Uint8Array
  #view: DataView
  /** Bytes written to the current buffer, from its start. */
  #at = 0
  /** Where the bytes not yet in `#pieces` begin. */
  #from = 0
  #pieces: Uint8Array[] = []
  /** Bytes that `#pieces` holds. */
  #referenced = 0

  /** @param capacity bytes to begin with; the writer grows as needed */
  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** Bytes written so far, references included. */
  get length(): number {
    return this.#referenced + this.#at - this.#from
  }

  #room(size: number): number {
    const at = this.#at
    if (at + size > this.#bytes.length) this.#grow(size)
    this.#at = at + size
    return at
  }

  #grow(size: number): void {
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + size))
    bytes.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }

  uint32(value: number): void {
    const at = this.#room(4)
    this.#view.setUint32(at, value)
  }

  /** @param value an integer from 0 to 2^53 - 1 */
  uint64(value: number): void {
    const at = this.#room(8)
    this.#view.setUint32(at, Math.floor(value / 0x1_0000_0000))
    this.#view.setUint32(at + 4, value >>> 0)
  }

  /** Bytes without a length, padded (RFC 4506 §4.9). */
  opaqueFixed(value: Uint8Array): void {
    const size = value.length
    const at = this.#room(size + (-size & 3))
    this.#bytes.set(value, at)
    this.#bytes.fill(0, at + size, this.#at)
  }

  /** Length and bytes, padded (RFC 4506 §4.10). */
  opaque(value: Uint8Array): void {
    this.uint32(value.length)
    this.opaqueFixed(value)
  }

  /** As `opaque`, but the bytes are kept by reference: they must not change until written out. */
  opaqueByReference(value: Uint8Array): void {
    if (value.length < REFERENCE_BYTES_MIN) {
      this.opaque(value)
      return
    }
    this.uint32(value.length)
    this.#cut()
    this.#pieces.push(value)
    this.#referenced += value.length
    const padding = -value.length & 3
    if (padding > 0) {
      this.#pieces.push(PADDING.subarray(0, padding))
      this.#referenced += padding
    }
  }

  /** Leaves room for a uint32 that is known only later; `patch` fills it in. */
  reserve(): number {
    return this.#room(4)
  }

  /** Fills in what `reserve` left open. Valid until the next `opaqueByReference` or `take`. */
  patch(position: number, value: number): void {
    this.#view.setUint32(position, value)
  }

  /** Where the next byte goes; `rewind` returns to it, for as long as nothing was referenced. */
  get position(): number {
    return this.#at
  }

  /** Forgets what was written since `position` was read. */
  rewind(position: number): void {
    this.#at = position
  }

  #cut(): void {
    if (this.#at === this.#from) return
    this.#pieces.push(this.#bytes.subarray(this.#from, this.#at))
    this.#referenced += this.#at - this.#from
    this.#from = this.#at
  }

  /** Everything written so far as pieces in order. The writer goes on behind them. */
  take(): Uint8Array[] {
    this.#cut()
    const pieces = this.#pieces
    this.#pieces = []
    this.#referenced = 0
    return pieces
  }

  /** Everything written so far in one buffer: a copy only where something was referenced. */
  finish(): Uint8Array {
    const pieces = this.take()
    if (pieces.length === 1 && pieces[0] !== undefined) return pieces[0]
    return Buffer.concat(pieces)
  }

  /** Makes the writer empty and its buffer free for reuse: earlier pieces must be out of use. */
  reset(): void {
    this.#at = 0
    this.#from = 0
    this.#pieces = []
    this.#referenced = 0
  }
}
