/** A directory on a volume that comes and goes, changed at random while listers read it. */
import { type FileSystem, FileType } from '../../src/fs/filesystem.ts'
import { Volume } from '../../src/volume.ts'
import { assertSound } from '../check/assert-sound.ts'
import type { Random } from '../model/random.ts'
import { Harness } from '../nfs/harness.ts'
import { Lister } from './lister.ts'

const LISTERS_MAX = 4
const LATIN1 = (name: string): Uint8Array => new Uint8Array(Buffer.from(name, 'latin1'))

export class Folder {
  readonly #random: Random
  readonly #directory: string
  readonly #dir: Uint8Array
  readonly #names = new Map<string, number>()
  #volume: Volume
  #nfs: Harness<FileSystem>
  #listers: Lister[] = []
  readonly counts = { listings: 0, restarts: 0, changes: 0 }

  static async open(directory: string, random: Random): Promise<Folder> {
    const volume = await openVolume(directory)
    const nfs = new Harness<FileSystem>(undefined, volume.fs)
    const { obj } = await nfs.ok('MKDIR', {
      where: { dir: nfs.root, name: LATIN1('dir') },
      attributes: {},
    })
    if (obj === undefined) throw new Error('MKDIR gave no handle')
    return new Folder(directory, random, volume, nfs, Uint8Array.from(obj))
  }

  private constructor(
    directory: string,
    random: Random,
    volume: Volume,
    nfs: Harness<FileSystem>,
    dir: Uint8Array,
  ) {
    this.#directory = directory
    this.#random = random
    this.#volume = volume
    this.#nfs = nfs
    this.#dir = dir
  }

  /** The server comes anew. Listers go on behind the cookies that they have. */
  async restart(): Promise<void> {
    await this.#volume.close()
    this.#volume = await openVolume(this.#directory)
    this.#nfs = new Harness<FileSystem>(undefined, this.#volume.fs)
    this.counts.restarts++
  }

  /** Some lister reads its next page; a new one begins where there are few. */
  async list(): Promise<void> {
    if (this.#listers.length < LISTERS_MAX && this.#random.oneIn(3)) {
      this.#listers.push(new Lister(this.#dir, this.#names, this.#random))
    }
    if (this.#listers.length > 0) await this.#step(this.#random.pick(this.#listers))
  }

  async #step(lister: Lister): Promise<void> {
    await lister.step(this.#nfs)
    if (!lister.ended) return
    this.#listers = this.#listers.filter((other) => other !== lister)
    this.counts.listings++
  }

  /** All listers come to their end, and one that nobody disturbs; the store is sound. */
  async end(): Promise<void> {
    this.#listers.push(new Lister(this.#dir, this.#names, this.#random))
    for (let [lister] = this.#listers; lister !== undefined; [lister] = this.#listers) {
      await this.#step(lister)
    }
    await assertSound(this.#volume.store)
  }

  async close(): Promise<void> {
    await this.#volume.close()
  }

  /** Makes a directory that is about as large as `target` a bit larger or smaller. */
  async change(target: number): Promise<void> {
    this.counts.changes++
    const roll = this.#random.below(2 * target)
    if (this.#random.oneIn(40)) this.#skip()
    if (this.#random.oneIn(3)) await this.#rename()
    else if (roll < this.#names.size) await this.#remove()
    else await this.#create()
  }

  /** As though many names had come and gone: the next one lies pages, or bitmaps, further on. */
  #skip(): void {
    const { store } = this.#volume
    const { inodes } = store.dataset
    const { ino } = this.#nfs.handles.decode(this.#dir)
    const inode = inodes.get(ino)
    if (inode === undefined) throw new Error('the directory is gone')
    const nextCookie = inode.nextCookie + 2 ** this.#random.below(28)
    store.transact((tx) => tx.put(inodes, ino, { ...inode, nextCookie }))
  }

  #name(): string {
    const length = this.#random.oneIn(8) ? 1 + this.#random.below(255) : 1 + this.#random.below(3)
    const letters = Array.from(this.#random.bytes(length), (byte) =>
      byte === 0 || byte === 0x2f ? 0x0a : byte,
    )
    const name = Buffer.from(letters).toString('latin1')
    return name === '.' || name === '..' ? 'dot' : name
  }

  #some(): string | undefined {
    if (this.#names.size === 0) return undefined
    return this.#random.pick([...this.#names.keys()])
  }

  async #create(): Promise<void> {
    const name = this.#name()
    if (this.#names.has(name)) return
    const where = { dir: this.#dir, name: LATIN1(name) }
    const { obj_attributes } = this.#random.oneIn(4)
      ? await this.#nfs.ok('MKDIR', { where, attributes: {} })
      : await this.#nfs.ok('CREATE', { where, how: { mode: 'GUARDED', attributes: {} } })
    this.#names.set(name, obj_attributes?.fileid ?? 0)
    for (const lister of this.#listers) lister.came(name)
  }

  async #remove(): Promise<void> {
    const name = this.#some()
    if (name === undefined) return
    const object = { dir: this.#dir, name: LATIN1(name) }
    const { obj_attributes } = await this.#nfs.ok('LOOKUP', { what: object }).then((found) => found)
    await this.#nfs.ok(obj_attributes?.type === FileType.DIR ? 'RMDIR' : 'REMOVE', { object })
    const fileid = this.#names.get(name) ?? 0
    this.#names.delete(name)
    for (const lister of this.#listers) {
      lister.went(name)
      lister.lost(fileid)
    }
  }

  async #rename(): Promise<void> {
    const name = this.#some()
    if (name === undefined) return
    const to = this.#random.oneIn(3) ? (this.#some() ?? name) : this.#name()
    if (to === name) return
    const result = await this.#nfs.call('RENAME', {
      from: { dir: this.#dir, name: LATIN1(name) },
      to: { dir: this.#dir, name: LATIN1(to) },
    })
    // A file does not take the place of a directory, nor the other way round.
    if (!('resok' in result)) return
    const fileid = this.#names.get(name) ?? 0
    const before = this.#names.get(to)
    this.#names.delete(name)
    this.#names.set(to, fileid)
    for (const lister of this.#listers) {
      lister.went(name)
      if (before === undefined) lister.came(to)
      else {
        lister.turned(to)
        lister.lost(before)
        lister.lost(fileid)
      }
    }
  }
}

function openVolume(directory: string): Promise<Volume> {
  const report = (message: string, error: unknown) => console.error(message, error)
  return Volume.open({ directory, create: true, command: 'test', report })
}
