import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FsError } from '../../src/fs/error.ts'
import { parseOwnName } from '../../src/snapshot/retention.ts'
import { type PolicyChange, Schedule } from '../../src/snapshot/schedule.ts'
import { Scheduler } from '../../src/snapshot/scheduler.ts'
import { withFolder } from '../store/open-store.ts'
import { audit } from './audit.ts'
import { FakeTime } from './fake-time.ts'
import { type Subject, withOpened, withRestarts } from './harness.ts'

// Its clocks are put forward on 29 March 2026 at 01:00 UTC, and back on 25 October at 01:00 UTC.
Object.assign(process.env, { TZ: 'Europe/Berlin' })

const test = suite('snapshot/scheduler')

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const NONE: PolicyChange = {
  ...{ frequently: undefined, hourly: undefined, daily: undefined },
  ...{ weekly: undefined, monthly: undefined, yearly: undefined },
}

/** A scheduler of a subject's snapshots, with a clock of its own. */
class World {
  readonly time: FakeTime
  readonly schedule: Schedule
  readonly scheduler: Scheduler
  readonly subject: Subject
  readonly reports: string[] = []
  /** Thrown by whatever is taken next. */
  broken: Error | undefined
  /** Why the store has failed. */
  failure: FsError | undefined

  constructor(subject: Subject, at: string) {
    const { store, snapshots } = subject
    this.subject = subject
    this.time = new FakeTime(at)
    const { nowMs, after } = this.time
    this.schedule = new Schedule(store, snapshots, nowMs)
    const take = this.schedule.take.bind(this.schedule)
    this.schedule.take = (sinceMs) => {
      if (this.broken !== undefined) throw this.broken
      return take(sinceMs)
    }
    const world = this
    this.scheduler = new Scheduler({
      ...{ schedule: this.schedule, nowMs, after },
      store: {
        get failure() {
          return world.failure
        },
        barrier: (done) => store.barrier(done),
      },
      report: (message, error) => this.reports.push(`${message}: ${(error as Error).message}`),
    })
  }

  get names(): readonly string[] {
    return this.subject.snapshots.list().map(({ name }) => name)
  }

  /** Lets time pass, step by step, with the pruning of each step done. */
  async live(ms: number, stepMs: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.time.pass(stepMs)
      await this.scheduler.settled()
    }
  }
}

/** Runs `body` with a scheduler that has not started, and stops it as a volume does. */
async function scheduled(
  subject: Subject,
  at: string,
  body: (world: World) => Promise<void>,
): Promise<void> {
  const world = new World(subject, at)
  try {
    await body(world)
  } finally {
    const stopped = world.scheduler.stop()
    await subject.snapshots.stop()
    await stopped
  }
}

/** The same, on a new store. */
const withWorld = (at: string, body: (world: World) => Promise<void>): Promise<void> =>
  withRestarts((subject) => scheduled(subject, at, body))

test('takes one when it is set, and one at each full hour', () =>
  withWorld('2026-11-25T09:37:21Z', async ({ time, schedule, scheduler, ...world }) => {
    const names = () => world.subject.snapshots.list().map(({ name }) => name)
    scheduler.start()
    time.pass(DAY_MS)
    assert.equal(names(), [])
    assert.is(time.waiting, 0)
    schedule.set({ ...NONE, hourly: 24 })
    scheduler.changed()
    assert.equal(names(), ['auto-hourly-2026-11-26T0937Z'])
    time.passUntil('2026-11-26T09:59:59.999Z')
    assert.is(names().length, 1)
    time.pass(1)
    assert.equal(names().slice(1), ['auto-hourly-2026-11-26T1000Z'])
    time.pass(3 * HOUR_MS)
    assert.equal(names().slice(2), [
      'auto-hourly-2026-11-26T1100Z',
      'auto-hourly-2026-11-26T1200Z',
      'auto-hourly-2026-11-26T1300Z',
    ])
    schedule.off()
    scheduler.changed()
    time.pass(DAY_MS)
    assert.is(names().length, 5)
    assert.is(time.waiting, 0)
  }))

test('does nothing before it is started', () =>
  withWorld('2026-11-25T09:37:21Z', async (world) => {
    world.schedule.set({ ...NONE, hourly: 24 })
    world.scheduler.changed()
    world.time.pass(DAY_MS)
    assert.equal(world.names, [])
  }))

