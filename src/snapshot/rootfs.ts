/**
 * The file system that clients see: all datasets, each call handed to the one that its id belongs
 * to. The root directory of the root dataset shows the others as directories:
 *
 *   /                 the root dataset
 *   /projects/        another dataset, with an fsid of its own: a mount point to the client
 *
 * Such a name is no entry of the root directory: it can be neither removed nor renamed, and nothing
 * else can be given it. Links and renames from one dataset to another are refused (XDEV).
 *
 * Cookies: names of the root directory have those of their entries; datasets follow, each with
 * COOKIE_BASE plus its number.
 */
import { FsError } from '../fs/error.ts'
import type {
  Attributes,
  Awaitable,
  Change,
  CreateHow,
  Cred,
  DeviceNumber,
  DirectoryEntry,
  FileId,
  FileSystem,
  FileType,
  Lookup,
  Made,
  Packing,
  ReaddirResult,
  ReadResult,
  SetAttributes,
  StableHow,
  Statfs,
  Time,
  WriteResult,
} from '../fs/filesystem.ts'
import type { Datasets } from './datasets.ts'
import type { OpenDataset } from './open-dataset.ts'

/** Above every cookie that an entry of a directory can have. */
const COOKIE_BASE = 2 ** 52
const DOT = Buffer.from('.')

export class RootFileSystem implements FileSystem {
  readonly #datasets: Datasets
  readonly #root: OpenDataset
  readonly #rootIno: number

  constructor(datasets: Datasets) {
    this.#datasets = datasets
    this.#root = datasets.root
    this.#rootIno = datasets.root.dataset.root
  }

  /** @throws FsError STALE where the dataset is gone */
  #of({ dataset }: FileId): FileSystem {
    if (dataset === this.#root.dataset.id) return this.#root.fs
    const found = this.#datasets.byId(dataset)
    if (found === undefined) throw new FsError('STALE')
    return found.fs
  }

  /** The dataset that is seen under a name, where the directory is the root directory. */
  #seen(dir: FileId, name: Uint8Array): OpenDataset | undefined {
    if (dir.ino !== this.#rootIno || dir.snapshot !== 0 || dir.snapdir) return undefined
    return dir.dataset === this.#root.dataset.id ? this.#datasets.findBytes(name) : undefined
  }

  /** @throws FsError EXIST where a dataset has the name */
  #for(dir: FileId, name: Uint8Array): FileSystem {
    const fs = this.#of(dir)
    if (this.#seen(dir, name) !== undefined) {
      fs.getattr(dir)
      throw new FsError('EXIST')
    }
    return fs
  }

  /** @throws FsError ACCES where a dataset has the name: it goes by another way */
  #without(dir: FileId, name: Uint8Array): FileSystem {
    const fs = this.#of(dir)
    if (this.#seen(dir, name) !== undefined) {
      fs.getattr(dir)
      throw new FsError('ACCES')
    }
    return fs
  }

  root(): FileId {
    return this.#root.fs.root()
  }

  get writeVerifier(): Uint8Array {
    return this.#root.fs.writeVerifier
  }

  getattr(id: FileId): Attributes {
    return this.#of(id).getattr(id)
  }

  lookup(cred: Cred, dir: FileId, name: Uint8Array): Lookup {
    const fs = this.#of(dir)
    const seen = this.#seen(dir, name)
    if (seen === undefined) return fs.lookup(cred, dir, name)
    // Who may search the root directory finds the dataset.
    const { dirAttributes } = fs.lookup(cred, dir, DOT)
    const id = seen.fs.root()
    return { id, attributes: seen.fs.getattr(id), dirAttributes }
  }

  access(cred: Cred, id: FileId, mask: number): number {
    return this.#of(id).access(cred, id, mask)
  }

  readlink(cred: Cred, id: FileId): Uint8Array {
    return this.#of(id).readlink(cred, id)
  }

  read(cred: Cred, id: FileId, offset: number, count: number): Awaitable<ReadResult> {
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
    const listed = this.#of(dir).readdir(cred, dir, cookie, plus, emit, packing)
    const isRoot = dir.ino === this.#rootIno && dir.dataset === this.#root.dataset.id
    if (!listed.eof || !isRoot || dir.snapshot !== 0 || dir.snapdir) return listed
    return { ...listed, eof: this.#emitDatasets(cookie, emit) }
  }

  /**
   * A dataset's handle and attributes are left out: they belong to another file system, which the
   * client enters by a LOOKUP.
   */
  #emitDatasets(after: number, emit: (entry: DirectoryEntry) => boolean): boolean {
    for (const { dataset, name } of this.#datasets.all) {
      const cookie = COOKIE_BASE + dataset.id
      if (name === '' || cookie <= after) continue
      const entry = { fileid: dataset.root, name: Buffer.from(name), cookie, found: undefined }
      if (!emit(entry)) return false
    }
    return true
  }

  statfs(id: FileId): Statfs {
    return this.#of(id).statfs(id)
  }

  setattr(cred: Cred, id: FileId, set: SetAttributes, guard?: Time): Change {
    return this.#of(id).setattr(cred, id, set, guard)
  }

  write(
    cred: Cred,
    id: FileId,
    offset: number,
    data: Uint8Array,
    stable: StableHow,
  ): Awaitable<WriteResult> {
    return this.#of(id).write(cred, id, offset, data, stable)
  }

  create(cred: Cred, dir: FileId, name: Uint8Array, how: CreateHow): Made {
    return this.#for(dir, name).create(cred, dir, name, how)
  }

  mkdir(cred: Cred, dir: FileId, name: Uint8Array, attributes: SetAttributes): Made {
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
    return this.#without(dir, name).rmdir(cred, dir, name)
  }

  rename(
    cred: Cred,
    from: FileId,
    fromName: Uint8Array,
    to: FileId,
    toName: Uint8Array,
  ): { readonly from: Change; readonly to: Change } {
    const fs = this.#without(from, fromName)
    if (from.dataset !== to.dataset) {
      fs.lookup(cred, from, fromName)
      this.getattr(to)
      throw new FsError('XDEV')
    }
    return this.#for(to, toName).rename(cred, from, fromName, to, toName)
  }

  link(
    cred: Cred,
    id: FileId,
    dir: FileId,
    name: Uint8Array,
  ): { readonly attributes: Attributes; readonly dir: Change } {
    if (id.dataset !== dir.dataset) {
      this.getattr(id)
      this.getattr(dir)
      throw new FsError('XDEV')
    }
    return this.#for(dir, name).link(cred, id, dir, name)
  }

  commit(cred: Cred, id: FileId): Change {
    return this.#of(id).commit(cred, id)
  }

  barrier(done: (error?: FsError) => void): void {
    this.#root.fs.barrier(done)
  }

  get behind(): boolean {
    return this.#root.fs.behind
  }
}
