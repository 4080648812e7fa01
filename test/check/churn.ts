/** Random work on a store of several datasets; and the end of everything, in random order. */

import { setTimeout as sleep } from 'node:timers/promises'
import { FsError } from '../../src/fs/error.ts'
import { NO_CHANGE } from '../../src/snapshot/notes.ts'
import type { OpenDataset } from '../../src/snapshot/open-dataset.ts'
import { Rollback } from '../../src/snapshot/rollback.ts'
import type { Volume } from '../../src/volume.ts'
import { Client } from '../fs/client.ts'
import type { Random } from '../model/random.ts'
import { Workload } from './workload.ts'

const DATASETS_MAX = 4
/** Steps of a workload between two things that are done with datasets. */
const STEPS = 12
const NO_PERIODS = { frequently: 0, hourly: 0, weekly: 0, monthly: 0, yearly: 0 }

export class Churn {
  readonly log: string[] = []
  readonly #volume: Volume
  readonly #random: Random
  readonly #workloads = new Map<OpenDataset, Workload>()
  readonly #background: Promise<unknown>[] = []

  constructor(volume: Volume, random: Random) {
    this.#volume = volume
    this.#random = random
  }

  async round(): Promise<void> {
    const random = this.#random
    const { datasets } = this.#volume
    const one = random.pick(datasets.all)
    const workload = this.#workload(one)
    await workload.run(STEPS)
    this.log.push(`in '${one.name}'`, ...workload.log.splice(0))
    const then = [this.#create, this.#clone, this.#promote, this.#rollback]
    await random.pick([...then, this.#delete, this.#change, this.#note]).call(this, one)
  }

  #workload(one: OpenDataset): Workload {
    const known = this.#workloads.get(one)
    if (known !== undefined) return known
    const { data, live, snapshots, fs } = one
    const place = { data, live, snapshots, fs, store: this.#volume.store }
    const workload = new Workload(place, this.#random)
    this.#workloads.set(one, workload)
    return workload
  }

  async #create(): Promise<void> {
    const { datasets } = this.#volume
    if (datasets.all.length > DATASETS_MAX) return
    const name = `dataset ${this.#random.uint32()}`
    datasets.create(name, { uid: 0, gid: 0 })
    this.log.push(`create '${name}'`)
  }

  async #clone(one: OpenDataset): Promise<void> {
    const { datasets } = this.#volume
    const snapshots = one.snapshots.list()
    if (datasets.all.length > DATASETS_MAX || snapshots.length === 0) return
    const { name: snapshot } = this.#random.pick(snapshots)
    const name = `clone ${this.#random.uint32()}`
    datasets.clone(one, snapshot, name)
    this.log.push(`clone '${snapshot}' of '${one.name}' as '${name}'`)
  }

  async #promote(one: OpenDataset): Promise<void> {
    if (one.dataset.record.origin === undefined) return
    this.log.push(`promote '${one.name}'`)
    this.#background.push(this.#volume.datasets.promote(one.name))
  }

  async #rollback({ live, snapshots, name }: OpenDataset): Promise<void> {
    const all = snapshots.list()
    if (all.length === 0) return
    const { name: snapshot } = this.#random.pick(all)
    this.log.push(`rollback '${name}' to '${snapshot}'`)
    const request = { snapshot, dryRun: false }
    await new Rollback(live, snapshots, request, () => undefined).run()
  }

  /** One that has all it ever had, and that work may go on in. */
  async #delete(one: OpenDataset): Promise<void> {
    if (one.name === '' || this.#random.oneIn(2)) return
    this.log.push(`delete '${one.name}'`)
    this.#forget(one)
    const deletion = this.#volume.datasets.delete(one.name, true).catch(requireInUse(this.log))
    this.#background.push(deletion)
  }

  #forget(one: OpenDataset): void {
    const workload = this.#workloads.get(one)
    if (workload !== undefined) this.#background.push(workload.ended())
    this.#workloads.delete(one)
  }

  async #change(one: OpenDataset): Promise<void> {
    const { datasets } = this.#volume
    if (this.#random.oneIn(3)) one.schedule.off()
    else one.schedule.set({ ...NO_PERIODS, daily: 1 + this.#random.below(5) })
    if (one.name === '') return
    const quota = { bytes: 2 ** 30, inodes: this.#random.pick([0, 100, 100_000]) }
    datasets.setQuota(one.name, quota)
    datasets.rename(one.name, `renamed ${this.#random.uint32()}`)
  }

  async #note({ snapshots }: OpenDataset): Promise<void> {
    const all = snapshots.list()
    if (all.length === 0) return
    const { name } = this.#random.pick(all)
    snapshots.change(name, {
      ...NO_CHANGE,
      name: `noted ${this.#random.uint32()}`,
      comment: 'noted',
    })
  }

  /** The store was closed, whatever went on: it has come to its end, or goes on when it is opened. */
  async interrupted(): Promise<void> {
    for (const workload of this.#workloads.values()) this.#background.push(workload.ended())
    await Promise.all(this.#background)
  }

  /** Deletes all datasets, snapshots and files, in any order, some of it at the same time. */
  async end(): Promise<void> {
    const { datasets } = this.#volume
    for (const one of datasets.all) datasets.setQuota(one.name, { bytes: 0, inodes: 0 })
    for (const workload of this.#workloads.values()) await workload.ended()
    await Promise.all(this.#background.splice(0))
    const todo = datasets.all.flatMap((one) => this.#endOf(one))
    while (todo.length > 0) {
      const [next] = todo.splice(this.#random.below(todo.length), 1)
      try {
        await next?.()
      } catch (error) {
        // What a clone needs goes after it.
        if (next === undefined || !(error instanceof FsError && error.code === 'ACCES')) throw error
        todo.push(next)
        await sleep(1)
      }
    }
    await Promise.all(this.#background)
  }

  /** What has to be done, each by itself, until a dataset is gone, or as empty as it was made. */
  #endOf(one: OpenDataset): (() => Promise<void> | void)[] {
    const { snapshots, data } = one
    const client = new Client(one.fs, one.fs.root())
    const later = (work: Promise<unknown>) => void this.#background.push(work)
    const gone = snapshots.list().map((snapshot) => () => {
      // The dataset may be gone, and its snapshots with it.
      if (snapshots.find(snapshot.name) === undefined) return
      snapshots.requireDeletable(snapshot)
      later(snapshots.delete(snapshot.name))
    })
    const isRoot = one.name === ''
    const files = () => {
      if (!isRoot && this.#volume.datasets.byId(one.dataset.id) === undefined) return
      data.settleAll()
      for (const name of client.names('')) removeAll(client, `/${name}`)
      if (isRoot) one.schedule.off()
    }
    const dataset = () => {
      for (const snapshot of snapshots.list()) snapshots.requireDeletable(snapshot)
      this.#forget(one)
      later(this.#volume.datasets.delete(one.name, true))
    }
    return [...gone, files, ...(isRoot ? [] : [dataset])]
  }
}

/** Passes where a restore that goes on reads a snapshot of the dataset. */
const requireInUse =
  (log: string[]) =>
  (error: unknown): void => {
    if (!(error instanceof FsError && error.code === 'ACCES')) throw error
    log.push(`  ${error.message}`)
  }

/** Removes whatever is there. */
function removeAll(client: Client, path: string): void {
  if (client.stat(path).type !== 2) {
    client.remove(path)
    return
  }
  for (const name of client.names(path)) removeAll(client, `${path}/${name}`)
  client.rmdir(path)
}
