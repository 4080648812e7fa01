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
import { encodeSealed, entryRecord, sealRecord } from './record.ts'
import type { Entry } from './table.ts'

/** Records that go to the database in one batch. */
const BATCH_RECORDS = 2000
/** Records that are encoded before other work gets its turn. */
const SLICE_RECORDS = 500

/** Records that are marked as written before other work gets its turn: about a millisecond. */
const CLEAN_RECORDS = 10_000

/** A change of the database; a value of undefined deletes. */
export interface Put {
  readonly key: Buffer
  readonly value: Buffer | undefined
}

/** Changes that become durable together (database-batch.ts). What it is given it copies. */
export interface RecordBatch {
  readonly count: number
  put(key: Uint8Array, sealed: Uint8Array): void
  delete(key: Uint8Array): void
  write(): Promise<void>
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Puts an entry into a batch, as the database will have it. */
function putEntry(batch: Pick<RecordBatch, 'put' | 'delete'>, entry: Entry<unknown>): void {
  const { table, value, birth } = entry
  const key = keyBytes(table.dataset, table.spec.kind, entry.key)
  if (value !== undefined) {
    batch.put(key, encodeSealed(key, table.spec.codec, birth, value))
    return
  }
  const record = entryRecord(entry)
  if (record === undefined) batch.delete(key)
  else batch.put(key, sealRecord(key, record))
}

/** The same, to be put into a batch later. */
function putOf(entry: Entry<unknown>): Put {
  let kept: Put | undefined
  putEntry(
    {
      put: (key, sealed) => {
        kept = { key: Buffer.from(key), value: Buffer.from(sealed) }
      },
      delete: (key) => {
        kept = { key: Buffer.from(key), value: undefined }
      },
    },
    entry,
  )
  assert(kept, 'an entry is put or deleted')
  return kept
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

  /**
   * Writes what was frozen in bounded batches, with turns for other work in between.
   *
   * @param begin an empty batch
   */
  async write(begin: () => RecordBatch): Promise<void> {
    const generation = this.#generation - 1
    let batch = begin()
    for (let i = 0; i < this.#frozen.length; i++) {
      const entry = this.#frozen[i]
      if (entry?.dirty === generation) {
        putEntry(batch, entry)
        entry.dirty = -generation
      }
      if (i % SLICE_RECORDS === SLICE_RECORDS - 1) await nextTurn()
      if (batch.count < BATCH_RECORDS) continue
      await batch.write()
      batch = begin()
    }
    await batch.write()
    await this.#writeCaptured(begin)
  }

  async #writeCaptured(begin: () => RecordBatch): Promise<void> {
    while (this.#captured.length > 0) {
      const batch = begin()
      for (const { key, value } of this.#captured.splice(0, BATCH_RECORDS)) {
        if (value === undefined) batch.delete(key)
        else batch.put(key, value)
      }
      await batch.write()
    }
  }

  /** What was frozen is on disk: from now on it may be forgotten. */
  async finish(): Promise<void> {
    const generation = this.#generation - 1
    for (const [i, entry] of this.#frozen.entries()) {
      if (entry.dirty === -generation) entry.dirty = 0
      if (i % CLEAN_RECORDS === CLEAN_RECORDS - 1) await nextTurn()
    }
    this.#frozen = []
  }
}
