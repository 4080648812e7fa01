import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dir, FakeOperations, NO_NOTES } from '../control/fake.ts'
import { both, documents, lines } from './both.ts'
import { cli } from './harness.ts'

// What is printed as local time is then the same everywhere.
Object.assign(process.env, { TZ: 'UTC' })

const test = suite('cli: snapshots')

const fake = () => new FakeOperations(dir({}))
const CREATED = '2025-11-22T20:14:05.000005000Z'

test('snapshot create with a comment and tags', async () => {
  const argv = ['snapshot', 'create', 'x', '--comment', '001', '--tag', '2', '--tag', 'a=b']
  await both([...argv, '--json'], fake, ({ stdout }) => {
    assert.equal(documents(stdout), [
      {
        ...{ id: 4, dataset: '', name: 'x', created: CREATED },
        ...{ comment: '001', tags: ['2', 'a=b'], holds: [] },
      },
    ])
  })
})

const CHANGES: readonly (readonly [string, object, string])[] = [
  ['hold before legal', { holds: ['legal'] }, "snapshot 'before' is held by 'legal'"],
  ['release before h', {}, "hold 'h' of snapshot 'before' is released"],
  ['tag before --add a=1 --add b', { tags: ['a=1', 'b'] }, "snapshot 'before' is changed"],
  ['tag before --comment 0x10', { comment: '0x10' }, "snapshot 'before' is changed"],
  ['tag before --clear-comment', { comment: '' }, "snapshot 'before' is changed"],
  ['rename before 001-old', { name: '001-old' }, "snapshot 'before' is named '001-old' now"],
]

for (const [command, changed, said] of CHANGES) {
  test(`snapshot ${command}`, async () => {
    const argv = ['snapshot', ...command.split(' ')]
    await both(argv, fake, ({ code, stdout }) => assert.equal([code, stdout], [0, `${said}\n`]))
    await both([...argv, '--json'], fake, ({ stdout }) => {
      const snapshot = { id: 2, name: 'before', created: CREATED, ...NO_NOTES, ...changed }
      assert.equal(documents(stdout), [{ dataset: '', ...snapshot }])
    })
  })
}

test('a change of a snapshot that is not there: which one may have been meant', async () => {
  await both(['snapshot', 'hold', 'befor', 'h'], fake, ({ code, stderr }) => {
    assert.is(code, 4)
    assert.is(stderr, "zerofs-nfs: there is no snapshot 'befor'; did you mean 'before'?\n")
  })
})

test('snapshot list shows what is noted, where anything is', async () => {
  const noted = () => {
    const operations = fake()
    const [first, second] = operations.snapshots
    assert.ok(first && second)
    operations.snapshots = [
      { ...first, tags: ['a=1', 'b'], comment: 'the first one' },
      { ...second, holds: ['legal', 'x'] },
    ]
    return operations
  }
  await both(['snapshot', 'list'], noted, ({ stdout }) => {
    assert.equal(
      lines(stdout),
      [
        'NAME    MADE                              WRITTEN  HOLDS    TAGS   COMMENT',
        'before  2025-11-22 20:14:05  2 hours ago  2 MiB             a=1,b  the first one',
        '001     2025-11-22 21:14:05  1 hour ago   0 B      legal,x         ',
      ].map((line) => line.trimEnd()),
    )
  })
})

const listed = (stdout: string) => documents(stdout)[0].snapshots.map((one: object) => one)

test('snapshot list --size', async () => {
  await both(['snapshot', 'list', '--size'], fake, ({ stdout }) => {
    assert.equal(lines(stdout), [
      'NAME    MADE                 REFERS  WRITTEN  UNIQUE',
      'before  2025-11-22 20:14:05  2 GiB   2 MiB    1 TiB',
      '001     2025-11-22 21:14:05  2 GiB   0 B      1 TiB',
      "12 MiB written since '001', the newest",
    ])
  })
  await both(['snapshot', 'list', '--json'], fake, ({ stdout }) => {
    assert.not.ok(stdout.includes('uniqueBytes'), 'sizes are found out when asked for')
  })
})

