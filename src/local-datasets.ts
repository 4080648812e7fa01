/** The datasets of a volume as the control program and the commands work with them. */
import type { DatasetInfo, DatasetOperations, NewDataset, Quota } from './control/datasets.ts'
import type { OpenDataset } from './snapshot/open-dataset.ts'
import type { Volume } from './volume.ts'

export class LocalDatasets implements DatasetOperations {
  readonly #volume: Volume

  constructor(volume: Volume) {
    this.#volume = volume
  }

  async create({ name, ...options }: NewDataset): Promise<DatasetInfo> {
    const made = this.#volume.datasets.create(name, options)
    await this.#volume.store.flush()
    return infoOf(made)
  }

  async list(): Promise<readonly DatasetInfo[]> {
    return this.#volume.datasets.all.map(infoOf)
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
}

function infoOf({ dataset, live, snapshots }: OpenDataset): DatasetInfo {
  const { uid, gid } = live.at(dataset.root)
  const { name, created, quota } = dataset.record
  const { bytes, inodes } = dataset.usage
  const counted = snapshots.list().length
  return { id: dataset.id, name, created, uid, gid, bytes, inodes, quota, snapshots: counted }
}
