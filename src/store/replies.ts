/**
 * The replies that are kept, in the file `replies` and all of them in memory: a ring of slots of
 * 512 bytes (reply.ts). Who keeps replies says which slot is used next.
 *
 * A reply stands in the intent log, in the entry of its operation, until a checkpoint has brought
 * it here, as it brings records into the database. The file is written at checkpoints alone, in
 * runs of neighbouring slots, and synced before the log may forget.
 *
 * Invariants:
 * - What is written was in its slot at the cut: all of it is in the log by then. So the file never
 *   has the reply of an operation that a crash could undo.
 * - A slot that a crash has torn is in the log still, and recovery writes it once more. One that is
 *   damaged all the same counts as empty: its call, should it come again, is run again.
 */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import type { Disk, DiskFile } from './disk.ts'
import {
  isSound,
  REPLY_SLOT_BYTES,
  REPLY_SLOTS,
  type RepliedCall,
  ReplySlots,
  type StoredReply,
  sealSlot,
} from './reply.ts'
import type { Time } from './time.ts'

export const REPLIES_FILE = 'replies'

const FILE_BYTES = REPLY_SLOTS * REPLY_SLOT_BYTES
/** Runs with fewer clean slots in between are written as one: that costs less than a write. */
const GAP_MAX = 16
/** Slots that are summed before other work gets its turn: about a millisecond. */
const SLICE_SLOTS = 2048

/** Slots that follow each other, as they were at the cut. */
interface Run {
  readonly first: number
  readonly bytes: Uint8Array
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class StoredReplies {
  readonly #file: DiskFile
  readonly #slots = new ReplySlots()
  /** Slots that changed since the last cut: 1, else 0. */
  readonly #dirty = new Uint8Array(REPLY_SLOTS)
  #dirtyCount = 0
  #frozen: Run[] = []
  #writing: Promise<void> | undefined
  /** Slots that did not match their checksums when the store was opened. */
  readonly damaged = new Set<number>()

  private constructor(file: DiskFile) {
    this.#file = file
  }

  /** @param report is told where the file cannot be read: then it counts as empty */
  static async open(
    disk: Disk,
    directory: string,
    report: (message: string, error: unknown) => void,
  ): Promise<StoredReplies> {
    const replies = new StoredReplies(await disk.open(join(directory, REPLIES_FILE)))
    await disk.syncDirectory(directory)
    await replies.#load().catch((error) => {
      replies.#slots.bytes.fill(0)
      report('the kept replies cannot be read', error)
    })
    return replies
  }

  async #load(): Promise<void> {
    const { bytes } = this.#slots
    const size = Math.min(await this.#file.size(), FILE_BYTES)
    await this.#file.read(bytes.subarray(0, size), 0)
    const view = new DataView(bytes.buffer)
    for (let slot = 0; slot * REPLY_SLOT_BYTES < size; slot++) {
      if (isSound(view, slot)) continue
      this.#slots.clear(slot)
      this.damaged.add(slot)
    }
  }

  /** Slots that a checkpoint would write. */
  get dirty(): number {
    return this.#dirtyCount
  }

  /** Keeps a reply in a slot, instead of the one that was in it. */
  keep(slot: number, at: Time, call: RepliedCall, results: Uint8Array): void {
    this.#slots.put(slot, at, call, results)
    this.#mark(slot)
  }

  /** A view of the results in a slot. */
  results(slot: number): Uint8Array {
    return this.#slots.results(slot)
  }

  /** A slot as the log has it: a view. */
  record(slot: number): Uint8Array {
    return this.#slots.record(slot)
  }

  /** Recovery: the log has a newer reply, or one that was not brought here before the crash. */
  restore(slot: number, record: Uint8Array): void {
    this.#slots.putRecord(slot, record)
    this.#mark(slot)
    this.damaged.delete(slot)
  }

  /** All that are kept, by their slots. Their results are views. */
  all(): StoredReply[] {
    return Array.from({ length: REPLY_SLOTS }, (_, slot) => this.#slots.get(slot)).filter(
      (reply) => reply !== undefined,
    )
  }

  #mark(slot: number): void {
    if (this.#dirty[slot] === 1) return
    this.#dirty[slot] = 1
    this.#dirtyCount++
  }

  /** The cut: what changed is copied, since the slots may be used again before it is written. */
  freeze(): void {
    assert.equal(this.#frozen.length, 0, 'one checkpoint at a time')
    let slot = this.#dirty.indexOf(1)
    while (slot >= 0) {
      let end = slot + 1
      let next = this.#dirty.indexOf(1, end)
      while (next >= 0 && next - end < GAP_MAX) {
        end = next + 1
        next = this.#dirty.indexOf(1, end)
      }
      const bytes = this.#slots.bytes.slice(slot * REPLY_SLOT_BYTES, end * REPLY_SLOT_BYTES)
      this.#frozen.push({ first: slot, bytes })
      slot = next
    }
    this.#dirty.fill(0)
    this.#dirtyCount = 0
  }

  /** Writes what was frozen: it is on stable storage when this resolves. */
  async write(): Promise<void> {
    if (this.#frozen.length === 0) return
    for (const run of this.#frozen) await this.#seal(run)
    this.#writing = this.#writeRuns()
    try {
      await this.#writing
    } finally {
      this.#writing = undefined
    }
    this.#frozen = []
  }

  async #seal({ first, bytes }: Run): Promise<void> {
    const end = first + bytes.length / REPLY_SLOT_BYTES
    const view = new DataView(bytes.buffer)
    for (let slot = first; slot < end; slot++) {
      sealSlot(view, slot, first)
      if ((slot - first) % SLICE_SLOTS === SLICE_SLOTS - 1) await nextTurn()
    }
  }

  async #writeRuns(): Promise<void> {
    for (const { first, bytes } of this.#frozen) {
      await this.#file.write([bytes], first * REPLY_SLOT_BYTES)
    }
    await this.#file.datasync()
  }

  /** The slots that do not match their checksums in the file as it is now. @throws as `readSync` */
  async findDamaged(): Promise<number[]> {
    const size = Math.min(await this.#file.size(), FILE_BYTES)
    while (this.#writing !== undefined) await this.#writing.catch(() => undefined)
    const view = new DataView(
      new ArrayBuffer(Math.ceil(size / REPLY_SLOT_BYTES) * REPLY_SLOT_BYTES),
    )
    this.#file.readSync(new Uint8Array(view.buffer), 0)
    const damaged: number[] = []
    for (let slot = 0; slot * REPLY_SLOT_BYTES < size; slot++) {
      if (!isSound(view, slot)) damaged.push(slot)
    }
    return damaged
  }

  /** The next checkpoint writes what is damaged as what it counts as: empty. @returns the slots */
  mend(): readonly number[] {
    const slots = [...this.damaged]
    for (const slot of slots) this.#mark(slot)
    this.damaged.clear()
    return slots
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
