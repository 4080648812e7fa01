/**
 * A FileSystem in memory, small and plain: just enough to provoke every procedure and status.
 * What a real one can only answer in trouble is put in `faults`, by the name of the method.
 */
import { FsError } from '../../src/fs/error.ts'
import {
  type Awaitable,
  type Change,
  type CreateHow,
  type Cred,
  type DeviceNumber,
  type DirectoryEntry,
  FILE_BYTES_MAX,
  type FileId,
  type FileSystem,
  FileType,
  type Found,
  LINK_MAX,
  type Lookup,
  type Made,
  type ReadResult,
  type SetAttributes,
  type StableHow,
  type Time,
  type WriteResult,
} from '../../src/fs/filesystem.ts'
import { EXECUTE, MemoryNodes, READ, text, WRITE } from './memorynodes.ts'

export class MemoryFs extends MemoryNodes implements FileSystem {
  setattr(cred: Cred, id: FileId, set: SetAttributes, guard?: Time): Change {
    this.enter('setattr', cred)
    const node = this.node(id)
    const { ctime, uid, size } = node.attributes
    if (guard && (guard.seconds !== ctime.seconds || guard.nseconds !== ctime.nseconds)) {
      throw new FsError('NOT_SYNC')
    }
    if (cred.uid !== 0 && cred.uid !== uid) throw new FsError('PERM')
    if (set.size !== undefined && set.size > FILE_BYTES_MAX) throw new FsError('FBIG')
    const now = this.now()
    return this.change(node, () => {
      const data = new Uint8Array(set.size ?? size)
      data.set(node.data.subarray(0, data.length))
      node.data = data
      const { mode = node.attributes.mode, uid: owner = uid, gid = node.attributes.gid } = set
      const { atime = node.attributes.atime, mtime = node.attributes.mtime } = set
      node.attributes = {
        ...node.attributes,
        ...{ mode, uid: owner, gid, size: data.length },
        ...{ atime: atime === 'now' ? now : atime, mtime: mtime === 'now' ? now : mtime },
      }
    })
  }

  lookup(cred: Cred, dir: FileId, name: Uint8Array): Lookup {
    this.enter('lookup', cred)
    const parent = this.directory(cred, dir, EXECUTE)
    const found = this.find(parent, name)
    if (found === undefined) throw new FsError('NOENT')
    return { ...found, dirAttributes: parent.attributes }
  }

  access(cred: Cred, id: FileId, mask: number): number {
    this.enter('access', cred)
    const node = this.node(id)
    const bits = [READ, EXECUTE, WRITE, WRITE, WRITE, EXECUTE]
    return (
      bits.reduce((sum, need, i) => sum + (this.allows(cred, node, need) ? 1 << i : 0), 0) & mask
    )
  }

  readlink(cred: Cred, id: FileId): Uint8Array {
    this.enter('readlink', cred)
    const node = this.node(id)
    if (node.attributes.type !== FileType.LNK) throw new FsError('INVAL')
    return node.data
  }

  read(cred: Cred, id: FileId, offset: number, count: number): Awaitable<ReadResult> {
    this.enter('read', cred)
    const { data, attributes } = this.file(cred, id, READ)
    const release = () => {
      this.released++
    }
    const end = Math.min(offset + count, data.length)
    const eof = end === data.length || offset >= data.length
    return this.answer({ data: data.subarray(offset, end), eof, attributes, release })
  }

  write(
    cred: Cred,
    id: FileId,
    offset: number,
    data: Uint8Array,
    _stable: StableHow,
  ): Awaitable<WriteResult> {
    this.enter('write', cred)
    const node = this.file(cred, id, WRITE)
    if (offset + data.length > FILE_BYTES_MAX) throw new FsError('FBIG')
    this.lastData = data
    const change = this.change(node, () => {
      const bytes = new Uint8Array(Math.max(node.data.length, offset + data.length))
      bytes.set(node.data)
      bytes.set(data, offset)
      node.data = bytes
      node.attributes = { ...node.attributes, size: bytes.length, mtime: this.now() }
    })
    return this.answer({ count: data.length, change })
  }

  create(cred: Cred, dir: FileId, name: Uint8Array, how: CreateHow): Made {
    this.enter('create', cred)
    const parent = this.directory(cred, dir, WRITE)
    const found = this.find(parent, name)
    if (found === undefined) {
      const made = this.add(
        parent,
        name,
        FileType.REG,
        cred,
        how.mode === 'EXCLUSIVE' ? {} : how.attributes,
      )
      if (how.mode === 'EXCLUSIVE') this.node(made.id).verifier = text(how.verifier)
      return made
    }
    const same = how.mode === 'EXCLUSIVE' && this.node(found.id).verifier === text(how.verifier)
    if (how.mode !== 'UNCHECKED' && !same) throw new FsError('EXIST')
    return { ...found, dir: { before: parent.attributes, after: parent.attributes } }
  }

