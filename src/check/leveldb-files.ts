/**
 * The files of the database, whose own checksums LevelDB does not verify as it reads: tables block
 * by block, logs and manifests record by record. Records have checksums of ours, but the blocks by
 * which they are found, the indexes and filters, have none.
 */
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32c } from './crc32c.ts'
import type { Pace } from './pace.ts'
import type { Problems } from './problems.ts'
import { unsnap } from './snappy.ts'

const FOOTER_BYTES = 48
const MAGIC = Buffer.from('57fb808b247547db', 'hex')
/** Behind each block of a table: how it is compressed, and a checksum of both. */
const TRAILER_BYTES = 5
const SNAPPY = 1
/** Logs come in blocks of so many bytes; no record goes across. */
const LOG_BLOCK_BYTES = 32_768
const LOG_HEAD_BYTES = 7
/** How long a table may be without an end: it may be under way. */
const UNFINISHED_TRIES = 20
const UNFINISHED_MS = 100
/** What a block costs, in looks at a record. */
const LOOKS = 10

interface Handle {
  readonly offset: number
  readonly size: number
}

/** Tells of each file that is damaged, with the place. Files that go meanwhile are passed over. */
export async function checkDatabaseFiles(
  directory: string,
  problems: Problems,
  pace: Pace,
): Promise<void> {
  for (const name of (await readdir(directory)).toSorted()) {
    const isTable = /\.(ldb|sst)$/.test(name)
    if (!isTable && !/^(MANIFEST-\d+|\d+\.log)$/.test(name)) continue
    const tell = (at: number): void =>
      problems.add(`meta/${name} is damaged: what is at byte ${at} does not match its checksum`)
    const path = join(directory, name)
    const reader = isTable ? await openTable(path) : await Reader.open(path)
    if (reader === undefined) continue
    try {
      await (isTable ? checkTable(reader, tell, pace) : checkLog(reader, tell, pace))
    } finally {
      await reader.close()
    }
  }
}

/** A table, once it is written: its end comes last. Undefined where it is gone. */
async function openTable(path: string): Promise<Reader | undefined> {
  for (let left = UNFINISHED_TRIES; ; left--) {
    const reader = await Reader.open(path)
    if (reader === undefined || left === 0) return reader
    const end = await reader.bytes(Math.max(0, reader.size - MAGIC.length), MAGIC.length)
    if (end.equals(MAGIC)) return reader
    await reader.close()
    await sleep(UNFINISHED_MS)
  }
}

class Reader {
  readonly size: number
  readonly #read: (into: Buffer, at: number) => Promise<number>
  readonly close: () => Promise<void>

  private constructor(
    size: number,
    read: (into: Buffer, at: number) => Promise<number>,
    close: () => Promise<void>,
  ) {
    this.size = size
    this.#read = read
    this.close = close
  }

  static async open(path: string): Promise<Reader | undefined> {
    const file = await open(path, 'r').catch(() => undefined)
    if (file === undefined) return undefined
    const { size } = await file.stat()
    const read = async (into: Buffer, at: number) =>
      (await file.read(into, 0, into.length, at)).bytesRead
    return new Reader(size, read, () => file.close())
  }

  /** As many of the bytes as there are. */
  async bytes(at: number, length: number): Promise<Buffer> {
    const into = Buffer.alloc(Math.max(0, Math.min(length, this.size - at)))
    return into.subarray(0, await this.#read(into, at))
  }
}

async function checkTable(reader: Reader, tell: (at: number) => void, pace: Pace): Promise<void> {
  const footerAt = reader.size - FOOTER_BYTES
  const footer = await reader.bytes(Math.max(0, footerAt), FOOTER_BYTES)
  if (footer.length < FOOTER_BYTES || !footer.subarray(-8).equals(MAGIC)) {
    tell(Math.max(0, footerAt))
    return
  }
  try {
    const [meta, next] = handleAt(footer, 0)
    const [index] = handleAt(footer, next)
    for (const list of [meta, index]) {
      const content = await blockOf(reader, list)
      if (content === undefined) tell(list.offset)
      for (const handle of content === undefined ? [] : handlesIn(content)) {
        if ((await blockOf(reader, handle)) === undefined) tell(handle.offset)
        await pace.step(LOOKS)
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    tell(footerAt)
  }
}

/** A block's content; undefined where it does not match its checksum. */
async function blockOf(reader: Reader, { offset, size }: Handle): Promise<Buffer | undefined> {
  if (offset + size + TRAILER_BYTES > reader.size) return undefined
  const bytes = await reader.bytes(offset, size + TRAILER_BYTES)
  if (bytes.length < size + TRAILER_BYTES) return undefined
  if (crc32c(bytes.subarray(0, size + 1)) !== bytes.readUInt32LE(size + 1)) return undefined
  const content = bytes.subarray(0, size)
  return bytes[size] === SNAPPY ? unsnap(content) : content
}

/** The blocks that an index lists. */
function* handlesIn(block: Buffer): Generator<Handle> {
  const restarts = block.readUInt32LE(block.length - 4)
  const end = block.length - 4 - 4 * restarts
  for (let at = 0; at < end; ) {
    const [, unsharedAt] = varintAt(block, at)
    const [unshared, lengthAt] = varintAt(block, unsharedAt)
    const [length, keyAt] = varintAt(block, lengthAt)
    yield handleAt(block, keyAt + unshared)[0]
    at = keyAt + unshared + length
  }
}

function handleAt(bytes: Buffer, at: number): [handle: Handle, next: number] {
  const [offset, sizeAt] = varintAt(bytes, at)
  const [size, next] = varintAt(bytes, sizeAt)
  return [{ offset, size }, next]
}

/** @throws RangeError where the bytes end before it does */
function varintAt(bytes: Buffer, from: number): [value: number, next: number] {
  let value = 0
  for (let at = from, factor = 1; ; at++, factor *= 128) {
    const byte = bytes.readUInt8(at)
    value += (byte & 127) * factor
    if (byte < 128) return [value, at + 1]
  }
}

async function checkLog(reader: Reader, tell: (at: number) => void, pace: Pace): Promise<void> {
  for (let start = 0; start < reader.size; start += LOG_BLOCK_BYTES) {
    const block = await reader.bytes(start, LOG_BLOCK_BYTES)
    for (let at = 0; at + LOG_HEAD_BYTES <= block.length; ) {
      const length = block.readUInt16LE(at + 4)
      const end = at + LOG_HEAD_BYTES + length
      // What is being written, or was when there was a crash, ends with the file.
      const isTail = end > block.length && start + block.length === reader.size
      if (isTail || block.subarray(at, at + LOG_HEAD_BYTES).every((byte) => byte === 0)) break
      const sum = end > block.length ? undefined : crc32c(block.subarray(at + 6, end))
      if (sum !== block.readUInt32LE(at)) {
        tell(start + at)
        break
      }
      at = end
    }
    await pace.step(LOOKS)
  }
}
