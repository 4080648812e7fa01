/** Commands about another dataset than the root: which one, and what is printed then. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Exit } from '../../src/cli/errors.ts'
import type { DeletedEntry } from '../../src/control/history.ts'
import { FileType } from '../../src/fs/filesystem.ts'
import type { FakeOperations } from '../control/fake.ts'
import { documents } from './both.ts'
import { cli } from './harness.ts'
import { expect, homeOf, make, SAFETY, text } from './homes.ts'

const test = suite('commands: --dataset')

const GONE: DeletedEntry = {
  ...{ path: Buffer.from('alice/c.txt'), type: FileType.REG, snapshot: 'weekly', size: 5 },
  ...{ mtime: { seconds: 1_763_842_445, nseconds: 0 }, files: 1, isElsewhere: false },
  now: undefined,
}

const names = ({ snapshots }: FakeOperations) => snapshots.map(({ name }) => name)

const HOME = ['--dataset', 'home']

test('snapshots are made, noted about, listed and deleted in the dataset that is named', async () => {
  await expect(['snapshot', 'create', 's', ...HOME], ({ code }, root, home) => {
    assert.is(code, Exit.OK)
    assert.equal(
      [names(root), names(home)],
      [
        ['before', SAFETY],
        ['nightly', 'weekly', SAFETY, 's'],
      ],
    )
  })
  await expect(['snapshot', 'list', ...HOME], ({ stdout }) => {
    assert.match(stdout, 'nightly')
    assert.not.match(stdout, 'before')
  })
  await expect(['snapshot', 'info', 'weekly', '--dataset', '/home/'], ({ stdout, code }) => {
    assert.is(code, Exit.OK)
    assert.match(stdout, 'weekly')
  })
  await expect(['snapshot', 'rename', 'weekly', 'old', ...HOME], (_, __, home) => {
    assert.equal(names(home), ['nightly', 'old', SAFETY])
  })
  await expect(['snapshot', 'tag', 'weekly', '--add', 't', ...HOME], (_, __, home) => {
    assert.equal(home.snapshots[1]?.tags, ['t'])
  })
  await expect(['snapshot', 'hold', 'weekly', 'h', ...HOME], (_, __, home) => {
    assert.equal(home.snapshots[1]?.holds, ['h'])
  })
  await expect(['snapshot', 'release', 'weekly', 'h', ...HOME], ({ code }) => {
    assert.is(code, Exit.OK)
  })
  await expect(['snapshot', 'delete', 'nightly', ...HOME], (_, root, home) => {
    assert.equal(
      [names(root), names(home)],
      [
        ['before', SAFETY],
        ['weekly', SAFETY],
      ],
    )
  })
})

test('/ is the root dataset', () =>
  expect(['snapshot', 'list', '--dataset', '/', '--json'], ({ stdout }) => {
    const [{ snapshots }] = documents(stdout)
    assert.equal(
      snapshots.map(({ name }: { name: string }) => name),
      ['before', SAFETY],
    )
  }))

test('an unknown dataset is one sentence, with those that there are', async () => {
  const commands = [
    ['snapshot', 'create', 's'],
    ['snapshot', 'list'],
    ['snapshot', 'delete', 'nightly'],
    ['restore', 'alice', '--snapshot', 'nightly'],
    ['restore', 'alice', '--snapshot', 'nightly', '--output', '/nowhere'],
    ['diff', 'nightly'],
    ['rollback', 'nightly'],
    ['versions', 'alice/a.txt'],
    ['deleted'],
    ['schedule', 'show'],
    ['schedule', 'set', '--daily', '3'],
    ['schedule', 'off'],
    ['schedule', 'run'],
    ['schedule', 'prune'],
  ]
  for (const command of commands) {
    await expect([...command, '--dataset', 'hone'], ({ code, stdout, stderr }, root) => {
      assert.is(code, Exit.NOT_FOUND)
      assert.is(
        stderr,
        "zerofs-nfs: no dataset 'hone'; there are: home, work; did you mean 'home'?\n",
      )
      assert.is(stdout, '')
      assert.equal([names(root), root.policies], [['before', SAFETY], []])
    })
  }
})

test('what is not about a dataset takes none', async () => {
  for (const command of [['status'], ['check'], ['serve'], ['dataset', 'list']]) {
    const { code, stderr } = await cli([...command, ...HOME], { operations: make() })
    assert.is(code, Exit.USAGE)
    assert.match(stderr, `'${command.join(' ')}' has no option '--dataset'`)
  }
})

test('help tells of it, with an example', async () => {
  for (const topic of ['snapshot create', 'snapshot list', 'restore', 'diff', 'schedule set']) {
    const { stdout } = await cli([...topic.split(' '), '--help'])
    assert.match(stdout, /^ +--dataset NAME +the dataset it is about/m, topic)
    assert.match(stdout, new RegExp(`^  zerofs-nfs ${topic}.* --dataset projects`, 'm'))
  }
  assert.match((await cli(['--help'])).stdout, /^ +--dataset NAME/m)
  assert.not.match((await cli(['status', '--help'])).stdout, '--dataset')
})

test('schedules are those of the dataset', async () => {
  await expect(['schedule', 'set', '--daily', '3', ...HOME], ({ code }, root, home) => {
    assert.is(code, Exit.OK)
    assert.equal([root.policies.length, home.policies[0]?.daily], [0, 3])
  })
  await expect(['schedule', 'off', ...HOME], ({ stdout }, root, home) => {
    assert.equal([root.scheduleAnswer.on, home.scheduleAnswer.on], [true, false])
    const how = 'zerofs-nfs schedule set --hourly 24 --daily 30 --dataset home'
    assert.match(stdout, `no schedule is set; '${how}' sets one`)
  })
  await expect(['schedule', 'prune', '--dry-run', ...HOME], ({ stdout }) => {
    assert.match(stdout, '1 snapshot would be pruned, 2 kept')
  })
})

test('hints name the dataset', async () => {
  const work = ['--dataset', 'work']
  await expect(['snapshot', 'list', ...work], ({ stdout }) => {
    const create = "'zerofs-nfs snapshot create NAME --dataset work' makes one\n"
    assert.is(stdout, `there are no snapshots; ${create}`)
  })
  await expect(['restore', 'x', '--at', 'latest', ...work], ({ stderr, code }) => {
    assert.is(code, Exit.NOT_FOUND)
    assert.match(stderr, "'zerofs-nfs snapshot create NAME --dataset work' makes one")
  })
  const { stderr } = await cli(['restore', 'x', ...work], { operations: make() })
  assert.match(stderr, "'zerofs-nfs snapshot list --dataset work' tells them")
  const gone = await cli(['deleted', ...HOME], { operations: make(), terminal: 80 })
  assert.match(gone.stderr, 'nothing is gone')
  const operations = make()
  homeOf(operations).deletedAnswer = [GONE]
  const one = await cli(['deleted', ...HOME], { operations, terminal: 80 })
  assert.match(one.stderr, "'zerofs-nfs restore PATH --snapshot NAME --dataset home' brings one")
})

test('diff is that of the dataset', async () => {
  await expect(['diff', 'nightly', 'weekly', ...HOME], ({ code }) => assert.is(code, Exit.OK))
  await expect(['diff', 'nightly'], ({ code }) => assert.is(code, Exit.NOT_FOUND))
})

test('a restore in the dataset that is named says how to go back there', () =>
  expect(['restore', 'alice', '--snapshot', 'nightly', ...HOME], ({ stdout }, root, home) => {
    assert.equal([root.requests.length, home.requests.length], [0, 1])
    assert.equal(home.requests[0]?.paths.map(text), ['alice'])
    assert.match(stdout, `undo: zerofs-nfs restore alice --snapshot ${SAFETY} --dataset home\n`)
  }))

for (const argv of [
  ['snapshot', 'create', 'x'],
  ['snapshot', 'hold', 'nightly', 'h'],
  ['snapshot', 'rename', 'nightly', 'x'],
  ['snapshot', 'delete', 'nightly'],
  ['snapshot', 'list'],
  ['snapshot', 'info', 'nightly'],
  ['restore', 'alice', '--snapshot', 'nightly'],
  ['restore', 'alice', '--snapshot', 'nightly', '--dry-run'],
  ['rollback', 'nightly'],
]) {
  test(`${argv.join(' ')} --json tells which dataset it was about`, () =>
    expect([...argv, '--dataset', 'home', '--json'], ({ stdout }) => {
      assert.match(stdout.trim().split('\n').at(-1) ?? '', /"dataset":"home"/)
    }))
}

test.run()
