/**
 * The schedule of a dataset: which snapshots are due, taking them, and pruning by policy.
 *
 * Nothing but the policy is stored. What was taken is told by the snapshots themselves: a period is
 * done once a snapshot of its own is in it. So whatever was missed is due once and not several
 * times, and a clock that jumps can make a snapshot late or early, but not many of one period.
 * When it is done is scheduler.ts's business.
 */
import { FsError } from '../fs/error.ts'
import type { Snapshot } from '../store/dataset.ts'
import { PERIODS, type Period, SCHEDULE_COUNT_MAX } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { nextStart, periodStart } from './calendar.ts'
import { keepersOf } from './clones.ts'
import { judge, ownName, ownOf, type Policy, SCHEDULED_TAG, type Verdict } from './retention.ts'
import type { Snapshots } from './snapshots.ts'

/** New counts; undefined leaves one as it is. */
export type PolicyChange = Readonly<Record<Period, number | undefined>>

/** How it stands with one period. Times are in milliseconds since 1970. */
export interface PeriodState {
  readonly period: Period
  /** How many snapshots are kept. */
  readonly keep: number
  /** How many there are. */
  readonly snapshots: number
  /** When the newest of them was taken, by its name. */
  readonly newestMs: number | undefined
  /** When the next one is taken: now, where it is due; undefined where none is. */
  readonly nextMs: number | undefined
}

const MINUTE_MS = 60_000
/** The key of the one record. */
const SCHEDULE = 0
const NO_POLICY: Policy = {
  ...{ frequently: 0, hourly: 0, daily: 0 },
  ...{ weekly: 0, monthly: 0, yearly: 0 },
}

export class Schedule {
  readonly #store: Store
  readonly #snapshots: Snapshots
  readonly #nowMs: () => number

  /** @param nowMs the wall clock, in milliseconds since 1970: it may jump */
  constructor(store: Store, snapshots: Snapshots, nowMs: () => number) {
    this.#store = store
    this.#snapshots = snapshots
    this.#nowMs = nowMs
  }

  /** Undefined where none is set: nothing is taken and nothing pruned. */
  get policy(): Policy | undefined {
    return this.#snapshots.dataset.schedules.get(SCHEDULE)
  }

  /**
   * Sets a schedule, or changes some counts of it.
   *
   * @throws FsError INVAL a count that cannot be, or nothing to keep at all
   */
  set(change: PolicyChange): void {
    const before = this.policy ?? NO_POLICY
    const policy = { ...before }
    for (const period of PERIODS) policy[period] = change[period] ?? before[period]
    requireCounts(policy)
    this.#store.transact((tx) => tx.put(this.#snapshots.dataset.schedules, SCHEDULE, policy))
  }

  /** Ends the schedule. What it has taken stays. */
  off(): void {
    if (this.policy === undefined) return
    this.#store.transact((tx) => tx.delete(this.#snapshots.dataset.schedules, SCHEDULE))
  }

  /**
   * The periods that go on without a snapshot of their own.
   *
   * @param sinceMs those that began at this time or before are passed over
   */
  due(sinceMs = Number.NEGATIVE_INFINITY): readonly Period[] {
    const { policy } = this
    const nowMs = this.#nowMs()
    const begun = PERIODS.flatMap((period) => {
      if (policy === undefined || policy[period] === 0) return []
      const fromMs = periodStart(period, nowMs)
      return fromMs > sinceMs ? [{ period, fromMs, endMs: nextStart(period, nowMs) }] : []
    })
    if (begun.length === 0) return []
    const taken = this.#snapshots.list().flatMap((snapshot) => ownOf(snapshot) ?? [])
    return begun
      .filter(({ period, fromMs, endMs }) => {
        const within = (takenMs: number): boolean => takenMs >= fromMs && takenMs < endMs
        return !taken.some((own) => own.period === period && within(own.takenMs))
      })
      .map(({ period }) => period)
  }

  /** When the next period begins; undefined where nothing is scheduled. */
  nextMs(): number | undefined {
    const { policy } = this
    const wanted = PERIODS.filter((period) => (policy?.[period] ?? 0) > 0)
    const nowMs = this.#nowMs()
    const next = wanted.map((period) => nextStart(period, nowMs))
    return next.length === 0 ? undefined : Math.min(...next)
  }

