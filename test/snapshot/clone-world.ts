/** Datasets, clones and snapshots side by side with what they must be: plain maps of plain bytes. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { FsError } from '../../src/fs/error.ts'
import type { OpenDataset } from '../../src/snapshot/open-dataset.ts'
import type { Volume } from '../../src/volume.ts'
import type { Random } from '../model/random.ts'
import { mkdir, OWNER, openVolume, snapshotTree, sound, treeOf } from './clone-scene.ts'
import { WatchedDisk } from './harness.ts'

/** A file; several names may share one. */
export interface Node {
  data: Uint8Array
}

/** Files by their path. */
export type Tree = Map<string, Node>

export interface Modelled {
  tree: Tree
  readonly snapshots: Map<string, Tree>
}

const DIRECTORIES = ['a', 'b']
const NAMES = 6

function linesOf(tree: Tree): string[] {
  const lines = DIRECTORIES.map((name) => `/${name} directory`)
  for (const [path, node] of tree) {
    const links = [...tree.values()].filter((other) => other === node).length
    lines.push(`/${path} ${links} ${node.data.length} ${Buffer.from(node.data).toString('base64')}`)
  }
  return lines.sort()
}

/** Without the modes, and without the links of directories. */
function withoutModes(tree: readonly string[]): string[] {
  const told = tree.map((line) => line.split(' '))
  return told
    .map(([path, , links, ...rest]) =>
      rest[0] === 'directory' ? `${path} directory` : [path, links, ...rest].join(' '),
    )
    .sort()
}

export class CloneWorld {
  readonly random: Random
  readonly log: string[] = []
  readonly model = new Map<string, Modelled>()
  volume: Volume
  #folder: string
  #store: string
  #disk: WatchedDisk
  #made = 0

  private constructor(random: Random, folder: string, volume: Volume, disk: WatchedDisk) {
    this.random = random
    this.#folder = folder
    this.#store = join(folder, '0')
    this.volume = volume
    this.#disk = disk
  }

  static async open(random: Random, folder: string): Promise<CloneWorld> {
    const disk = new WatchedDisk()
    const volume = await openVolume(join(folder, '0'), disk)
    const world = new CloneWorld(random, folder, volume, disk)
    const name = world.name()
    const made = volume.datasets.create(name, OWNER)
    for (const directory of DIRECTORIES) mkdir(made, directory)
    world.model.set(name, { tree: new Map(), snapshots: new Map() })
    return world
  }

  /** One that was never used. */
  name(): string {
    return `n${this.#made++}`
  }

  path(): string {
    return `${this.random.pick(DIRECTORIES)}/f${this.random.below(NAMES)}`
  }

  dataset(name: string): OpenDataset {
    return this.volume.datasets.get(name)
  }

  /** One of them, and what it must be. */
  pick(): { readonly name: string; readonly real: OpenDataset; readonly model: Modelled } {
    const [name, model] = this.random.pick([...this.model])
    return { name, real: this.dataset(name), model }
  }

  /** Datasets that need a snapshot, and whether that may end at any time. */
  clonesOf(real: OpenDataset, snapshot: string): 'none' | 'some' | 'ending' {
    const { id } = real.snapshots.get(snapshot)
    const clones = this.volume.store.objsets.clonesOf(id)
    if (clones.length === 0) return 'none'
    const stays = clones.some(({ record }) => !record.deleting && !record.origin?.promoting)
    return stays ? 'some' : 'ending'
  }

  async compare(name: string): Promise<void> {
    const real = this.dataset(name)
    const model = this.model.get(name)
    assert.ok(model)
    assert.equal(withoutModes(await treeOf(real)), linesOf(model.tree), name)
    const there = real.snapshots.list().filter((one) => !one.name.startsWith('pre-r'))
    assert.equal(
      there.map((one) => one.name),
      [...model.snapshots.keys()],
    )
    for (const [snapshot, tree] of model.snapshots) {
      const found = withoutModes(await snapshotTree(real, snapshot))
      assert.equal(found, linesOf(tree), `${name}@${snapshot}`)
    }
  }

  async compareAll(): Promise<void> {
    for (const name of this.model.keys()) await this.compare(name)
    await sound(this.volume)
  }

  async reopen(): Promise<void> {
    await this.volume.close()
    this.volume = await openVolume(this.#store, this.#disk)
  }

  /** Goes on with what a crash would leave just before a commit, behind all that was done. */
  async crash(): Promise<void> {
    const { datasets, store } = this.volume
    datasets.settleAll()
    await store.flush()
    const copy = join(this.#folder, `${this.#made++}`)
    await new Promise<void>((resolve) => {
      this.#disk.beforeCommit = async () => {
        this.#disk.beforeCommit = async () => undefined
        await cp(this.#store, copy, { recursive: true })
        resolve()
      }
      const [name = ''] = this.model.keys()
      datasets.setQuota(name, { bytes: 0, inodes: 0 })
      store.barrier(() => undefined)
    })
    await this.volume.close()
    this.#store = copy
    this.#disk = new WatchedDisk()
    this.volume = await openVolume(copy, this.#disk)
  }

  /** Nothing goes on in the background. */
  async idle(): Promise<void> {
    const { datasets, store } = this.volume
    const isBusy = () =>
      datasets.promotions.length > 0 ||
      store.objsets.all.some(({ record }) => record.deleting) ||
      datasets.all.some(({ snapshots }) => snapshots.freeing !== undefined)
    while (isBusy()) await new Promise((resolve) => setTimeout(resolve, 2))
  }

  /** Whether a snapshot may go; where that is uncertain, undefined. */
  async deleteSnapshot(real: OpenDataset, snapshot: string): Promise<boolean | undefined> {
    const clones = this.clonesOf(real, snapshot)
    if (clones === 'ending') return undefined
    try {
      const deletion = real.snapshots.deleteAll([real.snapshots.get(snapshot)])
      if (this.random.oneIn(2)) await deletion
      assert.is(clones, 'none')
      return true
    } catch (error) {
      if (!(error instanceof FsError)) throw error
      assert.equal([error.code, clones], ['ACCES', 'some'])
      return false
    }
  }

  /** Removes everything, whatever depends on what, and finds that nothing is left. */
  async end(): Promise<void> {
    await this.idle()
    await this.compareAll()
    const { datasets, store } = this.volume
    while (this.model.size > 0) {
      const { name, real } = this.pick()
      const needed = real.snapshots.list().some((one) => this.clonesOf(real, one.name) !== 'none')
      if (needed) {
        const ids = new Set(real.snapshots.list().map(({ id }) => id))
        for (const { dataset } of datasets.all) {
          if (!ids.has(dataset.record.origin?.snapshot ?? 0)) continue
          await datasets.promote(dataset.record.name)
        }
        await this.compareAll()
      }
      await datasets.delete(name, true)
      this.model.delete(name)
    }
    assert.is(store.spaceMap.usedBlocks, 0)
    await sound(this.volume)
  }
}
