/**
 * Writes XDR (RFC 4506): big-endian, every item padded to a multiple of four bytes.
 *
 *     pieces   [ own bytes | referenced | padding | own bytes | referenced ]    cut off so far
 *     #bytes   [ ... #from | not cut off yet | #at ... free ... ]               the buffer in use
 *
 * Small items go into one growing buffer. A large opaque (a READ's data) is kept by reference and
 * handed out in order by `take`, so that file data is never copied on its way to the socket.
 *
 * Positions count bytes from the last `take` or `reset`, references included.
 */

/** An opaque at least this long (bytes) is taken by reference where the caller allows it. */
export const REFERENCE_BYTES_MIN = 8192

const PADDING = new Uint8Array(4)

/**
 * Puts an unsigned hyper where XdrWriter.claim has made room for it.
 *
 * @param value an integer from 0 to 2^53 - 1
 */
export function putUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value < 0x1_0000_0000 ? 0 : Math.floor(value / 0x1_0000_0000))
  view.setUint32(at + 4, value >>> 0)
}

export class XdrWriter {
  #bytes: Uint8Array
  #view: DataView
  /** Where the bytes not yet in `#pieces` begin and end, in `#bytes`. */
  #from = 0
  #at = 0
  #pieces: Uint8Array[] = []
  /** Bytes that `#pieces` holds. */
  #cutBytes = 0

  /** @param capacity bytes to begin with; the writer grows as needed */
  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** Bytes written since the last `take`, references included: the position of the next byte. */
  get length(): number {
    return this.#cutBytes + this.#at - this.#from
  }

  /** Where the next byte goes; `rewind` returns to it. */
  get position(): number {
    return this.length
  }

  /** Bytes of the buffer in use: what keeping this writer costs. */
  get capacity(): number {
    return this.#bytes.length
  }

  #room(size: number): number {
    if (this.#at + size > this.#bytes.length) this.#grow(size)
    const at = this.#at
    this.#at = at + size
    return at
  }

  /** Pieces keep the old buffer; what is not cut off yet moves to the new one. */
  #grow(size: number): void {
    const held = this.#at - this.#from
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, held + size))
    bytes.set(this.#bytes.subarray(this.#from, this.#at))
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
    this.#from = 0
    this.#at = held
  }

  /**
   * Makes room for `size` bytes, a multiple of four, all of which the caller fills in, through
   * `view` from the offset returned on: for structures whose length is known and that are written
   * so often that looking at the room for each of their fields would be most of the work.
   */
  claim(size: number): number {
    return this.#room(size)
  }

  /** The buffer in use: valid until anything else is written. */
  get view(): DataView {
    return this.#view
  }

  /** The same buffer, as bytes. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  uint32(value: number): void {
    // The position first: making room may exchange the view.
    const at = this.#room(4)
    this.#view.setUint32(at, value)
  }

  /** @param value an integer from 0 to 2^53 - 1 */
  uint64(value: number): void {
    const at = this.#room(8)
    putUint64(this.#view, at, value)
  }

  /** Bytes without a length, padded (RFC 4506 §4.9). */
  opaqueFixed(value: Uint8Array): void {
    const size = value.length
    const at = this.#room(size + (-size & 3))
    this.#bytes.set(value, at)
    for (let i = at + size; i < this.#at; i++) this.#bytes[i] = 0
  }

  /** Length and bytes, padded (RFC 4506 §4.10). */
  opaque(value: Uint8Array): void {
    this.uint32(value.length)
    this.opaqueFixed(value)
  }

  /** As `opaque`, but large bytes are kept by reference: they must not change until written out. */
  opaqueByReference(value: Uint8Array): void {
    if (value.length < REFERENCE_BYTES_MIN) {
      this.opaque(value)
      return
    }
    this.uint32(value.length)
    this.#cut()
    this.#append(value)
    const padding = -value.length & 3
    if (padding > 0) this.#append(PADDING.subarray(0, padding))
  }

  /** Leaves room for a uint32 that is known only later; `patch` fills it in. */
  reserve(): number {
    const position = this.length
    this.#room(4)
    return position
  }

  /** Fills in what `reserve` left open. Valid until the next `take` or `reset`. */
  patch(position: number, value: number): void {
    const at = position - this.#cutBytes
    if (at >= 0) {
      this.#view.setUint32(this.#from + at, value)
      return
    }
    let start = this.#cutBytes
    for (let i = this.#pieces.length - 1; i >= 0; i--) {
      const piece = this.#pieces[i]
      if (piece === undefined) return
      start -= piece.length
      if (start > position) continue
      new DataView(piece.buffer, piece.byteOffset).setUint32(position - start, value)
      return
    }
  }

  /**
   * A view of what was written since the last `take` or `reset`, where nothing was referenced.
   * Valid until something else is written.
   */
  written(): Uint8Array {
    return this.#bytes.subarray(this.#from, this.#at)
  }

  /** A copy of what was written since `position` was read. Valid until the next `take` or `reset`. */
  copySince(position: number): Uint8Array {
    const start = this.#from + position - this.#cutBytes
    if (start < this.#from) {
      return Buffer.concat([...this.#pieces, this.#bytes.subarray(this.#from, this.#at)]).subarray(
        position,
      )
    }
    const copy = Buffer.allocUnsafe(this.#at - start)
    copy.set(this.#bytes.subarray(start, this.#at))
    return copy
  }

  /** Forgets what was written since `position` was read. Valid until the next `take` or `reset`. */
  rewind(position: number): void {
    while (position < this.#cutBytes) {
      this.#at = this.#from
      const piece = this.#pieces.pop()
      if (piece === undefined) return
      this.#cutBytes -= piece.length
      if (position > this.#cutBytes) this.#append(piece.subarray(0, position - this.#cutBytes))
    }
    this.#at = this.#from + position - this.#cutBytes
  }

  #append(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#cutBytes += piece.length
  }

  #cut(): void {
    if (this.#at === this.#from) return
    this.#append(this.#bytes.subarray(this.#from, this.#at))
    this.#from = this.#at
  }

  /** Everything written so far as pieces in order. The writer goes on behind them. */
  take(): Uint8Array[] {
    this.#cut()
    const pieces = this.#pieces
    this.#pieces = []
    this.#cutBytes = 0
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
    this.#cutBytes = 0
  }
}
