/** Operations asked of a running server, over its control socket. */
import type { ScrubAction, ScrubStatus } from '../check/scrub.ts'
import { FsError } from '../fs/error.ts'
import { bool, uint32, uint64, voidType } from '../xdr/codec.ts'
import { type Accounts, askAccounts } from './accounts.ts'
import {
  type BackupProgress,
  type BackupRequest,
  type BackupSummary,
  remoteBackup,
} from './backup.ts'
import { RemoteCalls } from './calls.ts'
import { type DatasetOperations, RemoteDatasets } from './datasets.ts'
import type {
  DeletedEntry,
  DeletedRequest,
  DiffEntry,
  DiffRequest,
  FileVersion,
} from './history.ts'
import * as history from './history-types.ts'
import { DATASET_FIND, DatasetCalls } from './in-dataset.ts'
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
} from './operations.ts'
import { type RecursiveOperations, RemoteRecursive } from './recursive.ts'
import {
  type RollbackProgress,
  type RollbackRequest,
  type RollbackSummary,
  remoteRollback,
} from './rollback.ts'
import * as scheduled from './schedule-types.ts'
import { remoteScrub } from './scrub.ts'
import * as snapshotWire from './snapshot-types.ts'
import * as wire from './types.ts'

export { ServerGone } from './calls.ts'

export class RemoteOperations implements Operations {
  /** About the whole store. */
  readonly #store: RemoteCalls
  /** About one dataset. */
  readonly #calls: DatasetCalls

  /** @throws as RemoteCalls.connect */
  static async connect(directory: string): Promise<RemoteOperations> {
    return new RemoteOperations(await RemoteCalls.connect(directory), '')
  }

  readonly datasets: DatasetOperations
  readonly recursive: RecursiveOperations

  private constructor(store: RemoteCalls, dataset: string) {
    this.#store = store
    this.#calls = new DatasetCalls(store, dataset)
    this.datasets = new RemoteDatasets(store)
    this.recursive = new RemoteRecursive(store)
  }

  get dataset(): string {
    return this.#calls.dataset
  }

  async in(dataset: string): Promise<RemoteOperations> {
    const found = new RemoteOperations(this.#store, dataset)
    await found.#calls.call(DATASET_FIND, voidType, undefined, voidType)
    return found
  }

  status(): Promise<Status> {
    return this.#store.call(wire.CONTROLPROC.STATUS, voidType, undefined, wire.status)
  }

  async createSnapshot(
    name: string,
    comment = '',
    tags: readonly string[] = [],
  ): Promise<SnapshotInfo> {
    const { SNAPSHOT_CREATE } = wire.CONTROLPROC
    if (tags.length > snapshotWire.WORDS_MAX) {
      throw new FsError('INVAL', `give at most ${snapshotWire.WORDS_MAX} tags at a time`)
    }
    const args = { name, comment, tags }
    return this.#calls.call(
      SNAPSHOT_CREATE,
      snapshotWire.snapshotNew,
      args,
      snapshotWire.snapshotInfo,
    )
  }

