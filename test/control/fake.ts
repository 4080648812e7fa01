/** Operations over a tree in memory, for tests of the control program and of the command line. */
import { crc32 } from 'node:zlib'
import type { ScrubAction, ScrubStatus } from '../../src/check/scrub.ts'
import type { BackupProgress, BackupRequest, BackupSummary } from '../../src/control/backup.ts'
import type {
  DeletedEntry,
  DeletedRequest,
  DiffEntry,
  DiffRequest,
  FileVersion,
} from '../../src/control/history.ts'
import type {
  CheckReport,
  DeletionRequest,
  EntryInfo,
  Freeing,
  Listing,
  Operations,
  Piece,
  PolicyChange,
  RestoreProgress,
  RestoreRequest,
  RestoreSummary,
  ScheduleInfo,
  SnapshotChange,
  SnapshotInfo,
  Status,
  Verdict,
} from '../../src/control/operations.ts'
import type {
  RollbackProgress,
  RollbackRequest,
  RollbackSummary,
} from '../../src/control/rollback.ts'
import { FsError } from '../../src/fs/error.ts'
import { FileType } from '../../src/fs/filesystem.ts'
import { FakeDatasets } from './fake-datasets.ts'
import { FakeRecursive } from './fake-recursive.ts'

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

const NEVER_SCRUBBED = { running: undefined, last: undefined, failure: undefined }

export const NO_NOTES = { comment: '', tags: [], holds: [] }

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

export const ROLLED_BACK: RollbackSummary = {
  ...{ created: 12, replaced: 3, attributes: 5, moved: 2, deleted: 1, bytes: 3_435_973_837 },
  ...{ failed: [], plan: [], safetySnapshot: 'pre-rollback-20261122-201405' },
}

export const STATUS: Status = {
  ...{ directory: '/srv/data', version: '0.1.0', pid: 1234, state: 'serving', reason: undefined },
  ...{ uptime: 7384, durability: 'sync', addresses: ['127.0.0.1:2049', '[::1]:2049'] },
  ...{ connections: 3, memory: { used: 314_572_800, max: 2 ** 30 }, snapshots: 2 },
  ...{ dataBytes: 3_435_973_837, freeBytes: 128_849_018_880 },
  ...{ logBytes: 12_582_912, freeing: undefined, promoting: [], schedule: undefined },
}

export const SCHEDULE: ScheduleInfo = {
  on: true,
  periods: [
    {
      period: 'hourly',
      keep: 24,
      snapshots: 2,
      newest: time(1_763_841_600),
      next: time(1_763_845_200),
    },
    { period: 'weekly', keep: 4, snapshots: 0, newest: undefined, next: time(1_763_850_000) },
    { period: 'yearly', keep: 0, snapshots: 1, newest: time(1_735_689_600), next: undefined },
  ],
}

export const VERDICTS: readonly Verdict[] = [
  {
    ...{ name: 'auto-yearly-2025-01-01T0000Z', period: 'yearly', keep: false },
    why: 'the schedule keeps no yearly ones',
  },
  {
    ...{ name: 'auto-hourly-2025-11-22T1900Z', period: 'hourly', keep: true },
    why: 'held: backup',
  },
  {
    ...{ name: 'auto-hourly-2025-11-22T2000Z', period: 'hourly', keep: true },
    why: 'hourly, 1 of 24',
  },
]

export class FakeOperations implements Operations {
  readonly root: Node
  datasets = new FakeDatasets()
  readonly recursive = new FakeRecursive(() => this.datasets.all.map(({ name }) => name))
  dataset = ''
  /** All that there are, by name. */
  #all = new Map<string, FakeOperations>([['', this]])
  snapshots: SnapshotInfo[] = []
  statusAnswer: Status = STATUS
  restoreAnswer: RestoreSummary = RESTORED
  restoreSteps: readonly RestoreProgress[] = []
  readonly scrubs: ScrubAction[] = []
  /** What it answers, one after the other; the last one again and again. */
  scrubAnswers: readonly ScrubStatus[] = []
  readonly backups: BackupRequest[] = []
  backupSteps: readonly BackupProgress[] = []
  backupAnswer: BackupSummary = {
    ...{ first: true, records: 120, written: 120, deleted: 0 },
    ...{ copiedBytes: 3 * 2 ** 30, totalBytes: 3 * 2 ** 30, problems: [] },
  }
  readonly rollbacks: RollbackRequest[] = []
  rollbackSteps: readonly RollbackProgress[] = []
  rollbackAnswer: RollbackSummary = ROLLED_BACK
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
  diffAnswer: readonly DiffEntry[] = []
  /** Entries of lists that were taken, and more were asked for. */
  told = 0
  readonly policies: PolicyChange[] = []
  scheduleAnswer: ScheduleInfo = SCHEDULE
  takenAnswer: readonly SnapshotInfo[] = []
  verdicts: readonly Verdict[] = VERDICTS
  readonly deletions: DeletionRequest[] = []
  deletionSteps: readonly Freeing[] = []
  versionsAnswer: readonly FileVersion[] = []
  deletedAnswer: readonly DeletedEntry[] = []
  readonly deletedRequests: DeletedRequest[] = []
  reads = 0
  closed = false

  constructor(root: Node = dir({}), names: readonly string[] = ['before', '001']) {
    this.root = root
    this.snapshots = names.map((name, i) => ({
      ...{ id: i + 2, name, ...NO_NOTES },
      created: time(1_763_842_445 + i * 3600, 5000),
    }))
  }

