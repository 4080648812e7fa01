/**
 * Group commit: transactions that end while a commit is under way go together into the next one.
 *
 * A group is one entry of the intent log. Its file data is on disk before the entry that refers to
 * it, or, where it is little, inside the entry itself: then one write makes both durable.
 *
 * Records are gathered and become bytes when their group closes, or some hundreds at a time: one
 * that many transactions change, such as a directory's, is in the entry once, as the last left it.
 */
import { strict as assert } from 'node:assert'
import { blocksIn } from './block-buffers.ts'
import type { BlockStore } from './blocks.ts'
import type { FsError } from './error.ts'
import { type Key, keyBytes } from './keys.ts'
import type { IntentLog } from './log.ts'
import { LogEntryBuilder } from './log-entry.ts'
import { entryRecord } from './record.ts'
import { BLOCK_BYTES } from './records.ts'
import type { SpaceMap } from './space.ts'
import type { Entry } from './table.ts'
import type { BlockWrite, Transaction } from './transaction.ts'

/** File data of a group up to this many bytes rides in the log entry. */
const EMBEDDED_BYTES_MAX = 128 * 1024

/** Records gathered before they become bytes: about a millisecond of work. */
const GATHERED_MAX = 512

/**
 * Bytes of an entry at which its group is committed though nobody waits: so that no entry keeps the
 * event loop for long while it is summed, and its memory is used again.
 */
const GROUP_BYTES_MAX = 512 * 1024

/** The longest memory of an entry that is kept for another one, in bytes. */
const ENTRY_KEPT_BYTES_MAX = 1024 * 1024

/** Is told once that a group is on stable storage, or why it is not. */
export type Waiter = (error?: FsError) => void

class Group {
  readonly entry: LogEntryBuilder
  readonly writes: BlockWrite[] = []
  readonly waiters: Waiter[] = []
  /** Records that changed, each once, and are not in the entry yet. */
  gathered: Entry<unknown>[] = []
  blockBytes = 0
  transactions = 0
  /** Set on the last group before a checkpoint's cut: is told the number of its entry. */
  cut: ((seq: number) => void) | undefined

  constructor(entry: LogEntryBuilder) {
    this.entry = entry
  }
}

export interface CommitterHost {
  readonly log: IntentLog
  readonly blocks: BlockStore
  readonly space: Pick<SpaceMap, 'markYoung' | 'forgetYoung' | 'releaseYoung'>
  /** A commit failed: from now on nothing can be promised. */
  failed(error: unknown): FsError
  /** A group is on disk. May hold the next commit back. */
  committed(): Promise<void> | undefined
}

export class Committer {
  readonly #host: CommitterHost
  /** Takes the transactions that end now. */
  #group = new Group(new LogEntryBuilder())
  /** One whose entry is on disk, to be used again. */
  #spare: LogEntryBuilder | undefined
  /** The group before a cut, while it waits for its turn. */
  #closed: Group | undefined
  /** The number of the newest log entry on disk. */
  seq: number
  #running: Promise<void> | undefined
  #scheduled = false
  /** Why a commit failed. What came later builds upon it, and is never committed. */
  #failure: FsError | undefined
  /** Records written to the log since the start, but for those gathered: what O(1) goes by. */
  #records = 0
  /** What is being gathered; an entry that has this number is in it. */
  #gathering = 1

  constructor(host: CommitterHost, seq: number) {
    this.#host = host
    this.seq = seq
  }

  /** Records written to the log since the start, or on their way. */
  get records(): number {
    return this.#records + this.#group.gathered.length
  }

  /** Takes a finished transaction into the group, and starts to write its file data. */
  add(tx: Transaction): void {
    const group = this.#group
    for (const { entry } of tx.touched) this.#gather(entry)
    for (const { address, count, by } of tx.deltas) group.entry.delta(address, count, by)
    for (const write of tx.writes) {
      group.blockBytes += blocksIn(write.buffers) * BLOCK_BYTES
      // What will not ride in the entry is not kept in memory until the commit.
      if (group.blockBytes > EMBEDDED_BYTES_MAX) group.writes.length = 0
      else group.writes.push(write)
      this.#host.blocks.write(write.address, write.buffers)
    }
    if (group.blockBytes > EMBEDDED_BYTES_MAX) this.#youngNow(tx)
    group.transactions++
    if (group.gathered.length >= GATHERED_MAX) this.#encode(group)
    if (group.entry.length > GROUP_BYTES_MAX) this.#schedule()
  }

