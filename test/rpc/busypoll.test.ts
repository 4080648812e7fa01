import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BusyPoll } from '../../src/rpc/busypoll.ts'

const test = suite('rpc/busypoll')

const turn = () => new Promise(setImmediate)

test('polls until the time has passed since the last touch, and again when touched again', async () => {
  let now = 1000
  const poll = new BusyPoll(5, () => now)
  for (let i = 0; i < 2; i++) {
    assert.not.ok(poll.polling)
    poll.touch()
    now += 4
    await turn()
    assert.ok(poll.polling)
    poll.touch()
    now += 4
    await turn()
    assert.ok(poll.polling)
    now += 1
    await turn()
    await turn()
    assert.not.ok(poll.polling)
  }
})

test('does nothing where the time is 0', () => {
  const poll = new BusyPoll(0, () => 0)
  poll.touch()
  assert.not.ok(poll.polling)
})

test('sleeps as soon as a call waits for its answer, until all are answered', async () => {
  let now = 0
  const poll = new BusyPoll(5, () => now)
  poll.touch()
  await turn()
  assert.ok(poll.polling)
  poll.hold()
  poll.hold()
  await turn()
  await turn()
  assert.not.ok(poll.polling)
  poll.release()
  poll.touch()
  assert.not.ok(poll.polling)
  poll.release()
  poll.touch()
  assert.ok(poll.polling)
  now = 5
})

test.run()
