/** The blocks of chunks: read, and compared with their checksums. */
import { FsError } from '../store/error.ts'
import { BLOCK_BYTES, CHUNK_BLOCKS, CHUNK_BYTES, type Chunk } from '../store/records.ts'
import { newSlots } from './references.ts'
import type { Span } from './spans.ts'
import type { Version } from './view.ts'

const PROGRESS_BLOCKS = 2 ** 18

/** Where blocks are read from: the store's. @see BlockStore.readBlocks */
export interface BlockReader {
  readBlocks(
    addresses: Float64Array,
    checksums: Uint32Array,
    from: number,
    to: number,
    into: Uint8Array,
  ): void | Promise<void>
}

/** A slot of which only the first bytes belong to the file. */
export interface Tail extends Span {
  readonly slot: number
  /** Bytes of the block, from where on there must be zeros. */
  readonly length: number
}

export type Tell = (text: string, span: Span) => void

export class BlocksCheck {
  readonly #reader: BlockReader
  readonly #end: number
  readonly #progress: (done: string) => void
  /** Is told of all blocks that were read. */
  readonly #counted: (blocks: number) => void
  readonly #buffer = new Uint8Array(CHUNK_BYTES)
  /** Blocks that were read, those in several places once for each. */
  read = 0

  /** @param end the first block behind all that the space map knows of; it is not read */
  constructor(
    reader: BlockReader,
    end: number,
    progress: (done: string) => void,
    counted: (blocks: number) => void = () => undefined,
  ) {
    this.#counted = counted
    this.#reader = reader
    this.#end = end
    this.#progress = progress
  }

  /**
   * Verifies each block of a chunk once, whichever of its versions have it.
   *
   * @param first as in `newSlots`: what is a clone's origin's is verified there
   * @param tails of a version: where the file ends inside the chunk
   */
  async chunk(
    index: number,
    versions: readonly Version<Chunk>[],
    first: number,
    tails: (version: Version<Chunk>) => readonly Tail[],
    tell: Tell,
  ): Promise<void> {
    for (const [i, version] of versions.entries()) {
      const slots = newSlots(version.value, versions[i - 1]?.value, first)
      const damaged = await this.#verify(index, versions.slice(i), slots, tell)
      for (const tail of tails(version)) {
        if (!damaged.has(tail.slot)) await this.#tail(index, version, tail, tell)
      }
    }
  }

  /**
   * @param versions the one whose slots are to be verified, and those behind it
   * @returns the slots whose blocks are damaged, which it has told
   */
  async #verify(
    index: number,
    versions: readonly Version<Chunk>[],
    slots: readonly number[],
    tell: Tell,
  ): Promise<Set<number>> {
    const damaged = new Set<number>()
    const [version] = versions
    if (version === undefined || slots.length === 0) return damaged
    this.#count(slots.length)
    if ((await this.#failure(version.value, slots)) === undefined) return damaged
    for (const slot of slots) {
      const why = await this.#failure(version.value, [slot])
      if (why === undefined) continue
      damaged.add(slot)
      const at = (index * CHUNK_BLOCKS + slot) * BLOCK_BYTES
      const during = { from: version.from, to: lastWith(versions, slot).to }
      tell(`bytes ${at} to ${at + BLOCK_BYTES - 1} are damaged: ${why}`, during)
    }
    return damaged
  }

  #count(blocks: number): void {
    const before = Math.floor(this.read / PROGRESS_BLOCKS)
    this.read += blocks
    this.#counted(this.read)
    if (Math.floor(this.read / PROGRESS_BLOCKS) > before) {
      this.#progress(`${this.read} blocks of file data read`)
    }
  }

  /** Reads the blocks of some slots of a chunk. @returns why that cannot be done */
  async #failure(chunk: Chunk, slots: readonly number[]): Promise<string | undefined> {
    const addresses = new Float64Array(slots.length)
    const checksums = new Uint32Array(slots.length)
    for (const [i, slot] of slots.entries()) {
      addresses[i] = chunk.address[slot] ?? 0
      checksums[i] = chunk.checksum[slot] ?? 0
    }
    const beyond = addresses.find((address) => address >= this.#end)
    if (beyond !== undefined) return `block ${beyond} lies beyond the blocks that there are`
    try {
      await this.#reader.readBlocks(addresses, checksums, 0, slots.length, this.#buffer)
      return undefined
    } catch (error) {
      if (error instanceof FsError) return error.message
      throw error
    }
  }

  async #tail(
    index: number,
    version: Version<Chunk>,
    { slot, length, from, to }: Tail,
    tell: Tell,
  ): Promise<void> {
    if ((await this.#failure(version.value, [slot])) !== undefined) return
    const rest = this.#buffer.subarray(length, BLOCK_BYTES)
    if (rest.every((byte) => byte === 0)) return
    const end = (index * CHUNK_BLOCKS + slot) * BLOCK_BYTES + length
    tell(`behind its end at byte ${end} the block holds something else than zeros`, { from, to })
  }
}

/** The last of versions that have in the slot what the first has. */
function lastWith(versions: readonly Version<Chunk>[], slot: number): Span {
  const [first, ...others] = versions
  let last: Span = first ?? { from: 0, to: 0 }
  for (const version of others) {
    if (newSlots(version.value, first?.value).includes(slot)) break
    if ((version.value.address[slot] ?? 0) === 0) break
    last = version
  }
  return last
}
