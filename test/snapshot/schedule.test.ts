import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NO_CHANGE } from '../../src/snapshot/notes.ts'
import { type PolicyChange, Schedule } from '../../src/snapshot/schedule.ts'
import { fails, rejects } from '../fs/client.ts'
import { audit } from './audit.ts'
import { afterCrash, type Subject, withRestarts } from './harness.ts'

const test = suite('snapshot/schedule')

/** A clock that stands where it is put. */
class Clock {
  ms: number

  constructor(at: string) {
    this.ms = Date.parse(at)
  }

  set(at: string): void {
    this.ms = Date.parse(at)
  }
}

const NONE: PolicyChange = {
  ...{ frequently: undefined, hourly: undefined, daily: undefined },
  ...{ weekly: undefined, monthly: undefined, yearly: undefined },
}
const of = ({ store, snapshots }: Subject, clock = new Clock('2026-11-25T09:37:21Z')) =>
  new Schedule(store, snapshots, () => clock.ms)
const names = ({ snapshots }: Subject) => snapshots.list().map(({ name }) => name)
const taken = (schedule: Schedule) => schedule.take().map(({ name }) => name)

test('where none is set, nothing is due and nothing is judged', () =>
  withRestarts(async (subject) => {
    const schedule = of(subject)
    subject.snapshots.create('auto-daily-2020-01-01T0000Z')
    assert.is(schedule.policy, undefined)
    assert.is(schedule.nextMs(), undefined)
    assert.equal(schedule.due(), [])
    assert.equal(schedule.judge(), [])
    assert.equal(await schedule.prune(() => assert.unreachable()), [])
  }))

test('a snapshot of people’s that is named like one of its own is theirs, and stays', () =>
  withRestarts(async (subject) => {
    const { snapshots } = subject
    const clock = new Clock('2026-11-25T09:37:21Z')
    const schedule = of(subject, clock)
    snapshots.create('auto-daily-2026-11-20T0000Z')
    snapshots.create('auto-daily-2026-11-25T0937Z', 'mine', ['mine'])
    schedule.set({ ...NONE, daily: 1 })
    // It is none of the schedule's: the day has none yet, and the minute's name is taken.
    assert.equal(taken(schedule), ['auto-daily-2026-11-25T0938Z'])
    assert.equal(schedule.due(), [])
    assert.equal(snapshots.list().at(-1)?.tags, ['scheduled'])
    clock.ms += 24 * 3_600_000
    assert.equal(taken(schedule), ['auto-daily-2026-11-26T0937Z'])
    const gone: string[] = []
    await schedule.prune(({ snapshot }) => void gone.push(snapshot.name))
    assert.equal(gone, ['auto-daily-2026-11-25T0938Z'])
    assert.equal(names(subject).slice(0, 2), [
      ...['auto-daily-2026-11-20T0000Z', 'auto-daily-2026-11-25T0937Z'],
    ])
    // Whoever takes the tag away keeps the snapshot.
    const change = { ...NO_CHANGE, removeTags: ['scheduled'] }
    snapshots.change('auto-daily-2026-11-26T0937Z', change)
    assert.equal(schedule.judge(), [])
  }))

test('is kept over restarts and crashes; counts that are not named stay', () =>
  withRestarts(
    async (subject, directory) => {
      of(subject).set({ ...NONE, daily: 7, yearly: 2 })
      of(subject).set({ ...NONE, hourly: 24, yearly: 0 })
      await subject.store.flush()
      await afterCrash(directory, async (crashed) => {
        assert.is(of(crashed).policy?.daily, 7)
        await audit(crashed.store)
      })
    },
    async (subject) => {
      const none = { frequently: 0, weekly: 0, monthly: 0, yearly: 0 }
      assert.equal(of(subject).policy, { ...none, hourly: 24, daily: 7 })
      of(subject).off()
      of(subject).off()
    },
    async (subject) => {
      assert.is(of(subject).policy, undefined)
      await audit(subject.store)
    },
  ))

test('counts that cannot be are refused, and change nothing', () =>
  withRestarts(async (subject) => {
    const schedule = of(subject)
    for (const daily of [-1, 1.5, 10_001, Number.NaN]) {
      fails('INVAL', () => schedule.set({ ...NONE, daily }))
    }
    fails('INVAL', () => schedule.set({ ...NONE, daily: 0 }))
    assert.is(schedule.policy, undefined)
    schedule.set({ ...NONE, daily: 10_000 })
    fails('INVAL', () => schedule.set({ ...NONE, daily: 0 }))
    assert.is(schedule.policy?.daily, 10_000)
  }))

