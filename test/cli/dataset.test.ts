import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Exit } from '../../src/cli/errors.ts'
import { parseSize } from '../../src/cli/size.ts'
import { FakeOperations } from '../control/fake.ts'
import { cli, type Ran, withServed } from './harness.ts'

Object.assign(process.env, { TZ: 'UTC' })

const test = suite('cli: dataset')

/** Runs commands one after the other, offline, and over the socket of a server. */
async function both(
  commands: readonly string[],
  look: (ran: readonly Ran[], fake: FakeOperations) => void,
): Promise<void> {
  const local = new FakeOperations()
  const ran: Ran[] = []
  for (const one of commands) ran.push(await cli(one.split(' '), { operations: local }))
  look(ran, local)
  const served = new FakeOperations()
  await withServed(served, async (run) => {
    const answers: Ran[] = []
    for (const one of commands) answers.push(await run(one.split(' ')))
    look(answers, served)
  })
}

const printed = (ran: readonly Ran[]) => ran.map(({ stdout }) => stdout)
const lines = (ran: Ran | undefined) => ran?.stdout.trimEnd().split('\n') ?? []

test('a dataset is made, shown, renamed, limited and deleted', () =>
  both(
    [
      'dataset create home --quota 1.5G --inodes 5000 --owner 1000:100',
      'dataset list',
      'dataset info home',
      'dataset rename home house',
      'dataset set house --quota none',
      'dataset info house --json',
      'dataset delete house',
      'dataset list --json',
    ],
    (ran, { datasets }) => {
      assert.equal(
        ran.map(({ code }) => code),
        ran.map(() => Exit.OK),
      )
      const [create, list, info, rename, set, json, gone, left] = ran
      assert.is(create?.stdout, "dataset 'home' made; mount it as HOST:/home\n")
      assert.equal(lines(list), [
        'NAME  USED     QUOTA    INODES  INODE QUOTA  SNAPSHOTS',
        '/     3.2 GiB  -        1,204   -            2',
        'home  0 B      1.5 GiB  1       5,000        0',
      ])
      assert.equal(lines(info), [
        'name        home',
        'mounted as  HOST:/home',
        'made        2025-11-22 20:14:05',
        'owner       1000:100',
        'used        0 B of 1.5 GiB',
        'inodes      1 of 5,000',
        'snapshots   0',
        'written     0 B',
      ])
      assert.is(rename?.stdout, "dataset 'home' is now 'house'\n")
      assert.is(set?.stdout, "dataset 'house' has no quota, and 5,000 inodes\n")
      const shown = JSON.parse(json?.stdout ?? '')
      assert.equal([shown.name, shown.quota], ['house', { bytes: 0, inodes: 5000 }])
      assert.is(gone?.stdout, "dataset 'house' deleted\n")
      assert.is(JSON.parse(left?.stdout ?? '').datasets.length, 1)
      assert.is(datasets.all.length, 1)
    },
  ))

test('what is wrong is told with what is there, and the exit code tells its kind', () =>
  both(
    [
      'dataset create a',
      'dataset create a',
      'dataset info b',
      'dataset delete b',
      'dataset set a',
      'dataset set a --quota 5X',
      'dataset set a --quota 0',
      'dataset create b --owner me',
      'dataset create b --inodes 1.5',
      'dataset delete /',
      'dataset info /a/',
      'dataset rename /a b',
    ],
    (ran) => {
      assert.equal(
        ran.map(({ code }) => code),
        [0, 1, 4, 4, 2, 2, 2, 2, 2, 1, 0, 0],
      )
      const told = ran.map(({ stderr }) => stderr.split('\n')[0])
      assert.is(told[1], "zerofs-nfs: a dataset 'a' exists already")
      assert.match(told[2] ?? '', "no dataset 'b'; there are: /, a")
      assert.is(told[4], "zerofs-nfs: 'dataset set' needs --quota or --inodes")
      assert.is(told[5], "zerofs-nfs: --quota is none, or more than 0 such as 10G, not '5X'")
      assert.is(ran.at(-1)?.stdout, "dataset 'a' is now 'b'\n")
      assert.is(told[7], "zerofs-nfs: --owner is two numbers, such as 1000:1000, not 'me'")
      assert.equal(
        printed(ran.slice(1, -2)).filter((text) => text !== ''),
        [],
      )
    },
  ))

test('sizes are read in powers of 1024', () => {
  for (const [text, bytes] of [
    ['0', 0],
    ['4096', 4096],
    ['1k', 1024],
    ['1.5 GiB', 1.5 * 2 ** 30],
    ['10MB', 10 * 2 ** 20],
    ['2T', 2 ** 41],
  ] as const) {
    assert.is(parseSize(text), bytes, text)
  }
  for (const bad of ['', '5X', '-1', '1e3', 'G', '99999999P', '1.2.3']) {
    assert.is(parseSize(bad), undefined, bad)
  }
})

test.run()