for (const [order, names] of [
  ['created', ['c', 'a', 'b']],
  ['name', ['a', 'b', 'c']],
  ['referenced', ['b', 'a', 'c']],
  ['written', ['c', 'b', 'a']],
  ['unique', ['c', 'a', 'b']],
] as const) {
  test(`snapshot list --sort ${order}`, async () => {
    const make = () => new FakeOperations(dir({}), ['c', 'a', 'b'])
    await both(['snapshot', 'list', '--sort', order, '--json'], make, ({ stdout }) => {
      const found = listed(stdout) as { name: string; uniqueBytes?: number }[]
      assert.equal(
        found.map(({ name }) => name),
        names,
      )
      const sizes = order === 'unique' ? [2, 3, 4].map((id) => 2 ** 40 - 4096 * id) : []
      assert.equal(
        found.flatMap(({ uniqueBytes = [] }) => uniqueBytes),
        sizes,
      )
    })
  })
}

test('snapshot list fits into 80 columns, with the names that the schedule gives', async () => {
  for (const [options, name] of [
    ['', 'auto-frequently-2025-11-22T2015Z'],
    ['--sort referenced', 'auto-frequently-2025-11-22T2015Z'],
    ['--size', 'auto-monthly-2025-11-01T0000Z'],
  ] as const) {
    const operations = new FakeOperations(dir({}), [name])
    operations.accounts = async () => {
      const account = { bytes: 1023 * 2 ** 30, inodes: 2 ** 40, written: 1023 * 2 ** 20 }
      return { live: account, snapshots: [{ ...account, id: 2 }] }
    }
    operations.measureSnapshots = async () => [{ id: 2, unique: 1023 * 2 ** 10 }]
    const argv = ['snapshot', 'list', ...(options === '' ? [] : options.split(' '))]
    const { stdout } = await cli(argv, { operations })
    for (const line of lines(stdout)) assert.ok(line.length <= 80, `${line.length}: ${line}`)
  }
})

test('snapshot list --json tells what the live files take', async () => {
  await both(['snapshot', 'list', '--json'], fake, ({ stdout }) => {
    const [{ live, snapshots }] = documents(stdout)
    assert.equal(live, {
      ...{ referencedBytes: 3_435_973_837, referencedInodes: 1204, writtenBytes: 12_582_912 },
    })
    assert.equal(
      snapshots.map((one: { writtenBytes: number }) => one.writtenBytes),
      [2 * 2 ** 20, 0],
    )
  })
})

test('snapshot list --tag', async () => {
  const tagged = () => {
    const operations = new FakeOperations(dir({}), ['a', 'b', 'c'])
    const tags = [['x', 'k=1'], ['k=2'], ['x']]
    operations.snapshots = operations.snapshots.map((one, i) => ({ ...one, tags: tags[i] ?? [] }))
    return operations
  }
  for (const [options, names] of [
    ['--tag x', ['a', 'c']],
    ['--tag k', ['a', 'b']],
    ['--tag k=2', ['b']],
    ['--tag x --tag k', ['a']],
    ['--tag nowhere', []],
  ] as const) {
    const argv = ['snapshot', 'list', '--json', ...options.split(' ')]
    await both(argv, tagged, ({ stdout }) => {
      assert.equal(
        (listed(stdout) as { name: string }[]).map(({ name }) => name),
        names,
      )
    })
  }
  const { stdout } = await cli(['snapshot', 'list', '--tag', 'y'], { operations: tagged() })
  assert.is(stdout, 'no snapshot has these tags\n')
})

test('snapshot info', async () => {
  await both(['snapshot', 'info', '001'], fake, ({ stdout }) => {
    assert.equal(lines(stdout), [
      'name        001',
      'made        2025-11-22 21:14:05, 1 hour ago',
      'referenced  2 GiB in 3,000 inodes',
      'written     0 B that the snapshot before does not have',
      'unique      1 TiB that deleting it alone would free',
      'holds       none',
      'tags        none',
      'comment     none',
    ])
  })
  await both(['snapshot', 'info', 'before', '--json'], fake, ({ stdout }) => {
    const snapshot = { id: 2, name: 'before', created: CREATED, ...NO_NOTES }
    const sizes = { referencedBytes: 2 ** 31 + 8192, referencedInodes: 2000 }
    const shares = { writtenBytes: 2 ** 21, uniqueBytes: 2 ** 40 - 8192 }
    assert.equal(documents(stdout), [{ dataset: '', ...snapshot, ...sizes, ...shares }])
  })
  await both(['snapshot', 'info', 'befor'], fake, ({ code, stderr }) => {
    assert.is(code, 4)
    assert.is(stderr, "zerofs-nfs: there is no snapshot 'befor'; did you mean 'before'?\n")
  })
})

