/**
 * Deleting a snapshot: frees the versions that no other snapshot sees, and the blocks that only
 * they held, a bounded number in each transaction.
 *
 * Only versions that ended between this snapshot and the next one, and were born after the one
 * before, can be seen by nobody else; the index of the dead is ordered so that just these are
 * looked at. The snapshot's record goes last: a deletion that was interrupted is simply run again.
 */
import { strict as assert } from 'node:assert'
import { chunkCodec } from '../store/codecs.ts'
import type { Dataset, Snapshot } from '../store/dataset.ts'
import {
  deadRange,
  historyKey,
  type Key,
  Kind,
  parseDeadKey,
  parseKey,
  versionsKey,
} from '../store/keys.ts'
import { decodeRecord } from '../store/record.ts'
import type { Chunk } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import type { Transaction } from '../store/transaction.ts'

/** Versions that one transaction removes. */
const STEP_VERSIONS = 128

export class SnapshotDeletion {
  readonly #store: Store
  readonly #dataset: Dataset
  readonly #snapshot: Snapshot
  readonly #stopped: () => boolean

  /**
   * @param snapshot marked as being deleted
   * @param stopped whether no further step may be done: the store is about to be closed
   */
  constructor(store: Store, dataset: Dataset, snapshot: Snapshot, stopped: () => boolean) {
    assert(snapshot.deleting, 'only what is marked is freed')
    this.#store = store
    this.#dataset = dataset
    this.#snapshot = snapshot
    this.#stopped = stopped
  }

  /** @returns whether everything is freed; false where it was stopped before */
  async run(): Promise<boolean> {
    const { epoch } = this.#snapshot
    const seen = this.#dataset.snapshots.filter(({ deleting }) => !deleting).map((s) => s.epoch)
    const before = seen.filter((other) => other < epoch).at(-1) ?? 0
    const after = seen.find((other) => other > epoch) ?? this.#dataset.epoch
    // The scan sees the database: what is only in memory has to be there first.
    await this.#store.checkpoint()
    let names: string[] = []
    for await (const name of this.#candidates(before, epoch + 1, after)) {
      names.push(name)
      if (names.length < STEP_VERSIONS) continue
      if (this.#stopped()) return false
      await this.#step(names)
      names = []
    }
    if (this.#stopped()) return false
    await this.#step(names)
    return !this.#stopped()
  }

  /** Versions that were born after epoch `before` and ended in epochs `from` to `to`. */
  async *#candidates(before: number, from: number, to: number): AsyncGenerator<string> {
    let end = await this.#firstEnd(from, to)
    while (end !== undefined) {
      const { gte, lt } = deadRange(this.#dataset.id, end, end)
      const bound = Buffer.concat([gte, Buffer.alloc(4)])
      bound.writeUInt32BE(before + 1, gte.length)
      for await (const { key } of this.#store.database.scan({ gte: bound, lt })) {
        yield String(parseKey(key).key)
      }
      end = await this.#firstEnd(end + 1, to)
    }
  }

  /** The first epoch of a range in which any version ended: most of a long range have none. */
  async #firstEnd(from: number, to: number): Promise<number | undefined> {
    if (from > to) return undefined
    const range = deadRange(this.#dataset.id, from, to)
    for await (const { key } of this.#store.database.scan(range)) {
      return parseDeadKey(String(parseKey(key).key)).end
    }
    return undefined
  }

  /** Removes the versions named that nobody sees any more. */
  async #step(names: readonly string[]): Promise<void> {
    this.#store.transact((tx) => {
      for (const name of names) this.#remove(tx, name)
    })
    await this.#store.flush()
  }

  #remove(tx: Transaction, name: string): void {
    const dataset = this.#dataset
    const { kind, key, birth, end } = parseDeadKey(name)
    if (dataset.dead.get(name) === undefined || dataset.seenBySnapshot(birth, end)) return
    const list = versionsKey(kind, key)
    const versions = dataset.versions.get(list) ?? []
    const at = versions.findIndex((version) => version.end === end)
    assert(at >= 0, `version ${name} is not in its list`)
    if (kind === Kind.CHUNK)
      this.#dropBlocks(tx, String(key), end, versions[at - 1]?.end ?? 0, versions[at + 1]?.end)
    tx.delete(dataset.history, historyKey(kind, key, end))
    tx.delete(dataset.dead, name)
    const left = versions.toSpliced(at, 1)
    if (left.length === 0) tx.delete(dataset.versions, list)
    else tx.put(dataset.versions, list, left)
  }

  /**
   * Releases what the version of a chunk held and its neighbours in time do not. The version
   * before holds every block that came before it ended; the version behind is asked.
   *
   * @param previousEnd the epoch in which the version before ended, 0 where there is none
   * @param nextEnd the end of the version behind, undefined where that is the live record
   */
  #dropBlocks(
    tx: Transaction,
    key: string,
    end: number,
    previousEnd: number,
    nextEnd: number | undefined,
  ): void {
    const chunk = this.#version(key, end)
    const next = nextEnd === undefined ? this.#dataset.chunks.get(key) : this.#version(key, nextEnd)
    for (let slot = 0; slot < chunk.address.length; slot++) {
      const address = chunk.address[slot] ?? 0
      const birth = chunk.birth[slot] ?? 0
      if (address === 0 || birth < previousEnd) continue
      if (next?.address[slot] === address && next.birth[slot] === birth) continue
      tx.release(address, 1)
    }
  }

  #version(key: Key, end: number): Chunk {
    const record = this.#dataset.history.get(historyKey(Kind.CHUNK, key, end))
    assert(record, `version ${key}@${end} is listed, but not there`)
    return decodeRecord(chunkCodec, record).value
  }
}
