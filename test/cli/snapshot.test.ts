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
      { id: 4, name: 'x', created: CREATED, comment: '001', tags: ['2', 'a=b'], holds: [] },
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
      assert.equal(documents(stdout), [snapshot])
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
        'NAME    MADE                              HOLDS    TAGS   COMMENT',
        'before  2025-11-22 20:14:05  2 hours ago           a=1,b  the first one',
        '001     2025-11-22 21:14:05  1 hour ago   legal,x         ',
      ].map((line) => line.trimEnd()),
    )
  })
})

const WRONG: readonly (readonly [string, RegExp])[] = [
  ['tag before', /'snapshot tag' needs --add, --remove, --comment or --clear-comment/],
  ['tag before --comment a --clear-comment', /are opposites/],
  ['hold before', /'snapshot hold' needs NAME HOLD/],
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
