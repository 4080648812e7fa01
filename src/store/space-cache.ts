/**
 * The groups that are decoded, those that changed since they were last written, and the records
 * that the database does not have yet.
 *
 * A changed group that is forgotten leaves its record in `#ahead`; so does one that was frozen,
 * until the checkpoint that writes it is complete.
 */
import { decodeGroup, encodeGroup, GROUP_BLOCKS, type Group, piecesOf } from './space-group.ts'

/** Memory of one decoded group: a count and a bit a block. */
const GROUP_BYTES = GROUP_BLOCKS * 2 + GROUP_BLOCKS / 8

export interface GroupRecord {
  readonly group: number
  readonly bytes: Uint8Array
}

export interface GroupHost {
  /** The group's record in the database. */
  load(group: number): Uint8Array | undefined
  /** Marks in a group just decoded what else cannot be allocated. */
  prepare(group: Group): void
  isBacked(group: number): boolean
}

export class GroupCache {
  readonly #host: GroupHost
  readonly #groupsMax: number
  readonly #groups = new Map<number, Group>()
  /** Groups that changed since they were last frozen. */
  readonly #dirty = new Set<number>()
  readonly #ahead = new Map<number, Uint8Array>()
  /** The group asked for last: most are asked for many times in a row. */
  #last: Group | undefined

  constructor(host: GroupHost, bytesMax: number) {
    this.#host = host
    this.#groupsMax = Math.max(1, Math.floor(bytesMax / GROUP_BYTES))
  }

  get dirtyGroups(): number {
    return this.#dirty.size
  }

  get(number: number): Group {
    if (this.#last?.number === number) return this.#last
    const group = this.#groups.get(number) ?? this.#load(number)
    group.recent = true
    this.#last = group
    return group
  }

  /** The group where it is decoded already. */
  peek(number: number): Group | undefined {
    return this.#groups.get(number)
  }

  /** The first of the blocks that has fewer references than `least`, or more than `most`. */
  outside(address: number, count: number, least: number, most: number): number | undefined {
    for (const { number, from, to } of piecesOf(address, count)) {
      const { counts } = this.get(number)
      for (let at = from; at < to; at++) {
        const references = counts[at] ?? 0
        if (references < least || references > most) return number * GROUP_BLOCKS + at
      }
    }
    return undefined
  }

  /** The group, which is about to change. */
  change(number: number): Group {
    this.#dirty.add(number)
    return this.get(number)
  }

  #load(number: number): Group {
    const group = decodeGroup(number, this.#ahead.get(number) ?? this.#host.load(number))
    this.#host.prepare(group)
    this.#makeRoom()
    this.#groups.set(number, group)
    return group
  }

  /** Forgets groups, the longest known first; one used since the last look has a second chance. */
  #makeRoom(): void {
    for (const [number, group] of this.#groups) {
      if (this.#groups.size < this.#groupsMax) return
      this.#groups.delete(number)
      if (group.recent) {
        group.recent = false
        this.#groups.set(number, group)
      } else if (this.#dirty.has(number)) {
        this.#ahead.set(number, encodeGroup(group, this.#host.isBacked(number)))
      }
    }
  }

  /** The records of all groups that changed since the last call, as of now. */
  freeze(): GroupRecord[] {
    const records: GroupRecord[] = []
    for (const number of this.#dirty) {
      const group = this.#groups.get(number)
      const bytes =
        group === undefined
          ? this.#ahead.get(number)
          : encodeGroup(group, this.#host.isBacked(number))
      if (bytes === undefined) continue
      this.#ahead.set(number, bytes)
      records.push({ group: number, bytes })
    }
    this.#dirty.clear()
    return records
  }

  /** The database has all records that were frozen. */
  written(): void {
    for (const number of this.#ahead.keys()) {
      if (!this.#dirty.has(number)) this.#ahead.delete(number)
    }
  }
}
