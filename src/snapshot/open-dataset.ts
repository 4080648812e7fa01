/** A dataset that is being served: its files, their data, its snapshots, its schedule, and the work behind them. */
import { FileData } from '../fs/data.ts'
import type { ReadBuffers } from '../fs/data-buffers.ts'
import type { DataLimits, DirtyBudget } from '../fs/data-options.ts'
import { type IsTaken, Live } from '../fs/live.ts'
import { LiveFileSystem } from '../fs/livefs.ts'
import { Reclaimer } from '../fs/reclaim.ts'
import type { Dataset } from '../store/dataset.ts'
import { Kind, kindRange, parseKey } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import type { RecordBuffers } from '../xdr/buffers.ts'
import { Schedule } from './schedule.ts'
import { Scheduler, type SchedulerHost } from './scheduler.ts'
import { SnapFileSystem } from './snapfs.ts'
import { Snapshots } from './snapshots.ts'

/** What all datasets of a store share. */
export interface SharedParts {
  readonly buffers: ReadBuffers
  readonly recordBuffers: RecordBuffers | undefined
  readonly budget: DirtyBudget
  readonly limits?: Partial<DataLimits>
  /** The clock and the timers of schedules. */
  readonly clock: Pick<SchedulerHost, 'nowMs' | 'after'>
  /** Is told of what nobody asked for: an orphan that cannot be freed. */
  readonly report: (message: string, error: unknown) => void
}

export class OpenDataset {
  readonly dataset: Dataset
  readonly data: FileData
  readonly live: Live
  readonly snapshots: Snapshots
  readonly schedule: Schedule
  /** Does nothing before it is started: only a server does that. */
  readonly scheduler: Scheduler
  /** What clients see: the live files, and `.snapshots`. */
  readonly fs: SnapFileSystem
  readonly #store: Store
  readonly #reclaimer: Reclaimer
  readonly #report: SharedParts['report']

  constructor(store: Store, dataset: Dataset, shared: SharedParts, isTaken: IsTaken) {
    const { buffers, recordBuffers, budget, limits = {}, clock, report } = shared
    const failed = (content: number, error: unknown) =>
      report(`the blocks of content ${content} cannot be freed`, error)
    const { pace } = store
    const later = (action: () => void) => void pace.rest().then(action)
    const timed = (step: () => boolean) => pace.step(step)
    const reclaimer = new Reclaimer(store, dataset, { failed, later, timed })
    const orphaned = (content: number) => reclaimer.add(content)
    const data = new FileData(store, dataset, { limits, buffers, recordBuffers, budget, orphaned })
    const live = new Live(store, dataset, data, store.fsid(dataset.id), isTaken)
    const unfreed = (error: unknown) => report('a deleted snapshot cannot be freed', error)
    const snapshots = new Snapshots(store, dataset, () => data.settleAll(), unfreed)
    this.dataset = dataset
    this.data = data
    this.live = live
    this.snapshots = snapshots
    this.schedule = new Schedule(store, snapshots, clock.nowMs)
    this.scheduler = new Scheduler({
      ...{ store, schedule: this.schedule, ...clock },
      report: (message, error) => report(`${message}${this.#where}`, error),
    })
    this.fs = new SnapFileSystem(new LiveFileSystem(live), store, snapshots, buffers)
    this.#store = store
    this.#reclaimer = reclaimer
    this.#report = report
  }

  get name(): string {
    return this.dataset.record.name
  }

  /** Frees what was cut off, by itself and in the background. */
  get reclaimer(): Reclaimer {
    return this.#reclaimer
  }

  /** For messages: nothing for the root dataset. */
  get #where(): string {
    return this.name === '' ? '' : ` in dataset '${this.name}'`
  }

  /** Takes up what a crash or a stop has interrupted. */
  async resume(): Promise<void> {
    const range = kindRange(this.dataset.id, Kind.ORPHAN)
    for await (const { key } of this.#store.database.scan(range)) {
      this.#reclaimer.add(Number(parseKey(key).key))
    }
    void this.snapshots
      .resume()
      .catch((error: unknown) => this.#report('a deleted snapshot cannot be freed', error))
  }

  /** No further work of its own accord; resolves when none is under way. */
  async stop(): Promise<void> {
    this.#reclaimer.stop()
    const scheduled = this.scheduler.stop()
    await this.snapshots.stop()
    await scheduled
  }
}