test('snapshot delete', async () => {
  await both(['snapshot', 'delete', '001'], fake, (ran, { deleted }) => {
    assert.equal([ran.code, ran.stdout], [0, "snapshot '001' deleted, 4 KiB freed\n"])
    assert.equal(deleted, ['001'])
  })
  await both(
    ['snapshot', 'delete', 'before', '001', '--json'],
    fake,
    ({ stdout }, { deletions }) => {
      assert.equal(documents(stdout), [
        { dataset: '', deleted: ['before', '001'], freedBytes: 4096 },
      ])
      assert.equal(deletions, [{ words: ['before', '001'], dryRun: false, background: false }])
    },
  )
  await both(
    ['snapshot', 'delete', '1', '--json'],
    fake,
    ({ code, stdout, stderr }, { deleted }) => {
      assert.is(code, 4)
      assert.is(stderr, "zerofs-nfs: there is no snapshot '1'\n")
      assert.equal(documents(stdout), [{ error: "there is no snapshot '1'", exit: 4 }])
      assert.equal(deleted, [])
    },
  )
})

test('snapshot delete --dry-run tells which and how much', async () => {
  const argv = ['snapshot', 'delete', 'before', '001', '--dry-run']
  await both(argv, fake, ({ stdout }, { deleted }) => {
    assert.is(stdout, 'before\n001\ndeleting 2 snapshots would free 4 KiB\n')
    assert.equal(deleted, [])
  })
  await both([...argv, '--json'], fake, ({ stdout }) => {
    assert.equal(documents(stdout), [
      { dataset: '', wouldDelete: ['before', '001'], wouldFreeBytes: 4096 },
    ])
  })
})

test('snapshot delete --background does not wait', async () => {
  await both(['snapshot', 'delete', '001', '--background'], fake, ({ stdout }, { deletions }) => {
    const told = "'zerofs-nfs status' tells what is still being freed"
    assert.is(stdout, `snapshot '001' deleted; ${told}\n`)
    assert.is(deletions[0]?.background, true)
  })
})

const FREEING = [
  { snapshots: 2, versions: 0, total: 0, bytes: 0 },
  { snapshots: 2, versions: 1500, total: 6000, bytes: 2 ** 30 },
]
const FREEING_TEXT = '[#####---------------]  25% of 6,000 records, 1 GiB freed'

test('snapshot delete tells how far it is', async () => {
  const operations = fake()
  operations.deletionSteps = FREEING
  const world = { operations, tickMs: 2600 }
  const { stderr } = await cli(['snapshot', 'delete', '001'], world)
  assert.is(stderr, `${FREEING_TEXT}\n`)
  const counting = { operations: fake(), tickMs: 5200 }
  counting.operations.deletionSteps = FREEING.slice(0, 1)
  const begun = await cli(['snapshot', 'delete', '001'], counting)
  assert.is(begun.stderr, 'counting what is to be freed\n')
  const json = await cli(['snapshot', 'delete', 'before', '--json'], world)
  assert.equal([json.stderr, documents(json.stdout).length], ['', 1])
})

test('status tells what is being freed', async () => {
  const freeing = () => {
    const operations = fake()
    const [, step] = FREEING
    operations.statusAnswer = { ...operations.statusAnswer, freeing: step }
    return operations
  }
  await both(['status'], freeing, ({ stdout }) => {
    assert.match(stdout, `deleting     2 snapshots: ${FREEING_TEXT}\n`)
  })
  await both(['status', '--json'], freeing, ({ stdout }) => {
    assert.equal(documents(stdout)[0].freeing, FREEING[1])
  })
})

const WRONG: readonly (readonly [string, RegExp])[] = [
  ['tag before', /'snapshot tag' needs --add, --remove, --comment or --clear-comment/],
  ['tag before --comment a --clear-comment', /are opposites/],
  ['hold before', /'snapshot hold' needs NAME HOLD/],
  ['delete', /'snapshot delete' needs NAME\.\.\./],
  ['list --sort size', /--sort is one of created, name, referenced, written, unique, not 'size'/],
  ['rename before', /'snapshot rename' needs OLD NEW/],
]

for (const [command, sentence] of WRONG) {
  test(`exits with 2: snapshot ${command}`, async () => {
    const ran = await cli(['snapshot', ...command.split(' ')], { operations: fake() })
    assert.is(ran.code, 2)
    assert.match(ran.stderr, sentence)
  })
}

test.run()
