/** What can be asked of the datasets of a store, and how that goes over the control program. */
import type { FsError } from '../fs/error.ts'
import type { Time } from '../fs/filesystem.ts'
import type { Procedure } from '../rpc/program.ts'
import {
  array,
  bool,
  type Codec,
  optional,
  struct,
  uint32,
  uint64,
  voidType,
} from '../xdr/codec.ts'
import type { RemoteCalls } from './calls.ts'
import { type JobCount, Jobs } from './jobs.ts'
import * as wire from './types.ts'

/** The most that the live files of a dataset may take; 0 is no limit. */
export interface Quota {
  /** Bytes of data. */
  readonly bytes: number
  readonly inodes: number
}

export interface DatasetInfo {
  /** The dataset's number in the store, never used again. */
  readonly id: number
  /** Empty for the root dataset. */
  readonly name: string
  readonly created: Time
  /** Of its root directory. */
  readonly uid: number
  readonly gid: number
  /** What its live files take, in bytes and in number. */
  readonly bytes: number
  readonly inodes: number
  /** Bytes of that which were written since the newest snapshot. */
  readonly written: number
  readonly quota: Quota
  readonly snapshots: number
  /** Of which snapshot it is a clone, while it depends on it. */
  readonly origin: OriginInfo | undefined
}

export interface OriginInfo {
  /** The name of the snapshot's dataset, empty for the root dataset. */
  readonly dataset: string
  readonly snapshot: string
}

/** How far the promotion of a clone is. */
export interface PromotionProgress {
  /** Files and directories of its snapshot that are done, and how many there are. */
  readonly done: number
  readonly total: number
}

/** A promotion under way, and of which dataset. */
export interface PromotionStatus extends PromotionProgress {
  readonly dataset: string
}

export interface NewClone {
  readonly origin: OriginInfo
  readonly name: string
  readonly quota: Quota
}

export interface NewDataset {
  readonly name: string
  readonly quota: Quota
  /** Of its root directory. */
  readonly uid: number
  readonly gid: number
}

export interface DatasetOperations {
  /** @throws FsError EXIST, INVAL (the name), NOSPC */
  create(dataset: NewDataset): Promise<DatasetInfo>
  /** The root dataset first, the others in the order in which they were made. */
  list(): Promise<readonly DatasetInfo[]>
  /** @throws FsError NOENT, EXIST, INVAL */
  rename(name: string, to: string): Promise<void>
  /** @param name empty for the root dataset. @throws FsError NOENT */
  setQuota(name: string, quota: Quota): Promise<void>
  /**
   * Resolves when all that it held is free.
   *
   * @param withSnapshots whether its snapshots may go too
   * @throws FsError NOENT, INVAL (the root dataset), ACCES (it has snapshots, or one is in use)
   */
  delete(name: string, withSnapshots: boolean): Promise<void>
  /** @throws FsError NOENT (the dataset, the snapshot), EXIST, INVAL (the name), NOSPC */
  clone(clone: NewClone): Promise<DatasetInfo>
  /**
   * Resolves when the clone depends on its snapshot no longer.
   *
   * @throws FsError NOENT, also where it is deleted meanwhile; INVAL (it is no clone); NOSPC;
   *   JUKEBOX where the server stops before
   */
  promote(name: string, progress: (progress: PromotionProgress) => void): Promise<void>
}

const origin = struct({ dataset: wire.snapshotName, snapshot: wire.snapshotName })
const quota = struct({ bytes: uint64, inodes: uint64 })
const newDataset = struct({ name: wire.snapshotName, quota, uid: uint32, gid: uint32 })
const info = struct({
  ...{ id: uint64, name: wire.snapshotName, created: wire.time, uid: uint32, gid: uint32 },
  ...{ bytes: uint64, inodes: uint64, written: uint64, quota, snapshots: uint32 },
  origin: optional(origin),
})
const page = struct({ datasets: array(info, wire.PAGE_LENGTH), more: bool })
const renameArgs = struct({ name: wire.snapshotName, to: wire.snapshotName })
const quotaArgs = struct({ name: wire.snapshotName, quota })
const deletePoll = wire.poll(voidType, voidType, voidType)
const deleteArgs = struct({ name: wire.snapshotName, withSnapshots: bool })
const newClone = struct({ origin, name: wire.snapshotName, quota })
const promotionProgress = struct({ done: uint64, total: uint64 })
const promotePoll = wire.poll(promotionProgress, voidType, voidType)

