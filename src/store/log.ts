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
const ZEROS = new Uint8Array(ALIGNMENT)

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

/** What an entry's header says, or undefined where there is none. */
async function readHeader(
  id: Uint8Array,
  file: DiskFile,
  position: number,
  size: number,
): Promise<{ seq: number; length: number; bytes: Buffer } | undefined> {
  if (position + HEADER_BYTES > size) return undefined
  const bytes = Buffer.alloc(HEADER_BYTES)
  await file.read(bytes, position)
  const length = bytes.readUInt32BE(4)
  if (bytes.readUInt32BE(0) !== MAGIC || length > PAYLOAD_BYTES_MAX) return undefined
  if (position + HEADER_BYTES + length > size || bytes.compare(id, 0, ID_BYTES, 16, 32) !== 0) {
    return undefined
  }
  return { seq: bytes.readUInt32BE(8) * 0x1_0000_0000 + bytes.readUInt32BE(12), length, bytes }
}

function missing(seq: number, later: number): FsError {
  return new FsError('IO', `intent log entry ${seq} is damaged or missing, entry ${later} is not`)
}

export class IntentLog {
  readonly #files: readonly DiskFile[]
  readonly #id: Uint8Array
  #active = 0
  /** Where the next entry goes in the active file. */
  #end = 0

  private constructor(files: readonly DiskFile[], id: Uint8Array) {
    this.#files = files
    this.#id = id
  }

  /** @param id 16 bytes, the same for the life of the store, that nobody outside knows */
  static async open(disk: Disk, directory: string, id: Uint8Array): Promise<IntentLog> {
    assert.equal(id.length, ID_BYTES)
    const open = (name: string) => disk.open(join(directory, name), { dsync: true })
    const log = new IntentLog([await open('log.0'), await open('log.1')], id)
    await disk.syncDirectory(directory)
    return log
  }

  get #file(): DiskFile {
    const file = this.#files[this.#active]
    assert(file)
    return file
  }

  /** Bytes in the active file: what a crash now would have to replay, at most twice. */
  get bytes(): number {
    return this.#end
  }

  /** Writes one entry; it is on stable storage when this resolves. One at a time. */
  async append(seq: number, pieces: readonly Uint8Array[]): Promise<void> {
    const head = header(this.#id, seq, pieces)
    const length = HEADER_BYTES + head.readUInt32BE(4)
    const padding = ZEROS.subarray(0, -length & (ALIGNMENT - 1))
    await this.#file.write([head, ...pieces, padding], this.#end)
    this.#end += length + padding.length
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
   * @throws FsError IO where an entry is damaged that is not the last one
   */
  async replay(seq: number, visit: (payload: Buffer) => Promise<void>): Promise<number> {
    let last = seq
    for (const file of await this.#inOrder()) last = await this.#replayFile(file, last, visit)
    return last
  }

  /** The two files, the one with the older entries first. */
  async #inOrder(): Promise<readonly DiskFile[]> {
    const first: number[] = []
    for (const file of this.#files) {
      first.push((await readHeader(this.#id, file, 0, await file.size()))?.seq ?? 0)
    }
    return (first[0] ?? 0) <= (first[1] ?? 0) ? this.#files : [...this.#files].reverse()
  }

  async #replayFile(
    file: DiskFile,
    seq: number,
    visit: (payload: Buffer) => Promise<void>,
  ): Promise<number> {
    const size = await file.size()
    let last = seq
    for (let position = 0; position < size; ) {
      const found = await readHeader(this.#id, file, position, size)
      if (found === undefined) return last
      if (found.seq > last + 1) throw missing(last + 1, found.seq)
      const length = HEADER_BYTES + found.length
      if (found.seq === last + 1) {
        const payload = Buffer.allocUnsafe(found.length)
        await file.read(payload, position + HEADER_BYTES)
        const crc = crc32(payload, crc32(found.bytes.subarray(4, 32)))
        if (crc !== found.bytes.readUInt32BE(32)) {
          await this.#expectTail(file, position, size, last)
          return last
        }
        await visit(payload)
        last = found.seq
      }
      position += length + (-length & (ALIGNMENT - 1))
    }
    return last
  }

  /** A torn entry has nothing behind it; where a later one follows, the log itself is damaged. */
  async #expectTail(file: DiskFile, position: number, size: number, last: number): Promise<void> {
    for (let next = position + ALIGNMENT; next < size; next += ALIGNMENT) {
      const found = await readHeader(this.#id, file, next, size)
      if (found !== undefined && found.seq > last + 1) throw missing(last + 1, found.seq)
    }
  }

  /** Makes both files empty, once the database has all their entries. */
  async clear(): Promise<void> {
    for (const file of this.#files) await file.truncate(0)
    this.#active = 0
    this.#end = 0
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close()
  }
}