  async listSnapshots(): Promise<readonly SnapshotInfo[]> {
    const { SNAPSHOT_LIST } = wire.CONTROLPROC
    const all: SnapshotInfo[] = []
    for (let more = true; more; ) {
      const page = await this.#calls.call(
        SNAPSHOT_LIST,
        uint64,
        all.at(-1)?.id ?? 0,
        snapshotWire.snapshotPage,
      )
      all.push(...page.snapshots)
      more = page.more
    }
    return all
  }

  async deleteSnapshots(
    request: DeletionRequest,
    progress: (progress: Freeing) => void,
  ): Promise<DeletionReport> {
    const { SNAPSHOT_DELETE, SNAPSHOT_DELETE_POLL } = wire.CONTROLPROC
    requireFew(request.words)
    const job = await this.#calls.call(
      SNAPSHOT_DELETE,
      snapshotWire.deletionRequest,
      request,
      uint32,
    )
    const ended = await this.#calls.follow(
      SNAPSHOT_DELETE_POLL,
      job,
      snapshotWire.deletePoll,
      progress,
    )
    return { names: ended.items, bytes: ended.value.bytes }
  }

  async restore(
    request: RestoreRequest,
    progress: (progress: RestoreProgress) => void,
  ): Promise<RestoreSummary> {
    const { RESTORE, RESTORE_POLL } = wire.CONTROLPROC
    if (request.paths.length > wire.PATHS_MAX) {
      throw new FsError('INVAL', `restore at most ${wire.PATHS_MAX} paths at a time`)
    }
    const job = await this.#calls.call(RESTORE, wire.restoreRequest, request, uint32)
    const { value, items } = await this.#calls.follow(RESTORE_POLL, job, wire.restorePoll, progress)
    const failed = items.flatMap((item) => ('action' in item ? [] : [item]))
    return { ...value, failed, plan: items.flatMap((item) => ('action' in item ? [item] : [])) }
  }

  rollback(
    request: RollbackRequest,
    progress: (progress: RollbackProgress) => void,
  ): Promise<RollbackSummary> {
    return remoteRollback(this.#calls, request, progress)
  }

  stat(snapshot: string, path: Uint8Array): Promise<EntryInfo> {
    const args = { snapshot, path }
    return this.#calls.call(wire.CONTROLPROC.STAT, wire.statArgs, args, wire.entryInfo)
  }

  list(snapshot: string, ino: number, after: number): Promise<Listing> {
    const args = { snapshot, ino, after }
    return this.#calls.call(wire.CONTROLPROC.LIST, wire.listArgs, args, wire.listing)
  }

  read(snapshot: string, ino: number, offset: number, count: number): Promise<Piece> {
    const args = { snapshot, ino, offset, count }
    return this.#calls.call(wire.CONTROLPROC.READ, wire.readArgs, args, wire.piece)
  }

  async check(progress: (done: string) => void): Promise<CheckReport> {
    const { CHECK, CHECK_POLL } = wire.CONTROLPROC
    const job = await this.#store.call(CHECK, voidType, undefined, uint32)
    const { value, items } = await this.#store.follow(CHECK_POLL, job, wire.checkPoll, progress)
    return { ...value, problems: items }
  }

  scrub(action: ScrubAction): Promise<ScrubStatus> {
    return remoteScrub(this.#store, action)
  }

  backup(
    request: BackupRequest,
    progress: (progress: BackupProgress) => void,
  ): Promise<BackupSummary> {
    return remoteBackup(this.#store, request, progress)
  }

  diff(request: DiffRequest): AsyncGenerator<DiffEntry> {
    const { DIFF, DIFF_NEXT } = history.HISTORYPROC
    return this.#calls.stream(DIFF, history.diffRequest, request, DIFF_NEXT, history.diffPage)
  }

  schedule(): Promise<ScheduleInfo> {
    return this.#calls.call(wire.CONTROLPROC.SCHEDULE, voidType, undefined, scheduled.scheduleInfo)
  }

  setSchedule(change: PolicyChange): Promise<ScheduleInfo> {
    const { SCHEDULE_SET } = wire.CONTROLPROC
    return this.#calls.call(SCHEDULE_SET, scheduled.policyChange, change, scheduled.scheduleInfo)
  }

  endSchedule(): Promise<ScheduleInfo> {
    return this.#calls.call(
      wire.CONTROLPROC.SCHEDULE_END,
      voidType,
      undefined,
      scheduled.scheduleInfo,
    )
  }

  runSchedule(): Promise<readonly SnapshotInfo[]> {
    return this.#calls.call(
      wire.CONTROLPROC.SCHEDULE_RUN,
      voidType,
      undefined,
      scheduled.scheduleTaken,
    )
  }

  async pruneSchedule(
    dryRun: boolean,
    pruned: (name: string) => void,
  ): Promise<readonly Verdict[]> {
    const { SCHEDULE_PRUNE, SCHEDULE_PRUNE_POLL } = wire.CONTROLPROC
    const job = await this.#calls.call(SCHEDULE_PRUNE, bool, dryRun, uint32)
    return (await this.#calls.follow(SCHEDULE_PRUNE_POLL, job, scheduled.prunePoll, pruned)).items
  }

  async changeSnapshot(name: string, change: SnapshotChange): Promise<SnapshotInfo> {
    const { SNAPSHOT_CHANGE } = wire.CONTROLPROC
    const { addTags, removeTags } = change
    if (Math.max(addTags.length, removeTags.length) > snapshotWire.WORDS_MAX) {
      throw new FsError('INVAL', `change at most ${snapshotWire.WORDS_MAX} tags at a time`)
    }
    return this.#calls.call(
      SNAPSHOT_CHANGE,
      snapshotWire.snapshotChange,
      { name, change },
      snapshotWire.snapshotInfo,
    )
  }

  async measureSnapshots(words: readonly string[]): Promise<readonly SnapshotSize[]> {
    const { SNAPSHOT_SIZES, SNAPSHOT_SIZES_POLL } = wire.CONTROLPROC
    requireFew(words)
    const job = await this.#calls.call(SNAPSHOT_SIZES, snapshotWire.selection, words, uint32)
    const told = () => undefined
    return (await this.#calls.follow(SNAPSHOT_SIZES_POLL, job, snapshotWire.sizesPoll, told)).items
  }

  accounts(): Promise<Accounts> {
    return askAccounts(this.#calls)
  }

  versions(path: Uint8Array): AsyncGenerator<FileVersion> {
    const { VERSIONS, VERSIONS_NEXT } = history.HISTORYPROC
    const { versionsPath, versionsPage } = history
    return this.#calls.stream(VERSIONS, versionsPath, path, VERSIONS_NEXT, versionsPage)
  }

  listDeleted(request: DeletedRequest): AsyncGenerator<DeletedEntry> {
    const { DELETED, DELETED_NEXT } = history.HISTORYPROC
    const { deletedRequest, deletedPage } = history
    return this.#calls.stream(DELETED, deletedRequest, request, DELETED_NEXT, deletedPage)
  }

  /** Ends the connection, for every dataset. Long calls that were started run on in the server. */
  close(): Promise<void> {
    return this.#store.close()
  }
}

/** @throws FsError INVAL */
function requireFew(words: readonly string[]): void {
  if (words.length <= snapshotWire.SELECTION_MAX) return
  throw new FsError(
    'INVAL',
    `name at most ${snapshotWire.SELECTION_MAX} snapshots or patterns at a time`,
  )
}
