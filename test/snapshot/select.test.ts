import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fails } from '../fs/client.ts'
import { withRestarts } from './harness.ts'

const test = suite('snapshot/select')

const NAMES = ['b', 'daily-1', 'daily-2', 'a', 'c..d', 'c', 'd', 'w*', 'wx', '[x]', '1.2', '1x2']

const CHOSEN: readonly (readonly [readonly string[], readonly string[]])[] = [
  [['a'], ['a']],
  [
    ['c', 'a', 'c'],
    ['a', 'c'],
  ],
  // By age, not by name.
  [['b..a'], ['b', 'daily-1', 'daily-2', 'a']],
  [['a..a'], ['a']],
  [['..daily-1'], ['b', 'daily-1']],
  [
    ['1.2..', 'daily-2'],
    ['daily-2', '1.2', '1x2'],
  ],
  // What is spelled like a name is that name.
  [['c..d'], ['c..d']],
  [['c..d..d'], ['c..d', 'c', 'd']],
  [['w*'], ['w*']],
  [['[x]'], ['[x]']],
  [['daily-*'], ['daily-1', 'daily-2']],
  [['daily-?'], ['daily-1', 'daily-2']],
  [['daily-[2-9]'], ['daily-2']],
  [['daily-[!2]'], ['daily-1']],
  [['*'], NAMES],
  [['1.*'], ['1.2']],
  [['[[]*'], ['[x]']],
  [
    ['w?', 'd*'],
    ['daily-1', 'daily-2', 'd', 'w*', 'wx'],
  ],
  [[], []],
]

for (const [words, names] of CHOSEN) {
  test(`${words.join(' ') || 'nothing'} means ${names.join(' ') || 'nothing'}`, () =>
    withRestarts(async ({ snapshots }) => {
      for (const name of NAMES) snapshots.create(name)
      assert.equal(
        snapshots.select(words).map(({ name }) => name),
        names,
      )
    }))
}

test('what nothing is named like is refused, whatever else is asked for', () =>
  withRestarts(async ({ snapshots }) => {
    for (const name of NAMES) snapshots.create(name)
    for (const word of ['x', 'Daily-*', 'a..x', 'x..a', '..', 'aily-*', '', 'x..', '[y-z]']) {
      fails('NOENT', () => snapshots.select(['a', word]))
    }
    fails('INVAL', () => snapshots.select(['a..b']))
    fails('INVAL', () => snapshots.select(['[z-a]*']))
  }))

test.run()
