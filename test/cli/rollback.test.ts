import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RollbackSummary } from '../../src/control/rollback.ts'
import { FakeOperations, ROLLED_BACK } from '../control/fake.ts'
import { bytes } from '../fs/client.ts'
import { both, documents, lines } from './both.ts'
import { cli, withServed } from './harness.ts'
import { expect } from './homes.ts'

// What is printed as local time is then the same everywhere.
Object.assign(process.env, { TZ: 'UTC' })

const test = suite('cli: rollback')

const NOTHING = { created: 0, replaced: 0, attributes: 0, moved: 0, deleted: 0, bytes: 0 }

function fake(answer: Partial<RollbackSummary> = {}): FakeOperations {
  const operations = new FakeOperations()
  operations.rollbackAnswer = { ...ROLLED_BACK, ...answer }
  return operations
}

test('says what became of everything, and how to undo it', () =>
  both(['rollback', 'before'], fake, ({ code, stdout, stderr }, { rollbacks }) => {
    assert.is(code, 0)
    assert.is(stderr, '')
    assert.match(
      stdout,
      /^rolled back to 'before': 12 brought back, 3 replaced, 2 renamed, attributes of 5, 1 deleted, /,
    )
    assert.match(stdout, /3\.2 GiB \(all shared, 0 B copied\), in /)
    assert.match(stdout, /; undo: zerofs-nfs rollback pre-rollback-20261122-201405\n$/)
    assert.equal(rollbacks, [{ snapshot: 'before', dryRun: false }])
  }))

test('the undo line names the data folder that was given', async () => {
  await withServed(fake(), async (run) => {
    const { stdout } = await run(['rollback', 'before'])
    assert.match(stdout, / --data \S+\n$/)
  })
})

test('nothing to do', () =>
  both(
    ['rollback', 'before'],
    () => fake({ ...NOTHING, safetySnapshot: undefined }),
    ({ code, stdout }) => {
      assert.is(code, 0)
      assert.is(stdout, "nothing was changed; everything is as it was in 'before'\n")
    },
  ))

const PLAN: RollbackSummary['plan'] = [
  { action: 'create', path: bytes('a/b'), bytes: 2048 },
  { action: 'attributes', path: bytes(''), bytes: 0 },
]
const planned = () =>
  fake({
    ...NOTHING,
    created: 1,
    attributes: 2,
    bytes: 2048,
    plan: PLAN,
    safetySnapshot: undefined,
  })

test('--dry-run tells the plan', () =>
  both(['rollback', 'before', '--dry-run'], planned, ({ code, stdout }, { rollbacks }) => {
    assert.is(code, 0)
    assert.equal(lines(stdout), [
      'create      a/b  (2 KiB)',
      'attributes  /',
      '... and 1 more entry',
      'would roll back: 1 brought back, attributes of 2, 2 KiB; nothing was changed',
    ])
    assert.equal(rollbacks, [{ snapshot: 'before', dryRun: true }])
  }))

test('a plan comes whole, in pages over the socket', () =>
  both(
    ['rollback', 'before', '--dry-run'],
    () => {
      const plan = Array.from({ length: 600 }, (_, i) => {
        return { action: 'create' as const, path: bytes(`f${i}`), bytes: 0 }
      })
      return fake({ ...NOTHING, created: 600, plan, safetySnapshot: undefined })
    },
    ({ stdout }) => {
      assert.is(lines(stdout).length, 601)
      assert.is(lines(stdout)[599], 'create      f599')
    },
  ))

test('--dry-run --json', () =>
  both(['rollback', 'before', '--dry-run', '--json'], planned, ({ stdout }) => {
    assert.equal(documents(stdout), [
      { event: 'plan', action: 'create', path: 'a/b', bytes: 2048 },
      { event: 'plan', action: 'attributes', path: '', bytes: 0 },
      {
        ...{
          event: 'planned',
          dataset: '',
          snapshot: 'before',
          ...NOTHING,
          created: 1,
          attributes: 2,
        },
        ...{ bytes: 2048, failed: [] },
      },
    ])
  }))

