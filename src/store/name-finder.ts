/**
 * Finds names by their bytes as they came from the network.
 *
 * The table of names wants a text for a key. To make it of a directory's number and some bytes, to
 * hash it and to compare it is half of what a LOOKUP costs. So the entries that were found last are
 * kept in a table of their own, by a hash of the bytes:
 *
 *   slot   directory · name · the entry in its table · how often the cache had aged
 *
 * Invariant: a slot is believed only where the cache has not aged since it was filled. Until then
 * the entry is the one that transactions change, so what it says of the name is always the newest,
 * also that there is no such name.
 */

import type { Cache } from './cache.ts'
import { nameKey } from './keys.ts'
import type { NameRecord } from './records.ts'
import type { Entry, Table } from './table.ts'

/** A power of two; about 250 bytes each, 4 MiB in all when full. For all datasets together. */
const SLOTS = 16_384

interface Slot {
  readonly dir: number
  /** Its own bytes, never a view of a buffer that is used again. */
  readonly name: Uint8Array
  readonly entry: Entry<NameRecord>
  readonly ages: number
}

export class NameFinder {
  readonly #cache: Pick<Cache, 'ages'>
  readonly #slots: (Slot | undefined)[] = new Array(SLOTS).fill(undefined)

  /** @param cache the one of all tables that are given to `find` */
  constructor(cache: Pick<Cache, 'ages'>) {
    this.#cache = cache
  }

  /** What a name of directory `dir` stands for, as `table.get` answers. @throws FsError IO */
  find(table: Table<string, NameRecord>, dir: number, name: Uint8Array): NameRecord | undefined {
    const at = slotOf(dir, name)
    const slot = this.#slots[at]
    if (
      slot !== undefined &&
      slot.dir === dir &&
      slot.ages === this.#cache.ages &&
      sameBytes(slot.name, name) &&
      slot.entry.table === table
    ) {
      return slot.entry.value
    }
    const entry = table.entry(nameKey(dir, name))
    this.#slots[at] = { dir, name: new Uint8Array(name), entry, ages: this.#cache.ages }
    return entry.value
  }

  /** A dataset's tables are used no more. */
  forget(dataset: number): void {
    for (let at = 0; at < SLOTS; at++) {
      if (this.#slots[at]?.entry.table.dataset === dataset) this.#slots[at] = undefined
    }
  }
}

/** FNV-1a, and one more step so that the low bits depend on all. */
function slotOf(dir: number, name: Uint8Array): number {
  let hash = dir | 0
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ (name[i] ?? 0), 0x0100_0193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85eb_ca6b)
  return (hash ^ (hash >>> 13)) & (SLOTS - 1)
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
