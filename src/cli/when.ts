/**
 * Times as people write them, and the snapshot that shows how things were then.
 *
 *     latest, latest~2                the newest snapshot, the second before it
 *     2 hours ago, a week ago         minutes, hours, days, weeks, months, years
 *     yesterday, yesterday 14:30      14:30, 14:30:05: of today
 *     2026-11-22, 2026-11-22 14:30    ISO 8601; local time unless it ends in Z or +01:00
 *
 * A time stands for all of what it names: `2026-11-22` for that whole day, `14:30` for that minute,
 * and a time to the second, as `snapshot list` shows it, for the snapshot that was made within it.
 */
import type { SnapshotInfo } from '../control/operations.ts'
import type { Time } from '../fs/filesystem.ts'
import { CommandError, Exit, UsageError } from './errors.ts'
import { count, localTime, shellWord } from './text.ts'

/** What was asked for: by how many before the newest, or the newest before an instant. */
export type When =
  | { readonly text: string; readonly back: number }
  /** Nanoseconds since 1970; the instant itself is too late. */
  | { readonly text: string; readonly before: bigint }

export const WHEN_FORMS =
  "latest, latest~2, '2 hours ago', yesterday, 14:30, 2026-11-22 or '2026-11-22 14:30'"

const NS_PER_MS = 1_000_000n
const NS_PER_SECOND = 1_000_000_000n
/** More time than there can be snapshots of; Date ends at about three times as many years. */
const AGO_MAX = 1_000_000
const YEARS_AGO_MAX = 10_000

/** Whole times of day: hours, minutes, and seconds where they are given. */
const CLOCK = String.raw`([01]\d|2[0-3]|\d):([0-5]\d)(?::([0-5]\d)(?:[.,](\d{1,9}))?)?`
const ZONE = String.raw`(?:\s*(Z|[+-]\d{2}(?::?\d{2})?))?`
const DATE = String.raw`(\d{4})-(\d{2})-(\d{2})`
const ISO = new RegExp(`^${DATE}(?:(?:T|\\s+)${CLOCK}${ZONE})?$`, 'i')
const OF_A_DAY = new RegExp(`^(?:(yesterday|today)(?:\\s+(?:at\\s+)?|$))?(?:${CLOCK})?$`, 'i')
const AGO = /^(\d{1,7}|an?)\s*(minute|min|hour|h|day|d|week|w|month|year|y)s?(?:\s+ago)$/i
const LATEST = /^latest(?:~(\d{1,7}))?$/i

/**
 * @param nowMs milliseconds since 1970
 * @throws UsageError where the text is no such time
 */
export function parseWhen(text: string, nowMs: number): When {
  const wanted = text.trim()
  const latest = LATEST.exec(wanted)
  if (latest !== null) return { text, back: Number(latest[1] ?? 0) }
  const before = ago(wanted, nowMs) ?? ofADay(wanted, nowMs) ?? iso(wanted)
  if (before !== undefined) return { text, before }
  throw new UsageError(`'${text}' is no time that is understood: write ${WHEN_FORMS}`)
}

/** That instant is the last one that counts. */
function ago(text: string, nowMs: number): bigint | undefined {
  const [, number = '', unit = ''] = AGO.exec(text) ?? []
  if (unit === '') return undefined
  const many = /^an?$/i.test(number) ? 1 : Number(number)
  const letter = unit.toLowerCase()
  const most = /^(y|month)/.test(letter) ? YEARS_AGO_MAX : AGO_MAX
  if (many > most) throw new UsageError(`'${text}' is longer ago than anything here can be`)
  const at = new Date(nowMs)
  if (letter.startsWith('min')) at.setTime(nowMs - many * 60_000)
  else if (letter.startsWith('h')) at.setTime(nowMs - many * 3_600_000)
  else if (letter.startsWith('d')) at.setDate(at.getDate() - many)
  else if (letter.startsWith('w')) at.setDate(at.getDate() - 7 * many)
  else monthsBack(at, letter.startsWith('y') ? 12 * many : many)
  return (BigInt(at.getTime()) + 1n) * NS_PER_MS
}

/** A month before 31 March is the last day of February. */
function monthsBack(at: Date, months: number): void {
  const day = at.getDate()
  at.setDate(1)
  at.setMonth(at.getMonth() - months)
  at.setDate(Math.min(day, new Date(at.getFullYear(), at.getMonth() + 1, 0).getDate()))
}

