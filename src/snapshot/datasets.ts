/**
 * The datasets of a store: made, found by name or number, renamed, deleted.
 *
 * Each is a file system of its own: its root, its fsid, its epochs, its snapshots, its quota. It is
 * seen as a directory of the root dataset's root (rootfs.ts), whose name is its own.
 */
import { strict as assert } from 'node:assert'
import { FsError } from '../fs/error.ts'
import { newInode } from '../fs/inode.ts'
import type { Dataset } from '../store/dataset.ts'
import { FileType, NO_USAGE, type Usage } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { makeClone, type NamedPromotion, Promotions } from './clones.ts'
import { DatasetDeletion } from './dataset-delete.ts'
import { notFound, requireFreeName } from './dataset-names.ts'
import { OpenDataset, type SharedParts } from './open-dataset.ts'

/** Most datasets of a store: all of them are open. */
const DATASETS_MAX = 1000
const ROOT_DATASET = 1
const NO_CLONE = { deleting: false, origin: undefined, tombstones: false }

export interface DatasetOptions {
  readonly quota?: Usage
  readonly uid: number
  readonly gid: number
}

export class Datasets {
  readonly #store: Store
  readonly #shared: SharedParts
  /** By number, the root dataset first; without those that are being deleted. */
  readonly #open = new Map<number, OpenDataset>()
  /** Deletions under way. */
  readonly #working = new Set<Promise<void>>()
  readonly #promotions: Promotions
  #changed: () => void = () => undefined
  #scheduling = false
  #stopped = false

  constructor(store: Store, shared: SharedParts) {
    this.#store = store
    this.#shared = shared
    this.#promotions = new Promotions(store, () => this.#stopped)
    for (const dataset of store.objsets.all) {
      if (!dataset.record.deleting) this.#serve(dataset)
    }
  }