test('catches up once after a restart, whatever was missed, and prunes then', () =>
  withRestarts(
    (subject) =>
      scheduled(subject, '2026-11-20T09:00:00Z', async (world) => {
        world.schedule.set({ ...NONE, hourly: 3, daily: 3 })
        world.scheduler.start()
        await world.live(4 * HOUR_MS, HOUR_MS)
        assert.equal(world.names, [
          'auto-daily-2026-11-20T0900Z',
          'auto-hourly-2026-11-20T1100Z',
          'auto-hourly-2026-11-20T1200Z',
          'auto-hourly-2026-11-20T1300Z',
        ])
      }),
    (subject) =>
      scheduled(subject, '2026-11-25T09:20:00Z', async (world) => {
        world.scheduler.start()
        await world.scheduler.settled()
        assert.equal(world.names, [
          'auto-daily-2026-11-20T0900Z',
          'auto-hourly-2026-11-20T1200Z',
          'auto-hourly-2026-11-20T1300Z',
          'auto-hourly-2026-11-25T0920Z',
          'auto-daily-2026-11-25T0920Z',
        ])
      }),
    (subject) =>
      scheduled(subject, '2026-11-25T09:30:00Z', async (world) => {
        world.scheduler.start()
        await world.scheduler.settled()
        assert.is(world.names.length, 5)
        await audit(subject.store)
      }),
  ))

test('a clock that is put forward is noticed within a minute, and makes one due', () =>
  withWorld('2026-11-25T09:10:00Z', async ({ time, schedule, scheduler, subject }) => {
    schedule.set({ ...NONE, hourly: 24 })
    scheduler.start()
    time.set('2026-11-28T16:05:30Z')
    time.pass(MINUTE_MS)
    const names = subject.snapshots.list().map(({ name }) => name)
    assert.equal(names, ['auto-hourly-2026-11-25T0910Z', 'auto-hourly-2026-11-28T1606Z'])
    time.pass(53 * MINUTE_MS)
    assert.is(subject.snapshots.list().length, 2)
    time.pass(MINUTE_MS)
    assert.is(subject.snapshots.list().length, 3)
  }))

test('a clock that is put back takes nothing twice, and goes on with the next hour', () =>
  withWorld('2026-11-25T12:10:00Z', async ({ time, schedule, scheduler, subject }) => {
    const count = () => subject.snapshots.list().length
    schedule.set({ ...NONE, hourly: 24 })
    scheduler.start()
    time.set('2026-11-25T09:30:00Z')
    time.pass(29 * MINUTE_MS)
    assert.is(count(), 1)
    time.passUntil('2026-11-25T10:01:00Z')
    assert.is(count(), 2)
    time.passUntil('2026-11-25T11:00:00Z')
    assert.is(count(), 3)
    time.passUntil('2026-11-25T12:59:00Z')
    assert.is(count(), 3)
    time.passUntil('2026-11-25T13:00:00Z')
    assert.is(count(), 4)
  }))

test('what a clock that ran ahead has taken does not cost what came before or after', () =>
  withWorld('2026-11-25T12:00:00Z', async (world) => {
    world.schedule.set({ ...NONE, daily: 3 })
    world.scheduler.start()
    await world.live(2 * DAY_MS, DAY_MS)
    world.time.set('2099-06-01T12:00:00Z')
    await world.live(MINUTE_MS, MINUTE_MS)
    world.time.set('2026-11-27T12:05:00Z')
    await world.live(DAY_MS, HOUR_MS)
    assert.equal(world.names, [
      'auto-daily-2026-11-27T0000Z',
      'auto-daily-2099-06-01T1201Z',
      'auto-daily-2026-11-28T0000Z',
    ])
  }))

test('what fails is reported once, shown until it is over, and tried every minute', () =>
  withWorld('2026-11-25T09:50:00Z', async (world) => {
    const { time, schedule, scheduler, reports } = world
    schedule.set({ ...NONE, hourly: 24 })
    scheduler.start()
    world.broken = new FsError('NOSPC', 'there is no room')
    time.pass(30 * MINUTE_MS)
    const told = 'a scheduled snapshot cannot be taken: there is no room'
    assert.equal(reports, [told])
    assert.is(scheduler.failure, told)
    assert.is(world.names.length, 1)
    world.broken = undefined
    time.pass(MINUTE_MS)
    assert.is(scheduler.failure, undefined)
    assert.equal(world.names.slice(1), ['auto-hourly-2026-11-25T1021Z'])
    world.broken = new FsError('NOSPC', 'there is no room')
    time.pass(HOUR_MS)
    assert.equal(reports, [told, told])
  }))

test('a pruning that fails is reported once, and tried again with the next snapshot', () =>
  withWorld('2026-11-25T09:00:00Z', async (world) => {
    const { schedule, scheduler, reports } = world
    schedule.set({ ...NONE, hourly: 1 })
    const prune = schedule.prune.bind(schedule)
    schedule.prune = () => Promise.reject(new FsError('IO', 'the disk is gone'))
    scheduler.start()
    await world.live(3 * HOUR_MS, HOUR_MS)
    assert.equal(reports, ['snapshots cannot be pruned: the disk is gone'])
    assert.is(scheduler.failure, reports[0])
    assert.is(world.names.length, 4)
    schedule.prune = prune
    await world.live(HOUR_MS, HOUR_MS)
    assert.is(scheduler.failure, undefined)
    assert.equal(world.names, ['auto-hourly-2026-11-25T1300Z'])
  }))

