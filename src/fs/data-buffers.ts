/** Buffers for READs: taken, sent by reference, given back. */
import assert from 'node:assert/strict'
import { BLOCK_BYTES } from '../store/records.ts'
import { IO_BYTES_MAX } from './filesystem.ts'

/** A buffer on loan. */
export interface ReadBuffer {
  readonly bytes: Uint8Array
  /** Gives it back, once; undefined where it belongs to nobody. */
  readonly release: (() => void) | undefined
}

/** Reads are made of whole blocks, so one that lies askew needs two more than its length. */
const ASKEW_BYTES = 2 * BLOCK_BYTES
/** Sizes of buffers, and how many of each wait at most to be used again: 20 MiB in all. */
const CLASSES = [
  { bytes: 4096 + ASKEW_BYTES, keepMax: 64 },
  { bytes: 64 * 1024 + ASKEW_BYTES, keepMax: 48 },
  { bytes: IO_BYTES_MAX + ASKEW_BYTES, keepMax: 16 },
]

interface Shelf {
  readonly bytes: number
  readonly keepMax: number
  readonly free: ReadBuffer[]
}

export class ReadBuffers {
  readonly #shelves: readonly Shelf[] = CLASSES.map((one) => ({ ...one, free: [] }))

  /** @returns a buffer of at least `length` bytes with anything in it */
  take(length: number): ReadBuffer {
    const shelf = this.#shelves.find(({ bytes }) => bytes >= length)
    if (shelf === undefined) return { bytes: memory(length), release: undefined }
    return shelf.free.pop() ?? newBuffer(shelf)
  }
}

/** Memory that is not zeroed. */
function memory(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
}

function newBuffer({ bytes, keepMax, free }: Shelf): ReadBuffer {
  const buffer: ReadBuffer = {
    bytes: memory(bytes),
    release: () => {
      assert(!free.includes(buffer), 'a read buffer is given back twice')
      if (free.length < keepMax) free.push(buffer)
    },
  }
  return buffer
}
