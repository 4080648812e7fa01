/** The space map's records against the references that there are. */
import type { FrozenDatabase } from '../store/database.ts'
import { Kind, keyBytes, kindRange, parseKey } from '../store/keys.ts'
import { isSealed } from '../store/record.ts'
import {
  decodeGroup,
  decodeHead,
  encodeGroup,
  GROUP_BLOCKS,
  newGroupBits,
} from '../store/space-group.ts'
import { count } from './describe.ts'
import type { Problems } from './problems.ts'
import { Cursor, unsealed } from './reader.ts'
import type { References } from './references.ts'
import { NO_REPAIR, replaced } from './repairs.ts'
import type { Numbers } from './view.ts'

const KEY_BYTES = { least: 13, most: 13 }
/** Bytes of a record before its own: a birth that is always 0. */
const BIRTH_BYTES = 4
const NOTHING = new Uint16Array(GROUP_BLOCKS)
/** Of a record that cannot be read. */
const UNKNOWN = new Uint16Array(GROUP_BLOCKS)

export class SpaceCheck {
  readonly #database: FrozenDatabase
  readonly #problems: Problems
  /** Blocks of all groups that there are, once `windows` was asked for. */
  blocks = 0
  /** References that the space map counts, of all blocks, once `windows` was asked for. */
  references = 0
  /** Blocks that have references, as far as windows were checked. */
  used = 0
  #isWrong = false

  constructor(database: FrozenDatabase, problems: Problems) {
    this.#database = database
    this.#problems = problems
  }

  /** All groups, in windows of about `step`; each begins where the one before ends. */
  async windows(step: number): Promise<Numbers[]> {
    const starts = [0]
    await this.#each((group, record) => {
      this.references += referencesIn(group, record)
      if (group >= (starts.at(-1) ?? 0) + step) starts.push(group)
      this.blocks = (group + 1) * GROUP_BLOCKS
    })
    return starts.map((from, i) => ({ from, to: starts[i + 1] ?? Number.POSITIVE_INFINITY }))
  }

  async #each(visit: (group: number, record: Uint8Array) => void): Promise<void> {
    const cursor = await Cursor.open(this.#database, kindRange(0, Kind.GROUP), KEY_BYTES)
    for (; cursor.head !== undefined; await cursor.next()) {
      const [key, sealed] = cursor.head
      visit(Number(parseKey(key).key), unsealed(sealed).subarray(BIRTH_BYTES))
    }
  }

  /** @param references all that there are into a window of groups */
  async check(references: References, window: Numbers): Promise<void> {
    const recorded = new Set<number>()
    await this.#each((group, record) => {
      if (group < window.from || group >= window.to) return
      recorded.add(group)
      this.#group(group, record, references.groups.get(group) ?? NOTHING)
    })
    for (const [group, counts] of references.groups) {
      if (recorded.has(group)) continue
      if (this.#compare(group, counts, NOTHING)) this.#recount(group, counts, NOTHING)
    }
  }

  #group(group: number, record: Uint8Array, counts: Uint16Array): void {
    try {
      const recorded = decodeGroup(group, record).counts
      let isWrong = this.#compare(group, counts, recorded)
      if (!decodeHead(record).backed && recorded.some((references) => references > 0)) {
        const text = `group ${group} has blocks in use, and is marked as without room`
        this.#problems.add(text, undefined, NO_REPAIR)
        isWrong = true
      }
      if (isWrong || this.#isDamaged(group)) this.#recount(group, counts, recorded)
    } catch {
      // That it cannot be decoded is told with all other records that cannot be.
      this.#recount(group, counts, UNKNOWN)
    }
  }

  #isDamaged(group: number): boolean {
    const key = Buffer.from(keyBytes(0, Kind.GROUP, group))
    const sealed = this.#database.get(key)
    return sealed !== undefined && !isSealed(key, sealed)
  }

  /** Plans that the group's counts become those of the references that there are. */
  #recount(group: number, counts: Uint16Array, recorded: Uint16Array): void {
    this.#isWrong = true
    const key = Buffer.from(keyBytes(0, Kind.GROUP, group))
    const isUsed = counts.some((references) => references > 0)
    const body = encodeGroup({ number: group, counts, busy: newGroupBits(), recent: true }, isUsed)
    const record = Buffer.concat([Buffer.alloc(BIRTH_BYTES), body])
    // Who refers to more than is counted would lose it to another file, whatever else is wrong.
    const onlyMore = counts.every((references, at) => references >= (recorded[at] ?? 0))
    const harmless = onlyMore && recorded !== UNKNOWN
    const text = `the references of group ${group} were counted anew`
    this.#problems.add('', undefined, replaced(text, harmless, key, record))
  }

  /** Tells runs of blocks that are wrong alike in one sentence. @returns whether any are */
  #compare(group: number, counts: Uint16Array, recorded: Uint16Array): boolean {
    let isWrong = false
    for (let start = 0; start < GROUP_BLOCKS; ) {
      const is = counts[start] ?? 0
      const says = recorded[start] ?? 0
      let end = start + 1
      while (end < GROUP_BLOCKS && counts[end] === is && recorded[end] === says) end++
      if (is > 0) this.used += end - start
      if (is !== says) this.#wrong(group * GROUP_BLOCKS + start, end - start, is, says)
      isWrong ||= is !== says
      start = end
    }
    return isWrong
  }

  /** @param used what the running store counts, if it stands still */
  checkTotal(used: number | undefined): void {
    if (used === undefined || used === this.used || this.#isWrong) return
    const is = count(this.used, 'block')
    this.#problems.add(`${is} are in use, and the store has counted ${used}`)
  }

  #wrong(address: number, blocks: number, is: number, says: number): void {
    this.#isWrong = true
    const which =
      blocks === 1 ? `block ${address} has` : `blocks ${address} to ${address + blocks - 1} have`
    const text = `${which} ${count(is, 'reference')}, and the space map counts ${says}`
    this.#problems.add(text, undefined, NO_REPAIR)
  }
}

function referencesIn(group: number, record: Uint8Array): number {
  try {
    return decodeGroup(group, record).counts.reduce((sum, count) => sum + count, 0)
  } catch {
    return 0
  }
}
