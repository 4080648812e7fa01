/**
 * One commit group as bytes: what the intent log keeps until the database has it.
 *
 *   item     op:u8 and, by op:
 *     1 put     keyLength:u16 valueLength:u32 key value   value: birth and record, as in codecs.ts
 *     2 delete  keyLength:u16 key
 *     3 delta   address:u64 count:u32 by:i8                  reference counts of blocks
 *     4 blocks  address:u64 count:u32 count*4096 bytes       data that was not written in its place
 *     5 reply   slot:u16 length:u16 record                   what a call was answered (reply.ts)
 *
 * Integers are big-endian. Items stand in the order of their transactions; a later put of a key
 * supersedes an earlier one. Deltas are not idempotent: an entry is applied exactly once to the
 * state of the last checkpoint.
 */
import { strict as assert } from 'node:assert'
import { blocksIn } from './block-buffers.ts'
import { BLOCK_BYTES } from './records.ts'

const PUT = 1
const DELETE = 2
const DELTA = 3
const BLOCKS = 4
const REPLY = 5

/** Builds an entry. File data is kept by reference and follows the items before it. */
export class LogEntryBuilder {
  #buffer: Buffer
  #at = 0
  #from = 0
  #pieces: Uint8Array[] = []
  /** Bytes in the entry. */
  length = 0

  constructor(capacity = 16 * 1024) {
    this.#buffer = Buffer.allocUnsafeSlow(capacity)
  }

  #room(size: number): number {
    const at = this.#at
    if (at + size > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, at + size))
      this.#buffer.copy(grown, 0, 0, at)
      this.#buffer = grown
    }
    this.#at = at + size
    this.length += size
    return at
  }

  put(key: Uint8Array, value: Uint8Array): void {
    const at = this.#room(7 + key.length + value.length)
    const buffer = this.#buffer
    // By hand, since there are some of them for each change: Buffer's methods check what they get.
    buffer[at] = PUT
    buffer[at + 1] = key.length >>> 8
    buffer[at + 2] = key.length
    buffer[at + 3] = value.length >>> 24
    buffer[at + 4] = value.length >>> 16
    buffer[at + 5] = value.length >>> 8
    buffer[at + 6] = value.length
    buffer.set(key, at + 7)
    buffer.set(value, at + 7 + key.length)
  }

  delete(key: Uint8Array): void {
    const at = this.#room(3 + key.length)
    this.#buffer[at] = DELETE
    this.#buffer.writeUInt16BE(key.length, at + 1)
    this.#buffer.set(key, at + 3)
  }

  #extent(op: number, size: number, address: number, count: number): number {
    const at = this.#room(size)
    const buffer = this.#buffer
    buffer[at] = op
    buffer.writeUInt32BE(Math.floor(address / 0x1_0000_0000), at + 1)
    buffer.writeUInt32BE(address >>> 0, at + 5)
    buffer.writeUInt32BE(count, at + 9)
    return at + 13
  }

  delta(address: number, count: number, by: number): void {
    const at = this.#extent(DELTA, 14, address, count)
    this.#buffer.writeInt8(by, at)
  }

  blocks(address: number, buffers: readonly Uint8Array[]): void {
    this.#extent(BLOCKS, 13, address, blocksIn(buffers))
    this.#cut()
    for (const buffer of buffers) {
      this.#pieces.push(buffer)
      this.length += buffer.length
    }
  }

  reply(slot: number, record: Uint8Array): void {
    const at = this.#room(5 + record.length)
    const buffer = this.#buffer
    buffer[at] = REPLY
    buffer.writeUInt16BE(slot, at + 1)
    buffer.writeUInt16BE(record.length, at + 3)
    buffer.set(record, at + 5)
  }

  #cut(): void {
    if (this.#at > this.#from) this.#pieces.push(this.#buffer.subarray(this.#from, this.#at))
    this.#from = this.#at
  }

  /** The entry's bytes in order. Nothing may be added before `reset`. */
  pieces(): readonly Uint8Array[] {
    this.#cut()
    return this.#pieces
  }

  /** Bytes of memory that it has for its items. */
  get capacity(): number {
    return this.#buffer.length
  }

  /** Begins another entry in the same memory: the pieces of the one before must be out of use. */
  reset(): void {
    this.#at = 0
    this.#from = 0
    this.#pieces = []
    this.length = 0
  }
}

/** Who reads an entry is told its items in order. The views are valid during the call. */
export interface LogEntryVisitor {
  put(key: Buffer, value: Buffer): void
  delete(key: Buffer): void
  delta(address: number, count: number, by: number): void
  blocks(address: number, data: Buffer): void
  reply(slot: number, record: Buffer): void
}

/** Reads what LogEntryBuilder wrote; the entry's checksum is verified before. */
export function readLogEntry(entry: Buffer, visitor: LogEntryVisitor): void {
  let at = 0
  while (at < entry.length) at = readItem(entry, at, visitor)
  assert.equal(at, entry.length, 'a log entry ends inside an item')
}

function readItem(entry: Buffer, at: number, visitor: LogEntryVisitor): number {
  const op = entry[at]
  if (op === PUT) {
    const key = at + 7
    const value = key + entry.readUInt16BE(at + 1)
    const end = value + entry.readUInt32BE(at + 3)
    visitor.put(entry.subarray(key, value), entry.subarray(value, end))
    return end
  }
  if (op === DELETE) {
    const end = at + 3 + entry.readUInt16BE(at + 1)
    visitor.delete(entry.subarray(at + 3, end))
    return end
  }
  if (op === REPLY) {
    const end = at + 5 + entry.readUInt16BE(at + 3)
    visitor.reply(entry.readUInt16BE(at + 1), entry.subarray(at + 5, end))
    return end
  }
  const address = entry.readUInt32BE(at + 1) * 0x1_0000_0000 + entry.readUInt32BE(at + 5)
  const count = entry.readUInt32BE(at + 9)
  if (op === DELTA) {
    visitor.delta(address, count, entry.readInt8(at + 13))
    return at + 14
  }
  assert.equal(op, BLOCKS, 'a log entry holds an item of unknown kind')
  const end = at + 13 + count * BLOCK_BYTES
  visitor.blocks(address, entry.subarray(at + 13, end))
  return end
}