  /** Adds a dataset. */
  with(name: string, operations: FakeOperations): this {
    operations.dataset = name
    operations.#all = this.#all
    operations.datasets = this.datasets
    this.#all.set(name, operations)
    this.datasets.add(name)
    return this
  }

  /** Takes one away. */
  without(name: string): void {
    this.#all.delete(name)
  }

  async in(dataset: string) {
    const found = this.#all.get(dataset)
    if (found !== undefined) return found
    const names = [...this.#all.keys()].filter((name) => name !== '')
    throw new FsError('NOENT', `no dataset '${dataset}'; there are: ${names.join(', ')}`)
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

  async createSnapshot(name: string, comment = '', tags: readonly string[] = []) {
    this.#check()
    if (this.snapshots.some((snapshot) => snapshot.name === name)) {
      throw new FsError('EXIST', `there is a snapshot '${name}' already`)
    }
    const notes = { comment, tags, holds: [] }
    const id = this.snapshots.length + 2
    const made = { id, name, created: time(1_763_842_445, 5000), ...notes }
    this.snapshots.push(made)
    return made
  }

  /** Notes what was asked for as the real ones do, without their checks. */
  async changeSnapshot(name: string, change: SnapshotChange) {
    this.#check()
    this.#snapshot(name)
    const { name: renamed = name, comment, addTags, removeTags, hold, release } = change
    const changed = (snapshot: SnapshotInfo) => ({
      ...{ id: snapshot.id, created: snapshot.created, name: renamed },
      comment: comment ?? snapshot.comment,
      tags: [...snapshot.tags.filter((tag) => !removeTags.includes(tag)), ...addTags],
      holds: [
        ...snapshot.holds.filter((other) => other !== release),
        ...(hold === undefined ? [] : [hold]),
      ],
    })
    this.snapshots = this.snapshots.map((snapshot) =>
      snapshot.name === name ? changed(snapshot) : snapshot,
    )
    return this.snapshots.find((snapshot) => snapshot.name === renamed) as SnapshotInfo
  }

  async listSnapshots() {
    this.#check()
    return this.snapshots
  }

  /** Takes names alone. */
  async deleteSnapshots(request: DeletionRequest, progress: (progress: Freeing) => void) {
    this.#check()
    for (const name of request.words) this.#snapshot(name)
    this.deletions.push(request)
    for (const step of this.deletionSteps) progress(step)
    await this.gate
    const names = [...request.words]
    if (request.dryRun) return { names, bytes: 4096 }
    this.snapshots = this.snapshots.filter(({ name }) => !names.includes(name))
    this.deleted.push(...names)
    return { names, bytes: request.background ? 0 : 4096 }
  }

  async accounts() {
    this.#check()
    const { bytes, inodes, written } = this.datasets.all[0] ?? { bytes: 0, inodes: 0, written: 0 }
    const snapshots = this.snapshots.map(({ id }) => ({
      ...{ id, bytes: 2 ** 31 + id * 4096, inodes: id * 1000, written: (id % 3) * 2 ** 20 },
    }))
    return { live: { bytes, inodes, written }, snapshots }
  }

  async measureSnapshots(words: readonly string[]) {
    this.#check()
    for (const name of words) this.#snapshot(name)
    const chosen = this.snapshots.filter(({ name }) => words.length === 0 || words.includes(name))
    return chosen.map(({ id }) => ({ id, unique: 2 ** 40 - 4096 * id }))
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

  async scrub(action: ScrubAction) {
    this.#check()
    this.scrubs.push(action)
    const [now = NEVER_SCRUBBED, ...later] = this.scrubAnswers
    if (later.length > 0) this.scrubAnswers = later
    return now
  }

  async backup(request: BackupRequest, progress: (progress: BackupProgress) => void) {
    this.#check()
    this.backups.push(request)
    for (const step of this.backupSteps) progress(step)
    await this.gate
    return this.backupAnswer
  }

  async rollback(request: RollbackRequest, progress: (progress: RollbackProgress) => void) {
    this.#check()
    this.#snapshot(request.snapshot)
    this.rollbacks.push(request)
    for (const step of this.rollbackSteps) progress(step)
    await this.gate
    return this.rollbackAnswer
  }

  async *diff({ from, to }: DiffRequest) {
    this.#check()
    this.#snapshot(from)
    if (to !== undefined) this.#snapshot(to)
    yield* this.diffAnswer
  }

  async *versions(path: Uint8Array) {
    this.#check()
    if (this.versionsAnswer.length === 0) this.#find(path)
    yield* this.versionsAnswer
  }

  async *listDeleted(request: DeletedRequest) {
    this.#check()
    this.deletedRequests.push(request)
    yield* this.deletedAnswer
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

  async schedule() {
    this.#check()
    return this.scheduleAnswer
  }

  async setSchedule(change: PolicyChange) {
    this.#check()
    this.policies.push(change)
    return this.scheduleAnswer
  }

  async endSchedule() {
    this.#check()
    this.scheduleAnswer = { on: false, periods: this.scheduleAnswer.periods }
    return this.scheduleAnswer
  }

  async runSchedule() {
    this.#check()
    return this.takenAnswer
  }

  async pruneSchedule(dryRun: boolean, pruned: (name: string) => void) {
    this.#check()
    await this.gate
    for (const { name, keep } of this.verdicts) if (!dryRun && !keep) pruned(name)
    return this.verdicts
  }

  async close() {
    this.closed = true
  }
}
