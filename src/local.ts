/** What the command line can ask, done on a volume of this process: served, or opened for it alone. */

import { crc32 } from 'node:zlib'
import { checkStore } from './check/check.ts'
import type { DatasetOperations } from './control/datasets.ts'
import type {
  DeletedEntry,
  DeletedRequest,
  DiffEntry,
  DiffRequest,
  FileVersion,
} from './control/history.ts'
import type {
  CheckReport,
  DeletionReport,
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
  SnapshotSize,
  Status,
  Verdict,
} from './control/operations.ts'
import { LIST_ENTRIES_MAX, READ_BYTES_MAX } from './control/operations.ts'
import type { RollbackProgress, RollbackRequest, RollbackSummary } from './control/rollback.ts'
import { ReadBuffers } from './fs/data-buffers.ts'
import { ContentReader } from './fs/data-read.ts'
import { FsError } from './fs/error.ts'
import { LocalDatasets } from './local-datasets.ts'
import { ScheduleOperations } from './local-schedule.ts'
import { deleteSnapshots, measureSnapshots, snapshotInfo } from './local-snapshots.ts'
import { Deleted } from './snapshot/deleted.ts'
import { Diff } from './snapshot/diff.ts'
import { nextData, nextHole } from './snapshot/extents.ts'
import { listSome } from './snapshot/listing.ts'
import { locate, namesOf } from './snapshot/paths.ts'
import { Restore } from './snapshot/restore.ts'
import { Rollback } from './snapshot/rollback.ts'
import { tracked } from './snapshot/turns.ts'
import { Versions } from './snapshot/versions.ts'
import type { Reader, Snapshot } from './store/dataset.ts'
import { BLOCK_BYTES, FileType, type Inode } from './store/records.ts'
import { Volume } from './volume.ts'

/** What only who serves the volume knows. */
export type Served = Pick<
  Status,
  'version' | 'state' | 'uptime' | 'durability' | 'addresses' | 'connections'
>

const NO_BYTES = new Uint8Array(0)

export class LocalOperations implements Operations {
  readonly #volume: Volume
  readonly #served: () => Served
  readonly #buffers = new ReadBuffers()
  readonly datasets: DatasetOperations
  readonly #schedule: ScheduleOperations

  constructor(volume: Volume, served: () => Served) {
    this.#volume = volume
    this.#served = served
    this.datasets = new LocalDatasets(volume)
    this.#schedule = new ScheduleOperations(volume)
  }

  async status(): Promise<Status> {
    const { store, snapshots } = this.#volume
    const { failure } = store
    const served = this.#served()
    return {
      ...served,
      ...(failure === undefined
        ? { reason: undefined }
        : { state: 'failed', reason: failure.message }),
      directory: store.directory,
      pid: process.pid,
      snapshots: snapshots.list().length,
      dataBytes: store.spaceMap.usedBlocks * BLOCK_BYTES,
      freeBytes: store.space().free,
      logBytes: store.logBytes,
      freeing: snapshots.freeing,
      schedule: this.#schedule.status(),
    }
  }

  async createSnapshot(
    name: string,
    comment = '',
    tags: readonly string[] = [],
  ): Promise<SnapshotInfo> {
    const snapshot = this.#volume.snapshots.create(name, comment, tags)
    await this.#volume.store.flush()
    return snapshotInfo(snapshot)
  }

  async changeSnapshot(name: string, change: SnapshotChange): Promise<SnapshotInfo> {
    const snapshot = this.#volume.snapshots.change(name, change)
    await this.#volume.store.flush()
    return snapshotInfo(snapshot)
  }

  async listSnapshots(): Promise<readonly SnapshotInfo[]> {
    return this.#volume.snapshots.list().map(snapshotInfo)
  }

  deleteSnapshots(
    request: DeletionRequest,
    progress: (progress: Freeing) => void,
  ): Promise<DeletionReport> {
    return deleteSnapshots(this.#volume, request, progress)
  }

  measureSnapshots(words: readonly string[]): Promise<readonly SnapshotSize[]> {
    return measureSnapshots(this.#volume, words)
  }

  async restore(
    request: RestoreRequest,
    progress: (progress: RestoreProgress) => void,
  ): Promise<RestoreSummary> {
    const { live, snapshots } = this.#volume
    return new Restore(live, snapshots, request, progress).run()
  }

  async rollback(
    request: RollbackRequest,
    progress: (progress: RollbackProgress) => void,
  ): Promise<RollbackSummary> {
    const { live, snapshots } = this.#volume
    return new Rollback(live, snapshots, request, progress).run()
  }

  #past(name: string): { snapshot: Snapshot; reader: Reader } {
    const { snapshots, live } = this.#volume
    const snapshot = snapshots.get(name)
    return { snapshot, reader: live.dataset.at(snapshot.epoch) }
  }

  #inode(reader: Reader, ino: number): Inode {
    const inode = reader.inodes.get(ino)
    if (inode === undefined) throw new FsError('NOENT', `there is no file ${ino} in the snapshot`)
    return inode
  }

