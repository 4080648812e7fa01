import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DeletedEntry, DiffEntry, FileVersion } from '../../src/control/history.ts'
import { FsError } from '../../src/fs/error.ts'
import { FileType } from '../../src/fs/filesystem.ts'
import { dir, FakeOperations, file } from '../control/fake.ts'
import { cli, type Ran, type World, withServed } from './harness.ts'

// What is printed as local time is then the same everywhere.
Object.assign(process.env, { TZ: 'UTC' })

const test = suite('cli: the past of files')

const bytes = (text: string) => Buffer.from(text, 'latin1')
const documents = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

/** Runs a command offline, and over the socket of a server: they must not differ. */
async function both(
  argv: readonly string[],
  make: () => FakeOperations,
  look: (ran: Ran) => void,
  world: World = {},
): Promise<void> {
  look(await cli(argv, { operations: make(), ...world }))
  await withServed(make(), async (run) => look(await run(argv, world)))
}

const change = (more: Partial<DiffEntry>): DiffEntry => ({
  ...{ kind: 'changed', type: FileType.REG, path: bytes('f'), from: undefined },
  ...{ content: false, attributes: false, replaced: false, size: 7 },
  ...more,
})

function changes(): FakeOperations {
  const fake = new FakeOperations()
  fake.diffAnswer = [
    change({ kind: 'added', type: FileType.DIR, path: bytes('new') }),
    change({ content: true, from: bytes('old/f') }),
    change({ path: new Uint8Array(), type: FileType.DIR, attributes: true }),
    change({ kind: 'renamed', from: bytes('a\nb'), path: bytes('c\xff') }),
    change({ replaced: true, content: true }),
    change({ kind: 'linked', path: bytes('l') }),
    change({ kind: 'unlinked', path: bytes('u') }),
    change({ kind: 'removed', path: bytes('gone') }),
  ]
  return fake
}

test('diff: a line for each change', () =>
  both(['diff', 'before', '001'], changes, (ran) => {
    const lines = ['+ new/', 'M f', 'm /', 'R a\\x0ab -> c\\xff', 'M f', '+ l', '- u', '- gone']
    assert.equal(ran, { code: 0, exits: [], stderr: '', stdout: `${lines.join('\n')}\n` })
  }))

test('diff --json: an object for each change, and the counts', () =>
  both(['diff', 'before', '--json'], changes, ({ stdout }) => {
    const all = documents(stdout)
    assert.equal(all[1], {
      ...{ event: 'change', kind: 'changed', type: 'file', path: 'f', size: 7, from: 'old/f' },
      ...{ content: true, attributes: false, replaced: false },
    })
    assert.equal(all[3], {
      ...{ event: 'change', kind: 'renamed', type: 'file', path: 'c\\xff', base64: 'Y/8=' },
      ...{ size: 7, from: 'a\nb' },
    })
    assert.equal(all.at(-1), {
      ...{ event: 'end', from: 'before', to: null, added: 1, changed: 3, renamed: 1 },
      ...{ linked: 1, unlinked: 1, removed: 1 },
    })
  }))

test('diff: the counts on a terminal; nothing where nothing changed', async () => {
  const none = () => new FakeOperations()
  const terminal = { terminal: 80 }
  await both(['diff', 'before'], none, ({ stdout, stderr }) =>
    assert.equal([stdout, stderr], ['', '']),
  )
  await both(
    ['diff', 'before'],
    none,
    ({ stderr }) => assert.is(stderr, 'nothing changed\n'),
    terminal,
  )
  await both(
    ['diff', 'before'],
    changes,
    ({ stderr }) => {
      assert.is(stderr, '1 added, 3 changed, 1 renamed, 1 linked, 1 unlinked, 1 removed\n')
    },
    terminal,
  )
})

test('diff: a snapshot that is not there', () =>
  both(['diff', 'befor'], changes, ({ code, stderr }) => {
    assert.is(code, 4)
    assert.match(stderr, /no snapshot 'befor'.*'before'/)
  }))

