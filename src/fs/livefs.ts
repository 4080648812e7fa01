/**
 * The live file system of one dataset: reading as readfs.ts has it, and every change.
 *
 * Each change is one transaction of the store, whole in one turn of the event loop. Reading a file
 * does not move its atime: that would make every READ a change of the file system.
 */
import type { FileType } from '../store/records.ts'
import type { Time } from '../store/time.ts'
import type { FsError } from './error.ts'
import type {
  Attributes,
  Awaitable,
  Change,
  CreateHow,
  Cred,
  DeviceNumber,
  FileId,
  FileSystem,
  Made,
  SetAttributes,
  StableHow,
  Statfs,
  WriteResult,
} from './filesystem.ts'
import type { Live } from './live.ts'
import * as make from './make.ts'
import * as names from './names.ts'
import { ReadableFileSystem } from './readfs.ts'
import { rename } from './rename.ts'
import { setattr } from './setattr.ts'
import { commit, write } from './write.ts'

/** About what the records of a small file take on disk: how many files there is room for. */
const FILE_RECORD_BYTES = 512

interface Room {
  readonly total: number
  readonly free: number
}

/** The room that there is within a quota; 0 is none. */
function limited(room: Room, quota: number, used: number): Room {
  if (quota === 0) return room
  const free = Math.max(0, Math.min(quota - used, room.free))
  return { total: Math.max(free + used, Math.min(quota, room.total)), free }
}

export class LiveFileSystem extends ReadableFileSystem implements FileSystem {
  readonly #live: Live

  constructor(live: Live) {
    super(live, false)
    this.#live = live
  }

  get writeVerifier(): Uint8Array {
    return this.#live.store.verifier
  }

  setattr(cred: Cred, id: FileId, set: SetAttributes, guard?: Time): Change {
    const inode = this.#live.resolve(id)
    return setattr(this.#live, cred, { ino: id.ino, inode }, set, guard)
  }

  write(
    cred: Cred,
    id: FileId,
    offset: number,
    data: Uint8Array,
    stable: StableHow,
  ): Awaitable<WriteResult> {
    return write(this.#live, cred, id, offset, data, stable)
  }

  create(cred: Cred, dir: FileId, name: Uint8Array, how: CreateHow): Made {
    return make.create(this.#live, cred, dir, name, how)
  }

  mkdir(cred: Cred, dir: FileId, name: Uint8Array, attributes: SetAttributes): Made {
    return make.mkdir(this.#live, cred, dir, name, attributes)
  }

  symlink(
    cred: Cred,
    dir: FileId,
    name: Uint8Array,
    target: Uint8Array,
    attributes: SetAttributes,
  ): Made {
    return make.symlink(this.#live, cred, dir, name, target, attributes)
  }

  mknod(
    cred: Cred,
    dir: FileId,
    name: Uint8Array,
    type: FileType,
    rdev: DeviceNumber,
    attributes: SetAttributes,
  ): Made {
    return make.mknod(this.#live, cred, dir, name, type, rdev, attributes)
  }

  remove(cred: Cred, dir: FileId, name: Uint8Array): Change {
    return names.remove(this.#live, cred, dir, name)
  }

  rmdir(cred: Cred, dir: FileId, name: Uint8Array): Change {
    return names.rmdir(this.#live, cred, dir, name)
  }

  rename(
    cred: Cred,
    from: FileId,
    fromName: Uint8Array,
    to: FileId,
    toName: Uint8Array,
  ): { readonly from: Change; readonly to: Change } {
    return rename(this.#live, cred, from, fromName, to, toName)
  }

  link(
    cred: Cred,
    id: FileId,
    dir: FileId,
    name: Uint8Array,
  ): { readonly attributes: Attributes; readonly dir: Change } {
    return names.link(this.#live, cred, id, dir, name)
  }

  statfs(id: FileId): Statfs {
    this.#live.resolve(id)
    const { store, dataset } = this.#live
    const { total, free } = store.space()
    const { quota, usage } = dataset
    const bytes = limited({ total, free }, quota.bytes, usage.bytes)
    const tfiles = Math.floor(total / FILE_RECORD_BYTES)
    const ffiles = Math.floor(free / FILE_RECORD_BYTES)
    const files = limited({ total: tfiles, free: ffiles }, quota.inodes, usage.inodes)
    return {
      ...{ tbytes: bytes.total, fbytes: bytes.free, abytes: bytes.free },
      ...{ tfiles: files.total, ffiles: files.free, afiles: files.free },
    }
  }

  commit(_cred: Cred, id: FileId): Change {
    return commit(this.#live, id)
  }

  barrier(done: (error?: FsError) => void): void {
    this.#live.store.barrier(done)
  }

  get behind(): boolean {
    return this.#live.store.behind
  }
}
