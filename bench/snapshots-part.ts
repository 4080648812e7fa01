/** A part of bench/snapshots.ts: makes a tree of one size, or measures on it. */
import { StableHow } from '../src/fs/filesystem.ts'
import { Diff } from '../src/snapshot/diff.ts'
import { Restore } from '../src/snapshot/restore.ts'
import type { RestoreRequest } from '../src/snapshot/restore-request.ts'
import { Rollback } from '../src/snapshot/rollback.ts'
import type { Snapshots } from '../src/snapshot/snapshots.ts'
import type { Volume } from '../src/volume.ts'
import { type Cost, CountingDisk, Meter, medianCost } from './meter.ts'
import { givenPart } from './parts.ts'
import { peakMemory } from './tables.ts'
import * as tree from './tree.ts'

export interface Part {
  readonly work: 'make' | 'measure'
  readonly directory: string
  readonly files: number
  readonly bytes: number
  readonly changes: number
  /** Of what takes long; what is over at once is done `quickRounds` times. */
  readonly rounds: number
  readonly quickRounds: number
}

export interface Measured {
  readonly files: number
  readonly memory: number
  /** By what was done. */
  readonly costs: Readonly<Record<string, Cost>>
  readonly changesTold: number
}

const WRITE_BYTES = 4096
/** A file beside the tree, for single writes. */
const ONE = tree.name('one')

class Measuring {
  readonly #part: Part
  readonly #volume: Volume
  readonly #snapshots: Snapshots
  readonly #meter: Meter
  readonly #costs = new Map<string, Cost[]>()
  changesTold = 0

  constructor(part: Part, volume: Volume, disk: CountingDisk) {
    this.#part = part
    this.#volume = volume
    this.#snapshots = volume.snapshots
    this.#meter = new Meter(volume, disk)
  }

  get costs(): Record<string, Cost> {
    return Object.fromEntries([...this.#costs].map(([row, all]) => [row, medianCost(all)]))
  }

  async #measure(row: string, work: () => Promise<unknown>): Promise<void> {
    const costs = this.#costs.get(row) ?? []
    this.#costs.set(row, costs)
    costs.push(await this.#meter.cost(work))
  }

  async #create(name: string): Promise<void> {
    this.#snapshots.create(name)
    await this.#volume.store.flush()
  }

  async #write(seed: number): Promise<void> {
    const { fs, store } = this.#volume
    const { id } = fs.lookup(tree.ROOT, fs.root(), ONE)
    const data = Buffer.alloc(WRITE_BYTES, seed)
    await fs.write(tree.ROOT, id, 0, data, StableHow.FILE_SYNC)
    await store.flush()
  }

  async #forgetAll(): Promise<void> {
    await this.#snapshots.deleteAll(this.#snapshots.list())
  }

  async quick(round: number): Promise<void> {
    await this.#measure('create', () => this.#create('s'))
    await this.#measure('first write of 4 KiB after it', () => this.#write(round))
    await this.#measure('second write of it', () => this.#write(round + 100))
    await this.#create('unchanged')
    await this.#measure('delete, nothing changed', () => this.#snapshots.delete('unchanged'))
    await this.#forgetAll()
  }

  async slow(round: number): Promise<void> {
    const { files, changes } = this.#part
    const many = changes.toLocaleString('en')
    await this.#create('s')
    await tree.changeData(this.#volume, files, changes, round)
    await this.#measure(`delete after ${many} changes`, () => this.#snapshots.delete('s'))
    await this.#create('s')
    await tree.changeNames(this.#volume, files, changes)
    await this.#measure(`diff of ${many} changes`, () => this.#diff())
    await this.#write(round)
    await this.#measure('restore of one file', () => this.#restore({ paths: [ONE] }))
    const all = { paths: [new Uint8Array(0)], delete: true }
    await this.#measure(`restore of the tree, ${many} changed`, () => this.#restore(all))
    await tree.changeNames(this.#volume, files, changes)
    await this.#measure(`rollback of ${many} changes`, () => this.#rollback())
    if ((await this.#told()) > 0) throw new Error('the rollback has left something')
    await this.#forgetAll()
  }

  async #diff(): Promise<void> {
    this.changesTold = await this.#told()
  }

  /** How many changes there are since the snapshot. */
  async #told(): Promise<number> {
    const { live } = this.#volume
    let told = 0
    const diff = new Diff(live, this.#snapshots, { from: 's', to: undefined })
    for await (const { kind } of diff.entries()) if (kind !== undefined) told++
    return told
  }

  async #rollback(): Promise<void> {
    const { live } = this.#volume
    const rollback = new Rollback(live, this.#snapshots, { snapshot: 's' }, () => undefined)
    const { failed } = await rollback.run()
    if (failed.length > 0) throw new Error(`could not be rolled back: ${failed[0]?.reason}`)
  }

  async #restore(what: Pick<RestoreRequest, 'paths' | 'delete'>): Promise<void> {
    const request = { ...what, snapshot: 's', to: undefined, overwrite: 'if-changed' as const }
    const progress = () => undefined
    const restore = new Restore(this.#volume.live, this.#snapshots, request, progress)
    const { failed } = await restore.run()
    if (failed.length > 0) throw new Error(`could not be restored: ${failed[0]?.reason}`)
  }
}

async function make({ directory, files, bytes }: Part): Promise<void> {
  const volume = await tree.opened(directory)
  await tree.makeTree(volume, { files, bytes })
  await tree.put(volume, tree.newFile(volume, String(ONE)), 0, WRITE_BYTES, 1)
  await volume.close()
}

async function measure(part: Part): Promise<Measured> {
  const disk = new CountingDisk()
  const volume = await tree.opened(part.directory, disk)
  const measuring = new Measuring(part, volume, disk)
  for (let round = 1; round <= part.quickRounds; round++) await measuring.quick(round)
  for (let round = 1; round <= part.rounds; round++) await measuring.slow(round)
  await volume.close()
  const { costs, changesTold } = measuring
  return { files: part.files, memory: peakMemory(), costs, changesTold }
}

const part = givenPart<Part>()
console.log(JSON.stringify(part.work === 'make' ? await make(part) : await measure(part)) ?? '{}')