test('diff: more changes than fit into one reply, and an error in the middle', async () => {
  const many = () => {
    const fake = new FakeOperations(dir({ x: file('') }))
    fake.diffAnswer = Array.from({ length: 1000 }, (_, i) =>
      change({ path: bytes(`${i}`), content: true }),
    )
    return fake
  }
  const expected = Array.from({ length: 1000 }, (_, i) => `M ${i}\n`).join('')
  await both(['diff', 'before'], many, ({ stdout }) => assert.is(stdout, expected))
  class Failing extends FakeOperations {
    override async *diff() {
      yield* many().diffAnswer.slice(0, 300)
      throw new FsError('IO', 'block 5 fails its checksum')
    }
  }
  await both(
    ['diff', 'before'],
    () => new Failing(),
    ({ code, stderr }) => {
      assert.equal([code, stderr], [1, 'zerofs-nfs: block 5 fails its checksum\n'])
    },
  )
})

const time = (seconds: number) => ({ seconds: 1_763_842_445 + seconds, nseconds: 0 })

const version = (more: Partial<FileVersion>): FileVersion => ({
  ...{ type: FileType.REG, size: 2048, mtime: time(0), mode: 0o644, uid: 1, gid: 2 },
  ...{ isNow: false, snapshots: ['a'], snapshotCount: 1, since: time(100) },
  ...more,
})

function withVersions(): FakeOperations {
  const fake = new FakeOperations()
  fake.versionsAnswer = [
    version({ isNow: true, snapshots: [], snapshotCount: 0, since: undefined }),
    version({ size: 5, snapshots: ['d', 'c', 'b', 'a'], snapshotCount: 70 }),
    version({ isNow: true, mtime: time(60) }),
  ]
  return fake
}

test('versions: a line for each, the snapshots named', () =>
  both(['versions', '/f'], withVersions, ({ code, stdout }) => {
    assert.is(code, 0)
    assert.equal(stdout.split('\n'), [
      'MODIFIED             SIZE   IN',
      '2025-11-22 20:14:05  2 KiB  now',
      '2025-11-22 20:14:05  5 B    d, c, b and 67 more',
      '2025-11-22 20:15:05  2 KiB  now, a',
      '',
    ])
  }))

test('versions --json', () =>
  both(['versions', 'f', '--json'], withVersions, ({ stdout }) => {
    const [{ path, versions }] = documents(stdout)
    assert.equal([path, versions.length], ['f', 3])
    assert.equal(versions[1], {
      ...{ type: 'file', size: 5, modified: '2025-11-22T20:14:05.000000000Z', mode: '0644' },
      ...{ uid: 1, gid: 2, now: false, snapshots: ['d', 'c', 'b', 'a'], snapshotCount: 70 },
      since: '2025-11-22T20:15:45.000000000Z',
    })
  }))

test('versions: a path that never was', () =>
  both(
    ['versions', 'never'],
    () => new FakeOperations(),
    ({ code, stderr }) => {
      assert.equal([code, stderr], [4, "zerofs-nfs: 'never' does not exist there\n"])
    },
  ))

const gone = (more: Partial<DeletedEntry>): DeletedEntry => ({
  ...{ path: bytes('f'), type: FileType.REG, snapshot: 'monday', mtime: time(0), size: 5 },
  ...{ files: 1, isElsewhere: false, now: undefined },
  ...more,
})

function withDeleted(): FakeOperations {
  const fake = new FakeOperations()
  fake.deletedAnswer = [
    gone({}),
    gone({ path: bytes('d'), type: FileType.DIR, files: 1200, size: 3 * 1024 ** 2 }),
    gone({ path: bytes('m'), isElsewhere: true, now: bytes('x/m') }),
    gone({ path: bytes('h'), isElsewhere: true }),
  ]
  return fake
}

