import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dir, FakeOperations, file } from '../control/fake.ts'
import { cli, withServed } from './harness.ts'

// What is printed as local time is then the same everywhere.
Object.assign(process.env, { TZ: 'UTC' })

const test = suite('cli/restore')

const tree = () => new FakeOperations(dir({ project: dir({ a: file('a') }), x: file('') }))
const documents = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

test('--at: the newest snapshot not after it, and which one that is', async () => {
  const local = tree()
  const { code, stdout } = await cli(['restore', 'x', '--at', '90 minutes ago'], {
    operations: local,
  })
  assert.is(code, 0)
  assert.match(stdout, /^from snapshot 'before' \(2025-11-22 20:14:05, 2 hours ago\)\nrestored /)
  assert.is(local.requests[0]?.snapshot, 'before')
  const served = tree()
  await withServed(served, async (run) => {
    const [event, end] = documents((await run(['restore', 'x', '--at', 'latest', '--json'])).stdout)
    const created = '2025-11-22T21:14:05.000005000Z'
    assert.equal(event, { event: 'snapshot', snapshot: '001', created })
    assert.is(end.snapshot, '001')
  })
})

test('--at before the first snapshot', async () => {
  const fake = tree()
  const { code, stderr } = await cli(['restore', 'x', '--at', 'a week ago'], { operations: fake })
  assert.is(code, 4)
  assert.match(stderr, /the nearest, and oldest, is 'before' of 2025-11-22 20:14:05\n$/)
  assert.equal(fake.requests, [])
})

for (const [argv, message] of [
  [['--at', 'latest', '--snapshot', 'before'], /--snapshot and --at both say where from/],
  [['--at', 'sometime'], /'sometime' is no time that is understood: write latest, /],
  [[], /'restore' needs --snapshot NAME or --at TIME/],
] as const) {
  test(`restore x ${argv.join(' ')} is refused`, async () => {
    const fake = tree()
    const { code, stderr } = await cli(['restore', 'x', ...argv], { operations: fake })
    assert.is(code, 2)
    assert.match(stderr, message)
    assert.equal(fake.requests, [])
  })
}

test('--snapshot takes names, and no times', async () => {
  const fake = tree()
  const { code } = await cli(['restore', 'x', '--snapshot', 'latest~1'], { operations: fake })
  assert.is(code, 4)
})

test.run()