  #serve(dataset: Dataset): OpenDataset {
    // A clone of the root dataset has a root of the same number.
    const isTaken = (dir: number, name: Uint8Array): boolean =>
      dataset.id === ROOT_DATASET && dir === dataset.root && this.findBytes(name) !== undefined
    const opened = new OpenDataset(this.#store, dataset, this.#shared, isTaken)
    this.#open.set(dataset.id, opened)
    if (this.#scheduling) opened.scheduler.start()
    return opened
  }

  /** From now on the schedules of all datasets are kept, also of those that are still to come. */
  startSchedules(): void {
    this.#scheduling = true
    for (const { scheduler } of this.#open.values()) scheduler.start()
  }

  get root(): OpenDataset {
    const root = this.#open.get(ROOT_DATASET)
    assert(root, 'a store has a root dataset')
    return root
  }

  /** All, the root dataset first, the others in the order in which they were made. */
  get all(): readonly OpenDataset[] {
    return [...this.#open.values()]
  }

  /** @param changed runs whenever a dataset has come, gone or changed its name */
  onChange(changed: () => void): void {
    this.#changed = changed
  }

  byId(id: number): OpenDataset | undefined {
    return this.#open.get(id)
  }

  /** One by the bytes of its name, for who looks it up in the root directory. */
  findBytes(name: Uint8Array): OpenDataset | undefined {
    if (this.#open.size === 1) return undefined
    for (const one of this.#open.values()) {
      if (one.name !== '' && Buffer.from(one.name).equals(name)) return one
    }
    return undefined
  }

  /** @throws FsError NOENT, with the names that there are */
  get(name: string): OpenDataset {
    for (const one of this.#open.values()) if (one.name === name) return one
    throw notFound(
      name,
      this.all.map((one) => one.name),
    )
  }

  /**
   * Makes an empty dataset. It is durable after the store's next barrier.
   *
   * @throws FsError EXIST, INVAL (the name), NOSPC
   */
  create(name: string, { quota = NO_USAGE, uid, gid }: DatasetOptions): OpenDataset {
    this.#requireRoom(name)
    const store = this.#store
    const dataset = store.transact((tx) => {
      const id = store.newObjset(tx)
      const ino = store.newIno()
      const about = { name, root: ino, epoch: 1, quota, ...NO_CLONE }
      tx.put(store.datasets, id, { ...about, snapshotsChanged: tx.now, created: tx.now })
      const made = store.objsets.attach(id, [])
      tx.onUndo(() => store.objsets.detach(id))
      const { now } = tx
      const root = { type: FileType.DIR, mode: 0o755, uid, gid, now, generation: store.generation }
      tx.put(made.inodes, ino, { ...newInode(root), parent: ino })
      return made
    })
    const opened = this.#serve(dataset)
    this.#touched()
    return opened
  }

  /**
   * Makes a dataset that begins as a snapshot of another one is, in an instant: it shares what it
   * does not change. It is durable after the store's next barrier.
   *
   * @throws FsError NOENT (the snapshot), EXIST, INVAL (the name), NOSPC
   */
  clone(origin: OpenDataset, snapshot: string, name: string, quota = NO_USAGE): OpenDataset {
    const of = origin.snapshots.get(snapshot)
    this.#requireRoom(name)
    const store = this.#store
    const about = { name, quota }
    const made = store.transact((tx) => makeClone(tx, store, origin.dataset, of, about))
    const opened = this.#serve(made)
    this.#touched()
    return opened
  }

  /**
   * Makes a clone independent of the snapshot that it was made of, in steps.
   *
   * @returns a promise that resolves when it is, or where the store is about to be closed: then
   *   the next start goes on with it
   * @throws FsError NOENT; INVAL where it is no clone; NOSPC where a block has too many references
   */
  async promote(name: string): Promise<void> {
    const { dataset } = this.get(name)
    if (dataset.record.origin === undefined && !dataset.record.tombstones) {
      throw new FsError('INVAL', `dataset '${name}' is no clone: it depends on no snapshot`)
    }
    await this.#track(this.#promotions.run(dataset).then(() => undefined))
  }

  /** Promotions under way. */
  get promotions(): readonly NamedPromotion[] {
    return this.#promotions.progress
  }

  /** @throws FsError NOENT, EXIST, INVAL */
  rename(name: string, to: string): void {
    const { dataset } = this.#requireOther(name)
    requireFreeName(this, to)
    this.#store.transact((tx) => this.#store.objsets.change(tx, dataset, { name: to }))
    this.#touched()
  }

  /** @throws FsError NOENT */
  setQuota(name: string, quota: Usage): void {
    const { dataset } = this.get(name)
    this.#store.transact((tx) => this.#store.objsets.change(tx, dataset, { quota }))
  }

  /**
   * Deletes a dataset: at once for everybody who looks, and then what it held, in steps.
   *
   * @param withSnapshots whether its snapshots may go too
   * @returns a promise that resolves when everything is freed
   * @throws FsError NOENT; ACCES where it has snapshots, or one is in use
   */
  async delete(name: string, withSnapshots: boolean): Promise<void> {
    const opened = this.#requireOther(name)
    const { dataset, snapshots } = opened
    const count = snapshots.list().length
    if (count > 0 && !withSnapshots) {
      const told = count === 1 ? '1 snapshot' : `${count} snapshots`
      const advice = '--with-snapshots deletes them too'
      throw new FsError('ACCES', `dataset '${name}' has ${told}, which would go too: ${advice}`)
    }
    for (const snapshot of snapshots.list()) snapshots.requireDeletable(snapshot)
    this.#store.transact((tx) => {
      snapshots.mark(tx, dataset.snapshots)
      this.#store.objsets.change(tx, dataset, { deleting: true })
    })
    this.#open.delete(dataset.id)
    // In this turn: a snapshot that the schedule took now would never be freed.
    void opened.scheduler.stop()
    opened.data.discard()
    this.#touched()
    await this.#track(this.#free(dataset, opened))
  }

  async #free(dataset: Dataset, opened?: OpenDataset): Promise<void> {
    await this.#store.flush()
    await opened?.stop()
    await this.#promotions.ended(dataset)
    await new DatasetDeletion(this.#store, dataset, () => this.#stopped).run()
  }

  /** Takes up what a crash or a stop has interrupted. */
  async resume(): Promise<void> {
    for (const one of this.#open.values()) await one.resume()
    for (const dataset of this.#store.objsets.all) {
      const { deleting, origin, tombstones } = dataset.record
      if (deleting) {
        this.#background(this.#free(dataset), 'a deleted dataset cannot be freed')
      } else if (origin?.promoting || tombstones) {
        const promotion = this.#promotions.run(dataset).then(() => undefined)
        this.#background(promotion, 'the promotion of a dataset cannot go on')
      }
    }
  }

  #background(work: Promise<void>, failed: string): void {
    void this.#track(work).catch((error: unknown) => this.#shared.report(failed, error))
  }

  tick(): void {
    for (const { data } of this.#open.values()) data.tick()
  }

  /** Makes all dirty data part of the store. @throws FsError NOSPC, DQUOT, IO: the first one's */
  settleAll(): void {
    let failure: unknown
    for (const { data } of this.#open.values()) {
      try {
        data.settleAll()
      } catch (error) {
        failure ??= error
      }
    }
    if (failure !== undefined) throw failure
  }

  /** No further steps of any work: the store is about to be closed. */
  async stop(): Promise<void> {
    this.#stopped = true
    // All of them at first: none takes or prunes anything while another dataset is being stopped.
    const scheduled = this.all.map(({ scheduler }) => scheduler.stop())
    for (const one of this.#open.values()) await one.stop()
    await Promise.all(scheduled)
    await Promise.allSettled(this.#working)
  }

  #track(work: Promise<void>): Promise<void> {
    this.#working.add(work)
    const ended = () => void this.#working.delete(work)
    work.then(ended, ended)
    return work
  }

  /** The root directory shows the datasets: clients must see that it has changed. */
  #touched(): void {
    const { live, dataset } = this.root
    this.#store.transact((tx) => {
      const inode = live.at(dataset.root)
      live.put(tx, dataset.root, { ...inode, mtime: tx.now, ctime: tx.now })
    })
    this.#changed()
  }

  #requireOther(name: string): OpenDataset {
    if (name !== '') return this.get(name)
    throw new FsError('INVAL', 'the root dataset can be neither renamed nor deleted')
  }

  /** @throws FsError INVAL, EXIST, NOSPC */
  #requireRoom(name: string): void {
    requireFreeName(this, name)
    if (this.#open.size < DATASETS_MAX) return
    throw new FsError('NOSPC', `there are ${DATASETS_MAX} datasets: delete some first`)
  }
}
