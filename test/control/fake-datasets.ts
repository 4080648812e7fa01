/** Datasets in memory, for tests of the control program and of the command line. */
import type {
  DatasetInfo,
  DatasetOperations,
  NewClone,
  NewDataset,
  PromotionProgress,
  Quota,
} from '../../src/control/operations.ts'
import { FsError } from '../../src/fs/error.ts'

const created = { seconds: 1_763_842_445, nseconds: 5000 }

export class FakeDatasets implements DatasetOperations {
  all: DatasetInfo[] = [
    {
      ...{ id: 1, name: '', created, uid: 0, gid: 0, bytes: 3_435_973_837, inodes: 1204 },
      ...{ quota: { bytes: 0, inodes: 0 }, snapshots: 2, written: 12_582_912, origin: undefined },
    },
  ]

  #get(name: string): DatasetInfo {
    const found = this.all.find((one) => one.name === name)
    if (found === undefined) throw new FsError('NOENT', `there is no dataset '${name}'`)
    return found
  }

  #replace(name: string, change: Partial<DatasetInfo>): void {
    const before = this.#get(name)
    this.all = this.all.map((one) => (one === before ? { ...one, ...change } : one))
  }

  /** One with nothing in it. */
  add(name: string): DatasetInfo {
    const quota = { bytes: 0, inodes: 0 }
    const used = { bytes: 0, inodes: 1, written: 0, snapshots: 0, origin: undefined }
    const made = { id: 10 + this.all.length, name, created, uid: 0, gid: 0, quota, ...used }
    this.all.push(made)
    return made
  }

  async create(given: NewDataset): Promise<DatasetInfo> {
    if (this.all.some(({ name }) => name === given.name)) {
      throw new FsError('EXIST', `a dataset '${given.name}' exists already`)
    }
    const id = 10 + this.all.length
    const made = {
      id,
      ...given,
      created,
      bytes: 0,
      inodes: 1,
      written: 0,
      snapshots: 0,
      origin: undefined,
    }
    this.all.push(made)
    return made
  }

  async list(): Promise<readonly DatasetInfo[]> {
    return this.all
  }

  async rename(name: string, to: string): Promise<void> {
    this.#replace(name, { name: to })
  }

  async setQuota(name: string, quota: Quota): Promise<void> {
    this.#replace(name, { quota })
  }

  async delete(name: string, withSnapshots: boolean): Promise<void> {
    const { snapshots } = this.#get(name)
    if (snapshots > 0 && !withSnapshots) throw new FsError('ACCES', 'it has snapshots')
    this.all = this.all.filter((one) => one.name !== name)
  }

  async clone({ origin, name, quota }: NewClone): Promise<DatasetInfo> {
    const { id, ...of } = this.#get(origin.dataset)
    if (origin.snapshot === 'none') throw new FsError('NOENT', "no snapshot 'none'")
    const made = { ...of, id: id + this.all.length, name, quota, snapshots: 0, origin }
    this.all.push(made)
    return made
  }

  async promote(name: string, progress: (progress: PromotionProgress) => void): Promise<void> {
    progress({ done: 301, total: 1204 })
    this.#replace(name, { origin: undefined })
  }
}
