/** Paths that begin with the name of a dataset, as clients see them below the root. */
import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Exit } from '../../src/cli/errors.ts'
import type { DeletedEntry, FileVersion } from '../../src/control/history.ts'
import { FileType } from '../../src/fs/filesystem.ts'
import { withTempDir } from '../control/tempdir.ts'
import { documents, lines } from './both.ts'
import { cli } from './harness.ts'
import { expect, homeOf, make, SAFETY, text } from './homes.ts'

const test = suite('commands: paths of datasets')

const time = { seconds: 1_763_842_445, nseconds: 0 }
const bytes = (text: string) => Buffer.from(text)
const NIGHTLY = ['--snapshot', 'nightly']

test('restore goes to the dataset that the path begins with, and back', () =>
  expect(['restore', '/home/alice/', ...NIGHTLY], ({ code, stdout }, root, home) => {
    assert.is(code, Exit.OK)
    assert.equal([root.requests.length, home.requests.length], [0, 1])
    assert.equal(home.requests[0]?.paths.map(text), ['alice'])
    assert.match(stdout, `undo: zerofs-nfs restore home/alice --snapshot ${SAFETY}\n`)
  }))

test('the name of a dataset alone is all of it', () =>
  expect(['restore', 'home', '--to', 'home/copy', ...NIGHTLY], ({ stdout }, _, home) => {
    const [request] = home.requests
    assert.equal([request?.paths.map(text), text(request?.to)], [[''], 'copy'])
    assert.match(stdout, `undo: zerofs-nfs restore home --snapshot ${SAFETY}\n`)
  }))

test('--dataset leaves paths as they are', async () => {
  const argv = ['restore', 'home/alice', '--dataset', '/', '--snapshot', 'before']
  await expect(argv, ({ code, stderr }, _, home) => {
    assert.equal([code, home.requests], [Exit.NOT_FOUND, []])
    assert.match(stderr, "'home' does not exist there")
  })
  const inside = ['restore', 'home/alice', '--dataset', 'home', ...NIGHTLY]
  await expect(inside, ({ code }, _, home) => {
    assert.equal([code, home.requests], [Exit.NOT_FOUND, []])
  })
})

test('other paths are of the root dataset', () =>
  expect(['restore', 'top', '--snapshot', 'before'], ({ code }, root, home) => {
    assert.equal([code, root.requests.length, home.requests.length], [Exit.OK, 1, 0])
  }))

for (const [argv, message] of [
  [
    ['home/alice', 'top'],
    "the paths are in several datasets ('home', /): give those of one at a time",
  ],
  [
    ['home/alice', '--to', 'alice'],
    "the files are in 'home', and --to 'alice' is in /; write --to home/...",
  ],
  [['top', '--to', 'home/top'], "--to 'home/top' is in 'home'; copy them out of .snapshots"],
  [['home/alice', '--to', 'work/a'], "--to 'work/a' is in 'work'; copy them out of .snapshots"],
  [['home', '--include', '/alice/*'], "write '/home/...'"],
  [['home', '--exclude', '/home/'], "write '/home/...'"],
] as const) {
  test(`restore ${argv.join(' ')} is refused`, () =>
    expect(['restore', ...argv, ...NIGHTLY], ({ code, stderr }, root, home) => {
      assert.is(code, Exit.USAGE)
      assert.match(stderr, message)
      assert.equal([root.requests, home.requests], [[], []])
    }))
}

test('patterns from the root on are those of the path', async () => {
  const patterns = ['--include', '/home/alice/*.txt', '--include', '*.md', '--exclude', '/**/tmp']
  await expect(['restore', 'home', ...NIGHTLY, ...patterns], (_, __, home) => {
    const [request] = home.requests
    assert.equal(request?.include, ['/alice/*.txt', '*.md'])
    assert.equal(request?.exclude, ['/**/tmp'])
  })
})

test('what is not found says in which dataset', async () => {
  await expect(['restore', 'home/alice', '--snapshot', 'before'], ({ code, stderr }) => {
    assert.is(code, Exit.NOT_FOUND)
    assert.match(stderr, /no snapshot 'before'.* \(in dataset 'home'\)\n$/)
  })
  await expect(['restore', 'work/a', '--at', 'latest'], ({ code, stderr }) => {
    assert.is(code, Exit.NOT_FOUND)
    const create = "'zerofs-nfs snapshot create NAME --dataset work' makes one"
    assert.is(stderr, `zerofs-nfs: there are no snapshots; ${create} (in dataset 'work')\n`)
  })
  await expect(['versions', 'home/bob'], ({ code, stderr }) => {
    assert.is(code, Exit.NOT_FOUND)
    assert.match(stderr, /'bob' does not exist there \(in dataset 'home'\)\n$/)
  })
})

