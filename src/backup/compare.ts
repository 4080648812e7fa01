/**
 * The first part of a backup: the records of the store against those of the former backup, both in
 * the order of their keys. What differs is written to the new database, and what it says of blocks
 * that the former backup does not have is put on the list of those to be copied.
 */

import { describe } from '../check/describe.ts'
import { readHistory, readSealed } from '../check/reader.ts'
import type { Put } from '../store/checkpoint.ts'
import type { Database, FrozenDatabase, SealedRecord } from '../store/database.ts'
import { Kind, parseKey } from '../store/keys.ts'
import type { Pace } from '../store/pace.ts'
import { isSealed } from '../store/record.ts'
import { type Chunk, EMPTY_CHUNK } from '../store/records.ts'
import { chunkSpec } from '../store/tables.ts'
import { SeenBlocks } from './seen.ts'
import type { SlotRun, WantedBlocks } from './wanted.ts'

const ALL_KEYS = { gte: Buffer.alloc(0), lt: Buffer.alloc(16, 0xff) }
/** Records that go to the database in one batch. */
const BATCH_RECORDS = 1000
/** Of keys of chunks: dataset, letter, content, index; in history the letter H in front of it. */
const LETTER_AT = 4
const HISTORY_CHUNK_BYTES = 26

export interface CompareParts {
  readonly from: FrozenDatabase
  /** The former backup; where there is none, an empty database. */
  readonly old: FrozenDatabase
  readonly into: Database
  readonly wanted: WantedBlocks
  readonly pace: Pace
  /** Throws where the backup has to end. */
  readonly requireGoingOn: () => void
  /** Is told how many records were compared. */
  readonly progress: (records: number) => void
  readonly problem: (text: string) => void
}

export interface Compared {
  readonly records: number
  readonly written: number
  readonly deleted: number
}

/** Records of a database as they come, some at a time. */
class Stream {
  readonly #batches: AsyncGenerator<readonly SealedRecord[]>
  #batch: readonly SealedRecord[] = []
  #at = 0
  ended = false

  constructor(database: FrozenDatabase) {
    this.#batches = database.batches(ALL_KEYS)
  }

  get head(): SealedRecord | undefined {
    return this.#batch[this.#at]
  }

  next(): void {
    this.#at++
  }

  async fill(): Promise<void> {
    if (this.ended || this.head !== undefined) return
    const { value } = await this.#batches.next()
    this.#batch = value ?? []
    this.#at = 0
    this.ended = this.#batch.length === 0
  }

  async close(): Promise<void> {
    await this.#batches.return(undefined)
  }
}

export class Compare {
  readonly #parts: CompareParts
  readonly #seen = new SeenBlocks()
  #puts: Put[] = []
  #records = 0
  #written = 0
  #deleted = 0

  constructor(parts: CompareParts) {
    this.#parts = parts
  }

  async run(): Promise<Compared> {
    const { pace, progress, requireGoingOn, wanted } = this.#parts
    const [from, old] = [new Stream(this.#parts.from), new Stream(this.#parts.old)]
    try {
      for (;;) {
        await from.fill()
        await old.fill()
        if (from.ended && old.ended) break
        pace.step(() => this.#some(from, old))
        await this.#write(BATCH_RECORDS)
        await wanted.spill()
        progress(this.#records)
        await pace.rest()
        requireGoingOn()
      }
      await this.#write(1)
      await wanted.spill(1)
    } finally {
      await from.close()
      await old.close()
    }
    return { records: this.#records, written: this.#written, deleted: this.#deleted }
  }

  async #write(least: number): Promise<void> {
    if (this.#puts.length < least) return
    await this.#parts.into.write(this.#puts)
    this.#puts = []
  }

  /** Goes on until one of both has to be filled again. */
  #some(from: Stream, old: Stream): void {
    for (;;) {
      const [is, was] = [from.head, old.head]
      if ((is === undefined && !from.ended) || (was === undefined && !old.ended)) return
      if (is === undefined && was === undefined) return
      const order = orderOf(is, was)
      if (is !== undefined && order <= 0) {
        this.#record(is, order === 0 ? was : undefined)
        from.next()
      } else if (was !== undefined) {
        this.#puts.push({ key: was[0], value: undefined })
        this.#deleted++
      }
      if (order >= 0) old.next()
    }
  }

  #record([key, sealed]: SealedRecord, was: SealedRecord | undefined): void {
    this.#records++
    if (!isSealed(key, sealed)) this.#parts.problem(`${told(key)} does not match its checksum`)
    if (was?.[1].equals(sealed)) return
    this.#puts.push({ key, value: sealed })
    this.#written++
    const chunk = chunkOf(key, sealed)
    if (chunk !== undefined) this.#want(key, chunk, this.#former(key, was))
  }

  /** What the former backup has of a chunk: the version that is there, or was the live one then. */
  #former(key: Buffer, was: SealedRecord | undefined): Chunk {
    if (was !== undefined) return chunkOf(...was) ?? EMPTY_CHUNK
    const live = liveKey(key)
    const sealed = live && this.#parts.old.get(live)
    return (live && sealed && chunkOf(live, sealed)) ?? EMPTY_CHUNK
  }

  #want(key: Buffer, chunk: Chunk, former: Chunk): void {
    const runs: SlotRun[] = []
    const { address, checksum } = chunk
    for (let slot = 0; slot < address.length; slot++) {
      const block = address[slot] ?? 0
      if (block === 0) continue
      if (former.address[slot] === block && former.checksum[slot] === checksum[slot]) continue
      if (!this.#seen.add(block)) continue
      const last = runs.at(-1)
      if (last?.to === slot) runs[runs.length - 1] = { from: last.from, to: slot + 1 }
      else runs.push({ from: slot, to: slot + 1 })
    }
    if (runs.length > 0) this.#parts.wanted.add(key, runs)
  }
}

function orderOf(is: SealedRecord | undefined, was: SealedRecord | undefined): number {
  if (is === undefined) return 1
  return was === undefined ? -1 : is[0].compare(was[0])
}

/** The chunk, live or superseded, that a record holds; undefined where it is another record. */
export function chunkOf(key: Buffer, sealed: Buffer): Chunk | undefined {
  const letter = String.fromCharCode(key[LETTER_AT] ?? 0)
  if (letter === Kind.CHUNK) return readSealed(chunkSpec, sealed)?.value
  return isHistory(key) ? readHistory(chunkSpec, sealed)?.value : undefined
}

function isHistory(key: Buffer): boolean {
  return key.toString('latin1', LETTER_AT, LETTER_AT + 2) === `${Kind.HISTORY}${Kind.CHUNK}`
}

/** The key of the live version of a chunk that is history; undefined for any other. */
function liveKey(key: Buffer): Buffer | undefined {
  if (!isHistory(key) || key.length !== HISTORY_CHUNK_BYTES) return undefined
  return Buffer.concat([key.subarray(0, LETTER_AT), key.subarray(LETTER_AT + 1, -4)])
}

function told(key: Buffer): string {
  try {
    const parsed = parseKey(key)
    return describe(parsed.kind, parsed.key)
  } catch {
    return `a record with the key ${key.toString('hex')}`
  }
}
