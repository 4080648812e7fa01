/**
 * How often each block is referred to.
 *
 * A reference is a block in a slot of a chunk, however many versions of the chunk have it there:
 * versions that follow one another with the same block of the same birth in the slot share it.
 */
import { type Chunk, EMPTY_CHUNK } from '../store/records.ts'
import { GROUP_BLOCKS, REFERENCES_MAX } from '../store/space-group.ts'
import { chunkSpec } from '../store/tables.ts'
import { ALL_NUMBERS, type Numbers, type Version, type View } from './view.ts'

/**
 * The slots whose blocks the version before does not have.
 *
 * @param first the epoch of the first blocks that count: those before it are of a clone's origin
 */
export function newSlots(chunk: Chunk, before: Chunk = EMPTY_CHUNK, first = 0): number[] {
  const slots: number[] = []
  for (let slot = 0; slot < chunk.address.length; slot++) {
    const address = chunk.address[slot]
    if (address === 0 || (chunk.birth[slot] ?? 0) < first) continue
    if (before.address[slot] === address && before.birth[slot] === chunk.birth[slot]) continue
    slots.push(slot)
  }
  return slots
}

/** Counts, block by block, of the groups of a window. */
export class References {
  readonly groups: ReadonlyMap<number, Uint16Array>
  readonly #counts = new Map<number, Uint16Array>()
  readonly #window: Numbers

  /** @param window groups; references into others are not counted */
  constructor(window: Numbers) {
    this.#window = window
    this.groups = this.#counts
  }

  /** All references of one chunk. @param versions oldest first. @param first as in `newSlots` */
  addChunk(versions: readonly Version<Chunk>[], first: number): void {
    for (const [i, { value }] of versions.entries()) {
      for (const slot of newSlots(value, versions[i - 1]?.value, first))
        this.#add(value.address[slot] ?? 0)
    }
  }

  #add(address: number): void {
    const group = Math.floor(address / GROUP_BLOCKS)
    if (group < this.#window.from || group >= this.#window.to) return
    let counts = this.#counts.get(group)
    if (counts === undefined) {
      counts = new Uint16Array(GROUP_BLOCKS)
      this.#counts.set(group, counts)
    }
    const at = address % GROUP_BLOCKS
    counts[at] = Math.min(REFERENCES_MAX, (counts[at] ?? 0) + 1)
  }

  /** All references of a dataset. */
  async addAll(view: View): Promise<void> {
    const chunks = await view.chains(chunkSpec, ALL_NUMBERS)
    for (; chunks.head !== undefined; await chunks.next()) {
      this.addChunk(chunks.head.versions, view.first)
    }
  }
}