/** `14:30`, `yesterday`, `yesterday 14:30` */
function ofADay(text: string, nowMs: number): bigint | undefined {
  const match = text === '' ? null : OF_A_DAY.exec(text)
  if (match === null) return undefined
  const [, day, ...clock] = match
  const now = new Date(nowMs)
  const back = day?.toLowerCase() === 'yesterday' ? 1 : 0
  const date = [now.getFullYear(), now.getMonth(), now.getDate() - back] as const
  return clock[0] === undefined ? endOfDay(...date) : endOfClock(date, clock, undefined)
}

function iso(text: string): bigint | undefined {
  const [, year, month, day, ...rest] = ISO.exec(text) ?? []
  if (year === undefined) return undefined
  const date = [Number(year), Number(month) - 1, Number(day)] as const
  const at = new Date(Date.UTC(...date))
  if (at.getUTCMonth() !== date[1] || at.getUTCDate() !== date[2]) {
    throw new UsageError(`'${text}' is no day of the calendar`)
  }
  const [hour, minute, second, fraction, zone] = rest
  if (hour === undefined) return endOfDay(...date)
  return endOfClock(date, [hour, minute, second, fraction], zone)
}

/** When the next day begins. */
function endOfDay(year: number, month: number, day: number): bigint {
  return BigInt(new Date(year, month, day + 1).getTime()) * NS_PER_MS
}

/**
 * When the minute, second or part of a second that is named is over.
 *
 * @param clock hour, minute, second and its decimals; the last two where they are given
 * @param zone `Z` or `+01:00`; undefined for local time
 */
function endOfClock(
  date: readonly [number, number, number],
  clock: readonly (string | undefined)[],
  zone: string | undefined,
): bigint {
  const [hour = 0, minute = 0, second = 0] = clock.slice(0, 3).map((part) => Number(part ?? 0))
  const parts = [...date, hour, minute, second] as const
  const ms =
    zone === undefined
      ? new Date(...parts).getTime()
      : Date.UTC(...parts) - offsetMinutes(zone) * 60_000
  const start = BigInt(ms) * NS_PER_MS
  const fraction = clock[3]
  if (fraction !== undefined) {
    return start + (BigInt(fraction) + 1n) * 10n ** BigInt(9 - fraction.length)
  }
  return start + (clock[2] === undefined ? 60n : 1n) * NS_PER_SECOND
}

function offsetMinutes(zone: string): number {
  if (/^z$/i.test(zone)) return 0
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
  return zone.startsWith('-') ? -minutes : minutes
}

const nanoseconds = ({ seconds, nseconds }: Time): bigint =>
  BigInt(seconds) * NS_PER_SECOND + BigInt(nseconds)

/** So are the snapshots named that are made to go back to. */
const SAFETY_NAME = /^pre-[a-z]+-\d{8}-\d{6}(-\d+)?$/

/**
 * The newest snapshot that is not after the time. Those that were made to go back to do not count:
 * a restore from the latest one that is run again must not undo itself.
 *
 * @param all oldest first
 * @param option ` --dataset NAME`, where that makes one
 * @throws CommandError NOT_FOUND where none is, with those that are nearest
 */
export function pickSnapshot(when: When, all: readonly SnapshotInfo[], option = ''): SnapshotInfo {
  const snapshots = all.filter(({ name }) => !SAFETY_NAME.test(name))
  const [oldest] = snapshots
  if (oldest === undefined) {
    const advice = `'zerofs-nfs snapshot create NAME${option}' makes one`
    const but = all.length > 0 ? ' but those that were made to go back to' : ''
    throw new CommandError(`there are no snapshots${but}; ${advice}`, Exit.NOT_FOUND)
  }
  if ('back' in when) {
    const found = snapshots.at(-1 - when.back)
    if (found !== undefined) return found
    const there = snapshots.length === 1 ? 'is 1 snapshot' : `are ${count(snapshots.length)}`
    throw new CommandError(
      `'${when.text}' is not there: there ${there}, the oldest of them is ${told(oldest)}`,
      Exit.NOT_FOUND,
    )
  }
  const found = snapshots.findLast(({ created }) => nanoseconds(created) < when.before)
  if (found !== undefined) return found
  const named = all.find(({ name }) => name === when.text)
  const meant = named && `; a snapshot of this name is --snapshot ${shellWord(named.name)}`
  throw new CommandError(
    `no snapshot is from '${when.text}' or before; the oldest is ${told(oldest)}${meant ?? ''}`,
    Exit.NOT_FOUND,
  )
}

const told = ({ name, created }: SnapshotInfo) => `'${name}' of ${localTime(created)}`
