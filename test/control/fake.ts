/** Operations over a tree in memory, for tests of the control program and of the command line. */
import { crc32 } from 'node:zlib'
import type {
  CheckReport,
  EntryInfo,
  Listing,
  Operations,
  Piece,
  RestoreProgress,
  RestoreRequest,
  RestoreSummary,
  SnapshotInfo,
  Status,
} from '../../src/control/operations.ts'
import { FsError } from '../../src/fs/error.ts'
import { FileType } from '../../src/fs/filesystem.ts'

/** Where a file has bytes; the rest of it is holes. */
export interface Extent {
  readonly at: number
  readonly bytes: Uint8Array
}

export interface Node {
  readonly info: Omit<EntryInfo, 'name'>
  readonly extents: readonly Extent[]
  /** Keyed by the names' bytes as latin1. */
  readonly children: Map<string, Node>
}

let lastIno = 100
const time = (seconds: number, nseconds = 0) => ({ seconds, nseconds })

function node(type: FileType, given: Partial<EntryInfo>, extents: readonly Extent[] = []): Node {
  const info = {
    ...{ type, ino: ++lastIno, mode: 0o644, uid: 0, gid: 0, nlink: 1, size: 0, used: 0 },
    ...{ major: 0, minor: 0, atime: time(1_700_000_000), mtime: time(1_700_000_001, 123_456_789) },
    ...{ target: new Uint8Array(), ...given },
  }
  return { info, extents, children: new Map() }
}

export function file(content: string | Uint8Array, given: Partial<EntryInfo> = {}): Node {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  return node(FileType.REG, { size: bytes.length, used: bytes.length, ...given }, [
    { at: 0, bytes },
  ])
}

export function sparse(size: number, extents: readonly Extent[]): Node {
  return node(FileType.REG, { size }, extents)
}

export function symlink(target: string): Node {
  return node(FileType.LNK, { mode: 0o777, target: Buffer.from(target), size: target.length })
}

export function special(type: FileType, major = 0, minor = 0): Node {
  return node(type, { major, minor, mode: 0o640 })
}

/** @param entries names as text, or as latin1 with the prefix `bytes:` for names of any bytes */
export function dir(entries: Record<string, Node>, given: Partial<EntryInfo> = {}): Node {
  const made = node(FileType.DIR, { mode: 0o755, nlink: 2, size: 4096, ...given })
  for (const [name, child] of Object.entries(entries)) {
    const key = name.startsWith('bytes:') ? name.slice(6) : Buffer.from(name).toString('latin1')
    made.children.set(key, child)
  }
  return made
}

export const RESTORED: RestoreSummary = {
  ...{ files: 1204, directories: 31, bytes: 3_435_973_837, unchanged: 0, skipped: 0 },
  ...{
    attributes: 0,
    deleted: 0,
    verified: 0,
    failed: [],
    plan: [],
    safetySnapshot: 'pre-restore-20261122-201405',
  },
}

export const STATUS: Status = {
  ...{ directory: '/srv/data', version: '0.1.0', pid: 1234, state: 'serving', reason: undefined },
  ...{ uptime: 7384, durability: 'sync', addresses: ['127.0.0.1:2049', '[::1]:2049'] },
  ...{ connections: 3, snapshots: 2, dataBytes: 3_435_973_837, freeBytes: 128_849_018_880 },
  logBytes: 12_582_912,
}

export class FakeOperations implements Operations {
  readonly root: Node
  snapshots: SnapshotInfo[] = []
  statusAnswer: Status = STATUS
  restoreAnswer: RestoreSummary = RESTORED
  restoreSteps: readonly RestoreProgress[] = []
  checkAnswer: CheckReport = { inodes: 12, blocks: 34, snapshots: 2, problems: [] }
  checkSteps: readonly string[] = []
  /** Thrown by whatever is asked next. */
  broken: Error | undefined
  /** What long calls wait for before they end. */
  gate: Promise<void> = Promise.resolve()
  /** Names of files, as latin1, whose bytes cannot be read. */
  readonly unreadable = new Set<string>()
  readonly requests: RestoreRequest[] = []
  readonly deleted: string[] = []
  reads = 0
  closed = false

