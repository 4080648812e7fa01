import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  judge,
  ownName,
  ownOf,
  type Policy,
  parseOwnName,
  SCHEDULED_TAG,
} from '../../src/snapshot/retention.ts'
import { PERIODS } from '../../src/store/records.ts'

const test = suite('snapshot/retention')

const NONE: Policy = { frequently: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 }
const MINUTE_MS = 60_000
const END_MS = Date.UTC(2106, 0)

interface Made {
  readonly id: number
  readonly name: string
  readonly tags: readonly string[]
  readonly holds: readonly string[]
}

const period = fc.constantFrom(...PERIODS)
const count = fc.integer({ min: 0, max: 5 })
const policy: fc.Arbitrary<Policy> = fc.record({
  ...{ frequently: count, hourly: count, daily: count, weekly: count, monthly: count },
  yearly: count,
})
const time = fc.integer({ min: 0, max: END_MS / MINUTE_MS }).map((minutes) => minutes * MINUTE_MS)
/** Names that people choose, some of them nearly the schedule's. */
const foreign = fc.oneof(
  fc.string({ minLength: 1, maxLength: 12 }),
  fc.tuple(period, time).map(([of, at]) => `x${ownName(of, at)}`),
  fc.tuple(period, time).map(([of, at]) => ownName(of, at).toLowerCase()),
)
const name = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(period, time).map(([of, at]) => ownName(of, at)) },
  { weight: 1, arbitrary: foreign },
)
const holds = fc.oneof(
  { weight: 4, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.constantFrom(['backup'], ['a', 'b']) },
)
/** Most have the schedule's tag; what has its name alone is people's. */
const tags = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom([SCHEDULED_TAG], ['mine', SCHEDULED_TAG]) },
  { weight: 1, arbitrary: fc.constantFrom([], ['mine']) },
)
/** Snapshots in any order, with numbers and names that are theirs alone, and any times. */
const snapshots: fc.Arbitrary<readonly Made[]> = fc
  .uniqueArray(fc.record({ id: fc.nat(), name, tags, holds }), { selector: ({ id }) => id })
  .map((made) => made.filter((one, i) => made.findIndex((o) => o.name === one.name) === i))

const kept = (made: readonly Made[], by: Policy): readonly Made[] => {
  const gone = judge(made, by).filter(({ keep }) => !keep)
  return made.filter((one) => !gone.some(({ snapshot }) => snapshot === one))
}
const own = (made: readonly Made[], of: string): readonly Made[] =>
  made.filter((one) => ownOf(one)?.period === of).sort((a, b) => b.id - a.id)

test('a name says its period and its minute, and sorts by time', () => {
  const taken = Date.UTC(2026, 10, 22, 9, 37, 5)
  assert.is(ownName('daily', taken), 'auto-daily-2026-11-22T0937Z')
  assert.equal(parseOwnName('auto-daily-2026-11-22T0937Z'), {
    period: 'daily',
    takenMs: Date.UTC(2026, 10, 22, 9, 37),
  })
  fc.assert(
    fc.property(period, time, time, (of, a, b) => {
      assert.equal(parseOwnName(ownName(of, a)), { period: of, takenMs: a })
      assert.is(ownName(of, a) < ownName(of, b), a < b)
    }),
  )
})

for (const foreigner of [
  'auto-daily-2026-02-30T0000Z',
  'auto-daily-2026-11-22T2400Z',
  'auto-daily-2026-11-22T0060Z',
  'auto-daily-2026-13-01T0000Z',
  'auto-daily-2026-11-22T0000',
  'auto-daily-2026-11-22T0000Z ',
  'auto-daily-2026-11-22T0000Z\n',
  'auto-Daily-2026-11-22T0000Z',
  'auto-secondly-2026-11-22T0000Z',
  'my-auto-daily-2026-11-22T0000Z',
  'auto-daily',
  '',
]) {
  test(`${JSON.stringify(foreigner)} was named by people`, () => {
    assert.is(parseOwnName(foreigner), undefined)
    const made = { id: 1, name: foreigner, tags: [SCHEDULED_TAG], holds: [] }
    assert.equal(judge([made], NONE), [])
  })
}

