import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Promptness } from '../../src/store/promptness.ts'

const test = suite('promptness')

/** A clock that says what it is told to, in milliseconds. */
function watched(): { promptness: Promptness; take(ms: number): void; wait(ms: number): void } {
  let now = 5000
  const promptness = new Promptness(() => now)
  const wait = (ms: number): void => {
    now += ms
  }
  return { promptness, wait, take: (ms) => promptness.time(() => wait(ms)) }
}

test('nothing is likely prompt that cannot be timed', () => {
  assert.not(new Promptness(undefined).likely)
})

test('prompt pieces are followed by others', () => {
  const { promptness, take } = watched()
  assert.ok(promptness.likely)
  for (let i = 0; i < 100; i++) take(14)
  assert.ok(promptness.likely)
})

test('after a slow piece nothing is tried for eight times as long', () => {
  const { promptness, take, wait } = watched()
  for (const ms of [15, 200, 15, 5000]) {
    take(ms)
    assert.not(promptness.likely)
    wait(8 * ms - 1)
    assert.not(promptness.likely, `after ${ms} ms`)
    wait(1)
    assert.ok(promptness.likely, `after ${ms} ms`)
  }
})

test('a piece that fails slowly is slow', () => {
  const { promptness, wait } = watched()
  assert.throws(() =>
    promptness.time(() => {
      wait(20)
      throw new Error('no room')
    }),
  )
  assert.not(promptness.likely)
})

test.run()
