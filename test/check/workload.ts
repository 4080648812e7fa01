/** Random work on a volume, with snapshots, restores and deletions of snapshots. */
import { FsError } from '../../src/fs/error.ts'
import type { FileSystem, StableHow } from '../../src/fs/filesystem.ts'
import type { OpenDataset } from '../../src/snapshot/open-dataset.ts'
import { Restore } from '../../src/snapshot/restore.ts'
import type { Store } from '../../src/store/store.ts'
import { bytes, Client, ROOT } from '../fs/client.ts'
import type { Random } from '../model/random.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e', 'L'.repeat(200), '\xff x']
const SNAPSHOTS_MAX = 6
const MIB = 2 ** 20
const HOT = '/hot'
const WIDE_CHUNKS = 300
/** Offsets around which files change. */
const PLACES = [0, 2048, 4096, 65_536, MIB, 3 * MIB, 600 * MIB]

/** Where work is done: a volume, which stands for its root dataset, or another dataset. */
export interface Workplace extends Pick<OpenDataset, 'data' | 'live' | 'snapshots'> {
  readonly store: Store
  readonly fs: FileSystem
}

export class Workload {
  readonly random: Random
  readonly volume: Workplace
  readonly log: string[] = []
  readonly #background: Promise<void>[] = []

  constructor(volume: Workplace, random: Random) {
    this.volume = volume
    this.random = random
  }

  get client(): Client {
    return new Client(this.volume.fs, this.volume.fs.root())
  }

  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      const [name, action] = this.random.pick(this.#actions())
      this.log.push(name)
      try {
        await action()
      } catch (error) {
        if (!(error instanceof FsError)) throw error
        this.log.push(`  ${error.code}`)
      }
    }
  }

  /** Waits for what goes on in the background. */
  async ended(): Promise<void> {
    await Promise.all(this.#background)
  }

  /** Waits, and makes all data part of the store. */
  async settled(): Promise<void> {
    await this.ended()
    this.volume.data.settleAll()
  }

  #actions(): readonly (readonly [string, () => void | Promise<void>])[] {
    const { client } = this
    const some = (): string => this.#path()
    return [
      ...times(6, ['create', () => void client.create(this.#place())] as const),
      ...times(3, ['mkdir', () => void client.mkdir(this.#place())] as const),
      ['symlink', () => void client.symlink(this.#place(), 'target')],
      ...times(3, ['link', () => client.link(some(), this.#place())] as const),
      ...times(4, ['remove', () => client.remove(some())] as const),
      ...times(2, ['rmdir', () => client.rmdir(some())] as const),
      ...times(5, ['rename', () => client.rename(some(), this.#place())] as const),
      ...times(10, ['write', () => this.#write(some())] as const),
      ...times(4, ['truncate', () => client.set(some(), { size: this.#offset() })] as const),
      ['empty', () => client.set(some(), { size: 0 })],
      ['commit', () => void client.fs.commit(ROOT, client.id(some()))],
      ['many', () => this.#many(some())],
      ['wide', () => this.#wide(some())],
      ...times(8, ['hot', () => this.#hot()] as const),
      ['flush', () => this.volume.store.flush()],
      ['checkpoint', () => this.volume.store.checkpoint()],
      ...times(2, ['snapshot', () => this.#snapshot()] as const),
      ['delete snapshot', () => this.#deleteSnapshot()],
      ...times(2, ['restore', () => this.#restore()] as const),
      ['restore meanwhile', () => this.#meanwhile(this.#restore())],
    ]
  }

  /** A path that is there, of any file. */
  #path(): string {
    let path = ''
    for (;;) {
      const found = this.client.find(path)
      const names = found.attributes.type === 2 ? this.client.names(path) : []
      if (names.length === 0 || (path !== '' && this.random.oneIn(3))) return path
      path = `${path}/${this.random.pick(names)}`
    }
  }

  /** A name, there or not, of a directory that is there. */
  #place(): string {
    const path = this.#path()
    const dir = this.client.stat(path).type === 2 ? path : path.slice(0, path.lastIndexOf('/'))
    return `${dir}/${this.random.pick(NAMES)}`
  }

  #offset(): number {
    return Math.max(0, this.random.pick(PLACES) + this.random.below(5000) - 2500)
  }

  async #write(path: string): Promise<void> {
    const length = this.random.pick([10, 1000, 3000, 5000, 70_000, 1_200_000])
    const data = new Uint8Array(1 + this.random.below(length)).fill(this.random.below(256))
    const stable = this.random.pick([0, 0, 2] as StableHow[])
    await this.client.write(path, this.#offset(), data, stable)
  }

  /** Fills a directory, so that it has many pages, or empties it. */
  #many(path: string): void {
    const { client } = this
    const count = this.random.pick([40, 100, 700])
    for (let i = 0; i < count; i++) {
      const name = `${path}/many ${i}`
      if (client.has(name)) client.remove(name)
      else client.create(name)
    }
  }

  #snapshot(): void {
    if (this.volume.snapshots.list().length >= SNAPSHOTS_MAX) return
    this.volume.snapshots.create(`snapshot ${this.random.uint32()}`)
  }

  #deleteSnapshot(): void {
    const snapshots = this.volume.snapshots.list()
    if (snapshots.length === 0) return
    this.#meanwhile(this.volume.snapshots.delete(this.random.pick(snapshots).name))
  }

  /** Leaves something to itself, so that other work goes on meanwhile. */
  #meanwhile(work: Promise<void>): void {
    const refused = (error: unknown): void => {
      if (!(error instanceof FsError)) throw error
      this.log.push(`  meanwhile: ${error.message}`)
    }
    this.#background.push(work.catch(refused))
  }

  /** Writes the same few blocks again and again: each snapshot sees others. */
  async #hot(): Promise<void> {
    if (!this.client.has(HOT)) this.client.create(HOT)
    const data = new Uint8Array(4096 * (1 + this.random.below(2))).fill(this.random.below(256))
    await this.client.write(HOT, this.random.below(4) * 4096, data, 2)
  }

  /** Makes a file of so many chunks that it is restored, cut and freed in several steps. */
  async #wide(path: string): Promise<void> {
    for (let i = 0; i < WIDE_CHUNKS; i++) {
      await this.client.write(path, i * MIB + 5000, new Uint8Array(10).fill(i))
    }
  }

  async #restore(): Promise<void> {
    const snapshots = this.volume.snapshots.list()
    if (snapshots.length === 0) return
    const request = {
      snapshot: this.random.pick(snapshots).name,
      paths: [bytes(this.#path().slice(1))],
      to: this.random.oneIn(2) ? undefined : bytes(this.#place().slice(1)),
      overwrite: this.random.pick(['never', 'if-changed', 'always'] as const),
    }
    const restore = new Restore(this.volume.live, this.volume.snapshots, request, () => undefined)
    await restore.run()
  }
}

function times<T>(count: number, item: T): T[] {
  return Array.from({ length: count }, () => item)
}
