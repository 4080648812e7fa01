/**
 * When the periods of a schedule begin: at the full quarter, hour and day, on Mondays, on the first
 * of a month and of a year, in UTC. There a day has 24 hours all year round: nothing is taken twice
 * or left out where local clocks are put forward or back.
 */
import { strict as assert } from 'node:assert'
import { Cron } from 'croner'
import type { Period } from '../store/records.ts'

const utc = (pattern: string): Cron => new Cron(pattern, { utcOffset: 0 })

const BEGINNINGS: Readonly<Record<Period, Cron>> = {
  frequently: utc('*/15 * * * *'),
  hourly: utc('0 * * * *'),
  daily: utc('0 0 * * *'),
  weekly: utc('0 0 * * 1'),
  monthly: utc('0 0 1 * *'),
  yearly: utc('0 0 1 1 *'),
}

/**
 * The beginning of the period that `atMs` lies in; the period begins with that millisecond.
 *
 * @param atMs milliseconds since 1970, as is the result
 */
export function periodStart(period: Period, atMs: number): number {
  const [start] = BEGINNINGS[period].previousRuns(1, new Date(atMs + 1))
  assert(start, 'every period has begun before')
  return start.getTime()
}

/** The beginning of the next one, after `atMs`. */
export function nextStart(period: Period, atMs: number): number {
  const start = BEGINNINGS[period].nextRun(new Date(atMs))
  assert(start, 'every period begins again')
  return start.getTime()
}
