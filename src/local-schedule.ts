/** What can be asked of the schedule of a volume of this process. */

import type {
  PolicyChange,
  ScheduleInfo,
  ScheduleStatus,
  SnapshotInfo,
  Verdict,
} from './control/operations.ts'
import { FsError } from './fs/error.ts'
import { snapshotInfo } from './local-snapshots.ts'
import type { Schedule } from './snapshot/schedule.ts'
import type { Time } from './store/time.ts'
import type { Volume } from './volume.ts'

export class ScheduleOperations {
  readonly #volume: Volume

  constructor(volume: Volume) {
    this.#volume = volume
  }

  show(): ScheduleInfo {
    return scheduleInfo(this.#volume.schedule)
  }

  /** Undefined where none is set. */
  status(): ScheduleStatus | undefined {
    const { schedule, scheduler } = this.#volume
    const nextMs = schedule.nextMs()
    return nextMs === undefined ? undefined : { next: timeOf(nextMs), failure: scheduler.failure }
  }

  async set(change: PolicyChange): Promise<ScheduleInfo> {
    this.#volume.schedule.set(change)
    this.#volume.scheduler.changed()
    await this.#volume.store.flush()
    return this.show()
  }

  async end(): Promise<ScheduleInfo> {
    this.#volume.schedule.off()
    this.#volume.scheduler.changed()
    await this.#volume.store.flush()
    return this.show()
  }

  async run(): Promise<readonly SnapshotInfo[]> {
    const taken = this.#required.take()
    await this.#volume.store.flush()
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
    const { schedule } = this.#volume
    if (schedule.policy !== undefined) return schedule
    throw new FsError('NOENT', "no schedule is set; 'zerofs-nfs schedule set' sets one")
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
function timeOf(ms: number): Time {
  const seconds = Math.floor(ms / 1000)
  return { seconds, nseconds: Math.floor((ms - seconds * 1000) * 1e6) }
}