test('deleted: a line for each, with the snapshot to restore from', () =>
  both(['deleted'], withDeleted, ({ code, stdout, stderr }) => {
    assert.equal([code, stderr], [0, ''])
    assert.equal(stdout.split('\n'), [
      'f  (5 B) in monday',
      'd/  (1,200 files, 3 MiB) in monday',
      'm  (5 B) in monday; now at x/m',
      'h  (5 B) in monday; now under another name',
      '',
    ])
  }))

test('deleted DIR --all --json', async () => {
  const fake = withDeleted()
  await both(
    ['deleted', '/a/b/', '--all', '--json'],
    () => fake,
    ({ stdout }) => {
      assert.equal(documents(stdout)[2], {
        ...{ event: 'deleted', path: 'm', type: 'file', snapshot: 'monday', size: 5, files: 1 },
        ...{ modified: '2025-11-22T20:14:05.000000000Z', elsewhere: true, now: 'x/m' },
      })
      assert.equal(documents(stdout).at(-1), { event: 'end', entries: 4 })
    },
  )
  for (const { path, all } of fake.deletedRequests) {
    assert.equal([Buffer.from(path).toString(), all], ['a/b', true])
  }
})

/** As `withVersions`; the file can be restored from them. */
function pickable(): FakeOperations {
  const fake = new FakeOperations(dir({ f: file('') }), ['a', 'd'])
  fake.versionsAnswer = withVersions().versionsAnswer
  return fake
}

test('restore of a file without a snapshot offers its versions on a terminal', async () => {
  const fake = pickable()
  const { code, stderr } = await cli(['restore', 'f'], {
    operations: fake,
    answers: ['9', 'x', '1'],
  })
  assert.is(code, 0)
  assert.is(fake.requests[0]?.snapshot, 'd')
  const question = 'Restore which one (1-2, or nothing to leave it)? '
  assert.equal(stderr.split('\n'), [
    'Versions of f:',
    '   MODIFIED             SIZE   IN',
    '1  2025-11-22 20:14:05  5 B    d, c, b and 67 more',
    '2  2025-11-22 20:15:05  2 KiB  now, a',
    `${question}'9' is none of them`,
    `${question}'x' is none of them`,
    question,
  ])
})

test('restore: nothing picked, the end of input, and a file that is in no snapshot', async () => {
  for (const answers of [[''], []]) {
    const fake = pickable()
    const { code, stderr } = await cli(['restore', 'f'], { operations: fake, answers })
    assert.is(code, 1)
    assert.match(stderr, /no version was picked: nothing was restored\n$/)
    assert.equal(fake.requests, [])
  }
  const fresh = new FakeOperations()
  fresh.versionsAnswer = withVersions().versionsAnswer.slice(0, 1)
  const { code, stderr } = await cli(['restore', 'f'], { operations: fresh, answers: ['1'] })
  assert.is(code, 4)
  assert.match(stderr, /'f' is in no snapshot/)
})

test('restore asks nobody where a snapshot is named, for several paths, and with --json', async () => {
  const fake = pickable()
  const named = ['restore', 'f', '--snapshot', 'a']
  assert.is((await cli(named, { operations: fake, answers: ['1'] })).code, 0)
  assert.is(fake.requests[0]?.snapshot, 'a')
  for (const argv of [
    ['restore', 'f', 'g'],
    ['restore', 'f', '--json'],
  ]) {
    const { code, stderr } = await cli(argv, { operations: pickable(), answers: ['1'] })
    assert.is(code, 2)
    assert.match(stderr, /needs --snapshot NAME/)
  }
  assert.is((await cli(['restore', 'f'], { operations: pickable(), terminal: 80 })).code, 2)
})

test('diff of snapshots that are not there: the one that may have been meant, once', async () => {
  for (const argv of [['befor'], ['001', 'befor'], ['befor', '001']]) {
    const fake = new FakeOperations()
    fake.diff = async function* () {
      yield* []
      throw new FsError('NOENT', "no snapshot 'befor'")
    }
    const { code, stderr } = await cli(['diff', ...argv], { operations: fake })
    assert.equal([code, stderr], [4, "zerofs-nfs: no snapshot 'befor'; did you mean 'before'?\n"])
  }
})

test.run()