test('--json ends with what was done', async () => {
  const { plan: _, ...summary } = ROLLED_BACK
  const look = (stdout: string, command: RegExp) => {
    const { undo, seconds, ...done } = documents(stdout).at(-1) ?? {}
    assert.equal(done, {
      event: 'rolled-back',
      dataset: '',
      snapshot: 'before',
      ...summary,
      copiedBytes: 0,
    })
    assert.match(String(undo), command)
    assert.type(seconds, 'number')
  }
  const { stdout } = await cli(['rollback', 'before', '--json'], { operations: fake() })
  look(stdout, /^zerofs-nfs rollback pre-rollback-20261122-201405$/)
  await withServed(fake(), async (run) => {
    const served = await run(['rollback', 'before', '--json'])
    look(served.stdout, /^zerofs-nfs rollback pre-rollback-20261122-201405 --data \S+$/)
  })
})

test('--dataset', () =>
  expect(['rollback', 'nightly', '--dataset', 'home'], ({ code, stdout }, root, home) => {
    assert.is(code, 0)
    assert.equal([root.rollbacks, home.rollbacks.length], [[], 1])
    const undo = /; undo: zerofs-nfs rollback pre-rollback-20261122-201405 --dataset home( |\n)/
    assert.match(stdout, undo)
  }))

test('what failed is listed, and has an exit code of its own', () =>
  both(
    ['rollback', 'before'],
    () => fake({ deleted: 0, failed: [{ path: bytes('a/b'), reason: 'a reason' }] }),
    ({ code, stderr }) => {
      assert.is(code, 3)
      assert.match(stderr, /^failed: a\/b: a reason\n1 path could not be restored\n/)
      assert.match(stderr, /nothing was deleted, because not everything could be put back/)
    },
  ))

test('a snapshot that is not there', () =>
  both(['rollback', 'befor'], fake, ({ code, stderr }) => {
    assert.is(code, 4)
    assert.match(stderr, /there is no snapshot 'befor'.*before/)
  }))

test('--at: the newest snapshot not after it, and which one that is', async () => {
  await both(['rollback', '--at', '90 minutes ago'], fake, ({ code, stdout }, { rollbacks }) => {
    assert.is(code, 0)
    const told =
      /^from snapshot 'before' \(2025-11-22 20:14:05, 2 hours ago\)\nrolled back to 'before'/
    assert.match(stdout, told)
    assert.equal(rollbacks, [{ snapshot: 'before', dryRun: false }])
  })
  await both(['rollback', '--at', 'latest', '--json', '--dry-run'], fake, ({ stdout }) => {
    const [event, end] = documents(stdout)
    const created = '2025-11-22T21:14:05.000005000Z'
    assert.equal(event, { event: 'snapshot', dataset: '', snapshot: '001', created })
    assert.is(end?.snapshot, '001')
  })
})

for (const [argv, code, message] of [
  [['--at', 'a week ago'], 4, /the oldest is 'before' of 2025-11-22 20:14:05\n$/],
  [['--at', 'sometime'], 2, /'sometime' is no time that is understood: write latest, /],
  [['before', '--at', 'latest'], 2, /SNAPSHOT and --at both say where from: give one of them/],
  [['before', 'other'], 2, /'rollback' takes SNAPSHOT\|--at TIME only: what is 'other'\?/],
] as const) {
  test(`rollback ${argv.join(' ')} is refused`, async () => {
    const operations = fake()
    const ran = await cli(['rollback', ...argv], { operations })
    assert.is(ran.code, code)
    assert.match(ran.stderr, message)
    assert.equal(operations.rollbacks, [])
  })
}

test('what it is called with', async () => {
  const none = await cli(['rollback'], { operations: fake() })
  assert.is(none.code, 2)
  assert.match(none.stderr, /'rollback' needs SNAPSHOT or --at TIME \('zerofs-nfs snapshot list' /)
  const { stdout } = await cli(['rollback', '--help'])
  assert.match(stdout, /zerofs-nfs rollback before-upgrade --dry-run/)
})

test('how far it is', async () => {
  const operations = fake()
  const step = { ...NOTHING, created: 1, phase: 'restore' as const, done: 16 }
  operations.rollbackSteps = [step, { ...step, phase: 'delete' }]
  await withServed(operations, async (run) => {
    const { stdout } = await run(['rollback', 'before', '--json'], { tickMs: 5000 })
    const steps = documents(stdout).filter(({ event }) => event === 'progress')
    assert.equal(steps[0], { event: 'progress', ...step })
    const plain = await run(['rollback', 'before'], { tickMs: 5000 })
    assert.match(
      plain.stderr,
      /^rolling back, 16 entries: 1 brought back\ndeleting what came since/,
    )
  })
})

test.run()