test('one of each period is taken, once, named by its time in UTC', () =>
  withRestarts(async (subject) => {
    const clock = new Clock('2026-11-25T09:37:21Z')
    const schedule = of(subject, clock)
    schedule.set({ ...NONE, hourly: 2, daily: 2 })
    assert.equal(schedule.due(), ['hourly', 'daily'])
    assert.equal(taken(schedule), ['auto-hourly-2026-11-25T0937Z', 'auto-daily-2026-11-25T0937Z'])
    assert.equal(taken(schedule), [])
    assert.is(schedule.nextMs(), Date.parse('2026-11-25T10:00:00Z'))
    clock.set('2026-11-25T09:59:59.999Z')
    assert.equal(taken(schedule), [])
    clock.set('2026-11-25T10:00:00Z')
    assert.equal(taken(schedule), ['auto-hourly-2026-11-25T1000Z'])
    clock.set('2026-11-26T00:00:00.003Z')
    assert.equal(taken(schedule), ['auto-hourly-2026-11-26T0000Z', 'auto-daily-2026-11-26T0000Z'])
  }))

test('what was missed is due once, however long that was', () =>
  withRestarts(async (subject) => {
    const clock = new Clock('2026-11-25T09:00:00Z')
    const schedule = of(subject, clock)
    schedule.set({ ...NONE, hourly: 24, daily: 30 })
    assert.is(taken(schedule).length, 2)
    clock.set('2026-12-13T14:20:00Z')
    assert.equal(taken(schedule), ['auto-hourly-2026-12-13T1420Z', 'auto-daily-2026-12-13T1420Z'])
    clock.set('2026-12-13T14:21:00Z')
    assert.equal(taken(schedule), [])
  }))

test('one that was deleted is not taken again in the same period, for who has looked before', () =>
  withRestarts(async (subject) => {
    const clock = new Clock('2026-11-25T09:00:00Z')
    const schedule = of(subject, clock)
    schedule.set({ ...NONE, hourly: 24, daily: 30 })
    schedule.take()
    await subject.snapshots.delete('auto-daily-2026-11-25T0900Z')
    assert.equal(schedule.due(), ['daily'])
    const looked = clock.ms
    assert.equal(schedule.due(looked), [])
    clock.set('2026-11-25T10:00:00Z')
    assert.equal(schedule.due(looked), ['hourly'])
    clock.set('2026-11-26T00:00:00Z')
    assert.equal(schedule.due(looked), ['hourly', 'daily'])
    assert.equal(schedule.due(clock.ms - 1), ['hourly', 'daily'])
    assert.equal(schedule.due(clock.ms), [])
  }))

test('a clock that goes back takes nothing twice', () =>
  withRestarts(async (subject) => {
    const clock = new Clock('2026-11-25T12:10:00Z')
    const schedule = of(subject, clock)
    schedule.set({ ...NONE, hourly: 24 })
    assert.is(taken(schedule).length, 1)
    clock.set('2026-11-25T11:30:00Z')
    assert.equal(taken(schedule), ['auto-hourly-2026-11-25T1130Z'])
    for (const at of ['2026-11-25T12:00:00Z', '2026-11-25T12:10:00Z', '2026-11-25T12:59:59Z']) {
      clock.set(at)
      assert.equal(taken(schedule), [], at)
    }
  }))

test('prunes what is beyond the policy, and nothing that people made', () =>
  withRestarts(async (subject) => {
    const { snapshots, store } = subject
    const clock = new Clock('2026-11-25T00:00:00Z')
    const schedule = of(subject, clock)
    schedule.set({ ...NONE, daily: 2 })
    snapshots.create('before-upgrade')
    for (let day = 1; day <= 5; day++) {
      clock.ms += 86_400_000
      assert.is(taken(schedule).length, 1)
      subject.client.create(`of day ${day}`)
    }
    const foretold = schedule.judge().filter(({ keep }) => !keep)
    assert.is(names(subject).length, 6)
    const pruned: string[] = []
    const verdicts = await schedule.prune(({ snapshot }) => pruned.push(snapshot.name))
    assert.equal(
      pruned,
      foretold.map(({ snapshot }) => snapshot.name),
    )
    assert.equal(names(subject), [
      ...['before-upgrade', 'auto-daily-2026-11-29T0000Z', 'auto-daily-2026-11-30T0000Z'],
    ])
    assert.is(verdicts.length, 5)
    assert.equal(await schedule.prune(() => assert.unreachable()), verdicts.slice(3))
    await audit(store)
  }))

