import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FsError } from '../../src/fs/error.ts'
import { dir, FakeOperations, STATUS } from '../control/fake.ts'
import { cli, type Ran, withServed } from './harness.ts'

// What is printed as local time is then the same everywhere.
Object.assign(process.env, { TZ: 'UTC' })

const test = suite('cli: schedule')

/** Runs a command offline, and over the socket of a server: they must not differ. */
async function both(
  argv: readonly string[],
  look: (ran: Ran, fake: FakeOperations) => void,
  make: () => FakeOperations = () => new FakeOperations(dir({})),
): Promise<void> {
  const local = make()
  look(await cli(argv, { operations: local }), local)
  const served = make()
  await withServed(served, async (run) => look(await run(argv), served))
}

const lines = (text: string) => text.trim().split('\n')
const TABLE = [
  'PERIOD  KEEP  THERE  NEWEST               NEXT',
  'hourly  24    2      2025-11-22 20:00:00  due now',
  'weekly  4     0      -                    2025-11-22 22:20:00',
  'yearly  0     1      2025-01-01 00:00:00  -',
]

test('show: what is taken, kept and there', async () => {
  await both(['schedule', 'show'], ({ code, stdout, stderr }) => {
    assert.equal([code, stderr], [0, ''])
    assert.equal(lines(stdout), TABLE)
  })
  await both(['schedule', 'show', '--json'], ({ stdout }) => {
    const { on, periods } = JSON.parse(stdout)
    assert.is(on, true)
    assert.equal(periods[1], {
      ...{ period: 'weekly', keep: 4, snapshots: 0, newest: null },
      next: '2025-11-22T22:20:00.000000000Z',
    })
  })
})

test('show and off, where none is set', async () => {
  const none = () => {
    const fake = new FakeOperations(dir({}))
    fake.scheduleAnswer = { on: false, periods: [] }
    return fake
  }
  for (const argv of [
    ['schedule', 'show'],
    ['schedule', 'off'],
  ]) {
    await both(
      argv,
      ({ code, stdout }) => {
        assert.is(code, 0)
        assert.match(
          stdout,
          /^no schedule is set; 'zerofs-nfs schedule set --hourly 24.*sets one$/m,
        )
      },
      none,
    )
  }
  await both(
    ['schedule', 'show', '--json'],
    ({ stdout }) => assert.equal(JSON.parse(stdout), { on: false, periods: [] }),
    none,
  )
})

test('off: what is left of it is still shown', async () => {
  await both(['schedule', 'off'], ({ code, stdout }, { scheduleAnswer }) => {
    assert.is(code, 0)
    assert.match(lines(stdout)[0] ?? '', /^no schedule is set/)
    assert.equal(lines(stdout).slice(1), TABLE)
    assert.is(scheduleAnswer.on, false)
  })
})

test('status tells when the next one comes, and what goes wrong', async () => {
  const make = () => {
    const fake = new FakeOperations(dir({}))
    const next = { seconds: 1_763_845_200, nseconds: 0 }
    fake.statusAnswer = { ...STATUS, schedule: { next, failure: 'there is no room' } }
    return fake
  }
  const look = ({ code, stdout }: Ran) => {
    assert.is(code, 0)
    assert.equal(lines(stdout).slice(-3, -1), [
      'schedule     the next snapshot comes at 2025-11-22 21:00:00',
      '             FAILED: there is no room',
    ])
  }
  await both(['status'], look, make)
  await both(
    ['status', '--json'],
    ({ stdout }) => {
      const next = '2025-11-22T21:00:00.000000000Z'
      assert.equal(JSON.parse(stdout).schedule, { next, failure: 'there is no room' })
    },
    make,
  )
})

test('status promises no snapshot where no server runs', async () => {
  const make = () => {
    const fake = new FakeOperations(dir({}))
    const next = { seconds: 1_763_845_200, nseconds: 0 }
    fake.statusAnswer = { ...STATUS, state: 'offline', schedule: { next, failure: undefined } }
    return fake
  }
  const look = ({ stdout }: Ran) =>
    assert.is(lines(stdout).at(-2), 'schedule     set; it needs a server that serves')
  await both(['status'], look, make)
})

