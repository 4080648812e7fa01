/**
 * The bytes of one file, from the snapshot to the disk: in pieces of READ_BYTES_MAX, the next one
 * read while one is written, each checked against the checksum that was taken where the blocks'
 * own were verified. Holes are passed over, and so are zeros.
 */
import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { type Piece, READ_BYTES_MAX } from '../control/operations.ts'
import { counted } from './text.ts'

/** Zeros are passed over where they fill so many bytes. */
const SPARSE_BYTES = 4096
const ZEROS = Buffer.alloc(SPARSE_BYTES)

/** One file, or other entry, cannot be restored; the others can. */
export class Refused extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Refused'
  }
}

export interface Content {
  /** Bytes. */
  readonly size: number
  read(offset: number, count: number): Promise<Piece>
  /** Is told of bytes that are copied; holes are none. */
  done(bytes: number): void
}

/**
 * Writes `content` to an empty file.
 *
 * @throws Refused where what arrives is not the file; the system's errors; what `read` throws
 */
export async function writeContent(file: FileHandle, content: Content): Promise<void> {
  for await (const { offset, data } of pieces(content)) {
    await writeSparse(file, data, offset)
    content.done(data.length)
  }
  await file.truncate(content.size)
}

/** A piece of a file, that begins at `offset`. */
export interface FilePiece extends Piece {
  readonly offset: number
}

/**
 * All of a file, piece by piece, the next one being read meanwhile.
 *
 * @throws Refused where what arrives is not the file; what `read` throws
 */
export async function* pieces(content: Omit<Content, 'done'>): AsyncGenerator<FilePiece> {
  const { size } = content
  let offset = 0
  let next = readAt(content, 0)
  while (next !== undefined) {
    const piece = await next
    const { data, crc, hole, eof } = piece
    const end = offset + data.length + hole
    if (crc32(data) !== crc) throw new Refused(`the bytes at ${offset} were damaged on their way`)
    if (end === offset || end > size || eof !== (end === size)) {
      throw new Refused(`the file has ${counted(size, 'byte')}, but what was read ends at ${end}`)
    }
    next = readAt(content, end)
    // Whoever takes the pieces may fail first: nobody awaits this one then.
    next?.catch(() => undefined)
    yield { ...piece, offset }
    offset = end
  }
}

function readAt(content: Omit<Content, 'done'>, offset: number): Promise<Piece> | undefined {
  return offset < content.size ? content.read(offset, READ_BYTES_MAX) : undefined
}

/** Writes the runs of `data` that are not zeros. */
async function writeSparse(file: FileHandle, data: Uint8Array, position: number): Promise<void> {
  let start = 0
  while (start < data.length) {
    if (isZero(data, start)) {
      start += SPARSE_BYTES
      continue
    }
    let end = start + SPARSE_BYTES
    while (end < data.length && !isZero(data, end)) end += SPARSE_BYTES
    await writeAll(file, data.subarray(start, end), position + start)
    start = end
  }
}

function isZero(data: Uint8Array, at: number): boolean {
  const block = data.subarray(at, at + SPARSE_BYTES)
  return ZEROS.compare(block, 0, block.length, 0, block.length) === 0
}

async function writeAll(file: FileHandle, data: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < data.length; ) {
    const { bytesWritten } = await file.write(data, at, data.length - at, position + at)
    at += bytesWritten
  }
}
