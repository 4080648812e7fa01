/**
 * Which of a schedule's snapshots are kept, and which are pruned.
 *
 * A schedule names its snapshots by their period and the time at which they are taken, in UTC, to
 * the minute: `auto-daily-2026-11-22T0000Z`. Those of one period sort as they were taken, wherever
 * the server stands and whatever its clocks are put to in spring. It tags them too: a snapshot of
 * any other name, or without the tag, is people's, and none of the schedule's business.
 *
 * Invariants:
 * - The newest N of each period are kept, N being the policy's count. Newest is who was made last,
 *   not who has the latest time: a clock that once ran ahead does not push out what came after.
 * - What is held is kept. A hold changes the fate of its snapshot alone: it takes nobody's place,
 *   and nobody takes its own.
 */
import { PERIODS, type Period, type ScheduleRecord } from '../store/records.ts'

export { PERIODS, type Period, SCHEDULE_COUNT_MAX } from '../store/records.ts'

/** How many snapshots of each period are kept. */
export type Policy = ScheduleRecord

/** What is looked at of a snapshot. */
export interface Candidate {
  /** Its number: a later snapshot has a higher one. */
  readonly id: number
  readonly name: string
  readonly tags: readonly string[]
  /** Names of what holds it. */
  readonly holds: readonly string[]
}

/** What becomes of a snapshot, and why. */
export interface Verdict<S extends Candidate = Candidate> {
  readonly snapshot: S
  readonly period: Period
  readonly keep: boolean
  /** `daily, 3 of 7`, `held: backup`, `older than the newest 7 daily` */
  readonly why: string
}

/** What a schedule's own name says. */
export interface OwnName {
  readonly period: Period
  /** Milliseconds since 1970, a whole minute. */
  readonly takenMs: number
}

/** What a schedule tags its snapshots with. Whoever takes it away keeps the snapshot. */
export const SCHEDULED_TAG = 'scheduled'
const PREFIX = 'auto-'
const OWN_NAME = new RegExp(
  `^${PREFIX}(${PERIODS.join('|')})-(\\d{4}-\\d\\d-\\d\\dT\\d\\d)(\\d\\d)Z$`,
)

/** @param takenMs milliseconds since 1970 */
export function ownName(period: Period, takenMs: number): string {
  const [day, time = ''] = new Date(takenMs).toISOString().split('T')
  return `${PREFIX}${period}-${day}T${time.slice(0, 2)}${time.slice(3, 5)}Z`
}

/** What a name that `ownName` made says; undefined for any other name. */
export function parseOwnName(name: string): OwnName | undefined {
  if (!name.startsWith(PREFIX)) return undefined
  const [, period, hour, minute] = OWN_NAME.exec(name) ?? []
  if (period === undefined) return undefined
  const takenMs = Date.parse(`${hour}:${minute}:00Z`)
  // A day that no month has is taken for one of the next month: then the name is not ours.
  if (Number.isNaN(takenMs) || ownName(period as Period, takenMs) !== name) return undefined
  return { period: period as Period, takenMs }
}

/** What the name of a snapshot says that a schedule has made; undefined for people's own. */
export function ownOf({ name, tags }: Pick<Candidate, 'name' | 'tags'>): OwnName | undefined {
  return tags.includes(SCHEDULED_TAG) ? parseOwnName(name) : undefined
}

/** The names of a snapshot's holds. */
export function holdsOf(snapshot: Candidate): readonly string[] {
  return snapshot.holds
}

/** Judges those of `snapshots` that the schedule has made, in the order in which they were made. */
export function judge<S extends Candidate>(
  snapshots: readonly S[],
  policy: Policy,
): readonly Verdict<S>[] {
  const ranks = new Map<Period, number>()
  const verdicts: Verdict<S>[] = []
  for (const snapshot of [...snapshots].sort((a, b) => b.id - a.id)) {
    const period = ownOf(snapshot)?.period
    if (period === undefined) continue
    const rank = (ranks.get(period) ?? 0) + 1
    ranks.set(period, rank)
    verdicts.push({ snapshot, period, ...fate(snapshot, period, rank, policy[period]) })
  }
  return verdicts.reverse()
}

/** @param rank 1 for the newest of its period */
function fate(
  snapshot: Candidate,
  period: Period,
  rank: number,
  count: number,
): { readonly keep: boolean; readonly why: string } {
  if (rank <= count) return { keep: true, why: `${period}, ${rank} of ${count}` }
  const holds = holdsOf(snapshot)
  if (holds.length > 0) return { keep: true, why: `held: ${holds.join(', ')}` }
  const none = `the schedule keeps no ${period} ones`
  return { keep: false, why: count === 0 ? none : `older than the newest ${count} ${period}` }
}
