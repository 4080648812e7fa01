/**
 * The dirty pages of one chunk of a file.
 *
 * A page is a place in a piece of memory that it shares with its neighbours: a large WRITE's data, or
 * a slab. A view is made of it when it is asked for, because a view that is kept for each page of a
 * large write would cost the garbage collector more than the write itself.
 */
import assert from 'node:assert/strict'
import { BLOCK_BYTES, CHUNK_BLOCKS, type Chunk } from '../store/records.ts'

/** A page: 4096 bytes of `memory` from `at` on. */
export interface Page {
  readonly memory: Uint8Array
  readonly at: number
}

/** A view of a page. */
export function pageBytes(page: Page): Uint8Array {
  return viewOf(page, BLOCK_BYTES)
}

/** A place for each page of the chunk. */
interface Slots {
  readonly memory: (Uint8Array | undefined)[]
  readonly at: Uint32Array
  /** 1 where the page may be changed in place. */
  readonly own: Uint8Array
}

const ALL_SLOTS: readonly number[] = Array.from({ length: CHUNK_BLOCKS }, (_, slot) => slot)

export class DirtyChunk {
  /** The chunk as it is stored. It cannot change while the file has dirty pages. */
  readonly old: Chunk | undefined
  /** Where all pages lie, one behind the other and none our own: then there are no slots. */
  #whole: Page | undefined
  #slots: Slots | undefined
  /** How many pages there are. */
  count = 0

  constructor(old: Chunk | undefined) {
    this.old = old
  }

  has(slot: number): boolean {
    return this.#whole !== undefined || this.#slots?.memory[slot] !== undefined
  }

  page(slot: number): Page | undefined {
    if (this.#whole !== undefined) {
      return { memory: this.#whole.memory, at: this.#whole.at + slot * BLOCK_BYTES }
    }
    const memory = this.#slots?.memory[slot]
    return memory === undefined ? undefined : { memory, at: this.#slots?.at[slot] ?? 0 }
  }

  /** The page where it may be changed in place. */
  ownPage(slot: number): Page | undefined {
    return this.#slots?.own[slot] === 1 ? this.page(slot) : undefined
  }

  /** Puts a page in its place. @returns the memory of another's that it replaces */
  place(slot: number, memory: Uint8Array, at: number, own: boolean): Uint8Array | undefined {
    const slots = this.#slots ?? this.#divide()
    const old = slots.memory[slot]
    const released = slots.own[slot] === 0 ? old : undefined
    if (old === undefined) this.count++
    slots.memory[slot] = memory
    slots.at[slot] = at
    slots.own[slot] = own ? 1 : 0
    return released
  }

  /**
   * Puts all pages of an empty chunk in their places, none of them our own. A stream of large
   * WRITEs is made of such chunks: none of its pages is looked at one by one.
   */
  placeAll(memory: Uint8Array, at: number): void {
    assert(this.count === 0 && this.#slots === undefined, 'the chunk has pages')
    this.#whole = { memory, at }
    this.count = CHUNK_BLOCKS
  }

  /** Whether `placeAll` can be used. */
  get untouched(): boolean {
    return this.#whole === undefined && this.#slots === undefined
  }

  #divide(): Slots {
    const slots: Slots = {
      memory: new Array(CHUNK_BLOCKS).fill(this.#whole?.memory),
      at: new Uint32Array(CHUNK_BLOCKS),
      own: new Uint8Array(CHUNK_BLOCKS),
    }
    const whole = this.#whole
    if (whole !== undefined) for (const i of ALL_SLOTS) slots.at[i] = whole.at + i * BLOCK_BYTES
    this.#whole = undefined
    this.#slots = slots
    return slots
  }

  /** The memory of each page that is not our own. */
  borrowed(): Uint8Array[] {
    if (this.#whole !== undefined) return new Array(CHUNK_BLOCKS).fill(this.#whole.memory)
    const borrowed: Uint8Array[] = []
    for (const slot of this.slots()) {
      const memory = this.#slots?.memory[slot]
      if (memory !== undefined && this.#slots?.own[slot] === 0) borrowed.push(memory)
    }
    return borrowed
  }

  /** Whether no block is stored under the slot. */
  isUnmapped(slot: number): boolean {
    return (this.old?.address[slot] ?? 0) === 0
  }

  /** Under how many slots no block is stored. */
  get unmapped(): number {
    let mapped = 0
    for (const address of this.old?.address ?? []) if (address !== 0) mapped++
    return CHUNK_BLOCKS - mapped
  }

  /** Makes no page our own any more. */
  disown(): void {
    this.#slots?.own.fill(0)
  }

  /** The slots that have a page, ascending. */
  slots(): readonly number[] {
    return this.count === CHUNK_BLOCKS ? ALL_SLOTS : ALL_SLOTS.filter((slot) => this.has(slot))
  }

  /** All pages in order, neighbours in memory as one. @param into where they are added */
  appendTo(into: Uint8Array[]): void {
    if (this.#whole !== undefined) {
      into.push(viewOf(this.#whole, CHUNK_BLOCKS * BLOCK_BYTES))
      return
    }
    if (this.#slots === undefined) return
    const { memory, at } = this.#slots
    for (let slot = 0; slot < CHUNK_BLOCKS; ) {
      const first = memory[slot]
      const start = slot++
      if (first === undefined) continue
      const page = { memory: first, at: at[start] ?? 0 }
      while (memory[slot] === first && at[slot] === page.at + (slot - start) * BLOCK_BYTES) slot++
      into.push(viewOf(page, (slot - start) * BLOCK_BYTES))
    }
  }
}

function viewOf({ memory, at }: Page, bytes: number): Uint8Array {
  return new Uint8Array(memory.buffer, memory.byteOffset + at, bytes)
}