test('one that a restore reads stays until the next time', () =>
  withRestarts(async (subject) => {
    const { snapshots } = subject
    const clock = new Clock('2026-11-25T00:00:00Z')
    const schedule = of(subject, clock)
    schedule.set({ ...NONE, daily: 1 })
    const [first] = schedule.take()
    assert.ok(first)
    clock.ms += 86_400_000
    schedule.take()
    await snapshots.hold(first, async () => {
      const verdicts = await schedule.prune(() => assert.unreachable())
      assert.is(verdicts[0]?.keep, true)
      assert.match(verdicts[0]?.why ?? '', /^in use/)
    })
    assert.is(names(subject).length, 2)
    await schedule.prune(() => undefined)
    assert.is(names(subject).length, 1)
  }))

/** A schedule with five daily ones, of which the policy keeps one. */
function five(subject: Subject): Schedule {
  const clock = new Clock('2026-11-25T00:00:00Z')
  const schedule = of(subject, clock)
  schedule.set({ ...NONE, daily: 1 })
  for (let day = 0; day < 5; day++) {
    clock.ms += 86_400_000
    schedule.take()
  }
  return schedule
}

test('what is held, renamed or deleted while others are pruned is left alone', () =>
  withRestarts(async (subject) => {
    const { snapshots } = subject
    const schedule = five(subject)
    const [, second, third, fourth] = snapshots.list()
    assert.ok(second && third && fourth)
    const byId = snapshots.byId.bind(snapshots)
    snapshots.byId = (id) => {
      const found = byId(id)
      if (id === second.id && found) return Object.assign({ ...found }, { holds: ['backup'] })
      return id === third.id && found ? { ...found, name: 'mine' } : found
    }
    const deletion = schedule.prune(() => undefined)
    await snapshots.delete(fourth.name)
    const verdicts = await deletion
    assert.equal(
      verdicts.map(({ keep, why }) => [keep, why]),
      [
        [false, 'older than the newest 1 daily'],
        [true, 'held: backup'],
        [true, 'daily, 1 of 1'],
      ],
    )
    assert.is(names(subject).length, 3)
  }))

test('a pruning under way heeds a schedule that is changed or ended', async () => {
  for (const change of [
    (schedule: Schedule) => schedule.set({ ...NONE, daily: 4 }),
    (schedule: Schedule) => schedule.off(),
  ]) {
    await withRestarts(async (subject) => {
      const schedule = five(subject)
      const verdicts = await schedule.prune(() => change(schedule))
      assert.equal(
        verdicts.map(({ keep }) => keep),
        [false, true, true, true, true],
      )
      assert.is(verdicts[1]?.why, 'the schedule was changed meanwhile')
      assert.is(names(subject).length, 4)
    })
  }
})

test('pruning ends where the store is about to be closed', () =>
  withRestarts(async (subject) => {
    const clock = new Clock('2026-11-25T00:00:00Z')
    const schedule = of(subject, clock)
    schedule.set({ ...NONE, daily: 1 })
    for (let day = 0; day < 3; day++) {
      clock.ms += 86_400_000
      schedule.take()
    }
    const stopped = () => void subject.snapshots.stop()
    await rejects('JUKEBOX', () => schedule.prune(stopped))
    assert.is(names(subject).length, 2)
  }))

test('periods tell how many there are, and when the next one comes', () =>
  withRestarts(async (subject) => {
    const clock = new Clock('2026-11-25T09:37:00Z')
    const schedule = of(subject, clock)
    schedule.set({ ...NONE, daily: 2, weekly: 1 })
    assert.equal(schedule.periods(), [
      { period: 'daily', keep: 2, snapshots: 0, newestMs: undefined, nextMs: clock.ms },
      { period: 'weekly', keep: 1, snapshots: 0, newestMs: undefined, nextMs: clock.ms },
    ])
    schedule.take()
    const newestMs = clock.ms
    const nextMs = Date.parse('2026-11-26T00:00:00Z')
    assert.equal(schedule.periods()[0], {
      ...{ period: 'daily', keep: 2, snapshots: 1, newestMs, nextMs },
    })
    schedule.set({ ...NONE, weekly: 0 })
    assert.equal(schedule.periods()[1], {
      ...{ period: 'weekly', keep: 0, snapshots: 1, newestMs, nextMs: undefined },
    })
    schedule.off()
    assert.equal(
      schedule.periods().map(({ keep, nextMs: next }) => [keep, next]),
      [
        [0, undefined],
        [0, undefined],
      ],
    )
  }))

test.run()