  /**
   * Takes what is due, all of it in the same instant. It is durable after the store's next barrier.
   *
   * @param sinceMs as for `due`
   * @throws FsError NOSPC, or IO where the store has failed; what was taken before that stays
   */
  take(sinceMs?: number): readonly Snapshot[] {
    const due = this.due(sinceMs)
    const nowMs = this.#nowMs()
    return due.map((period) =>
      this.#snapshots.create(this.#freeName(period, nowMs), '', [SCHEDULED_TAG]),
    )
  }

  /** The name of this minute, or of one soon, where people have given the name to one of theirs. */
  #freeName(period: Period, nowMs: number): string {
    let takenMs = nowMs
    while (this.#snapshots.find(ownName(period, takenMs)) !== undefined) takenMs += MINUTE_MS
    return ownName(period, takenMs)
  }

  /** What becomes of each snapshot that the schedule has made; of none where it is off. */
  judge(): readonly Verdict<Snapshot>[] {
    const { policy } = this
    if (policy === undefined) return []
    const kept = (snapshot: Snapshot) => ({ ...snapshot, holds: keepersOf(this.#store, snapshot) })
    return judge(this.#snapshots.list().map(kept), policy)
  }

  /**
   * Deletes what the policy does not keep, oldest first, and frees what only that held.
   *
   * @param pruned is told each snapshot that is gone
   * @returns what became of each; a snapshot that a restore reads is kept until the next time
   * @throws FsError JUKEBOX where the store is about to be closed, IO where it has failed
   */
  async prune(pruned: (verdict: Verdict) => void): Promise<readonly Verdict[]> {
    const verdicts: Verdict[] = []
    const judged = this.policy
    for (const verdict of this.judge()) {
      const count = judged?.[verdict.period] ?? 0
      const done = verdict.keep ? verdict : await this.#prune(verdict, count)
      if (done === undefined) continue
      if (!done.keep) pruned(done)
      verdicts.push(done)
    }
    return verdicts
  }

  /**
   * @param count how many of its period were to be kept when it was judged
   * @returns undefined where it is gone already
   */
  async #prune(verdict: Verdict<Snapshot>, count: number): Promise<Verdict | undefined> {
    this.#snapshots.requireGoingOn()
    // While others were deleted this one may have been held, renamed or deleted, or the schedule
    // may have been changed or ended.
    const current = this.#snapshots.byId(verdict.snapshot.id)
    if (current === undefined || !isAsJudged(current, verdict.snapshot)) return undefined
    const kept = (why: string): Verdict => ({ ...verdict, keep: true, why })
    const holds = keepersOf(this.#store, current)
    if (holds.length > 0) return kept(`held: ${holds.join(', ')}`)
    const { policy } = this
    if (policy === undefined || policy[verdict.period] > count) {
      return kept('the schedule was changed meanwhile')
    }
    try {
      await this.#snapshots.delete(current.name)
      return verdict
    } catch (error) {
      if (!(error instanceof FsError) || error.code !== 'ACCES') throw error
      return kept('in use; it is pruned the next time')
    }
  }

  /** How it stands with each period that is scheduled, or has snapshots. */
  periods(): readonly PeriodState[] {
    const { policy = NO_POLICY } = this
    const nowMs = this.#nowMs()
    const due = this.due()
    const own = this.#snapshots.list().flatMap((snapshot) => ownOf(snapshot) ?? [])
    return PERIODS.flatMap((period) => {
      const taken = own.filter((one) => one.period === period)
      const keep = policy[period]
      if (keep === 0 && taken.length === 0) return []
      const soon = due.includes(period) ? nowMs : nextStart(period, nowMs)
      const newestMs = taken.at(-1)?.takenMs
      return [
        { period, keep, snapshots: taken.length, newestMs, nextMs: keep > 0 ? soon : undefined },
      ]
    })
  }
}

/** Whether it is still the schedule's, by the name that it was judged by. */
function isAsJudged(current: Snapshot, judged: Snapshot): boolean {
  return current.name === judged.name && ownOf(current) !== undefined
}

/** @throws FsError INVAL */
function requireCounts(policy: Policy): void {
  for (const period of PERIODS) {
    const count = policy[period]
    if (Number.isInteger(count) && count >= 0 && count <= SCHEDULE_COUNT_MAX) continue
    throw new FsError('INVAL', `a schedule keeps 0 to ${SCHEDULE_COUNT_MAX} ${period} snapshots`)
  }
  if (PERIODS.some((period) => policy[period] > 0)) return
  throw new FsError('INVAL', "a schedule keeps at least one snapshot; 'schedule off' ends it")
}
