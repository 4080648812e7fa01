import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandError, Exit, UsageError } from '../../src/cli/errors.ts'
import { parseWhen, pickSnapshot } from '../../src/cli/when.ts'

// Local time with a summer time: on 2026-03-29 the hour from 2 to 3 is not there.
Object.assign(process.env, { TZ: 'Europe/Berlin' })

const test = suite('cli/when')

const NOW = '2026-11-23T10:00:00.500+01:00'
const nowMs = Date.parse(NOW)

/** The last instant that a time stands for, in nanoseconds since 1970. */
function last(text: string, now = NOW): bigint {
  const when = parseWhen(text, Date.parse(now))
  if (!('before' in when)) throw new Error(`${text} is no instant`)
  return when.before - 1n
}

const ns = (iso: string, nseconds = 999_999_999) =>
  BigInt(Date.parse(iso)) * 1_000_000n + BigInt(nseconds)

const WHOLE: [string, string][] = [
  ['2026-11-22', '2026-11-22T23:59:59+01:00'],
  ['2026-06-30', '2026-06-30T23:59:59+02:00'],
  ['2026-11-22 14:30', '2026-11-22T14:30:59+01:00'],
  ['2026-11-22T14:30', '2026-11-22T14:30:59+01:00'],
  ['2026-11-22 14:30:05', '2026-11-22T14:30:05+01:00'],
  ['2026-11-22T14:30:05Z', '2026-11-22T14:30:05Z'],
  ['2026-11-22t14:30z', '2026-11-22T14:30:59Z'],
  ['2026-11-22 14:30 +01:00', '2026-11-22T14:30:59+01:00'],
  ['2026-11-22 14:30-0330', '2026-11-22T14:30:59-03:30'],
  ['2026-11-22 14:30+05', '2026-11-22T14:30:59+05:00'],
  ['2024-02-29', '2024-02-29T23:59:59+01:00'],
  ['14:30', '2026-11-23T14:30:59+01:00'],
  ['9:05', '2026-11-23T09:05:59+01:00'],
  ['09:05:07', '2026-11-23T09:05:07+01:00'],
  ['today', '2026-11-23T23:59:59+01:00'],
  ['yesterday', '2026-11-22T23:59:59+01:00'],
  ['Yesterday at 14:30', '2026-11-22T14:30:59+01:00'],
  [' yesterday 14:30 ', '2026-11-22T14:30:59+01:00'],
]
for (const [text, iso] of WHOLE) {
  test(`'${text}' stands for all of what it names`, () => assert.is(last(text), ns(iso)))
}

test('decimals of a second: the one that --json tells is itself', () => {
  assert.is(last('2026-11-22T14:30:05.000005000Z'), ns('2026-11-22T14:30:05Z', 5000))
  assert.is(last('2026-11-22T14:30:05,25Z'), ns('2026-11-22T14:30:05Z', 259_999_999))
})

const AGO: [string, string][] = [
  ['1 minute ago', '2026-11-23T09:59:00.500+01:00'],
  ['90 min ago', '2026-11-23T08:30:00.500+01:00'],
  ['2 hours ago', '2026-11-23T08:00:00.500+01:00'],
  ['an hour ago', '2026-11-23T09:00:00.500+01:00'],
  ['3h ago', '2026-11-23T07:00:00.500+01:00'],
  ['a day ago', '2026-11-22T10:00:00.500+01:00'],
  ['2 Days ago', '2026-11-21T10:00:00.500+01:00'],
  ['2w ago', '2026-11-09T10:00:00.500+01:00'],
  ['1 month ago', '2026-10-23T10:00:00.500+02:00'],
  ['13 months ago', '2025-10-23T10:00:00.500+02:00'],
  ['2 years ago', '2024-11-23T10:00:00.500+01:00'],
]
for (const [text, iso] of AGO) {
  test(`'${text}' counts from now`, () => assert.is(last(text), ns(iso, 999_999)))
}

test('a month before the 31st is the last day of a shorter one', () => {
  const march = '2026-03-31T12:00:00+02:00'
  assert.is(last('1 month ago', march), ns('2026-02-28T12:00:00+01:00', 999_999))
  const leap = '2028-02-29T12:00:00+01:00'
  assert.is(last('a year ago', leap), ns('2027-02-28T12:00:00+01:00', 999_999))
})

test('a day ago is the same time of day, whatever hour is missing between', () => {
  const now = '2026-03-29T12:00:00+02:00'
  assert.is(last('1 day ago', now), ns('2026-03-28T12:00:00+01:00', 999_999))
  assert.is(last('24 hours ago', now), ns('2026-03-28T11:00:00+01:00', 999_999))
})

