/** A snapshot as a FileSystem: what readfs.ts reads, at its epoch; every change is ROFS. */

import type { ReadBuffers } from '../fs/data-buffers.ts'
import { ContentReader } from '../fs/data-read.ts'
import { FsError } from '../fs/error.ts'
import type { Change, FileId, FileSystem, Statfs } from '../fs/filesystem.ts'
import { Inodes } from '../fs/inodes.ts'
import { ReadableFileSystem } from '../fs/readfs.ts'
import type { Dataset, Reader, Snapshot } from '../store/dataset.ts'
import type { Store } from '../store/store.ts'

const readOnly = (): never => {
  throw new FsError('ROFS', 'a snapshot never changes')
}

export class ViewFileSystem extends ReadableFileSystem implements FileSystem {
  /** The records of the dataset at the snapshot's epoch. */
  readonly reader: Reader
  readonly #live: FileSystem

  /** @param live answers what a snapshot has in common with its dataset: space, and barriers */
  constructor(
    store: Store,
    dataset: Dataset,
    snapshot: Snapshot,
    live: FileSystem,
    buffers: ReadBuffers,
  ) {
    const reader = dataset.at(snapshot.epoch)
    const fsid = store.fsid(snapshot.id)
    const place = { dataset: dataset.id, snapshot: snapshot.id, fsid, root: dataset.root }
    super(new Inodes(place, reader, new ContentReader(reader, store.blocks, buffers)), true)
    this.reader = reader
    this.#live = live
  }

  get writeVerifier(): Uint8Array {
    return this.#live.writeVerifier
  }

  /** Nothing can be added to a snapshot: no space is free in it. */
  statfs(id: FileId): Statfs {
    this.inodes.resolve(id)
    const { tbytes, fbytes, tfiles, ffiles } = this.#live.statfs(this.#live.root())
    const none = { fbytes: 0, abytes: 0, ffiles: 0, afiles: 0 }
    return { ...none, tbytes: tbytes - fbytes, tfiles: tfiles - ffiles }
  }

  setattr = readOnly
  write = readOnly
  create = readOnly
  mkdir = readOnly
  symlink = readOnly
  mknod = readOnly
  remove = readOnly
  rmdir = readOnly
  rename = readOnly
  link = readOnly

  /** Everything in a snapshot is on stable storage with the snapshot itself. */
  commit(_cred: unknown, id: FileId): Change {
    const attributes = this.getattr(id)
    return { before: attributes, after: attributes }
  }

  barrier(done: (error?: FsError) => void): void {
    this.#live.barrier(done)
  }

  get behind(): boolean {
    return this.#live.behind
  }
}
