/**
 * The store: datasets of records with versions, file data in blocks, and transactions over both.
 *
 * A transaction takes effect in memory at once and is on disk after the next group commit
 * (`barrier`). What was committed reaches the database at checkpoints. Where a commit fails, the
 * store stops: what is in memory may be ahead of the disk, so no change is taken any more, and no
 * promise given, until it is opened again.
 */
import { strict as assert } from 'node:assert'
import { Absence } from './absence.ts'
import type { BlockStore } from './blocks.ts'
import { Cache } from './cache.ts'
import { Checkpointer } from './checkpointer.ts'
import { Committer, type Waiter } from './commit.ts'
import type { Database } from './database.ts'
import type { Dataset } from './dataset.ts'
import { FsError } from './error.ts'
import { InoNumbers } from './inos.ts'
import type { Key } from './keys.ts'
import { type LockTables, lockTables } from './lock-records.ts'
import { Objsets } from './objsets.ts'
import { Pace } from './pace.ts'
import type { StoreParts } from './parts.ts'
import { BLOCK_BYTES, type DatasetRecord, type SnapshotRecord, type Superblock } from './records.ts'
import type { StoredReplies } from './replies.ts'
import type { RepliedCall } from './reply.ts'
import type { SpaceMap } from './space.ts'
import { type Entry, type LoadMany, Table, type TableSpec } from './table.ts'
import { datasetSpec, snapshotSpec, superblockSpec } from './tables.ts'
import type { Clock, Time } from './time.ts'
import { Transaction } from './transaction.ts'

const ROOT_DATASET = 1
/** Ticks after which what nobody waits for is committed: as often as ext4 does. */
const COMMIT_TICKS = 5

export class Store {
  readonly #parts: StoreParts
  readonly #cache: Cache
  readonly #absence = new Absence()
  readonly #checkpointer: Checkpointer
  readonly #committer: Committer
  readonly superblocks: Table<number, Superblock>
  readonly datasets: Table<number, DatasetRecord>
  readonly snapshots: Table<number, SnapshotRecord>
  readonly objsets: Objsets
  /** What clients have locked. */
  readonly locks: LockTables
  /** Shared by all work in the background. */
  readonly pace: Pace
  #transactions = 0
  /** The time of the newest transaction. */
  #now: Time = { seconds: 0, nseconds: 0 }
  #ticks = 0
  #inTransaction = false
  readonly #inos = new InoNumbers((end, done) => this.#lease(end, done))
  #failure: FsError | undefined
  #verifier: Uint8Array
  /** The host's free space as it was asked for in this tick: asking costs a system call. */
  #hostSpace: { readonly total: number; readonly free: number } | undefined