  constructor(root: Node = dir({}), names: readonly string[] = ['before', '001']) {
    this.root = root
    this.snapshots = names.map((name, i) => ({
      ...{ id: i + 2, name },
      created: time(1_763_842_445 + i * 3600, 5000),
    }))
  }

  #check(): void {
    if (this.broken !== undefined) throw this.broken
  }

  #snapshot(name: string): void {
    if (this.snapshots.some((snapshot) => snapshot.name === name)) return
    throw new FsError('NOENT', `there is no snapshot '${name}'`)
  }

  async status() {
    this.#check()
    return this.statusAnswer
  }

  async createSnapshot(name: string) {
    this.#check()
    if (this.snapshots.some((snapshot) => snapshot.name === name)) {
      throw new FsError('EXIST', `there is a snapshot '${name}' already`)
    }
    const made = { id: this.snapshots.length + 2, name, created: time(1_763_842_445, 5000) }
    this.snapshots.push(made)
    return made
  }

  async listSnapshots() {
    this.#check()
    return this.snapshots
  }

  async deleteSnapshot(name: string) {
    this.#check()
    this.#snapshot(name)
    await this.gate
    this.snapshots = this.snapshots.filter((snapshot) => snapshot.name !== name)
    this.deleted.push(name)
  }

  async restore(request: RestoreRequest, progress: (progress: RestoreProgress) => void) {
    this.#check()
    this.#snapshot(request.snapshot)
    for (const path of request.paths) this.#find(path)
    this.requests.push(request)
    for (const step of this.restoreSteps) progress(step)
    await this.gate
    return this.restoreAnswer
  }

  async stat(snapshot: string, path: Uint8Array): Promise<EntryInfo> {
    this.#check()
    this.#snapshot(snapshot)
    const name = path.subarray(path.lastIndexOf(0x2f) + 1)
    return { name, ...this.#find(path).info }
  }

  #find(path: Uint8Array): Node {
    let at = this.root
    for (const name of Buffer.from(path).toString('latin1').split('/')) {
      if (name === '') continue
      const child = at.children.get(name)
      if (child === undefined) throw new FsError('NOENT', `'${name}' does not exist there`)
      at = child
    }
    return at
  }

  #byIno(ino: number, from: Node = this.root): Node | undefined {
    if (from.info.ino === ino) return from
    for (const child of from.children.values()) {
      const found = this.#byIno(ino, child)
      if (found !== undefined) return found
    }
    return undefined
  }

  async list(snapshot: string, ino: number, after: number): Promise<Listing> {
    this.#check()
    this.#snapshot(snapshot)
    const all = [...(this.#byIno(ino)?.children ?? [])]
    const some = all.slice(after, after + 3)
    const entries = some.map(([name, { info }]) => ({
      name: Buffer.from(name, 'latin1'),
      ...info,
    }))
    return { entries, next: all.length > after + 3 ? after + 3 : undefined }
  }

  async read(snapshot: string, ino: number, offset: number, count: number): Promise<Piece> {
    this.#check()
    this.#snapshot(snapshot)
    this.reads++
    const found = this.#byIno(ino)
    if (found === undefined) throw new FsError('NOENT')
    for (const [name, child] of this.root.children) {
      if (child.info.ino === ino && this.unreadable.has(name)) {
        throw new FsError('IO', 'a checksum does not match')
      }
    }
    const { size } = found.info
    const extent = found.extents.find(({ at, bytes }) => at + bytes.length > offset)
    let data: Uint8Array = new Uint8Array()
    if (extent !== undefined && extent.at <= offset) {
      data = extent.bytes.subarray(offset - extent.at, offset - extent.at + count)
    }
    const end = offset + data.length
    const next = found.extents.find(({ at, bytes }) => at + bytes.length > end)
    const hole = Math.max(0, (next?.at ?? size) - end)
    return { data, crc: crc32(data), hole, eof: end + hole >= size }
  }

  async check(progress: (done: string) => void) {
    this.#check()
    for (const step of this.checkSteps) progress(step)
    await this.gate
    return this.checkAnswer
  }

  async close() {
    this.closed = true
  }
}
