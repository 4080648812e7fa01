import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CommitsBehind } from '../../src/snapshot/commits.ts'

const test = suite('snapshot/commits')

/** Commits that end when they are told to. */
function held() {
  const ends: ((error?: Error) => void)[] = []
  const flush = () =>
    new Promise<void>((resolve, reject) => {
      ends.push((error) => (error === undefined ? resolve() : reject(error)))
    })
  return { ends, commits: new CommitsBehind({ flush }) }
}

const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

test('a commit is waited for when the next one has begun, and in a later turn', async () => {
  const { ends, commits } = held()
  let steps = 0
  const work = (async () => {
    for (; steps < 3; steps++) await commits.next()
  })()
  assert.is(steps, 0, 'not within the turn')
  await turns(3)
  assert.equal([steps, ends.length], [1, 2], 'the first is under way, the second has begun')
  ends[0]?.()
  await turns(3)
  assert.equal([steps, ends.length], [2, 3])
  ends[1]?.()
  await work
  assert.is(steps, 3)
})

test('that one failed is told by the next', async () => {
  const { ends, commits } = held()
  await commits.next()
  ends[0]?.(new Error('no disk'))
  await turns(1)
  const next = commits.next()
  await next.then(
    () => assert.unreachable('it failed'),
    (error: Error) => assert.is(error.message, 'no disk'),
  )
})

test.run()
