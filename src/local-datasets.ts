/** The datasets of a volume as the control program and the commands work with them. */
import type { Accounts } from './control/accounts.ts'
import type {
  DatasetInfo,
  DatasetOperations,
  NewClone,
  NewDataset,
  PromotionProgress,
  Quota,
} from './control/datasets.ts'
import { FsError } from './fs/error.ts'
import type { OpenDataset } from './snapshot/open-dataset.ts'
import { writtenIn } from './snapshot/written.ts'
import type { Dataset } from './store/dataset.ts'
import type { Volume } from './volume.ts'

/** How often a promotion tells how far it is. */
const PROMOTION_TOLD_MS = 200

export class LocalDatasets implements DatasetOperations {
  readonly #volume: Volume

  constructor(volume: Volume) {
    this.#volume = volume
  }

  async create({ name, ...options }: NewDataset): Promise<DatasetInfo> {
    const made = this.#volume.datasets.create(name, options)
    await this.#volume.store.flush()
    return this.#info(made)
  }

  async list(): Promise<readonly DatasetInfo[]> {
    return this.#volume.datasets.all.map((one) => this.#info(one))
  }

  rename(name: string, to: string): Promise<void> {
    this.#volume.datasets.rename(name, to)
    return this.#volume.store.flush()
  }

  setQuota(name: string, quota: Quota): Promise<void> {
    this.#volume.datasets.setQuota(name, quota)
    return this.#volume.store.flush()
  }

  delete(name: string, withSnapshots: boolean): Promise<void> {
    return this.#volume.datasets.delete(name, withSnapshots)
  }

  async clone({ origin, name, quota }: NewClone): Promise<DatasetInfo> {
    const { datasets, store } = this.#volume
    const made = datasets.clone(datasets.get(origin.dataset), origin.snapshot, name, quota)
    await store.flush()
    return this.#info(made)
  }

  async promote(name: string, progress: (progress: PromotionProgress) => void): Promise<void> {
    const { datasets } = this.#volume
    const { dataset } = datasets.get(name)
    const telling = setInterval(() => {
      const found = datasets.promotions.find((one) => one.dataset === dataset.record.name)
      if (found !== undefined) progress({ done: found.done, total: found.total })
    }, PROMOTION_TOLD_MS)
    try {
      await datasets.promote(name)
    } finally {
      clearInterval(telling)
    }
    if (dataset.record.origin === undefined) return
    if (dataset.record.deleting)
      throw new FsError('NOENT', `dataset '${name}' was deleted meanwhile`)
    throw new FsError('JUKEBOX', 'interrupted, because the server stops; the next start goes on')
  }

  #info({ dataset, live, snapshots }: OpenDataset): DatasetInfo {
    const { uid, gid } = live.at(dataset.root)
    const { name, created, quota } = dataset.record
    const { bytes, inodes } = dataset.usage
    const written = writtenIn(dataset).live
    const counted = snapshots.list().length
    const origin = this.#originOf(dataset)
    const told = { id: dataset.id, name, created, uid, gid, bytes, inodes, written, quota }
    return { ...told, snapshots: counted, origin }
  }

  #originOf({ record }: Dataset): DatasetInfo['origin'] {
    if (record.origin === undefined) return undefined
    const { objsets, snapshots } = this.#volume.store
    const { name } = objsets.get(record.origin.dataset).record
    return { dataset: name, snapshot: snapshots.get(record.origin.snapshot)?.name ?? '' }
  }
}

export function accountsOf({ dataset, snapshots }: OpenDataset): Accounts {
  const written = writtenIn(dataset)
  return {
    live: { ...dataset.usage, written: written.live },
    snapshots: snapshots.list().map(({ id, referenced: { bytes, inodes } }) => {
      return { id, bytes, inodes, written: written.snapshots.get(id) ?? 0 }
    }),
  }
}
