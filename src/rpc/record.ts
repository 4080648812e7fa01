/**
 * Record marking (RFC 5531 §11): how messages are told apart in a stream of bytes.
 *
 *     record     fragment ... last fragment
 *     fragment   mark (uint32: bit 31 "this is the last", bits 30..0 length) · that many bytes
 *
 * A record that lies whole in the bytes just received is handed on where it lies. Any other record
 * gets a buffer of its own, exactly as long as it is, and where much of it is missing, `target` is
 * the missing part itself, so that the rest is received in place.
 *
 * Limits, kept before anything is allocated: bytes of a record, and fragments of a record.
 */
import { type RecordBuffers, uninitialized } from '../xdr/buffers.ts'
import { XdrReader } from '../xdr/reader.ts'

/** A peer may send a record in this many fragments; one more closes the connection. */
export const FRAGMENTS_MAX = 4096

/** When at least this much of a record is missing, it is received in place. */
const DIRECT_BYTES_MIN = 16 * 1024

const MARK_BYTES = 4
const LAST_FRAGMENT = 0x8000_0000

/** The stream breaks a limit; there is no way to go on with it. */
export class RecordError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'RecordError'
  }
}

/** Takes one record. `owned` says that the bytes are the record's own and never used again. */
export type OnRecord = (r: XdrReader, owned: boolean) => void

export class RecordParser {
  readonly #recordBytesMax: number
  readonly #onRecord: OnRecord
  readonly #buffers: RecordBuffers | undefined
  /** The record in the making: its buffer, how much of it the marks announced, how much is there. */
  #record: Uint8Array | undefined
  #announced = 0
  #filled = 0
  #fragments = 0
  #last = false
  /** The mark in the making. */
  #mark = 0
  #markBytes = 0
  /** What was received but not looked at, because of a pause. */
  #held: Uint8Array | undefined
  #paused = false
  #stopped = false
  /** A reader of the buffer that was fed last: as a rule it is the same buffer again. */
  #reader = new XdrReader(new Uint8Array(0))
  #readerOf: Uint8Array | undefined

  /**
   * @param recordBytesMax longest record in bytes, the sum of its fragments without their marks
   * @param buffers for large records; a record's own buffer is released when `onRecord` returns
   */
  constructor(recordBytesMax: number, onRecord: OnRecord, buffers?: RecordBuffers) {
    this.#recordBytesMax = recordBytesMax
    this.#onRecord = onRecord
    this.#buffers = buffers
  }

  /** True between two records: everything that came was handed on. */
  get idle(): boolean {
    return this.#fragments === 0 && this.#markBytes === 0 && this.#held === undefined
  }

  /**
   * Where the next bytes should be received, to be told by `landed`; undefined where any buffer is
   * as good, to be given to `feed`.
   */
  get target(): Uint8Array | undefined {
    const missing = this.#announced - this.#filled
    if (missing < DIRECT_BYTES_MIN) return undefined
    return this.#record?.subarray(this.#filled, this.#announced)
  }

