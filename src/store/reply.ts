/**
 * What is kept of a call's reply (docs/architecture.md, "Exactly once"), and its bytes:
 *
 *     slot   crc:u32                    of the rest, seeded with the slot's number
 *            client:u16 results:u16     their lengths in bytes
 *            seconds:u32 nseconds:u32   when it was done: of two slots of one call the later holds
 *            xid:u32 prog:u32 vers:u32 proc:u32 checksum:u32
 *            client                     the numeric address that the call came from
 *            results                    what follows accept_stat SUCCESS, 272 bytes at most
 *            what is left of the slot means nothing
 *
 * Integers are big-endian. Without the checksum, and without what means nothing, it is the `record`
 * that stands in the intent log. A slot of zeros is empty.
 */
import { strict as assert } from 'node:assert'
import { crc32 } from 'node:zlib'
import type { Time } from './time.ts'

/** Slots for replies, which are used again and again. */
export const REPLY_SLOTS = 16_384
/** Bytes of a slot: a sector, which is written whole or not at all. */
export const REPLY_SLOT_BYTES = 512
/** Longest address of a client, in bytes: an IPv6 address with a zone. */
export const REPLY_CLIENT_BYTES_MAX = 64

const RECORD_AT = 4
const HEADER_BYTES = 36
/** Longest results of a call that are kept, in bytes. */
export const REPLY_RESULTS_BYTES_MAX = REPLY_SLOT_BYTES - HEADER_BYTES - REPLY_CLIENT_BYTES_MAX

/** What tells one call from all others. */
export interface RepliedCall {
  /** Numeric address. */
  readonly client: string
  readonly xid: number
  readonly prog: number
  readonly vers: number
  readonly proc: number
  /** Of its arguments and of who asked. */
  readonly checksum: number
}

/** What a call that must not run twice was answered, kept for when it comes again. */
export interface StoredReply extends RepliedCall {
  readonly slot: number
  readonly at: Time
  /** The results as they were encoded. */
  readonly results: Uint8Array
}

/** As many slots as there are, in memory. */
export class ReplySlots {
  readonly bytes: Uint8Array = new Uint8Array(REPLY_SLOTS * REPLY_SLOT_BYTES)
  readonly #view = new DataView(this.bytes.buffer)
  /** The client of the newest reply, which is mostly that of the next one, and its bytes. */
  #client = ''
  #clientBytes: Uint8Array = new Uint8Array(0)

  put(slot: number, at: Time, call: RepliedCall, results: Uint8Array): void {
    const start = slot * REPLY_SLOT_BYTES
    if (call.client !== this.#client) {
      this.#client = call.client
      this.#clientBytes = Buffer.from(call.client).subarray(0, REPLY_CLIENT_BYTES_MAX)
    }
    const client = this.#clientBytes.length
    assert(results.length <= REPLY_RESULTS_BYTES_MAX, 'what is done once is answered in few bytes')
    const view = this.#view
    view.setUint32(start, 0)
    view.setUint16(start + 4, client)
    view.setUint16(start + 6, results.length)
    view.setUint32(start + 8, at.seconds)
    view.setUint32(start + 12, at.nseconds)
    view.setUint32(start + 16, call.xid)
    view.setUint32(start + 20, call.prog)
    view.setUint32(start + 24, call.vers)
    view.setUint32(start + 28, call.proc)
    view.setUint32(start + 32, call.checksum)
    this.bytes.set(this.#clientBytes, start + HEADER_BYTES)
    this.bytes.set(results, start + HEADER_BYTES + client)
  }

  /** The reply in a slot; undefined where it is empty. */
  get(slot: number): StoredReply | undefined {
    const view = this.#view
    const start = slot * REPLY_SLOT_BYTES
    const results = this.results(slot)
    if (results.length === 0) return undefined
    const clientEnd = start + HEADER_BYTES + view.getUint16(start + 4)
    return {
      slot,
      at: { seconds: view.getUint32(start + 8), nseconds: view.getUint32(start + 12) },
      client: Buffer.from(this.bytes.subarray(start + HEADER_BYTES, clientEnd)).toString(),
      xid: view.getUint32(start + 16),
      prog: view.getUint32(start + 20),
      vers: view.getUint32(start + 24),
      proc: view.getUint32(start + 28),
      checksum: view.getUint32(start + 32),
      results,
    }
  }

  /** A view of a slot's results: none where it is empty. */
  results(slot: number): Uint8Array {
    const start = slot * REPLY_SLOT_BYTES
    const from = start + HEADER_BYTES + this.#view.getUint16(start + 4)
    return this.bytes.subarray(from, from + this.#view.getUint16(start + 6))
  }

  /** A view of a slot's record. */
  record(slot: number): Uint8Array {
    const start = slot * REPLY_SLOT_BYTES
    const end = HEADER_BYTES + this.#view.getUint16(start + 4) + this.#view.getUint16(start + 6)
    return this.bytes.subarray(start + RECORD_AT, start + end)
  }

  putRecord(slot: number, record: Uint8Array): void {
    const start = slot * REPLY_SLOT_BYTES
    assert(slot < REPLY_SLOTS && record.length <= REPLY_SLOT_BYTES - RECORD_AT, 'it fits a slot')
    this.bytes.fill(0, start, start + RECORD_AT)
    this.bytes.set(record, start + RECORD_AT)
  }

  clear(slot: number): void {
    this.bytes.fill(0, slot * REPLY_SLOT_BYTES, (slot + 1) * REPLY_SLOT_BYTES)
  }
}

/** Puts the checksum into a slot that goes to the disk. `bytes` begins with slot `first`. */
export function sealSlot(bytes: DataView, slot: number, first: number): void {
  const start = (slot - first) * REPLY_SLOT_BYTES
  const record = recordIn(bytes, start)
  if (record !== undefined) bytes.setUint32(start, crc32(record, slot))
}

/** Whether a slot, as it came from the disk, is empty or matches its checksum. */
export function isSound(bytes: DataView, slot: number): boolean {
  const start = slot * REPLY_SLOT_BYTES
  const record = recordIn(bytes, start)
  const crc = bytes.getUint32(start)
  if (record === undefined) return crc === 0 && bytes.getUint32(start + RECORD_AT) === 0
  return crc32(record, slot) === crc
}

/** Undefined where the slot is empty, or holds nothing that can be. */
function recordIn(bytes: DataView, start: number): Uint8Array | undefined {
  const client = bytes.getUint16(start + 4)
  const results = bytes.getUint16(start + 6)
  if (client > REPLY_CLIENT_BYTES_MAX || results === 0 || results > REPLY_RESULTS_BYTES_MAX) {
    return undefined
  }
  const length = HEADER_BYTES - RECORD_AT + client + results
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start + RECORD_AT, length)
}
