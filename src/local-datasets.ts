/** The datasets of a volume as the control program and the commands work with them. */
import type { Accounts } from './control/accounts.ts'
import type { DatasetInfo, DatasetOperations, NewDataset, Quota } from './control/datasets.ts'
import type { OpenDataset } from './snapshot/open-dataset.ts'
import { writtenIn } from './snapshot/written.ts'
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
  const written = writtenIn(dataset).live
  const counted = snapshots.list().length
  const files = { uid, gid, bytes, inodes, written, quota }
  return { id: dataset.id, name, created, ...files, snapshots: counted }
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
