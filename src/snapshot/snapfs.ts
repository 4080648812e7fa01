/**
 * The file system that clients see: a live dataset, the views of its snapshots, and `.snapshots`
 * in every directory, each call handed to the one that its id belongs to.
 */
import type { ReadBuffers } from '../fs/data-buffers.ts'
import { FsError } from '../fs/error.ts'
import {
  type Attributes,
  type Awaitable,
  type Change,
  type CreateHow,
  type Cred,
  type DeviceNumber,
  type DirectoryEntry,
  type FileId,
  type FileSystem,
  FileType,
  type Found,
  type Lookup,
  type Made,
  type Packing,
  type ReaddirResult,
  type ReadResult,
  type SetAttributes,
  type StableHow,
  type Statfs,
  type Time,
  type WriteResult,
} from '../fs/filesystem.ts'
import type { Snapshot } from '../store/dataset.ts'
import type { Store } from '../store/store.ts'
import { isSnapdirName, Snapdir } from './snapdir.ts'
import type { Snapshots } from './snapshots.ts'
import { ViewFileSystem } from './view.ts'

/** Views kept open: each keeps some thousand old records decoded. */
const VIEWS_MAX = 16
const DOT = Buffer.from('.')

export class SnapFileSystem implements FileSystem {
  readonly #live: FileSystem
  readonly #store: Store
  readonly #snapshots: Snapshots
  readonly #buffers: ReadBuffers
  readonly #snapdir: Snapdir
  /** By the snapshot's number, the one used last at the end. */
  readonly #views = new Map<number, ViewFileSystem>()