test('set: the counts that are named, and no others', async () => {
  await both(['schedule', 'set', '--hourly', '24', '--yearly=0'], (ran, { policies }) => {
    assert.is(ran.code, 0)
    assert.equal(lines(ran.stdout), TABLE)
    const [policy] = policies
    assert.equal([policy?.hourly, policy?.yearly, policy?.daily], [24, 0, undefined])
  })
})

for (const [argv, sentence] of [
  [[], /^zerofs-nfs: how many snapshots of which period are kept\?/],
  [['--daily', '10001'], /--daily is a number from 0 to 10000, not '10001'/],
  [['--daily', '-1'], /--daily is a number/],
  [['--daily', '1.5'], /--daily is a number/],
  [['--daily', '1e3'], /--daily is a number/],
  [['--daily', 'many'], /--daily is a number/],
  [['--dayly', '1'], /there is no option '--dayly'; did you mean '--daily'\?/],
  [['daily'], /'schedule set' takes no arguments/],
] as const) {
  test(`set refuses '${argv.join(' ')}' with 2, and asks nobody`, async () => {
    const { code, stderr } = await cli(['schedule', 'set', ...argv])
    assert.is(code, 2)
    assert.match(stderr, sentence)
  })
}

test('run: what is taken, then what is pruned', async () => {
  const make = () => {
    const fake = new FakeOperations(dir({}))
    fake.takenAnswer = fake.snapshots
    return fake
  }
  const argv = ['schedule', 'run']
  await both(
    argv,
    ({ code, stdout }) => {
      assert.is(code, 0)
      assert.equal(lines(stdout), [
        ...['taken   before', 'taken   001', 'pruned  auto-yearly-2025-01-01T0000Z'],
      ])
    },
    make,
  )
  await both(argv, ({ stdout }) => assert.is(lines(stdout)[0], 'nothing is due'))
  await both(
    [...argv, '--json'],
    ({ stdout }) => {
      const { taken, pruned, kept } = JSON.parse(stdout)
      assert.equal(taken, ['before', '001'])
      assert.equal([pruned.length, kept.length], [1, 2])
    },
    make,
  )
})

test('prune', async () => {
  await both(['schedule', 'prune'], ({ code, stdout }) => {
    assert.is(code, 0)
    assert.equal(lines(stdout), [
      ...['pruned  auto-yearly-2025-01-01T0000Z', '1 snapshot pruned, 2 kept'],
    ])
  })
})

test('prune --dry-run tells each, and why', async () => {
  await both(['schedule', 'prune', '--dry-run'], ({ code, stdout }) => {
    assert.is(code, 0)
    assert.equal(lines(stdout), [
      'prune  auto-yearly-2025-01-01T0000Z  the schedule keeps no yearly ones',
      'keep   auto-hourly-2025-11-22T1900Z  held: backup',
      'keep   auto-hourly-2025-11-22T2000Z  hourly, 1 of 24',
      '1 snapshot would be pruned, 2 kept',
    ])
  })
  await both(['schedule', 'prune', '--dry-run', '--json'], ({ stdout }) => {
    const why = 'the schedule keeps no yearly ones'
    const { dryRun, pruned, kept } = JSON.parse(stdout)
    assert.is(dryRun, true)
    assert.equal(pruned, [{ name: 'auto-yearly-2025-01-01T0000Z', period: 'yearly', why }])
    assert.is(kept.length, 2)
  })
})

test('where no schedule is set, run and prune end with 4', async () => {
  const make = () => {
    const fake = new FakeOperations(dir({}))
    fake.broken = new FsError('NOENT', 'no schedule is set')
    return fake
  }
  for (const action of ['run', 'prune']) {
    await both(
      ['schedule', action],
      ({ code, stderr }) => assert.equal([code, stderr], [4, 'zerofs-nfs: no schedule is set\n']),
      make,
    )
  }
})

test('interrupted, a pruning ends with 130', async () => {
  for (const action of ['run', 'prune']) {
    const fake = new FakeOperations(dir({}))
    fake.gate = new Promise(() => undefined)
    const ran = await cli(['schedule', action], {
      operations: fake,
      onStart: (send) => setTimeout(send, 20, 'SIGINT'),
    })
    assert.is(ran.code, 130)
    assert.ok(fake.closed)
  }
})

test.run()
