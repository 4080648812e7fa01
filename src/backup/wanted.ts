/**
 * The list of the blocks that a backup has to copy: the keys of the records that refer to them, and
 * in which slots. It is as long as what changed, so it lies in a file.
 *
 *   entry   length of key:u16   runs:u16   key   for each run: first slot:u16, slot behind it:u16
 */
import type { DiskFile } from '../store/disk.ts'

const HEAD_BYTES = 4
const RUN_BYTES = 4
/** About how much is written, or read, at a time. */
const PIECE_BYTES = 256 * 1024

/** Slots `from` to `to` of a chunk, the latter not included. */
export interface SlotRun {
  readonly from: number
  readonly to: number
}

export interface WantedChunk {
  readonly key: Buffer
  readonly runs: readonly SlotRun[]
}

export class WantedBlocks {
  readonly #file: DiskFile
  #pending: Buffer[] = []
  #pendingBytes = 0
  #end = 0
  /** Blocks that are in the list. */
  blocks = 0

  constructor(file: DiskFile) {
    this.#file = file
  }

  add(key: Buffer, runs: readonly SlotRun[]): void {
    const entry = Buffer.alloc(HEAD_BYTES + key.length + runs.length * RUN_BYTES)
    entry.writeUInt16BE(key.length, 0)
    entry.writeUInt16BE(runs.length, 2)
    entry.set(key, HEAD_BYTES)
    for (const [i, { from, to }] of runs.entries()) {
      const at = HEAD_BYTES + key.length + i * RUN_BYTES
      entry.writeUInt16BE(from, at)
      entry.writeUInt16BE(to, at + 2)
      this.blocks += to - from
    }
    this.#pending.push(entry)
    this.#pendingBytes += entry.length
  }

  /** Writes what has come together, if it is worth a write. */
  async spill(least = PIECE_BYTES): Promise<void> {
    if (this.#pendingBytes < least) return
    await this.#file.write(this.#pending, this.#end)
    this.#end += this.#pendingBytes
    this.#pending = []
    this.#pendingBytes = 0
  }

  /** All entries, in the order in which they came. */
  async *entries(): AsyncGenerator<WantedChunk> {
    await this.spill(1)
    let rest = Buffer.alloc(0)
    for (let at = 0; at < this.#end; ) {
      const piece = Buffer.alloc(Math.min(PIECE_BYTES, this.#end - at))
      await this.#file.read(piece, at)
      at += piece.length
      rest = Buffer.concat([rest, piece])
      for (;;) {
        const entry = entryAt(rest)
        if (entry === undefined) break
        rest = rest.subarray(entry.bytes)
        yield entry.chunk
      }
    }
  }
}

/** The entry that bytes begin with, where all of it is there. */
function entryAt(bytes: Buffer): { chunk: WantedChunk; bytes: number } | undefined {
  if (bytes.length < HEAD_BYTES) return undefined
  const runsAt = HEAD_BYTES + bytes.readUInt16BE(0)
  const end = runsAt + bytes.readUInt16BE(2) * RUN_BYTES
  if (bytes.length < end) return undefined
  const runs: SlotRun[] = []
  for (let at = runsAt; at < end; at += RUN_BYTES) {
    runs.push({ from: bytes.readUInt16BE(at), to: bytes.readUInt16BE(at + 2) })
  }
  return { chunk: { key: bytes.subarray(HEAD_BYTES, runsAt), runs }, bytes: end }
}