test('what is planned, or fails, is told by the path that clients see', async () => {
  const plan = [{ action: 'create', path: bytes('alice/a.txt'), bytes: 5 }] as const
  const failed = [{ path: bytes('alice/b.txt'), reason: 'it is broken' }]
  const operations = make()
  const home = homeOf(operations)
  home.restoreAnswer = { ...home.restoreAnswer, plan, failed, safetySnapshot: undefined }
  const argv = ['restore', 'home/alice', ...NIGHTLY, '--dry-run']
  const { code, stdout, stderr } = await cli(argv, { operations })
  assert.is(code, Exit.PARTIAL)
  assert.match(stdout, /^create +home\/alice\/a.txt /)
  assert.match(stderr, 'failed: home/alice/b.txt: it is broken')
  const json = documents((await cli([...argv, '--json'], { operations })).stdout)
  assert.is(json[0].path, 'home/alice/a.txt')
  assert.is(json.at(-1).failed[0].path, 'home/alice/b.txt')
})

test('versions, and picking one', async () => {
  const version: FileVersion = {
    ...{ type: FileType.REG, size: 5, mtime: time, mode: 0o644, uid: 0, gid: 0, isNow: false },
    ...{ snapshots: ['weekly'], snapshotCount: 1, since: undefined },
  }
  const operations = make()
  const home = homeOf(operations)
  home.versionsAnswer = [version]
  const { stdout } = await cli(['versions', 'home/alice/a.txt', '--json'], { operations })
  const [told] = documents(stdout)
  assert.equal([told.path, told.versions[0].snapshots], ['home/alice/a.txt', ['weekly']])
  const picking = { operations, answers: ['1'] }
  const { stderr } = await cli(['restore', 'home/alice/a.txt'], picking)
  assert.match(stderr, 'Versions of home/alice/a.txt:')
  assert.equal(
    home.requests.map(({ snapshot, paths }) => [snapshot, text(paths[0])]),
    [['weekly', 'alice/a.txt']],
  )
})

test('deleted tells paths that restore takes', async () => {
  const entry: DeletedEntry = {
    ...{ path: bytes('alice/c'), type: FileType.REG, snapshot: 'weekly', mtime: time, size: 5 },
    ...{ files: 1, isElsewhere: true, now: bytes('bob/c') },
  }
  const operations = make()
  homeOf(operations).deletedAnswer = [entry]
  const ran = await cli(['deleted', 'home/alice'], { operations, terminal: 80 })
  assert.is(ran.stdout, 'home/alice/c  (5 B) in weekly; now at home/bob/c\n')
  assert.match(ran.stderr, "'zerofs-nfs restore PATH --snapshot NAME' brings one back")
  assert.equal(
    homeOf(operations).deletedRequests.map(({ path }) => text(path)),
    ['alice'],
  )
  const [event] = documents((await cli(['deleted', 'home', '--json'], { operations })).stdout)
  assert.equal([event.path, event.now], ['home/alice/c', 'home/bob/c'])
})

test('a whole dataset goes out under its name, one file under its own', () =>
  withTempDir(async (folder) => {
    const world = { operations: make(), cwd: folder }
    const ran = await cli(['restore', 'home', ...NIGHTLY, '--output', folder], world)
    assert.equal([ran.code, ran.stderr], [Exit.OK, ''])
    assert.is(await readFile(`${folder}/home/alice/a.txt`, 'utf8'), 'hello')
    await cli(['restore', 'home/alice/b.txt', ...NIGHTLY, '--output', folder], world)
    assert.is(await readFile(`${folder}/b.txt`, 'utf8'), 'there')
    await cli(['restore', '/', '--dataset', 'home', ...NIGHTLY, '--output', folder], world)
    assert.is(await readFile(`${folder}/alice/b.txt`, 'utf8'), 'there')
  }))

test('and into an archive', async () => {
  const membersOf = async (argv: readonly string[]) => {
    let archive = ''
    const onBytes = (all: Buffer) => {
      archive = all.toString('latin1')
    }
    await cli([...argv, ...NIGHTLY, '--output', '-'], { operations: make(), onBytes })
    return lines(archive.replaceAll(/[^ -~]+/g, '\n'))
  }
  assert.ok((await membersOf(['restore', 'home'])).includes('home/alice/a.txt'))
  assert.ok((await membersOf(['restore', 'home/alice'])).includes('alice/a.txt'))
  assert.ok((await membersOf(['restore', '/', '--dataset', 'home'])).includes('alice/a.txt'))
})

test.run()
