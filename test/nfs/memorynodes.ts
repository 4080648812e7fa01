/** What lies below test/nfs/memoryfs.ts: nodes, names, permissions, and faults on demand. */
import { type Errno, FsError } from '../../src/fs/error.ts'
import {
  type Attributes,
  type Awaitable,
  type Change,
  type Cred,
  type DeviceNumber,
  type FileId,
  type FileSystem,
  FileType,
  type Found,
  type Made,
  NAME_BYTES_MAX,
  type SetAttributes,
  type Time,
} from '../../src/fs/filesystem.ts'

export interface Node {
  readonly id: FileId
  attributes: Attributes
  data: Uint8Array
  /** Name, one character a byte, to inode number and cookie. */
  entries: Map<string, { ino: number; cookie: number }>
  parent: number
  cookies: number
  verifier: string | undefined
}

/** Permission bits of one class. */
export const READ = 4
export const WRITE = 2
export const EXECUTE = 1
const NO_DEVICE: DeviceNumber = { specdata1: 0, specdata2: 0 }
/** Bytes as a string of one character a byte. */
export const text = (name: Uint8Array) => Buffer.from(name).toString('latin1')

export class MemoryNodes {
  readonly nodes = new Map<number, Node>()
  readonly faults = new Map<keyof FileSystem, Errno | Error>()
  writeVerifier: Uint8Array = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
  /** READ and WRITE answer promises, as from a cold disk. */
  later = false
  /** barrier() calls that wait: `undefined` lets each pass at once. */
  held: ((error?: FsError) => void)[] | undefined
  barrierError: FsError | undefined
  barriers = 0
  /** What the last write() was given, as it was given. */
  lastData: Uint8Array | undefined
  lastCred: Cred | undefined
  released = 0
  #tick = 0

  constructor() {
    this.make(FileType.DIR, 0o755, { uid: 0, gid: 0, gids: [] }, 1)
  }

  root = (): FileId => this.node({ ino: 1, generation: 1 }).id

  node(id: Pick<FileId, 'ino' | 'generation'>): Node {
    const node = this.nodes.get(id.ino)
    if (node === undefined || node.id.generation !== id.generation) throw new FsError('STALE')
    return node
  }

  getattr(id: FileId): Attributes {
    this.fault('getattr')
    return this.node(id).attributes
  }

  protected enter(method: keyof FileSystem, cred: Cred): void {
    this.lastCred = cred
    this.fault(method)
  }

  protected fault(method: keyof FileSystem): void {
    const fault = this.faults.get(method)
    if (fault === undefined) return
    throw typeof fault === 'string' ? new FsError(fault) : fault
  }

  protected answer<T>(value: T): Awaitable<T> {
    if (!this.later) return value
    return new Promise((resolve) => setImmediate(resolve, value))
  }

  protected now(): Time {
    this.#tick++
    return { seconds: 1_000_000_000 + this.#tick, nseconds: this.#tick }
  }

  protected allows(cred: Cred, { attributes }: Node, need: number): boolean {
    if (cred.uid === 0) return true
    const shift = cred.uid === attributes.uid ? 6 : cred.gid === attributes.gid ? 3 : 0
    return ((attributes.mode >> shift) & need) === need
  }

  protected directory(cred: Cred, id: FileId, need: number): Node {
    const node = this.node(id)
    if (node.attributes.type !== FileType.DIR) throw new FsError('NOTDIR')
    if (!this.allows(cred, node, need)) throw new FsError('ACCES')
    return node
  }

  protected file(cred: Cred, id: FileId, need: number): Node {
    const node = this.node(id)
    if (node.attributes.type === FileType.DIR) throw new FsError('ISDIR')
    if (node.attributes.type !== FileType.REG) throw new FsError('INVAL')
    if (!this.allows(cred, node, need)) throw new FsError('ACCES')
    return node
  }

  protected find(dir: Node, name: Uint8Array): Found | undefined {
    if (name.length > NAME_BYTES_MAX) throw new FsError('NAMETOOLONG')
    const special = { '.': dir.id.ino, '..': dir.parent }[text(name)]
    const ino = special ?? dir.entries.get(text(name))?.ino
    if (ino === undefined) return undefined
    const { id, attributes } = this.node({ ino, generation: 1 })
    return { id, attributes }
  }

  protected change(node: Node, run: () => void): Change {
    const before = node.attributes
    run()
    node.attributes = { ...node.attributes, ctime: this.now() }
    return { before, after: node.attributes }
  }

  protected make(type: FileType, mode: number, { uid, gid }: Cred, parent: number): Node {
    const ino = this.nodes.size + 1
    const time = this.now()
    const attributes: Attributes = {
      ...{ type, mode, nlink: 1, uid, gid, size: 0, used: 0, rdev: NO_DEVICE },
      ...{ fsid: 7, fileid: ino, atime: time, mtime: time, ctime: time },
    }
    const id: FileId = { dataset: 1, snapshot: 0, snapdir: false, ino, generation: 1 }
    const empty = { data: new Uint8Array(0), entries: new Map(), cookies: 2, verifier: undefined }
    const node: Node = { id, attributes, parent, ...empty }
    this.nodes.set(ino, node)
    return node
  }

  protected add(dir: Node, name: Uint8Array, type: FileType, cred: Cred, set: SetAttributes): Made {
    if (this.find(dir, name) !== undefined) throw new FsError('EXIST')
    const node = this.make(type, set.mode ?? 0o644, cred, dir.id.ino)
    const change = this.change(dir, () =>
      dir.entries.set(text(name), { ino: node.id.ino, cookie: ++dir.cookies }),
    )
    return { id: node.id, attributes: node.attributes, dir: change }
  }

  protected unlink(
    cred: Cred,
    dir: FileId,
    name: Uint8Array,
    check: (type: FileType, node: Node) => void,
  ): Change {
    const parent = this.directory(cred, dir, WRITE)
    const found = this.find(parent, name)
    if (found === undefined) throw new FsError('NOENT')
    check(found.attributes.type, this.node(found.id))
    return this.change(parent, () => parent.entries.delete(text(name)))
  }
}
