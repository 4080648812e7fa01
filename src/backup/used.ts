/** Which blocks the former backup needs, as its own reference counts tell. */
import { unsealed } from '../check/reader.ts'
import type { FrozenDatabase } from '../store/database.ts'
import { Kind, keyBytes } from '../store/keys.ts'
import { decodeGroup, GROUP_BLOCKS } from '../store/space-group.ts'

/** Groups whose counts are kept at hand: 8 KiB each. */
const GROUPS_MAX = 256
/** Bytes of a record before its own: a birth that is always 0. */
const BIRTH_BYTES = 4
const NONE = new Uint16Array(GROUP_BLOCKS)
/** Where a count cannot be read, nothing is written over. */
const ALL = new Uint16Array(GROUP_BLOCKS).fill(1)

export class UsedBlocks {
  readonly #database: FrozenDatabase
  readonly #groups = new Map<number, Uint16Array>()

  constructor(database: FrozenDatabase) {
    this.#database = database
  }

  has(address: number): boolean {
    const group = Math.floor(address / GROUP_BLOCKS)
    let counts = this.#groups.get(group)
    if (counts === undefined) {
      if (this.#groups.size >= GROUPS_MAX) this.#groups.clear()
      counts = this.#read(group)
      this.#groups.set(group, counts)
    }
    return (counts[address - group * GROUP_BLOCKS] ?? 0) > 0
  }

  #read(group: number): Uint16Array {
    const sealed = this.#database.get(keyBytes(0, Kind.GROUP, group))
    if (sealed === undefined) return NONE
    try {
      return decodeGroup(group, unsealed(sealed).subarray(BIRTH_BYTES)).counts
    } catch {
      return ALL
    }
  }
}
