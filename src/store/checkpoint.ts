/**
 * Write-behind: a checkpoint brings what the intent log holds into the database, each record once
 * however often it changed, and makes the log's older file free.
 *
 * The cut is one instant: what was transacted before belongs to this checkpoint, what comes later
 * to the next. A record that changes after the cut, before it was written, is captured first. The
 * last batch holds the reference counts and the number of the log entry up to which the database
 * is now complete; until that batch is on disk, recovery replays the log from the former number,
 * and every record of the earlier batches is written once more.
 *
 * Every batch is synced: LevelDB's sync covers its current log only, so a batch without it could be
 * lost though a later one is on disk.
 */
import { strict as assert } from 'node:assert'
import { Kind, keyBytes } from './keys.ts'
import { sealRecord } from './record.ts'
import { type Entry, entryRecord } from './table.ts'

/** Records that go to the database in one batch. */
const BATCH_RECORDS = 2000
/** Records that are encoded before other work gets its turn. */
const SLICE_RECORDS = 500

/** A change of the database; a value of undefined deletes. */
export interface Put {
  readonly key: Buffer
  readonly value: Buffer | undefined
}

/** Writes one batch durably and whole. */
export type WriteBatch = (puts: readonly Put[]) => Promise<void>

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** An entry as the database will have it. */
function putOf(entry: Entry<unknown>): Put {
  const { dataset, spec } = entry.table
  const key = Buffer.from(keyBytes(dataset, spec.kind, entry.key))
  const record = entryRecord(entry)
  return { key, value: record && sealRecord(key, record) }
}

/** The record that says up to which log entry the database is complete. */
export function checkpointPut(seq: number): Put {
  const key = Buffer.from(keyBytes(0, Kind.CHECKPOINT, 0))
  const record = Buffer.alloc(12)
  record.writeUInt32BE(Math.floor(seq / 0x1_0000_0000), 4)
  record.writeUInt32BE(seq >>> 0, 8)
  return { key, value: sealRecord(key, record) }
}

/** Keeps track of what the database does not have yet. */
export class DirtyRecords {
  /** The checkpoint that will write what changes now. */
  #generation = 1
  #dirty: Entry<unknown>[] = []
  #frozen: Entry<unknown>[] = []
  #captured: Put[] = []

  /** Entries that changed since the last cut; some may have been undone. */
  get count(): number {
    return this.#dirty.length
  }

  /** An entry is about to change. */
  mark(entry: Entry<unknown>): void {
    if (entry.dirty === this.#generation) return
    if (entry.dirty === this.#generation - 1 && entry.dirty > 0) this.#captured.push(putOf(entry))
    entry.dirty = this.#generation
    this.#dirty.push(entry)
  }

  /** The cut. */
  freeze(): void {
    assert.equal(this.#frozen.length, 0, 'one checkpoint at a time')
    this.#frozen = this.#dirty
    this.#dirty = []
    this.#generation++
  }

  /** Writes what was frozen in bounded batches, with turns for other work in between. */
  async write(batch: WriteBatch): Promise<void> {
    const generation = this.#generation - 1
    let puts: Put[] = []
    for (let i = 0; i < this.#frozen.length; i++) {
      const entry = this.#frozen[i]
      if (entry?.dirty === generation) {
        puts.push(putOf(entry))
        entry.dirty = -generation
      }
      if (i % SLICE_RECORDS === SLICE_RECORDS - 1) await nextTurn()
      if (puts.length < BATCH_RECORDS) continue
      await batch(puts)
      puts = []
    }
    while (puts.length > 0 || this.#captured.length > 0) {
      const captured = this.#captured.splice(0, BATCH_RECORDS)
      await batch([...puts, ...captured])
      puts = []
    }
  }

  /** What was frozen is on disk. */
  finish(): void {
    const generation = this.#generation - 1
    for (const entry of this.#frozen) if (entry.dirty === -generation) entry.dirty = 0
    this.#frozen = []
  }
}