/** The procedures' numbers, apart from those in types.ts. */
const [CREATE, LIST, RENAME, SET_QUOTA, DELETE, DELETE_POLL] = [80, 81, 82, 83, 84, 85] as const
const [CLONE, PROMOTE, PROMOTE_POLL] = [86, 87, 88] as const

type Answer = <A, R>(
  args: Codec<A>,
  results: Codec<R>,
  run: (args: A) => Promise<R>,
) => Procedure<A>

/** The procedures, by number. */
export function datasetProcedures(
  datasets: DatasetOperations,
  answer: Answer,
  count: JobCount,
  toError: (error: unknown) => FsError,
): Record<number, Procedure<unknown>> {
  const deletions = new Jobs<void, void, void>(count, toError)
  const promotions = new Jobs<PromotionProgress, void, void>(count, toError)
  return {
    [CREATE]: answer(newDataset, info, (given) => datasets.create(given)),
    [LIST]: answer(uint64, page, async (after) => {
      const behind = (await datasets.list()).filter(({ id }) => id > after)
      const first = behind.slice(0, wire.PAGE_LENGTH)
      return { datasets: first, more: behind.length > first.length }
    }),
    [RENAME]: answer(renameArgs, voidType, ({ name, to }) => datasets.rename(name, to)),
    [SET_QUOTA]: answer(quotaArgs, voidType, (given) => datasets.setQuota(given.name, given.quota)),
    [DELETE]: answer(deleteArgs, uint32, async ({ name, withSnapshots }) =>
      deletions.start(async () => {
        await datasets.delete(name, withSnapshots)
        return { value: undefined, items: [] }
      }),
    ),
    [DELETE_POLL]: answer(wire.pollArgs, deletePoll, (args) => deletions.poll(args)),
    [CLONE]: answer(newClone, info, (given) => datasets.clone(given)),
    [PROMOTE]: answer(wire.snapshotName, uint32, async (name) =>
      promotions.start(async (report) => {
        await datasets.promote(name, report)
        return { value: undefined, items: [] }
      }),
    ),
    [PROMOTE_POLL]: answer(wire.pollArgs, promotePoll, (args) => promotions.poll(args)),
  }
}

export class RemoteDatasets implements DatasetOperations {
  readonly #calls: RemoteCalls

  constructor(calls: RemoteCalls) {
    this.#calls = calls
  }

  create(dataset: NewDataset): Promise<DatasetInfo> {
    return this.#calls.call(CREATE, newDataset, dataset, info)
  }

  async list(): Promise<readonly DatasetInfo[]> {
    const all: DatasetInfo[] = []
    for (let more = true; more; ) {
      const found = await this.#calls.call(LIST, uint64, all.at(-1)?.id ?? 0, page)
      all.push(...found.datasets)
      more = found.more
    }
    return all
  }

  rename(name: string, to: string): Promise<void> {
    return this.#calls.call(RENAME, renameArgs, { name, to }, voidType)
  }

  setQuota(name: string, given: Quota): Promise<void> {
    return this.#calls.call(SET_QUOTA, quotaArgs, { name, quota: given }, voidType)
  }

  async delete(name: string, withSnapshots: boolean): Promise<void> {
    const job = await this.#calls.call(DELETE, deleteArgs, { name, withSnapshots }, uint32)
    await this.#calls.follow(DELETE_POLL, job, deletePoll, () => undefined)
  }
  clone(clone: NewClone): Promise<DatasetInfo> {
    return this.#calls.call(CLONE, newClone, clone, info)
  }

  async promote(name: string, progress: (progress: PromotionProgress) => void): Promise<void> {
    const job = await this.#calls.call(PROMOTE, wire.snapshotName, name, uint32)
    await this.#calls.follow(PROMOTE_POLL, job, promotePoll, progress)
  }
}