for (const text of [
  ...['', ' ', 'now-ish', 'before', '2 hours', 'hours ago', '-1 hours ago', '1.5 hours ago'],
  ...['25:00', '14:60', '2026-13-01', '2026-02-30', '2026-11-22 24:00', '2026-11-22T', '2026'],
  ...['latest~', 'latest~-1', 'latest~1.5', 'latest 2', '20:00 yesterday', '14:30Z'],
  ...['9999999 years ago', '99999 years ago'],
]) {
  test(`'${text}' is no time`, () => {
    assert.throws(
      () => parseWhen(text, nowMs),
      (error: unknown) => error instanceof UsageError,
    )
  })
}

test('what is no time is answered with the forms of one', () => {
  assert.throws(() => parseWhen('soon', nowMs), /'soon' is no time .*latest~2.*2 hours ago.*14:30/)
})

const made = (iso: string, nseconds = 0) => ({
  seconds: Math.floor(Date.parse(iso) / 1000),
  nseconds,
})
const NOTES = { comment: '', tags: [], holds: [] }
const SNAPSHOTS = [
  { id: 2, name: 'old', created: made('2026-11-20T12:00:00+01:00') },
  { id: 3, name: 'noon', created: made('2026-11-22T12:00:00+01:00', 5) },
  { id: 4, name: 'late', created: made('2026-11-22T23:59:59+01:00', 999_999_999) },
  { id: 5, name: 'new', created: made('2026-11-23T08:00:00+01:00', 500_000_000) },
].map((one) => ({ ...one, ...NOTES }))
const pick = (text: string) => pickSnapshot(parseWhen(text, nowMs), SNAPSHOTS).name

const PICKED: [string, string][] = [
  ['latest', 'new'],
  ['latest~0', 'new'],
  ['LATEST~3', 'old'],
  ['2026-11-20', 'old'],
  ['2026-11-21', 'old'],
  ['2026-11-22', 'late'],
  ['2026-11-22 12:00', 'noon'],
  ['2026-11-22 12:00:00', 'noon'],
  ['2026-11-22T12:00:00.000000005+01:00', 'noon'],
  ['2026-11-22T12:00:00.000000004+01:00', 'old'],
  ['2026-11-22 11:59:59', 'old'],
  ['yesterday', 'late'],
  ['2 hours ago', 'new'],
  ['121 minutes ago', 'late'],
  ['2030-01-01', 'new'],
]
for (const [text, name] of PICKED) {
  test(`'${text}' leads to the newest snapshot not after it`, () => assert.is(pick(text), name))
}

function refusal(run: () => unknown): CommandError {
  try {
    run()
  } catch (error) {
    if (error instanceof CommandError) return error
    throw error
  }
  throw new Error('it was not refused')
}

test('where no snapshot is as old: the nearest one', () => {
  const { message, exit } = refusal(() => pick('2026-11-19'))
  assert.is(exit, Exit.NOT_FOUND)
  assert.is(
    message,
    "no snapshot is from '2026-11-19' or before; the oldest is 'old' of 2026-11-20 12:00:00",
  )
  const { message: back } = refusal(() => pick('latest~4'))
  assert.is(
    back,
    "'latest~4' is not there: there are 4, the oldest of them is 'old' of 2026-11-20 12:00:00",
  )
})

test('where a snapshot is called like the time, it is told how to name it', () => {
  const created = made('2026-11-20T12:00:00+01:00')
  const named = [{ id: 2, name: '2026-11-19', created, ...NOTES }]
  const { message } = refusal(() => pickSnapshot(parseWhen('2026-11-19', nowMs), named))
  assert.match(message, /; a snapshot of this name is --snapshot 2026-11-19$/)
})

test('where there are no snapshots', () => {
  const { message, exit } = refusal(() => pickSnapshot(parseWhen('latest', nowMs), []))
  assert.is(exit, Exit.NOT_FOUND)
  assert.match(message, /^there are no snapshots; /)
})

test('snapshots that were made to go back to are passed over', () => {
  const created = made('2026-11-23T09:00:00+01:00')
  const safety = { id: 6, name: 'pre-restore-20261123-080000-2', created, ...NOTES }
  const when = parseWhen('latest', nowMs)
  assert.is(pickSnapshot(when, [...SNAPSHOTS, safety]).name, 'new')
  const own = { id: 7, name: 'pre-restore-mine', created, ...NOTES }
  assert.is(pickSnapshot(when, [...SNAPSHOTS, safety, own]).name, 'pre-restore-mine')
  assert.match(
    refusal(() => pickSnapshot(when, [safety])).message,
    /^there are no snapshots but those that were made to go back to; /,
  )
})

test.run()