  /** @throws RecordError */
  landed(size: number): void {
    if (this.#stopped) return
    this.#filled += size
    this.#finishIfWhole()
  }

  /**
   * Takes bytes that were received elsewhere. They may change as soon as this returns.
   *
   * @throws RecordError
   */
  feed(bytes: Uint8Array, length: number = bytes.length): void {
    if (this.#stopped) return
    if (this.#held === undefined) {
      const at = this.#parse(bytes, length)
      if (at < length && !this.#stopped) this.#held = bytes.slice(at, length)
    } else {
      this.#held = Buffer.concat([this.#held, bytes.subarray(0, length)])
    }
  }

  /** Hands nothing on until `resume`, beginning with the record after the one just handed on. */
  pause(): void {
    this.#paused = true
  }

  /**
   * Goes on, with what `feed` was given meanwhile first. A pause may follow from within.
   *
   * @throws RecordError
   */
  resume(): void {
    this.#paused = false
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    const at = this.#parse(held, held.length)
    if (at < held.length && !this.#stopped) this.#held = held.subarray(at)
  }

  /** Hands nothing on any more: what comes is dropped. `target` may still be received into. */
  stop(): void {
    this.#stopped = true
    this.#held = undefined
    this.#announced = 0
    this.#filled = 0
    this.#fragments = 0
    this.#markBytes = 0
  }

  /** Stops; and `target` is written to no more, so that its buffer can be used for others. */
  close(): void {
    this.stop()
    if (this.#record !== undefined) this.#buffers?.release(this.#record, 1)
    this.#record = undefined
  }

  /** Hands on what lies before `end`, and answers where it stopped because of a pause, or `end`. */
  #parse(bytes: Uint8Array, end: number): number {
    let at = 0
    while (at < end && !this.#paused && !this.#stopped) {
      const whole =
        this.#fragments === 0 && this.#markBytes === 0 ? wholeRecord(bytes, at, end) : -1
      // A record of one fragment that is all there: hot, and nothing is copied.
      if (whole >= 0 && whole <= this.#recordBytesMax) {
        const start = at + MARK_BYTES
        at = start + whole
        this.#onRecord(this.#aimed(bytes, start, at), false)
      } else {
        at = this.#announced > this.#filled ? this.#fill(bytes, at, end) : this.#readMark(bytes, at)
      }
    }
    return at
  }

  #aimed(bytes: Uint8Array, at: number, end: number): XdrReader {
    if (this.#readerOf !== bytes) {
      this.#readerOf = bytes
      this.#reader = new XdrReader(bytes)
    }
    this.#reader.aim(at, end)
    return this.#reader
  }

  #readMark(bytes: Uint8Array, at: number): number {
    this.#mark = this.#mark * 256 + (bytes[at] ?? 0)
    this.#markBytes++
    if (this.#markBytes === MARK_BYTES) {
      const mark = this.#mark
      this.#mark = 0
      this.#markBytes = 0
      this.#beginFragment(mark >= LAST_FRAGMENT, mark % LAST_FRAGMENT)
      this.#finishIfWhole()
    }
    return at + 1
  }

  #beginFragment(last: boolean, length: number): void {
    const announced = this.#announced + length
    if (announced > this.#recordBytesMax) {
      throw new RecordError(`a record of ${announced} bytes exceeds ${this.#recordBytesMax} bytes`)
    }
    if (this.#fragments === FRAGMENTS_MAX) {
      throw new RecordError(`a record exceeds ${FRAGMENTS_MAX} fragments`)
    }
    this.#fragments++
    this.#last = last
    this.#announced = announced
    if (announced <= (this.#record?.length ?? 0)) return
    // Doubled while more fragments follow, so that many small ones are not copied again and again.
    const size = last ? announced : Math.min(this.#recordBytesMax, announced * 2)
    const old = this.#record
    const record =
      old === undefined && last
        ? (this.#buffers?.take(announced) ?? uninitialized(announced))
        : uninitialized(old === undefined ? announced : size)
    if (old !== undefined) record.set(old.subarray(0, this.#filled))
    this.#record = record
  }

  #fill(bytes: Uint8Array, at: number, end: number): number {
    const stop = Math.min(end, at + this.#announced - this.#filled)
    this.#record?.set(bytes.subarray(at, stop), this.#filled)
    this.#filled += stop - at
    this.#finishIfWhole()
    return stop
  }

  #finishIfWhole(): void {
    if (!this.#last || this.#filled < this.#announced) return
    const record = this.#record ?? new Uint8Array(0)
    const r = new XdrReader(record, 0, this.#announced)
    this.#record = undefined
    this.#announced = 0
    this.#filled = 0
    this.#fragments = 0
    this.#last = false
    try {
      this.#onRecord(r, true)
    } finally {
      this.#buffers?.release(record, 1)
    }
  }
}

/** Length of the record at `at` where it is one fragment that ends before `end`, else -1. */
function wholeRecord(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at] ?? 0
  if (first < 0x80 || end - at < MARK_BYTES) return -1
  const length =
    ((first & 0x7f) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)
  return end - at - MARK_BYTES >= length ? length : -1
}