test('of each period the newest are kept, and every verdict says why', () => {
  const days = [1, 2, 3, 4].map((day) => ({
    ...{ id: day, name: ownName('daily', Date.UTC(2026, 0, day)) },
    ...{ tags: [SCHEDULED_TAG], holds: day === 1 ? ['backup', 'audit'] : [] },
  }))
  const others = [
    { id: 5, name: ownName('hourly', Date.UTC(2026, 0, 4, 1)), tags: [SCHEDULED_TAG], holds: [] },
    { id: 6, name: 'before-upgrade', tags: [SCHEDULED_TAG], holds: [] },
    { id: 7, name: ownName('yearly', Date.UTC(2026, 0, 1)), tags: [SCHEDULED_TAG], holds: [] },
    { id: 8, name: ownName('daily', Date.UTC(2025, 0, 1)), tags: ['mine'], holds: [] },
  ]
  const verdicts = judge([...others, ...days], { ...NONE, daily: 2, yearly: 3 })
  assert.equal(
    verdicts.map(({ snapshot, keep, why }) => [snapshot.id, keep, why]),
    [
      [1, true, 'held: backup, audit'],
      [2, false, 'older than the newest 2 daily'],
      [3, true, 'daily, 2 of 2'],
      [4, true, 'daily, 1 of 2'],
      [5, false, 'the schedule keeps no hourly ones'],
      [7, true, 'yearly, 1 of 3'],
    ],
  )
})

test('a time that a wrong clock gave does not push out what was made later', () => {
  const made = [
    { id: 1, name: ownName('daily', Date.UTC(2099, 0, 1)) },
    { id: 2, name: ownName('daily', Date.UTC(2099, 0, 2)) },
    { id: 3, name: ownName('daily', Date.UTC(2026, 0, 1)) },
    { id: 4, name: ownName('daily', Date.UTC(2026, 0, 2)) },
  ]
  const verdicts = judge(
    made.map((one) => ({ ...one, tags: [SCHEDULED_TAG], holds: [] })),
    { ...NONE, daily: 2 },
  )
  assert.equal(
    verdicts.filter(({ keep }) => keep).map(({ snapshot }) => snapshot.id),
    [3, 4],
  )
})

test('never fewer are kept than promised, and the newest of them', () => {
  fc.assert(
    fc.property(snapshots, policy, (made, by) => {
      const left = kept(made, by)
      for (const of of PERIODS) {
        const promised = own(made, of).slice(0, by[of])
        assert.equal(own(left, of).slice(0, by[of]), promised)
      }
    }),
  )
})

test('no more are kept than promised, but those that are held', () => {
  fc.assert(
    fc.property(snapshots, policy, (made, by) => {
      for (const of of PERIODS) {
        const beyond = own(kept(made, by), of).slice(by[of])
        assert.ok(beyond.every((one) => one.holds.length > 0))
      }
    }),
  )
})

test('nothing held is pruned, and nothing that people made', () => {
  fc.assert(
    fc.property(snapshots, policy, (made, by) => {
      const left = new Set(kept(made, by))
      for (const one of made) {
        if (one.holds.length > 0 || ownOf(one) === undefined) assert.ok(left.has(one))
      }
    }),
  )
})

test('a hold changes the fate of its snapshot alone', () => {
  fc.assert(
    fc.property(snapshots, policy, fc.nat(), (made, by, nth) => {
      if (made.length === 0) return
      const which = nth % made.length
      const ids = (of: readonly Made[]) =>
        kept(of, by).flatMap(({ id }) => (id === made[which]?.id ? [] : [id]))
      const held = made.map((one, i) => (i === which ? { ...one, holds: ['h'] } : one))
      const released = made.map((one, i) => (i === which ? { ...one, holds: [] } : one))
      assert.equal(ids(held), ids(released))
    }),
  )
})

test('pruning what was pruned prunes nothing, and the order of the list does not matter', () => {
  fc.assert(
    fc.property(snapshots, policy, (made, by) => {
      const left = kept(made, by)
      assert.equal(kept(left, by), left)
      assert.equal(judge([...made].reverse(), by), judge(made, by))
    }),
  )
})

test.run()
