import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { promotionText } from '../../src/cli/clone.ts'
import { Exit } from '../../src/cli/errors.ts'
import { freeingText } from '../../src/cli/snapshot-text.ts'
import { FakeOperations } from '../control/fake.ts'
import { cli, type Ran, withServed } from './harness.ts'

Object.assign(process.env, { TZ: 'UTC' })

const test = suite('cli: clone')

/** Runs commands one after the other, offline, and over the socket of a server. */
async function both(
  commands: readonly string[],
  look: (ran: readonly Ran[], fake: FakeOperations) => void,
): Promise<void> {
  const make = () => new FakeOperations().with('home', new FakeOperations())
  const local = make()
  const ran: Ran[] = []
  for (const one of commands) ran.push(await cli(one.split(' '), { operations: local }))
  look(ran, local)
  const served = make()
  await withServed(served, async (run) => {
    const answers: Ran[] = []
    for (const one of commands) answers.push(await run(one.split(' ')))
    look(answers, served)
  })
}

const lines = (ran: Ran | undefined) => ran?.stdout.trimEnd().split('\n') ?? []

test('a clone is made, shown with what it is of, and promoted', () =>
  both(
    [
      'clone before try --quota 2G',
      'dataset list',
      'dataset info try',
      'dataset info /',
      'snapshot list',
      'snapshot info before --json',
      'dataset promote try',
      'dataset info try --json',
    ],
    (ran, { datasets }) => {
      assert.equal(
        ran.map(({ code }) => code),
        ran.map(() => Exit.OK),
      )
      const [clone, list, info, root, snapshots, snapshot, promote, json] = ran
      const made = "dataset 'try' made, a clone of snapshot 'before' of dataset '/'"
      assert.is(clone?.stdout, `${made}; mount it as HOST:/try\n`)
      assert.equal(lines(list), [
        'NAME  USED     QUOTA  INODES  INODE QUOTA  SNAPSHOTS  CLONE OF',
        '/     3.2 GiB  -      1,204   -            2',
        'home  0 B      -      1       -            0',
        'try   3.2 GiB  2 GiB  1,204   -            0          /@before',
      ])
      assert.ok(lines(info).includes("clone of    snapshot 'before' of dataset '/'"))
      assert.ok(lines(root).includes("clones      try (of snapshot 'before')"))
      assert.match(snapshots?.stdout ?? '', /CLONES.*\nbefore .* try\n/)
      assert.equal(JSON.parse(snapshot?.stdout ?? '').clones, ['try'])
      const independent = "dataset 'try' is independent of snapshot 'before' of dataset '/'\n"
      assert.is(promote?.stdout, independent)
      assert.is(JSON.parse(json?.stdout ?? '').origin, null)
      assert.is(datasets.all.length, 3)
    },
  ))

test('a clone of another dataset, by either name of the command, and as JSON', () =>
  both(
    [
      'dataset clone monday try --dataset home --json',
      'clone monday again --dataset / --json',
      'dataset promote try --json',
    ],
    (ran) => {
      const [clone, root, promote] = ran.map(({ stdout }) => stdout)
      assert.equal(JSON.parse(clone ?? '').origin, { dataset: 'home', snapshot: 'monday' })
      assert.equal(JSON.parse(root ?? '').origin, { dataset: '', snapshot: 'monday' })
      const last = (promote ?? '').trimEnd().split('\n').at(-1) ?? ''
      assert.equal(JSON.parse(last), {
        event: 'promoted',
        promoted: 'try',
        origin: { dataset: 'home', snapshot: 'monday' },
      })
    },
  ))

test('what is wrong is told with what is there', () =>
  both(
    [
      'clone none try',
      'clone before',
      'clone before try --dataset nowhere',
      'dataset promote /',
      'dataset promote tri',
      'clone before try --quota many',
    ],
    (ran) => {
      assert.equal(
        ran.map(({ code }) => code),
        [4, 2, 4, 1, 4, 2],
      )
      const told = ran.map(({ stderr }) => stderr.split('\n')[0])
      assert.is(told[1], "zerofs-nfs: 'clone' needs SNAPSHOT NEWDATASET")
      const plain = "zerofs-nfs: dataset '/' is no clone: it depends on no snapshot"
      assert.is(told[3], plain)
      assert.is(told[4], "zerofs-nfs: no dataset 'tri'; there are: /, home")
    },
  ))

test('status tells of promotions', async () => {
  const operations = new FakeOperations()
  const { status } = operations
  operations.status = async () => ({
    ...(await status.call(operations)),
    promoting: [{ dataset: 'try', done: 301, total: 1204 }],
  })
  const ran = await cli(['status'], { operations })
  assert.match(ran.stdout, /promoting .*dataset 'try': .* 25% of 1,204 files\n/)
})

test('one thing is told as one', () => {
  assert.match(promotionText({ done: 0, total: 1 }), / 0% of 1 file$/)
  const freeing = freeingText({ snapshots: 1, versions: 1, total: 1, bytes: 0 })
  assert.match(freeing, / 100% of 1 record, 0 B freed$/)
})

test.run()
