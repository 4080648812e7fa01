/** Reading back what was written to the operator's disk, against the snapshot's checksums. */
import * as fs from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { READ_BYTES_MAX } from '../control/operations.ts'
import { type Content, Refused } from './export-file.ts'
import { count, counted } from './text.ts'

/**
 * Compares the file at a path with `content`.
 *
 * @throws Refused where they differ, with where; the system's errors; what `content.read` throws
 */
export async function verifyContent(path: Buffer, content: Omit<Content, 'done'>): Promise<void> {
  const file = await fs.open(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW)
  try {
    const { size } = await file.stat()
    if (size !== content.size) {
      throw new Refused(
        `verified: it has ${counted(size, 'byte')} instead of ${count(content.size)}`,
      )
    }
    const buffer = Buffer.allocUnsafe(READ_BYTES_MAX)
    let at = 0
    while (at < size) {
      const { data, crc, hole } = await content.read(at, READ_BYTES_MAX)
      const end = at + data.length + hole
      if (end === at) throw new Refused(`the file ends at ${at} in the snapshot`)
      const read = await readAll(file, buffer.subarray(0, data.length), at)
      if (crc32(read) !== crc) throw new Refused(`verified: it differs between ${at} and ${end}`)
      await verifyZeros(file, buffer, at + data.length, end)
      at = end
    }
  } finally {
    await file.close()
  }
}

async function verifyZeros(file: fs.FileHandle, buffer: Buffer, from: number, to: number) {
  for (let at = from; at < to; at += buffer.length) {
    const read = await readAll(file, buffer.subarray(0, Math.min(buffer.length, to - at)), at)
    // Zeros are what is the same as itself one byte further on, and begins with a zero.
    const zeros = read[0] === 0 && read.compare(read, 1, read.length, 0, read.length - 1) === 0
    if (!zeros) throw new Refused(`verified: it has more than the hole at ${at}`)
  }
}

async function readAll(file: fs.FileHandle, into: Buffer, position: number): Promise<Buffer> {
  for (let at = 0; at < into.length; ) {
    const { bytesRead } = await file.read(into, at, into.length - at, position + at)
    if (bytesRead === 0) throw new Refused(`verified: it ends at ${position + at}`)
    at += bytesRead
  }
  return into
}