  constructor(live: FileSystem, store: Store, snapshots: Snapshots, buffers: ReadBuffers) {
    this.#live = live
    this.#store = store
    this.#snapshots = snapshots
    this.#buffers = buffers
    this.#snapdir = new Snapdir({
      live: (id) => live.getattr(id),
      snapshots: (id, after) => this.#pasts(id, after),
      find: (id, name) => {
        const snapshot = snapshots.findBytes(name)
        return snapshot !== undefined && this.#existed(id, snapshot) ? snapshot : undefined
      },
      past: (id, snapshot) => this.#past(id, snapshot),
      changed: () => snapshots.changed,
      rules: ({ uid }) => uid === 0 || uid === live.getattr(live.root()).uid,
      create: (name) => snapshots.create(name),
      delete: (snapshot) => snapshots.deleteInBackground([snapshot]),
    })
  }

  // Who answers.

  /** The view of a snapshot. @throws FsError STALE where it is deleted */
  view(id: number): ViewFileSystem {
    const snapshot = this.#snapshots.byId(id)
    if (snapshot === undefined) {
      this.#views.delete(id)
      throw new FsError('STALE')
    }
    const known = this.#views.get(id)
    const { dataset } = this.#snapshots
    const view =
      known ?? new ViewFileSystem(this.#store, dataset, snapshot, this.#live, this.#buffers)
    this.#views.delete(id)
    this.#views.set(id, view)
    const [oldest] = this.#views.keys()
    if (this.#views.size > VIEWS_MAX && oldest !== undefined) this.#views.delete(oldest)
    return view
  }

  /** The file system of a file, `.snapshots` aside. */
  #of(id: FileId): FileSystem {
    return id.snapshot === 0 ? this.#live : this.view(id.snapshot)
  }

  /** The file system in which something may be changed. @throws FsError ROFS, STALE */
  #changeable(id: FileId): FileSystem {
    if (id.snapdir) {
      this.#snapdir.attributes(id)
      throw new FsError('ROFS')
    }
    if (id.snapshot !== 0) {
      this.getattr(id)
      throw new FsError('ROFS')
    }
    return this.#live
  }

  /** As `#changeable`, for a name that comes into being. @throws FsError EXIST where it is reserved */
  #for(dir: FileId, name: Uint8Array): FileSystem {
    const fs = this.#changeable(dir)
    if (isSnapdirName(name)) throw new FsError('EXIST')
    return fs
  }

  /** As `#changeable`, for a name that goes. @throws FsError ACCES where it is reserved */
  #without(dir: FileId, name: Uint8Array): FileSystem {
    const fs = this.#changeable(dir)
    if (isSnapdirName(name)) throw new FsError('ACCES')
    return fs
  }

  *#pasts(id: FileId, after: number): Generator<Snapshot> {
    for (const snapshot of this.#snapshots.list()) {
      if (snapshot.id > after && this.#existed(id, snapshot)) yield snapshot
    }
  }

  #existed(id: FileId, snapshot: Snapshot): boolean {
    const inode = this.#snapshots.dataset.at(snapshot.epoch).inodes.get(id.ino)
    return inode?.type === FileType.DIR && inode.generation === id.generation
  }

  #past(id: FileId, snapshot: Snapshot): Found {
    const past = { ...id, snapshot: snapshot.id }
    return { id: past, attributes: this.view(snapshot.id).getattr(past) }
  }

  // Reading.

  root(): FileId {
    return this.#live.root()
  }

  get writeVerifier(): Uint8Array {
    return this.#live.writeVerifier
  }

  getattr(id: FileId): Attributes {
    return id.snapdir ? this.#snapdir.attributes(id) : this.#of(id).getattr(id)
  }

  lookup(cred: Cred, dir: FileId, name: Uint8Array): Lookup {
    if (dir.snapdir) return this.#snapdir.lookup(dir, name)
    if (dir.snapshot !== 0 || !isSnapdirName(name)) return this.#of(dir).lookup(cred, dir, name)
    // Whoever may search the directory may look at its past.
    const { dirAttributes } = this.#live.lookup(cred, dir, DOT)
    const id = this.#snapdir.of(dir)
    return { id, attributes: this.#snapdir.attributes(id), dirAttributes }
  }

  access(cred: Cred, id: FileId, mask: number): number {
    return id.snapdir ? this.#snapdir.access(cred, id, mask) : this.#of(id).access(cred, id, mask)
  }

  readlink(cred: Cred, id: FileId): Uint8Array {
    if (id.snapdir) throw new FsError('INVAL')
    return this.#of(id).readlink(cred, id)
  }

  read(cred: Cred, id: FileId, offset: number, count: number): Awaitable<ReadResult> {
    if (id.snapdir) throw new FsError('ISDIR')
    return this.#of(id).read(cred, id, offset, count)
  }

  readdir(
    cred: Cred,
    dir: FileId,
    cookie: number,
    plus: boolean,
    emit: (entry: DirectoryEntry) => boolean,
    packing?: Packing,
  ): ReaddirResult {
    if (dir.snapdir) return this.#snapdir.readdir(dir, cookie, emit)
    return this.#of(dir).readdir(cred, dir, cookie, plus, emit, packing)
  }

  statfs(id: FileId): Statfs {
    if (!id.snapdir) return this.#of(id).statfs(id)
    this.#snapdir.attributes(id)
    return this.#live.statfs(this.#live.root())
  }

  // Changes: of live files alone, and MKDIR and RMDIR in `.snapshots`.

  setattr(cred: Cred, id: FileId, set: SetAttributes, guard?: Time): Change {
    return this.#changeable(id).setattr(cred, id, set, guard)
  }

  write(
    cred: Cred,
    id: FileId,
    offset: number,
    data: Uint8Array,
    stable: StableHow,
  ): Awaitable<WriteResult> {
    return this.#changeable(id).write(cred, id, offset, data, stable)
  }

  create(cred: Cred, dir: FileId, name: Uint8Array, how: CreateHow): Made {
    return this.#for(dir, name).create(cred, dir, name, how)
  }

  mkdir(cred: Cred, dir: FileId, name: Uint8Array, attributes: SetAttributes): Made {
    if (dir.snapdir) return this.#snapdir.mkdir(cred, dir, name)
    return this.#for(dir, name).mkdir(cred, dir, name, attributes)
  }

  symlink(
    cred: Cred,
    dir: FileId,
    name: Uint8Array,
    target: Uint8Array,
    attributes: SetAttributes,
  ): Made {
    return this.#for(dir, name).symlink(cred, dir, name, target, attributes)
  }

  mknod(
    cred: Cred,
    dir: FileId,
    name: Uint8Array,
    type: FileType,
    rdev: DeviceNumber,
    attributes: SetAttributes,
  ): Made {
    return this.#for(dir, name).mknod(cred, dir, name, type, rdev, attributes)
  }

  remove(cred: Cred, dir: FileId, name: Uint8Array): Change {
    return this.#without(dir, name).remove(cred, dir, name)
  }

  rmdir(cred: Cred, dir: FileId, name: Uint8Array): Change {
    if (dir.snapdir) return this.#snapdir.rmdir(cred, dir, name)
    return this.#without(dir, name).rmdir(cred, dir, name)
  }

  rename(
    cred: Cred,
    from: FileId,
    fromName: Uint8Array,
    to: FileId,
    toName: Uint8Array,
  ): { readonly from: Change; readonly to: Change } {
    this.#without(from, fromName)
    return this.#for(to, toName).rename(cred, from, fromName, to, toName)
  }

  link(
    cred: Cred,
    id: FileId,
    dir: FileId,
    name: Uint8Array,
  ): { readonly attributes: Attributes; readonly dir: Change } {
    return this.#for(dir, name).link(cred, id, dir, name)
  }

  commit(cred: Cred, id: FileId): Change {
    if (id.snapdir) throw new FsError('ISDIR')
    return this.#of(id).commit(cred, id)
  }

  barrier(done: (error?: FsError) => void): void {
    this.#live.barrier(done)
  }

  get behind(): boolean {
    return this.#live.behind
  }
}
