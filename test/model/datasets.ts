/** Several datasets in the model: a tree and its past for each, in one store. */
import { cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ReadBuffers } from '../../src/fs/data-buffers.ts'
import type { FileSystem } from '../../src/fs/filesystem.ts'
import { Datasets } from '../../src/snapshot/datasets.ts'
import type { OpenDataset, SharedParts } from '../../src/snapshot/open-dataset.ts'
import { RootFileSystem } from '../../src/snapshot/rootfs.ts'
import type { DatasetRecord } from '../../src/store/records.ts'
import type { Store } from '../../src/store/store.ts'
import { assertSound } from '../check/assert-sound.ts'
import { Client } from '../fs/client.ts'
import { checkTree } from '../fs/invariants.ts'
import { audit } from '../snapshot/audit.ts'
import { Subject } from '../snapshot/harness.ts'
import { openTestStore } from '../store/open-store.ts'
import { removeTree } from './operations.ts'
import type { Random } from './random.ts'
import { CACHE_BYTES_SMALL, SnapshotWorld } from './snapshots.ts'
import { modify, type Node, nodesOf } from './tree.ts'
import type { ModelWorld } from './world.ts'

/** Snapshots of one dataset that are worth comparing: all datasets' are. */
const SNAPSHOTS_MAX = 3
/** Nodes of all trees together up to which everything is compared after every step. */
const NODES_SMALL = 60
/** Otherwise after so many steps, and after those that have to do with datasets or snapshots. */
const COMPARE_STEPS = 40
/** How long deletions and promotions may take: so many looks, with pauses between them. */
const TRIES_MAX = 10_000
const TRY_MS = 2

/** The store of the model, opened. */
interface Opened {
  readonly store: Store
  readonly datasets: Datasets
}

async function openDatasets(directory: string, random: Random): Promise<Opened> {
  const options = random.oneIn(3) ? { cacheBytesMax: CACHE_BYTES_SMALL } : {}
  const { store } = await openTestStore(directory, options)
  const report = (message: string, error: unknown) => {
    throw new Error(message, { cause: error })
  }
  const clock = { nowMs: () => 0, after: () => () => undefined }
  const shared: SharedParts = {
    ...{ buffers: new ReadBuffers(), recordBuffers: undefined },
    ...{ budget: { held: 0 }, clock, report },
  }
  return { store, datasets: new Datasets(store, shared) }
}

const isCloned = (store: Store, snapshot: number): boolean =>
  store.objsets.clonesOf(snapshot).length > 0

/** One dataset of the model. */
export class DatasetWorld extends SnapshotWorld {
  readonly id: number
  name: string
  readonly #host: DatasetsWorld

  /** @param tree what it begins with; nothing unless told otherwise */
  constructor(host: DatasetsWorld, opened: OpenDataset, tree?: Node) {
    super(host.random, '', '', new Subject(host.store, opened), host.log)
    this.id = opened.dataset.id
    this.name = opened.name
    this.#host = host
    if (tree !== undefined) this.tree = tree
  }

  /** Clients come to a dataset by the root file system; the root's own names are looked at alone. */
  override get client(): Client {
    const { fs, root } = this.subject
    return new Client(this.name === '' ? fs : this.#host.fs, root)
  }

  override get isFull(): boolean {
    return this.past.size >= SNAPSHOTS_MAX
  }

  /** Without those that a clone needs. */
  override get deletable(): readonly string[] {
    const { snapshots, store } = this.subject
    return super.deletable.filter((name) => !isCloned(store, snapshots.get(name).id))
  }

  /** Whether it needs the snapshot that it was made of. */
  get isClone(): boolean {
    return this.subject.live.dataset.record.origin !== undefined
  }

  override idle(): Promise<void> {
    return this.#host.idle()
  }

  override async compare(): Promise<void> {
    await super.compare()
    const { inodes } = this.subject.live.dataset.usage
    const { size } = nodesOf(this.tree)
    if (inodes !== size) throw new Error(`'${this.name}' counts ${inodes} inodes, not ${size}`)
  }
}

export class DatasetsWorld implements ModelWorld {
  readonly random: Random
  readonly log: string[] = []
  /** The root dataset first. */
  parts: DatasetWorld[] = []
  /** What clients see. */
  fs: FileSystem
  /** The dataset of the last step; undefined where it may have been any. */
  last: DatasetWorld | undefined
  #opened: Opened
  #directory: string
  #folders = 0
  readonly #folder: string
  readonly #working: Promise<unknown>[] = []

  private constructor(random: Random, folder: string, directory: string, opened: Opened) {
    this.random = random
    this.#folder = folder
    this.#directory = directory
    this.#opened = opened
    this.fs = new RootFileSystem(opened.datasets)
    this.parts = [new DatasetWorld(this, opened.datasets.root)]
  }

  static async open(folder: string, random: Random): Promise<DatasetsWorld> {
    const directory = join(folder, '0')
    await mkdir(directory)
    return new DatasetsWorld(random, folder, directory, await openDatasets(directory, random))
  }

