/** What the command line can ask, done on a volume of this process: served, or opened for it alone. */
import { backUp } from './backup/backup.ts'
import type { BackupProgress, BackupRequest, BackupSummary } from './backup/request.ts'
import { checkStore } from './check/check.ts'
import { type ScrubAction, type ScrubStatus, scrubAsked } from './check/scrub.ts'
import type { Accounts } from './control/accounts.ts'
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
import type { RecursiveOperations } from './control/recursive.ts'
import type { RollbackProgress, RollbackRequest, RollbackSummary } from './control/rollback.ts'
import { ReadBuffers } from './fs/data-buffers.ts'
import { accountsOf, LocalDatasets } from './local-datasets.ts'
import { SnapshotFiles } from './local-files.ts'
import { LocalRecursive } from './local-recursive.ts'
import { ScheduleOperations } from './local-schedule.ts'
import { deleteSnapshots, measureSnapshots, snapshotInfo } from './local-snapshots.ts'
import { type Served, volumeStatus } from './local-status.ts'
import { Deleted } from './snapshot/deleted.ts'
import { Diff } from './snapshot/diff.ts'
import type { OpenDataset } from './snapshot/open-dataset.ts'
import { Restore } from './snapshot/restore.ts'
import { Rollback } from './snapshot/rollback.ts'
import { tracked } from './snapshot/turns.ts'
import { Versions } from './snapshot/versions.ts'
import { Volume } from './volume.ts'

export class LocalOperations implements Operations {
  readonly #volume: Volume
  readonly #served: () => Served
  readonly #buffers: ReadBuffers
  readonly dataset: string
  readonly datasets: DatasetOperations
  readonly recursive: RecursiveOperations

  /** @param dataset its name: the root dataset unless told otherwise */
  constructor(
    volume: Volume,
    served: () => Served,
    dataset = '',
    buffers: ReadBuffers = new ReadBuffers(),
  ) {
    this.#volume = volume
    this.#served = served
    this.dataset = dataset
    this.#buffers = buffers
    this.datasets = new LocalDatasets(volume)
    this.recursive = new LocalRecursive(volume)
  }

  async in(dataset: string): Promise<Operations> {
    this.#volume.datasets.get(dataset)
    return new LocalOperations(this.#volume, this.#served, dataset, this.#buffers)
  }

  /** @throws FsError NOENT where it has been renamed or deleted meanwhile */
  get #here(): OpenDataset {
    return this.#volume.datasets.get(this.dataset)
  }

  get #schedule(): ScheduleOperations {
    return new ScheduleOperations(this.#volume.store, this.#here)
  }

  async status(): Promise<Status> {
    return volumeStatus(this.#volume, this.#served())
  }

  async createSnapshot(
    name: string,
    comment = '',
    tags: readonly string[] = [],
  ): Promise<SnapshotInfo> {
    const snapshot = this.#here.snapshots.create(name, comment, tags)
    await this.#volume.store.flush()
    return snapshotInfo(snapshot)
  }

  async changeSnapshot(name: string, change: SnapshotChange): Promise<SnapshotInfo> {
    const snapshot = this.#here.snapshots.change(name, change)
    await this.#volume.store.flush()
    return snapshotInfo(snapshot)
  }

  async listSnapshots(): Promise<readonly SnapshotInfo[]> {
    return this.#here.snapshots.list().map(snapshotInfo)
  }

  async deleteSnapshots(
    request: DeletionRequest,
    progress: (progress: Freeing) => void,
  ): Promise<DeletionReport> {
    const { snapshots } = this.#here
    return deleteSnapshots({ store: this.#volume.store, snapshots }, request, progress)
  }

  async measureSnapshots(words: readonly string[]): Promise<readonly SnapshotSize[]> {
    return measureSnapshots(this.#here.snapshots, words)
  }

  async restore(
    request: RestoreRequest,
    progress: (progress: RestoreProgress) => void,
  ): Promise<RestoreSummary> {
    const { live, snapshots } = this.#here
    return new Restore(live, snapshots, request, progress).run()
  }

  async rollback(
    request: RollbackRequest,
    progress: (progress: RollbackProgress) => void,
  ): Promise<RollbackSummary> {
    const { live, snapshots } = this.#here
    return new Rollback(live, snapshots, request, progress).run()
  }

  async stat(snapshot: string, path: Uint8Array): Promise<EntryInfo> {
    return new SnapshotFiles(this.#here, snapshot).stat(path)
  }

  async list(snapshot: string, ino: number, after: number): Promise<Listing> {
    return new SnapshotFiles(this.#here, snapshot).list(ino, after)
  }

  async read(snapshot: string, ino: number, offset: number, count: number): Promise<Piece> {
    const { blocks } = this.#volume.store
    const files = new SnapshotFiles(this.#here, snapshot)
    return files.read(blocks, this.#buffers, ino, offset, count)
  }

  check(progress: (done: string) => void): Promise<CheckReport> {
    const { store, snapshots } = this.#volume
    const going = { requireGoingOn: () => snapshots.requireGoingOn() }
    return snapshots.track(checkStore(store, progress, going))
  }

  async scrub(action: ScrubAction): Promise<ScrubStatus> {
    const { scrub, snapshots } = this.#volume
    const running = action === 'start' ? scrub.start() : undefined
    if (running !== undefined) void snapshots.track(running)
    return scrubAsked(scrub, action)
  }

  backup(
    request: BackupRequest,
    progress: (progress: BackupProgress) => void,
  ): Promise<BackupSummary> {
    const { backupHost, snapshots } = this.#volume
    return snapshots.track(backUp(backupHost, request, progress))
  }

  async *diff(request: DiffRequest): AsyncGenerator<DiffEntry> {
    const { live, snapshots } = this.#here
    yield* tracked(snapshots, new Diff(live, snapshots, request).entries())
  }

  async schedule(): Promise<ScheduleInfo> {
    return this.#schedule.show()
  }

  async setSchedule(change: PolicyChange): Promise<ScheduleInfo> {
    return this.#schedule.set(change)
  }

  async endSchedule(): Promise<ScheduleInfo> {
    return this.#schedule.end()
  }

  async runSchedule(): Promise<readonly SnapshotInfo[]> {
    return this.#schedule.run()
  }

  async pruneSchedule(
    dryRun: boolean,
    pruned: (name: string) => void,
  ): Promise<readonly Verdict[]> {
    return this.#schedule.prune(dryRun, pruned)
  }

  async *versions(path: Uint8Array): AsyncGenerator<FileVersion> {
    const { live, snapshots } = this.#here
    yield* tracked(snapshots, new Versions(live, snapshots, path).entries())
  }

  async *listDeleted(request: DeletedRequest): AsyncGenerator<DeletedEntry> {
    const { live, snapshots } = this.#here
    yield* tracked(snapshots, new Deleted(live, snapshots, request).entries())
  }

  async accounts(): Promise<Accounts> {
    return accountsOf(this.#here)
  }

  /** Nothing of its own is open. */
  async close(): Promise<void> {}
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
