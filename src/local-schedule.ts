/** What can be asked of the schedule of a dataset of this process. */

import type { PolicyChange, ScheduleInfo, SnapshotInfo, Verdict } from './control/operations.ts'
import { FsError } from './fs/error.ts'
import { snapshotInfo } from './local-snapshots.ts'
import { toCopy } from './snapshot/object-names.ts'
import type { OpenDataset } from './snapshot/open-dataset.ts'
import type { Schedule } from './snapshot/schedule.ts'
import type { Store } from './store/store.ts'
import type { Time } from './store/time.ts'

export class ScheduleOperations {
  readonly #store: Store
  readonly #opened: OpenDataset

  constructor(store: Store, opened: OpenDataset) {
    this.#store = store
    this.#opened = opened
  }

  show(): ScheduleInfo {
    return scheduleInfo(this.#opened.schedule)
  }

  async set(change: PolicyChange): Promise<ScheduleInfo> {
    this.#opened.schedule.set(change)
    this.#opened.scheduler.changed()
    await this.#store.flush()
    return this.show()
  }

  async end(): Promise<ScheduleInfo> {
    this.#opened.schedule.off()
    this.#opened.scheduler.changed()
    await this.#store.flush()
    return this.show()
  }

  async run(): Promise<readonly SnapshotInfo[]> {
    const taken = this.#required.take()
    await this.#store.flush()
    return taken.map(snapshotInfo)
  }

  async prune(dryRun: boolean, pruned: (name: string) => void): Promise<readonly Verdict[]> {
    const schedule = this.#required
    const verdicts = dryRun
      ? schedule.judge()
      : await schedule.prune(({ snapshot }) => pruned(snapshot.name))
    return verdicts.map(({ snapshot, ...rest }) => ({ name: snapshot.name, ...rest }))
  }

  /** @throws FsError NOENT where none is set */
  get #required(): Schedule {
    const { schedule, name } = this.#opened
    if (schedule.policy !== undefined) return schedule
    const [where, how] =
      name === '' ? ['', ''] : [` for dataset '${name}'`, ` --dataset ${toCopy(name, 'NAME')}`]
    throw new FsError(
      'NOENT',
      `no schedule is set${where}; 'zerofs-nfs schedule set${how}' sets one`,
    )
  }
}

function scheduleInfo(schedule: Schedule): ScheduleInfo {
  const periods = schedule.periods().map(({ newestMs, nextMs, ...counts }) => ({
    ...counts,
    newest: newestMs === undefined ? undefined : timeOf(newestMs),
    next: nextMs === undefined ? undefined : timeOf(nextMs),
  }))
  return { on: schedule.policy !== undefined, periods }
}

/** @param ms since 1970 */
export function timeOf(ms: number): Time {
  const seconds = Math.floor(ms / 1000)
  return { seconds, nseconds: Math.floor((ms - seconds * 1000) * 1e6) }
}
