/**
 * The intent log (ZFS's ZIL): commit groups, each one durable write, kept until a checkpoint has
 * brought them into the database.
 *
 * Two files take turns: a checkpoint begins by turning to the other one, and its end makes the
 * first one free. A file is a sequence of entries, each starting at a multiple of 4096 bytes so
 * that a torn write never touches an entry before it:
 *
 *   magic:u32 "ZLOG"   length:u32 of the payload   seq:u64   id:16   crc:u32 of all but the magic
 *   payload (log-entry.ts), zeros to the next multiple of 4096
 *
 * Invariants:
 * - seq grows by one with every entry and is never used again. What a file holds from an earlier
 *   turn has lower numbers, so the first entry with another number than the next ends the log.
 * - Entry n+1 is written only after entry n is on disk: what recovery finds is a prefix.
 * - Payloads hold what clients wrote. The id, a secret of the store, keeps a client from writing
 *   something that recovery would take for an entry.
 */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Disk, DiskFile } from './disk.ts'
import { FsError } from './error.ts'

const MAGIC = 0x5a4c_4f47
const HEADER_BYTES = 36
const ID_BYTES = 16
const ALIGNMENT = 4096
/** A larger payload is not believed: it exceeds what one commit group may grow to. */
const PAYLOAD_BYTES_MAX = 1024 * 1024 * 1024
/** How much of a file is looked at in one read; a multiple of ALIGNMENT. */
const SCAN_BYTES = 1024 * 1024
/**
 * A file grows by this much at a time, in zeros behind the entry that needs room: an entry that is
 * written over blocks that the file has already is durable in half the time.
 */
const GROW_BYTES = 256 * 1024
const ZEROS = new Uint8Array(GROW_BYTES)

function header(id: Uint8Array, seq: number, pieces: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.writeUInt32BE(MAGIC, 0)
  bytes.writeUInt32BE(
    pieces.reduce((sum, piece) => sum + piece.length, 0),
    4,
  )
  bytes.writeUInt32BE(Math.floor(seq / 0x1_0000_0000), 8)
  bytes.writeUInt32BE(seq >>> 0, 12)
  bytes.set(id, 16)
  let crc = crc32(bytes.subarray(4, 32))
  for (const piece of pieces) crc = crc32(piece, crc)
  bytes.writeUInt32BE(crc, 32)
  return bytes
}

/** An entry as its header tells it: not to be believed before its checksum is verified. */
interface Candidate {
  readonly position: number
  readonly seq: number
  /** Bytes of the payload. */
  readonly length: number
  readonly crc: number
  /** The checksum of the header's own part. */
  readonly headCrc: number
}

/** What the header in `bytes` says of the entry at `position` of a file of `size` bytes. */
function parseHeader(
  id: Uint8Array,
  bytes: Buffer,
  position: number,
  size: number,
): Candidate | undefined {
  const length = bytes.readUInt32BE(4)
  if (bytes.readUInt32BE(0) !== MAGIC || length > PAYLOAD_BYTES_MAX) return undefined
  if (position + HEADER_BYTES + length > size) return undefined
  if (bytes.compare(id, 0, ID_BYTES, 16, 32) !== 0) return undefined
  const seq = bytes.readUInt32BE(8) * 0x1_0000_0000 + bytes.readUInt32BE(12)
  const headCrc = crc32(bytes.subarray(4, 32))
  return { position, seq, length, crc: bytes.readUInt32BE(32), headCrc }
}

/** Bytes that an entry takes in its file. */
function paddedLength(payload: number): number {
  const length = HEADER_BYTES + payload
  return length + (-length & (ALIGNMENT - 1))
}

function missing(seq: number, later: number): FsError {
  return new FsError('IO', `intent log entry ${seq} is damaged or missing, entry ${later} is not`)
}

export class IntentLog {
  readonly #files: readonly DiskFile[]
  readonly #id: Uint8Array
  /** How far each file reaches. */
  readonly #sizes = [0, 0]
  #active = 0
  /** Where the next entry goes in the active file. */
  #end = 0

  private constructor(files: readonly DiskFile[], id: Uint8Array) {
    this.#files = files
    this.#id = id
  }