  mkdir(cred: Cred, dir: FileId, name: Uint8Array, attributes: SetAttributes): Made {
    this.enter('mkdir', cred)
    return this.add(this.directory(cred, dir, WRITE), name, FileType.DIR, cred, attributes)
  }

  symlink(cred: Cred, dir: FileId, name: Uint8Array, target: Uint8Array, set: SetAttributes): Made {
    this.enter('symlink', cred)
    const made = this.add(this.directory(cred, dir, WRITE), name, FileType.LNK, cred, set)
    this.node(made.id).data = Uint8Array.from(target)
    return made
  }

  mknod(
    cred: Cred,
    dir: FileId,
    name: Uint8Array,
    type: FileType,
    rdev: DeviceNumber,
    set: SetAttributes,
  ): Made {
    this.enter('mknod', cred)
    const made = this.add(this.directory(cred, dir, WRITE), name, type, cred, set)
    const node = this.node(made.id)
    node.attributes = { ...node.attributes, rdev }
    return { ...made, attributes: node.attributes }
  }

  remove(cred: Cred, dir: FileId, name: Uint8Array): Change {
    this.enter('remove', cred)
    return this.unlink(cred, dir, name, (type) => {
      if (type === FileType.DIR) throw new FsError('ISDIR')
    })
  }

  rmdir(cred: Cred, dir: FileId, name: Uint8Array): Change {
    this.enter('rmdir', cred)
    if (text(name) === '.') throw new FsError('INVAL')
    if (text(name) === '..') throw new FsError('EXIST')
    return this.unlink(cred, dir, name, (type, node) => {
      if (type !== FileType.DIR) throw new FsError('NOTDIR')
      if (node.entries.size > 0) throw new FsError('NOTEMPTY')
    })
  }

  rename(cred: Cred, from: FileId, fromName: Uint8Array, to: FileId, toName: Uint8Array) {
    this.enter('rename', cred)
    const source = this.directory(cred, from, WRITE)
    const target = this.directory(cred, to, WRITE)
    const found = source.entries.get(text(fromName))
    if (found === undefined) throw new FsError('NOENT')
    const before = { from: source.attributes, to: target.attributes }
    this.change(source, () => source.entries.delete(text(fromName)))
    this.change(target, () =>
      target.entries.set(text(toName), { ...found, cookie: ++target.cookies }),
    )
    return {
      from: { before: before.from, after: source.attributes },
      to: { before: before.to, after: target.attributes },
    }
  }

  link(cred: Cred, id: FileId, dir: FileId, name: Uint8Array) {
    this.enter('link', cred)
    const node = this.node(id)
    const parent = this.directory(cred, dir, WRITE)
    if (parent.entries.has(text(name))) throw new FsError('EXIST')
    if (node.attributes.nlink === LINK_MAX) throw new FsError('MLINK')
    this.change(node, () => {
      node.attributes = { ...node.attributes, nlink: node.attributes.nlink + 1 }
    })
    const entry = { ino: id.ino, cookie: ++parent.cookies }
    const changed = this.change(parent, () => parent.entries.set(text(name), entry))
    return { attributes: node.attributes, dir: changed }
  }

  readdir(
    cred: Cred,
    dir: FileId,
    cookie: number,
    plus: boolean,
    emit: (entry: DirectoryEntry) => boolean,
  ) {
    this.enter('readdir', cred)
    const node = this.directory(cred, dir, READ)
    const all = [
      ['.', { ino: dir.ino, cookie: 1 }],
      ['..', { ino: node.parent, cookie: 2 }],
    ] as const
    let eof = true
    for (const [name, entry] of [...all, ...node.entries]) {
      if (entry.cookie <= cookie) continue
      const { id, attributes } = this.node({ ino: entry.ino, generation: 1 })
      const found: Found | undefined = plus ? { id, attributes } : undefined
      const { ino: fileid, cookie: at } = entry
      eof = emit({ fileid, name: Buffer.from(name, 'latin1'), cookie: at, found })
      if (!eof) break
    }
    return { eof, attributes: node.attributes }
  }

  statfs() {
    this.fault('statfs')
    return {
      tbytes: 2 ** 40,
      fbytes: 2 ** 39,
      abytes: 2 ** 38,
      tfiles: 1000,
      ffiles: 900,
      afiles: 800,
    }
  }

  commit(cred: Cred, id: FileId): Change {
    this.enter('commit', cred)
    const { attributes } = this.node(id)
    return { before: attributes, after: attributes }
  }

  behind = false

  barrier(done: (error?: FsError) => void): void {
    this.barriers++
    if (this.held !== undefined) this.held.push(done)
    else if (this.barrierError !== undefined) done(this.barrierError)
    else done()
  }
}