  async stat(name: string, path: Uint8Array): Promise<EntryInfo> {
    const { snapshot, reader } = this.#past(name)
    const names = namesOf(path)
    const { root } = this.#volume.live.dataset
    const { ino, inode } = locate(reader, root, names, `snapshot '${snapshot.name}'`)
    return entryInfo(names.at(-1) ?? NO_BYTES, ino, inode)
  }

  async list(name: string, ino: number, after: number): Promise<Listing> {
    const { reader } = this.#past(name)
    const inode = this.#inode(reader, ino)
    if (inode.type !== FileType.DIR) throw new FsError('NOTDIR', `file ${ino} is no directory`)
    const found = listSome(reader, ino, inode, after, LIST_ENTRIES_MAX)
    const entries = found.map((entry) =>
      entryInfo(entry.name, entry.ino, this.#inode(reader, entry.ino)),
    )
    return { entries, next: found.length < LIST_ENTRIES_MAX ? undefined : found.at(-1)?.cookie }
  }

  async read(name: string, ino: number, offset: number, count: number): Promise<Piece> {
    const { reader } = this.#past(name)
    const inode = this.#inode(reader, ino)
    if (inode.type !== FileType.REG) throw new FsError('INVAL', `file ${ino} is no regular file`)
    const start = nextData(reader, inode, offset)
    if (start > offset) return piece(NO_BYTES, start - offset, start >= inode.size)
    const end = nextHole(reader, inode, offset, Math.min(inode.size, offset + wanted(count)))
    const content = new ContentReader(reader, this.#volume.store.blocks, this.#buffers)
    const { data, release } = await content.read(ino, inode, offset, end - offset)
    const hole = nextData(reader, inode, end) - end
    const read = piece(new Uint8Array(data), hole, end + hole >= inode.size)
    release?.()
    return read
  }

  check(progress: (done: string) => void): Promise<CheckReport> {
    const { store, snapshots } = this.#volume
    const going = { requireGoingOn: () => snapshots.requireGoingOn() }
    return snapshots.track(checkStore(store, progress, going))
  }

  async *diff(request: DiffRequest): AsyncGenerator<DiffEntry> {
    const { live, snapshots } = this.#volume
    yield* tracked(snapshots, new Diff(live, snapshots, request).entries())
  }

  async schedule(): Promise<ScheduleInfo> {
    return this.#schedule.show()
  }

  setSchedule(change: PolicyChange): Promise<ScheduleInfo> {
    return this.#schedule.set(change)
  }

  endSchedule(): Promise<ScheduleInfo> {
    return this.#schedule.end()
  }

  runSchedule(): Promise<readonly SnapshotInfo[]> {
    return this.#schedule.run()
  }

  pruneSchedule(dryRun: boolean, pruned: (name: string) => void): Promise<readonly Verdict[]> {
    return this.#schedule.prune(dryRun, pruned)
  }

  async *versions(path: Uint8Array): AsyncGenerator<FileVersion> {
    const { live, snapshots } = this.#volume
    yield* tracked(snapshots, new Versions(live, snapshots, path).entries())
  }

  async *listDeleted(request: DeletedRequest): AsyncGenerator<DeletedEntry> {
    const { live, snapshots } = this.#volume
    yield* tracked(snapshots, new Deleted(live, snapshots, request).entries())
  }

  /** Nothing of its own is open. */
  async close(): Promise<void> {}
}

const wanted = (count: number): number => Math.min(count, READ_BYTES_MAX)

function piece(data: Uint8Array, hole: number, eof: boolean): Piece {
  return { data, crc: crc32(data), hole, eof }
}

function entryInfo(name: Uint8Array, ino: number, inode: Inode): EntryInfo {
  const { type, mode, uid, gid, nlink, size, used, major, minor, atime, mtime, target } = inode
  const numbers = { ino, type, mode, uid, gid, nlink, size, used, major, minor, atime, mtime }
  return { name, ...numbers, target: target ?? NO_BYTES }
}

/** A volume opened by a command alone, for as long as it runs. */
export class OfflineOperations extends LocalOperations {
  readonly #own: Volume

  constructor(volume: Volume, version: string) {
    super(volume, () => ({
      ...{
        version,
        state: 'offline',
        uptime: 0,
        durability: 'sync',
        addresses: [],
        connections: 0,
      },
    }))
    this.#own = volume
  }

  override async close(): Promise<void> {
    await this.#own.close()
  }
}

/**
 * Opens the store of a folder for one command.
 *
 * @throws StoreError BUSY, FORMAT, MISSING, DAMAGED
 */
export async function openLocalOperations(
  directory: string,
  version: string,
  command: string,
  report: (message: string, error: unknown) => void,
): Promise<Operations> {
  const volume = await Volume.open({ directory, create: false, command, report })
  return new OfflineOperations(volume, version)
}
