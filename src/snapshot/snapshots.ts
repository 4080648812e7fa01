/**
 * The snapshots of a dataset: made, found by name or number, changed, deleted.
 *
 * Making one writes five records, whatever the dataset holds: the snapshot, its account and that of
 * the live files, the dataset's raised epoch, and the counter of numbers. From then on the first
 * change of each record keeps the old one (store/transaction.ts). The state of a snapshot is that of
 * its instant, data that was acknowledged and not yet committed included: dirty data is settled in
 * the same turn, just before.
 */
import { FsError } from '../fs/error.ts'
import { mergeAccounts, turnAccount } from '../store/accounts.ts'
import type { Dataset, Snapshot } from '../store/dataset.ts'
import type { SnapshotNotes } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import type { Time } from '../store/time.ts'
import type { Transaction } from '../store/transaction.ts'
import { requireNoClone } from './clones.ts'
import type { Freeing } from './delete.ts'
import { Deletions } from './deletions.ts'
import { measure } from './measure.ts'
import { changedRecord, newNotes, requireNoHold, type SnapshotChange } from './notes.ts'
import { requireName, there } from './object-names.ts'
import { select } from './select.ts'
import { Work } from './work.ts'

/** Most snapshots of one dataset. */
const SNAPSHOTS_MAX = 100_000

export class Snapshots {
  readonly #store: Store
  readonly #dataset: Dataset
  readonly #settleAll: () => void
  readonly #failed: (error: unknown) => void
  /** Restores and deletions under way. */
  readonly #work = new Work()
  readonly #deletions: Deletions

