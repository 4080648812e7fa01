import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dir, FakeOperations, file, RESTORED } from '../control/fake.ts'
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
    assert.equal(event, { event: 'snapshot', dataset: '', snapshot: '001', created })
    assert.is(end.snapshot, '001')
  })
})

test('--at before the first snapshot', async () => {
  const fake = tree()
  const { code, stderr } = await cli(['restore', 'x', '--at', 'a week ago'], { operations: fake })
  assert.is(code, 4)
  assert.match(stderr, /the oldest is 'before' of 2025-11-22 20:14:05\n$/)
  assert.equal(fake.requests, [])
})

for (const [argv, message] of [
  [['--at', 'latest', '--snapshot', 'before'], /--snapshot and --at both say where from/],
  [
    ['--at', 'latest', '--delete', '--overwrite', 'keep-both'],
    /--delete and --overwrite keep-both contradict each other/,
  ],
  [['--at', 'latest', '--delete', '--output', '.'], /--delete is for trees inside the file system/],
  [['--at', 'latest', '--delete', '--exclude', 'a'], /not with --include or --exclude/],
  [['--at', 'latest', '--include', '[a'], /'\[a' has a '\[' without its '\]'/],
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

const planned = () => {
  const fake = tree()
  const failed = [{ path: Buffer.from('project/b'), reason: 'it is in the way' }]
  fake.restoreAnswer = {
    ...{ ...RESTORED, files: 2, directories: 1, bytes: 1024, unchanged: 1, attributes: 1, failed },
    deleted: 3,
    safetySnapshot: undefined,
    plan: [
      { action: 'create', path: Buffer.from('project'), bytes: 0 },
      { action: 'replace', path: Buffer.from('project/a'), bytes: 1024 },
      { action: 'attributes', path: Buffer.of(0xff), bytes: 0 },
    ],
  }
  return fake
}

test('--dry-run: the plan, what would fail, and what it comes to', async () => {
  const fake = planned()
  await withServed(fake, async (run) => {
    const { code, stdout, stderr } = await run(['restore', '/', '--at', 'latest', '--dry-run'])
    assert.is(code, 3)
    assert.is(stderr, 'failed: project/b: it is in the way\n1 path could not be restored\n')
    assert.equal(stdout.split('\n').slice(1), [
      'create      project',
      'replace     project/a  (1 KiB)',
      'attributes  \\xff',
      '... and 5 more entries',
      'would restore 2 files in 1 folder, 1 KiB, 1 unchanged, attributes of 1 folder, ' +
        'delete 3 entries; nothing was changed',
      '',
    ])
    assert.is(fake.requests[0]?.dryRun, true)
  })
})

test('--dry-run --json: one event an entry, and the totals', async () => {
  const argv = ['restore', '/', '--snapshot', 'before', '--dry-run', '--json']
  const { stdout } = await cli(argv, { operations: planned() })
  const [first, , third, end] = documents(stdout)
  assert.equal(first, { event: 'plan', action: 'create', path: 'project', bytes: 0 })
  assert.equal([third.path, third.base64], ['\\xff', '/w=='])
  const failed = [{ path: 'project/b', reason: 'it is in the way' }]
  assert.equal(end, {
    ...{ event: 'planned', dataset: '', snapshot: 'before', files: 2, directories: 1, bytes: 1024 },
    ...{ unchanged: 1, skipped: 0, attributes: 1, deleted: 3, verified: 0, failed },
  })
})

test('--delete: what was removed is told, and the way back removes what came', async () => {
  const fake = tree()
  const safetySnapshot = '001'
  const counts = { ...RESTORED, files: 0, directories: 0, deleted: 7, attributes: 2 }
  fake.restoreAnswer = { ...counts, safetySnapshot }
  const argv = ['restore', 'project', '--snapshot', 'before', '--delete']
  const { code, stdout } = await cli(argv, { operations: fake })
  assert.is(code, 0)
  assert.is(
    stdout,
    'restored attributes of 2 folders, 7 entries deleted, in 0.0 s; ' +
      'undo: zerofs-nfs restore project --snapshot 001 --delete\n',
  )
  assert.is(fake.requests[0]?.delete, true)
  const failed = [{ path: Buffer.from('project/b'), reason: 'it is in the way' }]
  fake.restoreAnswer = { ...counts, deleted: 0, failed, safetySnapshot: undefined }
  const { stderr } = await cli(argv, { operations: fake })
  assert.match(stderr, /\nnothing was deleted, because not everything could be restored\n$/)
})

/** Three looks at a long restore, two seconds apart. */
const long = () => {
  const fake = tree()
  const counts = { files: 1200, directories: 3, bytes: 5 * 2 ** 20 }
  fake.restoreSteps = [
    { ...counts, phase: 'restore', done: 1000, total: undefined },
    { ...counts, phase: 'restore', done: 3000, total: 12_000 },
    { ...counts, phase: 'delete', done: 16, total: undefined },
    { ...counts, phase: 'verify', done: 16, total: 12_000 },
    { ...counts, phase: 'verify', done: 6000, total: 12_000 },
  ]
  return fake
}

test('progress on a terminal: a bar, how fast, and how long', async () => {
  const world = { operations: long(), terminal: 120, tickMs: 1000 }
  const { stderr } = await cli(['restore', '/', '--snapshot', 'before'], world)
  const shown = stderr.split('\r').flatMap((text) => text.split('\u001b[K')[0] || [])
  assert.equal(shown, [
    'restored 1,200 files, 5 MiB, 500/s',
    '[#####---------------]  25%  restored 1,200 files, 5 MiB, 3,000 of 12,000 entries, 1,000/s, ' +
      '9 seconds left',
    'deleting what was not there, 16 entries',
    '[--------------------]   0%  verifying, 16 of 12,000 entries',
    '[##########----------]  50%  verifying, 6,000 of 12,000 entries, 5,984/s, 1 second left',
  ])
})

test('progress elsewhere is a plain line every five seconds, and with --json an event', async () => {
  const argv = ['restore', '/', '--snapshot', 'before']
  const plain = await cli(argv, { operations: long(), tickMs: 2000 })
  assert.is(plain.stderr.split('\n').length - 1, 1)
  assert.equal(
    ['\r', '\u001b'].filter((control) => plain.stderr.includes(control)),
    [],
  )
  const { stdout } = await cli([...argv, '--json'], { operations: long(), tickMs: 1000 })
  const [first, second] = documents(stdout)
  assert.equal(first, {
    ...{ event: 'progress', phase: 'restore', files: 1200, directories: 3, bytes: 5_242_880 },
    ...{ done: 1000, perSecond: 500 },
  })
  assert.equal([second.done, second.total, second.perSecond], [3000, 12_000, 1000])
})

test('keep-both: what was there is there, so the undo line is about what came', async () => {
  const fake = new FakeOperations(dir({ x: file('x') }), ['before', 'pre-restore-20261122-201405'])
  const argv = ['restore', 'x', '--snapshot', 'before', '--overwrite', 'keep-both']
  const { stdout } = await cli(argv, { operations: fake })
  const undo = 'undo: delete what came beside; zerofs-nfs diff pre-restore-20261122-201405 lists it'
  assert.match(stdout, `; ${undo}\n`)
})

test.run()