  constructor(parts: StoreParts) {
    this.#parts = parts
    this.#cache = new Cache(parts.cacheBytesMax)
    this.superblocks = this.#table(0, superblockSpec)
    this.datasets = this.#table(0, datasetSpec)
    this.snapshots = this.#table(0, snapshotSpec)
    this.objsets = new Objsets(this.datasets, this.#table, this.#cache)
    this.locks = lockTables((spec) => this.#table(0, spec))
    this.#verifier = parts.randomBytes(8)
    this.pace = new Pace(parts.loop)
    const { log, blocks, space } = parts
    const failed = (error: unknown) => this.#fail(error)
    const committed = () =>
      this.#failure === undefined ? this.#checkpointer.consider() : undefined
    this.#committer = new Committer({ log, blocks, space, failed, committed }, parts.seq)
    const cut = () => this.#committer.cut()
    this.#checkpointer = new Checkpointer({ ...parts, failed, cut })
  }

  readonly #table = <K extends Key, V>(dataset: number, spec: TableSpec<V>): Table<K, V> => {
    const load = (key: Buffer) => this.#parts.database.get(key)
    const loadMany: LoadMany = (keys, take) => this.#parts.database.getMany(keys, take)
    return new Table<K, V>(dataset, spec, load, this.#cache, loadMany, this.#absence)
  }

  // What belongs to the store, for the layers above.

  get blocks(): BlockStore {
    return this.#parts.blocks
  }

  get directory(): string {
    return this.#parts.directory
  }

  get database(): Database {
    return this.#parts.database
  }

  /** What calls were answered that must not be done twice. */
  get replies(): StoredReplies {
    return this.#parts.replies
  }

  get spaceMap(): SpaceMap {
    return this.#parts.space
  }

  get superblock(): Superblock {
    const superblock = this.superblocks.get(0)
    assert(superblock, 'a store has a superblock')
    return superblock
  }

  /** The root dataset. */
  get dataset(): Dataset {
    return this.objsets.get(ROOT_DATASET)
  }

  /** For the generation of new inodes: changes with every start. */
  get generation(): number {
    return this.superblock.starts & 0xffff
  }

  get clock(): Clock {
    return this.#parts.clock
  }

  /** 8 bytes, new at every start and after a failed commit (RFC 1813 §3.3.7). */
  get verifier(): Uint8Array {
    return this.#verifier
  }

  /** Why the store takes no changes any more; undefined while it does. */
  get failure(): FsError | undefined {
    return this.#failure
  }

  /** Records written to the log since the start. */
  get recordsLogged(): number {
    return this.#committer.records
  }

  /** Bytes of the log that a crash now would have to replay. */
  get logBytes(): number {
    return this.#parts.log.bytes
  }

  /** The fsid of a dataset or snapshot: below 2^53, never used again. */
  fsid(objset: number): number {
    const tag = Buffer.from(this.superblock.uuid).readUInt32BE(0) >>> 11
    return (tag + 1) * 0x1_0000_0000 + objset
  }

  /**
   * Bytes in all, of the disk that holds the store, and bytes free for files: those of the disk,
   * less a reserve, and those in the store's own files.
   */
  space(): { readonly total: number; readonly free: number } {
    const { disk, directory, space, reserveBytes } = this.#parts
    this.#hostSpace ??= disk.space(directory)
    const { total, free } = this.#hostSpace
    const own = space.freeBlocks - space.unbackedBlocks + space.limboBlocks
    return { total, free: Math.max(0, free - reserveBytes) + own * BLOCK_BYTES }
  }

  // Transactions.

  /**
   * Runs `body`, which changes tables through the transaction, whole or not at all.
   *
   * @throws what `body` throws, after everything it did was undone; FsError IO once a commit failed
   */
  transact<T>(body: (tx: Transaction) => T): T {
    assert(!this.#inTransaction, 'a transaction inside a transaction')
    if (this.#failure !== undefined) throw this.#failure
    const dataset = (id: number) => this.objsets.get(id)
    const host = { space: this.#parts.space, dataset, dirtied: this.#dirtied }
    this.#now = this.#parts.clock()
    const tx = new Transaction(host, ++this.#transactions, this.#now)
    this.#inTransaction = true
    try {
      const result = body(tx)
      tx.close()
      this.#committer.add(tx)
      tx.stand()
      void this.#checkpointer.consider()
      return result
    } catch (error) {
      tx.rollback()
      if (error instanceof FsError && error.code === 'NOSPC') this.#checkpointer.makeRoom()
      throw error
    } finally {
      this.#inTransaction = false
    }
  }

  /**
   * Runs `work`, whose results answer `call`, and keeps them in a slot. They are one operation: all
   * of it is on disk after the same commit, and nothing before.
   *
   * @param slot answers the slot, which cannot fail
   * @throws what `work` throws; FsError IO once a commit failed
   */
  together(work: () => Uint8Array, call: RepliedCall, slot: () => number): void {
    this.#checkpointer.holdBack(() => {
      const results = work()
      if (this.#failure !== undefined) throw this.#failure
      const kept = slot()
      this.replies.keep(kept, this.#now, call, results)
      this.#committer.addReply(kept, this.replies.record(kept))
    })
  }

  /** Whether changes come faster than checkpoints bring them into the database. */
  get behind(): boolean {
    return this.#checkpointer.overdue
  }

  readonly #dirtied = (entry: Entry<unknown>): void => this.#checkpointer.dirty.mark(entry)

  /** Calls back once everything transacted before is on stable storage, or with why it is not. */
  barrier(done: Waiter): void {
    this.pace.waits()
    if (this.#failure !== undefined) done(this.#failure)
    else this.#committer.barrier(done)
  }

  /** `barrier` as a promise. */
  flush(): Promise<void> {
    return this.#failure === undefined ? this.#committer.flush() : Promise.reject(this.#failure)
  }

  /** Called about once a second: commits what nobody waits for, and checkpoints now and then. */
  tick(): void {
    this.#hostSpace = undefined
    this.#ticks++
    if (this.#ticks % COMMIT_TICKS === 0) this.barrier(() => undefined)
    if (this.#failure === undefined) this.#checkpointer.tick()
  }

  #fail(error: unknown): FsError {
    this.#failure ??= new FsError('IO', `the store cannot be written: ${String(error)}`)
    this.#verifier = this.#parts.randomBytes(8)
    this.#parts.report('a commit failed; nothing is changed any more until a restart', error)
    return this.#failure
  }

  /** Brings everything that was transacted before this call into the database. */
  async checkpoint(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    await this.#checkpointer.run()
  }

  /** An inode or content number that was never used and will never be again. */
  newIno(): number {
    return this.#inos.take()
  }

  /** Counts this start and sets numbers aside. Nothing may be served before it has resolved. */
  async begin(): Promise<void> {
    this.#inos.begin(this.superblock.nextIno)
    this.#absence.begin(this.superblock.nextIno)
    this.transact((tx) => {
      const next = { starts: this.superblock.starts + 1, nextIno: this.#inos.end }
      tx.put(this.superblocks, 0, { ...this.superblock, ...next })
    })
    await this.flush()
  }

  /** Writes a new lease; what a crash leaves unused of it is lost. */
  #lease(nextIno: number, done: () => void): void {
    if (this.#failure !== undefined) return
    this.transact((tx) => tx.put(this.superblocks, 0, { ...this.superblock, nextIno }))
    this.barrier((error) => {
      if (error === undefined) done()
    })
  }

  /** The number of a new dataset or snapshot. */
  newObjset(tx: Transaction): number {
    const { nextObjset } = this.superblock
    tx.put(this.superblocks, 0, { ...this.superblock, nextObjset: nextObjset + 1 })
    return nextObjset
  }

  /** Commits, brings everything into the database, and closes. */
  async close(): Promise<void> {
    const { blocks, database, log, replies } = this.#parts
    try {
      if (this.#failure === undefined) await this.checkpoint()
    } finally {
      await log.close()
      await replies.close()
      await blocks.close()
      await database.close()
    }
  }
}
