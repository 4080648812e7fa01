import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Loop, Pace, UNMEASURED_LOOP } from '../../src/store/pace.ts'

const test = suite('store/pace')

const STEP_MS = 1

/** A loop that clients keep busy for a part of the time in which the work rests. */
class FakeLoop implements Loop {
  #now = 1000
  #idle = 0
  rested = 0
  /** The part of the time that clients take; with 1 the loop never waits. */
  busy = 0

  now = () => this.#now
  idle = () => this.#idle

  work(): void {
    this.#now += STEP_MS
  }

  async sleep(ms: number): Promise<void> {
    // Even a turn takes its time where clients want something of it.
    const time = ms === 0 ? 0.05 + this.busy * 0.5 : ms
    this.#now += time
    this.#idle += time * (1 - this.busy)
    this.rested += ms
  }
}

/** Milliseconds of rest for each one of work, in so many steps. */
async function restsOf(loop: FakeLoop, pace: Pace, steps: number): Promise<number> {
  const before = loop.rested
  for (let i = 0; i < steps; i++) {
    pace.step(() => loop.work())
    await pace.rest()
  }
  return (loop.rested - before) / (steps * STEP_MS)
}

test('while clients keep the loop busy the work gets a ninth of the time, and no less', async () => {
  const loop = new FakeLoop()
  const pace = new Pace(loop)
  loop.busy = 1
  await restsOf(loop, pace, 1000)
  const rests = await restsOf(loop, pace, 1000)
  assert.ok(rests > 7.5 && rests < 8.5, `${rests} ms of rest for each ms of work`)
})

test('where the loop has time to spare it rests little, and soon after clients have gone', async () => {
  const loop = new FakeLoop()
  const pace = new Pace(loop)
  assert.ok((await restsOf(loop, pace, 1000)) < 1)
  loop.busy = 1
  await restsOf(loop, pace, 1000)
  loop.busy = 0
  await restsOf(loop, pace, 30)
  assert.ok((await restsOf(loop, pace, 1000)) < 1)
})

test('it rests while many wait for commits, though the loop is idle meanwhile', async () => {
  const loop = new FakeLoop()
  const pace = new Pace(loop)
  const rests = async (waiters: number) => {
    const before = loop.rested
    for (let i = 0; i < 1000; i++) {
      pace.step(() => loop.work())
      for (let j = 0; j < waiters; j++) pace.waits()
      await pace.rest()
    }
    return (loop.rested - before) / 1000
  }
  await rests(10)
  assert.ok((await rests(10)) > 7)
  await restsOf(loop, pace, 30)
  assert.ok((await restsOf(loop, pace, 1000)) < 1)
})

test('one very long step does not make it stand still', async () => {
  const loop = new FakeLoop()
  const pace = new Pace(loop)
  loop.busy = 1
  await restsOf(loop, pace, 1000)
  pace.step(() => {
    for (let i = 0; i < 10_000; i++) loop.work()
  })
  const before = loop.now()
  await pace.rest()
  assert.ok(loop.now() - before <= 100)
})

test('what a step returns and throws is passed on', () => {
  const pace = new Pace(UNMEASURED_LOOP)
  assert.is(
    pace.step(() => 7),
    7,
  )
  const fail = () => {
    throw new Error('no')
  }
  assert.throws(() => pace.step(fail), /^no$/)
})

test.run()