  /** Takes what a call was answered, whose transactions have just been added. */
  addReply(slot: number, record: Uint8Array): void {
    this.#group.entry.reply(slot, record)
    this.#group.transactions++
  }

  /** The transaction's blocks, should they be freed before the commit, can soon be used anew. */
  #youngNow(tx: Transaction): void {
    const { space, blocks } = this.#host
    for (const { address, buffers } of tx.writes) space.markYoung(address, blocksIn(buffers))
    if (!blocks.isRead) space.releaseYoung()
  }

  #gather(entry: Entry<unknown>): void {
    if (entry.gathering === this.#gathering) return
    entry.gathering = this.#gathering
    this.#group.gathered.push(entry)
  }

  /** What was gathered becomes bytes: no transaction is under way, and it is as the last left it. */
  #encode({ gathered, entry: builder }: Group): void {
    for (const entry of gathered) {
      const { dataset, spec } = entry.table
      const key = keyBytes(dataset, spec.kind, entry.key as Key)
      const record = entryRecord(entry)
      if (record === undefined) builder.delete(key)
      else builder.put(key, record)
    }
    this.#records += gathered.length
    this.#group.gathered = []
    this.#gathering++
  }

  /** Calls back when all transactions added before are on disk; at once where they are. */
  barrier(done: Waiter): void {
    if (this.#idle) {
      done()
      return
    }
    this.#group.waiters.push(done)
    this.#schedule()
  }

  get #idle(): boolean {
    return (
      this.#group.transactions === 0 && this.#running === undefined && this.#closed === undefined
    )
  }

  /** The same as a promise. */
  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.barrier((error) => (error === undefined ? resolve() : reject(error)))
    })
  }

  /**
   * Ends the group here: what was added before is committed and the log turned to its other file,
   * before anything that is added later is written.
   *
   * @returns the number of the last entry before the cut; rejects where the commit fails
   */
  cut(): Promise<number> {
    assert.equal(this.#closed, undefined, 'one cut at a time')
    const group = this.#close()
    this.#closed = group
    return new Promise((resolve, reject) => {
      group.cut = resolve
      group.waiters.push((error) => error !== undefined && reject(error))
      this.#schedule()
    })
  }

  /**
   * Commits at the end of this turn, so that all requests of the turn share the write. That goes
   * for the turn in which a commit has ended, too: clients have sent more meanwhile.
   */
  #schedule(): void {
    if (this.#running !== undefined || this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#running = this.#run().finally(() => {
        this.#running = undefined
        if (this.#wanted) this.#schedule()
      })
    })
  }

  get #wanted(): boolean {
    const { waiters, entry } = this.#group
    return this.#closed !== undefined || waiters.length > 0 || entry.length > GROUP_BYTES_MAX
  }

  #next(): Group {
    const group = this.#closed ?? this.#close()
    this.#closed = undefined
    return group
  }

  /** Closes the group that takes transactions, and opens the next. */
  #close(): Group {
    const group = this.#group
    this.#encode(group)
    this.#group = new Group(this.#spare ?? new LogEntryBuilder())
    this.#spare = undefined
    this.#host.space.forgetYoung()
    return group
  }

  async #run(): Promise<void> {
    const group = this.#next()
    try {
      if (this.#failure === undefined) await this.#commit(group)
    } catch (cause) {
      this.#failure = this.#host.failed(cause)
    }
    for (const waiter of group.waiters) waiter(this.#failure)
    await this.#host.committed()
  }

  async #commit(group: Group): Promise<void> {
    if (group.transactions > 0) await this.#write(group)
    if (group.cut !== undefined) this.#host.log.turn()
    group.cut?.(this.seq)
  }

  async #write(group: Group): Promise<void> {
    const { log, blocks } = this.#host
    if (group.blockBytes > EMBEDDED_BYTES_MAX) await blocks.sync()
    else for (const { address, buffers } of group.writes) group.entry.blocks(address, buffers)
    await log.append(this.seq + 1, group.entry.pieces())
    this.seq++
    if (group.entry.capacity > ENTRY_KEPT_BYTES_MAX) return
    group.entry.reset()
    this.#spare = group.entry
  }
}