  /** @param id 16 bytes, the same for the life of the store, that nobody outside knows */
  static async open(disk: Disk, directory: string, id: Uint8Array): Promise<IntentLog> {
    assert.equal(id.length, ID_BYTES, 'the id of the log has 16 bytes')
    const open = (name: string) => disk.open(join(directory, name), { dsync: true })
    const log = new IntentLog([await open('log.0'), await open('log.1')], id)
    await disk.syncDirectory(directory)
    return log
  }

  get #file(): DiskFile {
    const file = this.#files[this.#active]
    assert(file, 'there are two files')
    return file
  }

  get #size(): number {
    return this.#sizes[this.#active] ?? 0
  }

  /** Bytes in the active file: what a crash now would have to replay, at most twice. */
  get bytes(): number {
    return this.#end
  }

  /** Writes one entry; it is on stable storage when this resolves. One at a time. */
  async append(seq: number, pieces: readonly Uint8Array[]): Promise<void> {
    const head = header(this.#id, seq, pieces)
    const length = head.readUInt32BE(4)
    const padded = paddedLength(length)
    const padding = ZEROS.subarray(0, padded - HEADER_BYTES - length)
    const end = this.#end + padded
    const room = end > this.#size ? ZEROS : ZEROS.subarray(0, 0)
    await this.#file.write([head, ...pieces, padding, room], this.#end)
    this.#end = end
    this.#sizes[this.#active] = Math.max(this.#size, end + room.length)
  }

  /** Turns to the other file, whose entries the database has by now. */
  turn(): void {
    this.#active = 1 - this.#active
    this.#end = 0
  }

  /**
   * Hands out, in order, the payloads of the entries behind `seq`.
   *
   * @returns the number of the last entry
   * @throws FsError IO where an entry is damaged or missing that is not the last one
   */
  async replay(seq: number, visit: (payload: Buffer) => Promise<void>): Promise<number> {
    let last = seq
    for (const file of await this.#inOrder()) last = await this.#replayFile(file, last, visit)
    return last
  }

  /** The two files, the one with the older entries first. */
  async #inOrder(): Promise<readonly DiskFile[]> {
    const first: number[] = []
    for (const file of this.#files) first.push((await this.#candidate(file, 0))?.seq ?? 0)
    return (first[0] ?? 0) <= (first[1] ?? 0) ? this.#files : [...this.#files].reverse()
  }

  async #candidate(file: DiskFile, position: number): Promise<Candidate | undefined> {
    const bytes = Buffer.alloc(HEADER_BYTES)
    await file.read(bytes, position)
    return parseHeader(this.#id, bytes, position, await file.size())
  }

  /** The payload of an entry, or undefined where its checksum does not match. */
  async #payload(file: DiskFile, entry: Candidate): Promise<Buffer | undefined> {
    const payload = Buffer.allocUnsafe(entry.length)
    await file.read(payload, entry.position + HEADER_BYTES)
    return crc32(payload, entry.headCrc) === entry.crc ? payload : undefined
  }

  async #replayFile(
    file: DiskFile,
    seq: number,
    visit: (payload: Buffer) => Promise<void>,
  ): Promise<number> {
    let last = seq
    let position = 0
    for (;;) {
      const entry = await this.#candidate(file, position)
      const payload = entry && (await this.#payload(file, entry))
      if (entry === undefined || payload === undefined) break
      if (entry.seq > last + 1) throw missing(last + 1, entry.seq)
      if (entry.seq === last + 1) {
        await visit(payload)
        last = entry.seq
      }
      position += paddedLength(entry.length)
    }
    await this.#expectEnd(file, position, last)
    return last
  }

  /** A torn entry has nothing behind it; where a later one follows, the log itself is damaged. */
  async #expectEnd(file: DiskFile, from: number, last: number): Promise<void> {
    const size = await file.size()
    for (let start = from; start < size; start += SCAN_BYTES) {
      const bytes = Buffer.alloc(SCAN_BYTES)
      await file.read(bytes, start)
      for (let at = 0; at < SCAN_BYTES; at += ALIGNMENT) {
        const header = bytes.subarray(at, at + HEADER_BYTES)
        const entry = parseHeader(this.#id, header, start + at, size)
        if (entry === undefined || entry.seq <= last + 1) continue
        if (await this.#payload(file, entry)) throw missing(last + 1, entry.seq)
      }
    }
  }

  /** Makes both files empty, once the database has all their entries. */
  async clear(): Promise<void> {
    for (const file of this.#files) await file.truncate(0)
    this.#sizes.fill(0)
    this.#active = 0
    this.#end = 0
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close()
  }
}