  get store(): Store {
    return this.#opened.store
  }

  get datasets(): Datasets {
    return this.#opened.datasets
  }

  get root(): DatasetWorld {
    const [root] = this.parts
    if (root === undefined) throw new Error('there is no root dataset')
    return root
  }

  /** All but the root. */
  get others(): readonly DatasetWorld[] {
    return this.parts.slice(1)
  }

  /** The root directory as clients see it. */
  get client(): Client {
    return new Client(this.fs, this.fs.root())
  }

  /** The path of a dataset's root directory there. */
  pathOf({ name }: DatasetWorld): string {
    return name === '' ? '' : `/${name}`
  }

  /** The root directory shows the datasets: it has changed. */
  touched(): void {
    modify(this.root.tree)
    this.last = undefined
  }

  isDue(step: number): boolean {
    const special = this.parts.some((part) => part.special)
    for (const part of this.parts) part.special = false
    if (special || this.last === undefined || step % COMPARE_STEPS === 0) return true
    let nodes = 0
    for (const part of this.parts) {
      for (const tree of [part.tree, ...part.past.values()]) nodes += nodesOf(tree).size
    }
    return nodes <= NODES_SMALL
  }

  async compare(): Promise<void> {
    const told = this.datasets.all.map(({ name }) => name).join()
    const names = this.parts.map(({ name }) => name).join()
    if (told !== names) throw new Error(`there are the datasets ${told}, not ${names}`)
    const shown = this.client.names('').sort().join()
    const due = [...this.root.tree.names.keys(), ...this.others.map(({ name }) => name)]
    if (shown !== due.sort().join()) throw new Error(`the root shows ${shown}, not ${due}`)
    for (const part of this.last === undefined ? this.parts : [this.last]) await part.compare()
  }

  /** Waits for what was begun, or lets it go on in the background. */
  async work(begun: Promise<unknown>, wait: boolean): Promise<void> {
    if (wait) await begun
    else this.#working.push(begun)
  }

  /** Frees all that waits for that in the background. */
  async idle(): Promise<void> {
    for (const { subject } of this.parts) {
      subject.reclaim()
      await subject.resume()
    }
    await Promise.all(this.#working.splice(0))
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const busy = ({ deleting, origin, tombstones }: DatasetRecord): boolean =>
        deleting || origin?.promoting === true || (origin === undefined && tombstones)
      if (!this.store.objsets.all.some(({ record }) => busy(record))) return
      await sleep(TRY_MS)
    }
    throw new Error('a dataset is still being deleted, or promoted')
  }

  async #quiet(): Promise<void> {
    for (const part of this.parts) await part.quiet()
    await this.datasets.stop()
    await Promise.all(this.#working.splice(0))
  }

  async restart(): Promise<void> {
    await this.#quiet()
    await this.store.close()
    await this.#reopen(this.#directory)
  }

  /** Goes on with what a crash would leave at this moment, when all is on its way to the disk. */
  async crash(): Promise<void> {
    await this.#quiet()
    await this.store.flush()
    const copy = join(this.#folder, String(++this.#folders))
    await cp(this.#directory, copy, { recursive: true })
    await this.store.close()
    await rm(this.#directory, { recursive: true })
    await this.#reopen(copy)
  }

  async #reopen(directory: string): Promise<void> {
    this.#directory = directory
    this.#opened = await openDatasets(directory, this.random)
    this.fs = new RootFileSystem(this.datasets)
    for (const part of this.parts) {
      const opened = this.datasets.byId(part.id)
      if (opened === undefined) throw new Error(`dataset '${part.name}' is gone`)
      part.subject = new Subject(this.store, opened)
    }
    await this.datasets.resume()
    if (this.random.oneIn(2)) await this.idle()
    this.last = undefined
  }

  async end(): Promise<void> {
    await this.#sound()
    for (let left = this.others; left.length > 0; left = this.others) {
      // Clones before what they are made of.
      const part = left.find(({ past, deletable }) => deletable.length === past.size)
      if (part === undefined) throw new Error('no dataset can be deleted')
      await this.datasets.delete(part.name, true)
      this.parts = this.parts.filter((other) => other !== part)
    }
    const { root } = this
    for (const name of [...root.past.keys()]) await root.delete(name, true)
    await this.#sound()
    for (const [name, node] of [...root.tree.names]) {
      removeTree(root, root.tree, `/${name}`, name, node)
    }
    await this.#sound()
    const { usedBlocks } = this.store.spaceMap
    if (usedBlocks > 0) throw new Error(`${usedBlocks} blocks are in use, and there is no file`)
  }

  async #sound(): Promise<void> {
    for (const { subject } of this.parts) subject.live.data.settleAll()
    await this.idle()
    for (const { subject } of this.parts) checkTree(subject.live)
    await audit(this.store)
    await assertSound(this.store)
  }

  async close(): Promise<void> {
    await this.#quiet()
    await this.store.close()
  }
}
