import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { nextStart, periodStart } from '../../src/snapshot/calendar.ts'
import { PERIODS } from '../../src/store/records.ts'

// Its clocks are put forward on 29 March 2026 at 01:00 UTC, and back on 25 October at 01:00 UTC.
Object.assign(process.env, { TZ: 'Europe/Berlin' })

const test = suite('snapshot/calendar')

const iso = (ms: number): string => new Date(ms).toISOString()
const AT = Date.parse('2026-11-25T09:37:21.500Z')

for (const [period, start, next] of [
  ['frequently', '2026-11-25T09:30:00.000Z', '2026-11-25T09:45:00.000Z'],
  ['hourly', '2026-11-25T09:00:00.000Z', '2026-11-25T10:00:00.000Z'],
  ['daily', '2026-11-25T00:00:00.000Z', '2026-11-26T00:00:00.000Z'],
  ['weekly', '2026-11-23T00:00:00.000Z', '2026-11-30T00:00:00.000Z'],
  ['monthly', '2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z'],
  ['yearly', '2026-01-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
] as const) {
  test(`${period} on a Wednesday morning`, () => {
    assert.is(iso(periodStart(period, AT)), start)
    assert.is(iso(nextStart(period, AT)), next)
  })
}

test('a period begins with its first millisecond, and the one before ends with the last', () => {
  const at = fc.integer({ min: 0, max: Date.UTC(2106, 0) })
  fc.assert(
    fc.property(fc.constantFrom(...PERIODS), at, (period, ms) => {
      const start = periodStart(period, ms)
      const next = nextStart(period, ms)
      assert.ok(start <= ms && ms < next)
      assert.is(periodStart(period, next), next)
      assert.is(periodStart(period, next - 1), start)
      assert.is(nextStart(period, start), next)
    }),
    { numRuns: 300 },
  )
})

for (const [day, why] of [
  ['2026-03-29', 'put forward'],
  ['2026-10-25', 'put back'],
] as const) {
  test(`a day has 24 hours where local clocks are ${why}`, () => {
    const midnight = Date.parse(`${day}T00:00:00Z`)
    const hours: string[] = []
    for (let at = midnight; at < midnight + 86_400_000; at = nextStart('hourly', at)) {
      hours.push(iso(at).slice(11, 16))
    }
    assert.equal(
      hours,
      Array.from({ length: 24 }, (_, hour) => `${String(hour).padStart(2, '0')}:00`),
    )
    assert.is(nextStart('daily', midnight), midnight + 86_400_000)
  })
}

test('the 29th of February has its own daily one, and its year 366', () => {
  let days = 0
  for (let at = Date.UTC(2028, 0); at < Date.UTC(2029, 0); at = nextStart('daily', at)) days++
  assert.is(days, 366)
  assert.is(iso(nextStart('daily', Date.UTC(2028, 1, 28))), '2028-02-29T00:00:00.000Z')
})

test.run()