  /**
   * @param settleAll makes acknowledged data part of the store, in this turn
   * @param failed is told why what was deleted in the background cannot be freed
   */
  constructor(
    store: Store,
    dataset: Dataset,
    settleAll: () => void,
    failed: (error: unknown) => void = () => undefined,
  ) {
    this.#store = store
    this.#dataset = dataset
    this.#settleAll = settleAll
    this.#failed = failed
    this.#deletions = new Deletions({
      ...{ store, dataset },
      stopped: () => this.#work.stopped,
      freed: (ids) => this.#forget(ids),
    })
  }

  get dataset(): Dataset {
    return this.#dataset
  }

  /** When one was last made or deleted. */
  get changed(): Time {
    return this.#dataset.record.snapshotsChanged
  }

  /** Those that can be seen, oldest first. */
  list(): readonly Snapshot[] {
    return this.#dataset.snapshots.filter(({ deleting }) => !deleting)
  }

  find(name: string): Snapshot | undefined {
    return this.#dataset.snapshots.find((other) => other.name === name && !other.deleting)
  }

  /** A snapshot by the bytes of its name, for who looks it up in `.snapshots`. */
  findBytes(name: Uint8Array): Snapshot | undefined {
    const text = Buffer.from(name.buffer, name.byteOffset, name.length).toString()
    const snapshot = this.find(text)
    // Bytes that are no UTF-8 are no name, though as text they may look like one.
    return snapshot !== undefined && Buffer.from(text).equals(name) ? snapshot : undefined
  }

  /** A snapshot by its number, for who holds a handle. */
  byId(id: number): Snapshot | undefined {
    const snapshot = this.#dataset.snapshotById(id)
    return snapshot?.deleting === false ? snapshot : undefined
  }

  /** @throws FsError NOENT, with the names that there are */
  get(name: string): Snapshot {
    const found = this.find(name)
    if (found !== undefined) return found
    const names = this.list().map((snapshot) => snapshot.name)
    throw new FsError('NOENT', `no snapshot '${name}'; ${there(names)}`)
  }

  /**
   * Makes a snapshot of this instant. It is durable after the store's next barrier.
   *
   * @throws FsError EXIST, INVAL (the name, the comment, a tag), NOSPC
   */
  create(name: string, comment = '', tags: readonly string[] = []): Snapshot {
    const notes = newNotes(comment, tags)
    this.prepare(name)
    return this.#store.transact((tx) => this.add(tx, name, notes))
  }

  /**
   * Makes sure that a snapshot of this name can be made in this turn, and stores what is dirty.
   *
   * @throws FsError EXIST, INVAL, NOSPC
   */
  prepare(name: string): void {
    requireName(name, 'snapshot')
    this.#requireFree(name)
    if (this.#dataset.snapshots.length >= SNAPSHOTS_MAX) {
      throw new FsError('NOSPC', `there are ${SNAPSHOTS_MAX} snapshots: delete some first`)
    }
    this.#settleAll()
  }

  /** Makes one as part of a transaction, in the turn in which it was prepared. */
  add(tx: Transaction, name: string, notes: SnapshotNotes): Snapshot {
    const id = this.#store.newObjset(tx)
    const { epoch, snapshots, usage } = this.#dataset
    const about = { dataset: this.#dataset.id, name, referenced: usage }
    const record = { ...about, epoch, created: tx.now, deleting: false, ...notes }
    tx.put(this.#store.snapshots, id, record)
    turnAccount(tx, this.#dataset)
    const snapshot = { id, ...record }
    this.#set(tx, [...snapshots, snapshot], epoch + 1)
    return snapshot
  }

  /** @throws FsError EXIST */
  #requireFree(name: string): void {
    if (this.find(name) === undefined) return
    throw new FsError('EXIST', `a snapshot '${name}' exists already`)
  }

  /**
   * Changes its name, or what is noted about it. It is durable after the store's next barrier.
   *
   * @throws FsError NOENT (the snapshot, or a tag or hold to be taken away), EXIST (the new name or
   *   hold), INVAL
   */
  change(name: string, change: SnapshotChange): Snapshot {
    const { id, ...record } = this.get(name)
    const changed = changedRecord(record, change)
    if (changed.name !== name) this.#requireFree(changed.name)
    const others = this.#dataset.snapshots.filter((snapshot) => snapshot.id !== id)
    return this.#store.transact((tx) => {
      tx.put(this.#store.snapshots, id, changed)
      this.#set(tx, [...others, { id, ...changed }], this.#dataset.epoch)
      return { id, ...changed }
    })
  }

  #set(tx: Transaction, snapshots: readonly Snapshot[], epoch: number): void {
    const before = { snapshots: this.#dataset.snapshots, epoch: this.#dataset.epoch }
    tx.onUndo(() => this.#dataset.setSnapshots(before.snapshots, before.epoch))
    this.#store.objsets.change(tx, this.#dataset, { epoch, snapshotsChanged: tx.now })
    this.#dataset.setSnapshots(snapshots, epoch)
  }

  /**
   * Keeps a snapshot from being deleted, and the store from being closed, while `work` is done. It
   * calls `requireGoingOn` every now and then.
   */
  hold<T>({ id }: Snapshot, work: () => Promise<T>): Promise<T> {
    return this.#work.hold(id, work)
  }

  /** Whether the store is about to be closed. */
  get stopped(): boolean {
    return this.#work.stopped
  }

  /** @throws FsError JUKEBOX where the store is about to be closed */
  requireGoingOn(): void {
    this.#work.requireGoingOn()
  }

  /** Keeps the store from being closed while `work` is done. As in `hold`, it asks now and then. */
  track<T>(work: Promise<T>): Promise<T> {
    return this.#work.track(work)
  }

  /** Those that words name (select.ts). @throws FsError NOENT, INVAL */
  select(words: readonly string[]): readonly Snapshot[] {
    return select(this, words)
  }

  /**
   * Deletes snapshots: at once for everybody who looks, and then what only they held, in steps.
   * When this returns they are marked, which is durable after the store's next barrier.
   *
   * @returns a promise of the bytes that are free when everything is freed, or where the store is
   *   about to be closed
   * @throws FsError ACCES while one has a hold or a clone, or a restore reads it: then none is
   *   deleted
   */
  deleteAll(gone: readonly Snapshot[]): Promise<number> {
    for (const snapshot of gone) this.requireDeletable(snapshot)
    this.#store.transact((tx) => this.mark(tx, gone))
    return this.freeMarked()
  }

  /** Nobody sees these any more, once the transaction stands: `freeMarked` is to follow. */
  mark(tx: Transaction, gone: readonly Snapshot[]): void {
    const ids = new Set(gone.map(({ id }) => id))
    const others = this.#dataset.snapshots.filter(({ id }) => !ids.has(id))
    const marked = gone.map((snapshot) => ({ ...snapshot, deleting: true }))
    for (const { id, ...record } of marked) tx.put(this.#store.snapshots, id, record)
    this.#set(tx, [...others, ...marked], this.#dataset.epoch)
  }

  /** Frees what only those held that are marked. @returns as `deleteAll` */
  freeMarked(): Promise<number> {
    return this.track(this.#deletions.free())
  }

  /** As `deleteAll`, for who does not wait until everything is freed. */
  deleteInBackground(gone: readonly Snapshot[]): void {
    this.deleteAll(gone).catch(this.#failed)
  }

  /** Deletes one. @throws as `get` and `deleteAll` */
  async delete(name: string): Promise<void> {
    await this.deleteAll([this.get(name)])
  }

  /** @throws FsError ACCES while the snapshot has a hold or a clone, or a restore reads it */
  requireDeletable(snapshot: Snapshot): void {
    requireNoHold(this.#dataset.record.name, snapshot)
    requireNoClone(this.#store, snapshot)
    if (!this.#work.holds(snapshot.id)) return
    const used = `snapshot '${snapshot.name}' is in use by a restore`
    throw new FsError('ACCES', `${used}; try again when it ends`)
  }

  /** What is being freed; undefined where nothing is. */
  get freeing(): Freeing | undefined {
    return this.#deletions.progress
  }

  /**
   * What deleting snapshots would free, in bytes: for each of the groups, all of it together.
   *
   * @param tell is called with each number as soon as it is known
   */
  measure(
    groups: readonly (readonly Snapshot[])[],
    tell: (bytes: number, group: number) => void,
  ): Promise<void> {
    const pause = async () => {
      await new Promise(setImmediate)
      this.requireGoingOn()
    }
    return this.track(measure(this.#store, this.#dataset, groups, pause, tell))
  }

  /** Goes on with deletions that a crash or a stop has interrupted. */
  async resume(): Promise<void> {
    await this.freeMarked()
  }

  /**
   * No further steps of deletions and restores: the store is about to be closed. Deletions go on
   * with the next start; a restore is completed by asking for it again.
   */
  stop(): Promise<void> {
    return this.#work.stop()
  }

  /** The records of deleted snapshots go. */
  #forget(ids: ReadonlySet<number>): void {
    this.#store.transact((tx) => {
      const { snapshots } = this.#dataset
      const gone = snapshots.filter(({ id }) => ids.has(id))
      mergeAccounts(tx, this.#dataset, new Set(gone.map(({ epoch }) => epoch)))
      for (const id of ids) tx.delete(this.#store.snapshots, id)
      const left = snapshots.filter(({ id }) => !ids.has(id))
      this.#set(tx, left, this.#dataset.epoch)
    })
  }
}
