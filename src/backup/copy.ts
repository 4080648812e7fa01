/**
 * The second part of a backup: the blocks on the list, read from the store and verified, and
 * written to where they lie in the store. A place that the former backup needs for another block
 * stays as it is: what belongs there is kept aside (`moved`) until the new backup counts.
 */
import type { BlockStore } from '../store/blocks.ts'
import { BlockError } from '../store/blocks-files.ts'
import { summedMemory } from '../store/checksum.ts'
import type { FrozenDatabase } from '../store/database.ts'
import type { DiskFile } from '../store/disk.ts'
import { FsError } from '../store/error.ts'
import { MOVED_BYTES } from '../store/incoming.ts'
import type { Pace } from '../store/pace.ts'
import { BLOCK_BYTES, CHUNK_BYTES, type Chunk } from '../store/records.ts'
import { chunkOf } from './compare.ts'
import { UsedBlocks } from './used.ts'
import type { SlotRun, WantedBlocks } from './wanted.ts'

/** What is written is synced this often, so that the kernel does not gather more. */
const SYNC_BYTES = 64 * 1024 * 1024

/** A block that cannot be read. */
export interface DamagedBlock {
  /** Of the chunk that has it. */
  readonly key: Buffer
  readonly slot: number
  readonly why: string
}

export interface CopyParts {
  readonly from: FrozenDatabase
  readonly old: FrozenDatabase
  readonly source: BlockStore
  readonly target: BlockStore
  readonly moved: DiskFile
  /** Whether blocks that no record refers to may be there already, and need not be written. */
  readonly interrupted: boolean
  readonly pace: Pace
  readonly requireGoingOn: () => void
  /** Is told how many bytes are done; resolves when more may be. */
  readonly progress: (doneBytes: number) => Promise<void>
  readonly damaged: (block: DamagedBlock) => void
}

export class Copy {
  readonly #parts: CopyParts
  readonly #buffer = summedMemory(CHUNK_BYTES).subarray(0, CHUNK_BYTES)
  readonly #there = new Uint8Array(BLOCK_BYTES)
  readonly #used: UsedBlocks
  #moved = 0
  #done = 0
  #unsynced = 0
  /** Bytes that were written, and not only found there. */
  copied = 0

  constructor(parts: CopyParts) {
    this.#parts = parts
    this.#used = new UsedBlocks(parts.old)
  }

  async run(wanted: WantedBlocks): Promise<void> {
    const { from, pace, progress, requireGoingOn, target } = this.#parts
    for await (const { key, runs } of wanted.entries()) {
      const sealed = from.get(key)
      const chunk = sealed && chunkOf(key, sealed)
      if (chunk === undefined) continue
      for (const run of runs) await this.#run(key, chunk, run)
      await progress(this.#done)
      await pace.rest()
      requireGoingOn()
    }
    await target.sync()
    await this.#parts.moved.datasync()
  }

  async #run(key: Buffer, chunk: Chunk, run: SlotRun): Promise<void> {
    const { source } = this.#parts
    const { from, to } = run
    try {
      await source.readBlocks(chunk.address, chunk.checksum, from, to, this.#buffer)
      await this.#write(chunk, run)
      this.#done += (to - from) * BLOCK_BYTES
    } catch (error) {
      if (!(error instanceof BlockError)) throw error
      if (to - from > 1) {
        // One by one, so that what is sound is copied, and what is not is named.
        for (let slot = from; slot < to; slot++) {
          await this.#run(key, chunk, { from: slot, to: slot + 1 })
        }
      } else {
        this.#parts.damaged({ key, slot: from, why: error.message })
        this.#done += BLOCK_BYTES
      }
    }
  }

  /** What the buffer holds goes to its places, what lies side by side at once. */
  async #write(chunk: Chunk, { from, to }: SlotRun): Promise<void> {
    const { target } = this.#parts
    for (let slot = from; slot < to; ) {
      const address = chunk.address[slot] ?? 0
      const bytes = (end: number) =>
        this.#buffer.subarray((slot - from) * BLOCK_BYTES, (end - from) * BLOCK_BYTES)
      let end = slot
      while (
        end < to &&
        chunk.address[end] === address + end - slot &&
        this.#isNew(address + end - slot)
      )
        end++
      if (end > slot) {
        target.write(address, [bytes(end)])
        this.#wrote(end - slot)
      } else {
        end = slot + 1
        if (!(await this.#isThere(chunk, slot, bytes(end)))) await this.#put(address, bytes(end))
      }
      slot = end
    }
    await target.settled()
    if (this.#unsynced < SYNC_BYTES) return
    this.#unsynced = 0
    await target.sync()
  }

  #wrote(blocks: number): void {
    this.copied += blocks * BLOCK_BYTES
    this.#unsynced += blocks * BLOCK_BYTES
  }

  /** Whether nothing of the former backup, nor of an interrupted one, can be in the place. */
  #isNew(address: number): boolean {
    return !this.#parts.interrupted && !this.#used.has(address)
  }

  async #isThere(chunk: Chunk, slot: number, bytes: Uint8Array): Promise<boolean> {
    const { target } = this.#parts
    const { address, checksum } = chunk
    try {
      await target.readBlocks(address, checksum, slot, slot + 1, this.#there)
      return Buffer.compare(this.#there, bytes) === 0
    } catch (error) {
      if (error instanceof FsError) return false
      throw error
    }
  }

  async #put(address: number, bytes: Uint8Array): Promise<void> {
    const { moved, target } = this.#parts
    this.#wrote(1)
    if (!this.#used.has(address)) {
      target.write(address, [bytes])
      return
    }
    const head = Buffer.alloc(MOVED_BYTES - BLOCK_BYTES)
    head.writeDoubleBE(address)
    await moved.write([head, bytes], this.#moved)
    this.#moved += MOVED_BYTES
  }
}
