/** The two sides of bench/btrfs.ts: the same tree, the same changes, each durable at its end. */
import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { Diff } from '../src/snapshot/diff.ts'
import { Restore } from '../src/snapshot/restore.ts'
import type { Volume } from '../src/volume.ts'
import { dense, MIB } from './dense.ts'
import * as tree from './tree.ts'

export interface Sizes {
  readonly files: number
  readonly changes: number
  /** MiB of the large file. */
  readonly large: number
}

export interface Side {
  /** The tree, in a directory `tree`, and a large file beside it. */
  make(): Promise<void>
  snapshot(name: string): Promise<void>
  /** @param round other files in each */
  change(round: number): Promise<void>
  /** What it prints, or would, is read and counted. */
  diff(from: string, to: string): Promise<void>
  /** A path of the snapshot comes back as another name, without copying data. */
  copy(snapshot: string, path: string, to: string): Promise<void>
  /** Until nothing is left that only the snapshot held. */
  delete(snapshot: string): Promise<void>
  close(): Promise<void>
}

const TREE = 'tree'
export const LARGE = 'large'
const FILE_BYTES = 4096

export class Ours implements Side {
  readonly #volume: Volume
  readonly #sizes: Sizes

  constructor(volume: Volume, sizes: Sizes) {
    this.#volume = volume
    this.#sizes = sizes
  }

  async make(): Promise<void> {
    const volume = this.#volume
    const { id } = volume.fs.mkdir(tree.ROOT, volume.fs.root(), tree.name(TREE), { mode: 0o755 })
    await tree.makeTree(volume, { files: this.#sizes.files, bytes: FILE_BYTES }, id)
    await dense(volume, tree.newFile(volume, LARGE), this.#sizes.large * MIB, 1)
  }

  async snapshot(name: string): Promise<void> {
    this.#volume.snapshots.create(name)
    await this.#volume.store.flush()
  }

  async change(round: number): Promise<void> {
    const { files, changes } = this.#sizes
    const { id } = this.#volume.fs.lookup(tree.ROOT, this.#volume.fs.root(), tree.name(TREE))
    await tree.changeNames(this.#volume, files, changes, { offset: round, top: id })
  }

  async diff(from: string, to: string): Promise<void> {
    const { live, snapshots } = this.#volume
    let told = 0
    for await (const { kind } of new Diff(live, snapshots, { from, to }).entries()) {
      if (kind !== undefined) told++
    }
    if (told !== this.#sizes.changes) throw new Error(`the diff tells of ${told} changes`)
  }

  async copy(snapshot: string, path: string, to: string): Promise<void> {
    const { live, snapshots } = this.#volume
    const where = { snapshot, paths: [tree.name(path)], to: tree.name(to) }
    const request = { ...where, overwrite: 'if-changed' } as const
    const { failed } = await new Restore(live, snapshots, request, () => undefined).run()
    if (failed.length > 0) throw new Error(`could not be restored: ${failed[0]?.reason}`)
  }

  delete(snapshot: string): Promise<void> {
    return this.#volume.snapshots.delete(snapshot)
  }

  close(): Promise<void> {
    return this.#volume.close()
  }
}

export class Btrfs implements Side {
  readonly #mount: string
  readonly #volume: string
  readonly #sizes: Sizes

  constructor(mount: string, sizes: Sizes) {
    this.#mount = mount
    this.#volume = join(mount, 'live')
    this.#sizes = sizes
  }

  #path(file: number, prefix = 'f'): string {
    const directory = `d${Math.floor(file / tree.FILES_PER_DIRECTORY)}`
    return join(this.#volume, TREE, directory, `${prefix}${file}`)
  }

  #sync(): void {
    btrfs('filesystem', 'sync', this.#mount)
  }

  async make(): Promise<void> {
    btrfs('subvolume', 'create', this.#volume)
    const { files, large } = this.#sizes
    for (let i = 0; i < files; i++) {
      const path = this.#path(i)
      if (i % tree.FILES_PER_DIRECTORY === 0) fs.mkdirSync(join(path, '..'), { recursive: true })
      fs.writeFileSync(path, Buffer.alloc(FILE_BYTES, i % 251))
    }
    const file = fs.openSync(join(this.#volume, LARGE), 'w')
    for (let i = 0; i < large; i++) fs.writeSync(file, Buffer.alloc(MIB, 1 + i))
    fs.closeSync(file)
    this.#sync()
  }

  async snapshot(name: string): Promise<void> {
    btrfs('subvolume', 'snapshot', '-r', this.#volume, join(this.#mount, name))
    this.#sync()
  }

  /** As `changeNames` of tree.ts. */
  async change(round: number): Promise<void> {
    let i = 0
    for (const first of tree.spread(this.#sizes.files, this.#sizes.changes)) {
      const file = first + round
      if (i % 4 === 0) fs.unlinkSync(this.#path(file))
      else if (i % 4 === 1) fs.renameSync(this.#path(file), this.#path(file, 'r'))
      else if (i % 4 === 2) fs.chmodSync(this.#path(file), 0o600)
      else fs.closeSync(fs.openSync(this.#path(file, 'n'), 'wx'))
      i++
    }
    this.#sync()
  }

  async diff(from: string, to: string): Promise<void> {
    const [older, newer] = [join(this.#mount, from), join(this.#mount, to)]
    btrfs('send', '--no-data', '-q', '-p', older, '-f', '/dev/null', newer)
  }

  /** What was written since a snapshot, by the numbers of transactions: no names that went. */
  async findNew(from: string): Promise<void> {
    const shown = btrfs('subvolume', 'show', join(this.#mount, from))
    const generation = /^\s*Generation:\s+(\d+)$/m.exec(shown)?.[1] ?? '0'
    btrfs('subvolume', 'find-new', this.#volume, generation)
  }

  async copy(snapshot: string, path: string, to: string): Promise<void> {
    const args = ['-a', '--reflink=always', join(this.#mount, snapshot, path)]
    execFileSync('cp', [...args, join(this.#volume, to)])
    this.#sync()
  }

  async delete(snapshot: string): Promise<void> {
    btrfs('subvolume', 'delete', '--commit-after', join(this.#mount, snapshot))
    // `subvolume sync` looks once a second: this looks all the time.
    while (btrfs('subvolume', 'list', '-d', this.#mount).trim() !== '');
  }

  async close(): Promise<void> {}
}

/** @returns what the command prints */
export function btrfs(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('btrfs', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`btrfs ${args.join(' ')}: ${stderr}`)
  return stdout
}
