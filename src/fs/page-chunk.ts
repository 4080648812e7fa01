/**
 * The dirty pages of one chunk of a file.
 *
 * A page is a place in a piece of memory that it shares with its neighbours: a large WRITE's data, or
 * a slab. A view is made of it when it is asked for, because a view that is kept for each page of a
 * large write would cost the garbage collector more than the write itself.
 */
import { BLOCK_BYTES, CHUNK_BLOCKS, type Chunk } from '../store/records.ts'

/** A page: 4096 bytes of `memory` from `at` on. */
export interface Page {
  readonly memory: Uint8Array
  readonly at: number
}

/** A view of a page. */
export function pageBytes({ memory, at }: Page): Uint8Array {
  return new Uint8Array(memory.buffer, memory.byteOffset + at, BLOCK_BYTES)
}

export class DirtyChunk {
  /** The chunk as it is stored. It cannot change while the file has dirty pages. */
  readonly old: Chunk | undefined
  readonly #memory: (Uint8Array | undefined)[] = new Array(CHUNK_BLOCKS).fill(undefined)
  readonly #at = new Uint32Array(CHUNK_BLOCKS)
  /** 1 where the page may be changed in place. */
  readonly #own = new Uint8Array(CHUNK_BLOCKS)
  /** How many pages there are. */
  count = 0

  constructor(old: Chunk | undefined) {
    this.old = old
  }

  has(slot: number): boolean {
    return this.#memory[slot] !== undefined
  }

  page(slot: number): Page | undefined {
    const memory = this.#memory[slot]
    return memory === undefined ? undefined : { memory, at: this.#at[slot] ?? 0 }
  }

  /** The page where it may be changed in place. */
  ownPage(slot: number): Page | undefined {
    return this.#own[slot] === 1 ? this.page(slot) : undefined
  }

  /** Puts a page in its place. @returns the memory of another's that it replaces */
  place(slot: number, memory: Uint8Array, at: number, own: boolean): Uint8Array | undefined {
    const old = this.#memory[slot]
    const released = this.#own[slot] === 0 ? old : undefined
    if (old === undefined) this.count++
    this.#memory[slot] = memory
    this.#at[slot] = at
    this.#own[slot] = own ? 1 : 0
    return released
  }

  /** The memory of each page that is not our own. */
  borrowed(): Uint8Array[] {
    const borrowed: Uint8Array[] = []
    for (let slot = 0; slot < CHUNK_BLOCKS; slot++) {
      const memory = this.#memory[slot]
      if (memory !== undefined && this.#own[slot] === 0) borrowed.push(memory)
    }
    return borrowed
  }

  /** Whether no block is stored under the slot. */
  isUnmapped(slot: number): boolean {
    return (this.old?.address[slot] ?? 0) === 0
  }

  /** Makes no page our own any more. */
  disown(): void {
    this.#own.fill(0)
  }

  /** The slots that have a page, ascending. */
  slots(): number[] {
    const slots: number[] = []
    for (let slot = 0; slot < CHUNK_BLOCKS; slot++) if (this.has(slot)) slots.push(slot)
    return slots
  }

  /** All pages in order, neighbours in memory as one. @param into where they are added */
  appendTo(into: Uint8Array[]): void {
    for (let slot = 0; slot < CHUNK_BLOCKS; ) {
      const memory = this.#memory[slot]
      const at = this.#at[slot] ?? 0
      const start = slot++
      if (memory === undefined) continue
      while (
        this.#memory[slot] === memory &&
        this.#at[slot] === at + (slot - start) * BLOCK_BYTES
      ) {
        slot++
      }
      const bytes = (slot - start) * BLOCK_BYTES
      into.push(new Uint8Array(memory.buffer, memory.byteOffset + at, bytes))
    }
  }
}