test('nothing is taken, and nothing reported, while the store has failed', () =>
  withWorld('2026-11-25T09:00:00Z', async (world) => {
    world.schedule.set({ ...NONE, hourly: 24 })
    world.scheduler.start()
    world.failure = new FsError('IO', 'the store cannot be written')
    world.time.pass(DAY_MS)
    assert.is(world.names.length, 1)
    assert.equal(world.reports, [])
    assert.is(world.time.waiting, 0)
  }))

test('a stop waits for the pruning, and nothing is taken after it', () =>
  withWorld('2026-11-25T09:00:00Z', async ({ time, schedule, scheduler, subject }) => {
    schedule.set({ ...NONE, hourly: 1 })
    let finish = () => {}
    let prunings = 0
    schedule.prune = async () => {
      prunings++
      await new Promise<void>((resolve) => {
        finish = resolve
      })
      return []
    }
    scheduler.start()
    time.pass(HOUR_MS)
    assert.is(prunings, 1, 'one at a time')
    let stopped = false
    const stop = scheduler.stop().then(() => {
      stopped = true
    })
    await new Promise(setImmediate)
    assert.not(stopped)
    finish()
    await stop
    assert.is(prunings, 1)
    time.pass(DAY_MS)
    scheduler.changed()
    assert.is(subject.snapshots.list().length, 2)
    assert.is(time.waiting, 0)
  }))

/** How many there are of each period. */
function counts(names: readonly string[]): Record<string, number> {
  const found: Record<string, number> = {}
  for (const name of names) {
    const period = parseOwnName(name)?.period ?? 'of people'
    found[period] = (found[period] ?? 0) + 1
  }
  return found
}

test('four years, a leap day among them: the newest of each period, on their days', () =>
  withWorld('2026-01-01T00:00:00Z', async (world) => {
    const { subject, schedule, scheduler } = world
    schedule.set({ ...NONE, daily: 7, weekly: 5, monthly: 12, yearly: 3 })
    subject.snapshots.create('by hand')
    scheduler.start()
    let seen = 0
    const taken = schedule.take
    schedule.take = (sinceMs) => {
      const made = taken(sinceMs)
      seen += made.length
      return made
    }
    await world.live(Date.UTC(2030, 0, 1) - Date.UTC(2026, 0, 1), DAY_MS)
    const many = { daily: 7, weekly: 5, monthly: 12, yearly: 3 }
    assert.equal(counts(world.names), { ...many, 'of people': 1 })
    // 1,461 days, 209 Mondays, 48 months and 4 years, behind those of the first day.
    assert.is(seen, 1461 + 209 + 48 + 4)
    const of = (period: string) => world.names.filter((name) => name.includes(`-${period}-`))
    assert.equal(
      of('yearly'),
      [2028, 2029, 2030].map((y) => `auto-yearly-${y}-01-01T0000Z`),
    )
    assert.is(of('monthly')[0], 'auto-monthly-2029-02-01T0000Z')
    for (const name of of('weekly')) {
      assert.is(new Date(parseOwnName(name)?.takenMs ?? 0).getUTCDay(), 1)
    }
    assert.equal(world.reports, [])
    await audit(subject.store)
  }))

for (const from of ['2026-03-28T00:00:00Z', '2026-10-24T00:00:00Z']) {
  test(`hours and quarters where local clocks change, from ${from}`, () =>
    withWorld(from, async (world) => {
      world.schedule.set({ ...NONE, frequently: 200, hourly: 60 })
      world.scheduler.start()
      await world.live(2 * DAY_MS - 1, 2 * DAY_MS - 1)
      assert.equal(counts(world.names), { frequently: 192, hourly: 48 })
      assert.is(new Set(world.names).size, 240)
    }))
}

test('a server that is on and off takes one a day that it was on, and never two', async () => {
  const pauses = fc.array(fc.record({ onHours: fc.nat(80), offHours: fc.nat(80) }), {
    minLength: 1,
    maxLength: 8,
  })
  await fc.assert(
    fc.asyncProperty(pauses, async (list) => {
      await withFolder(async (directory) => {
        let at = Date.parse('2027-02-20T05:30:00Z')
        const days = new Set<string>()
        for (const { onHours, offHours } of list) {
          await withOpened(directory, (subject) =>
            scheduled(subject, new Date(at).toISOString(), async (world) => {
              world.schedule.set({ ...NONE, daily: 1000 })
              world.scheduler.start()
              world.time.pass(onHours * HOUR_MS)
              for (let h = 0; h <= onHours; h++) {
                days.add(new Date(at + h * HOUR_MS).toISOString().slice(0, 10))
              }
              const taken = world.names.map((name) => name.slice(11, 21))
              assert.equal(taken, [...days])
            }),
          )
          at += (onHours + offHours) * HOUR_MS
        }
      })
    }),
    { numRuns: 10 },
  )
})

test.run()
