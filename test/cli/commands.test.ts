import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FsError } from '../../src/fs/error.ts'
import { StoreError } from '../../src/store/format.ts'
import { dir, FakeOperations, file, NO_NOTES, RESTORED, STATUS } from '../control/fake.ts'
import { both, documents, lines } from './both.ts'
import { cli, type World } from './harness.ts'

// What is printed as local time is then the same everywhere.
Object.assign(process.env, { TZ: 'UTC' })

const test = suite('cli: what the commands print')

const tree = () =>
  new FakeOperations(dir({ project: dir({ 'config.yml': file('a') }), x: file('') }))

test('snapshot create', async () => {
  await both(['snapshot', 'create', '0x10'], tree, (ran, { snapshots }) => {
    assert.equal(ran, {
      ...{ code: 0, stderr: '', exits: [] },
      stdout: "snapshot '0x10' made at 2025-11-22 20:14:05\n",
    })
    assert.is(snapshots.at(-1)?.name, '0x10')
  })
  await both(['snapshot', 'create', 'x', '--json'], tree, ({ stdout }) => {
    assert.equal(documents(stdout), [
      { id: 4, dataset: '', name: 'x', created: '2025-11-22T20:14:05.000005000Z', ...NO_NOTES },
    ])
  })
})

test('snapshot create of a name that exists', async () => {
  await both(['snapshot', 'create', '001'], tree, ({ code, stdout, stderr }) => {
    assert.equal([code, stdout], [1, ''])
    assert.is(stderr, "zerofs-nfs: there is a snapshot '001' already\n")
  })
})

/** What the live files of FakeOperations take. */
const LIVE = {
  ...{ referencedBytes: 3_435_973_837, referencedInodes: 1204, writtenBytes: 12_582_912 },
}

test('snapshot list', async () => {
  await both(['snapshot', 'list'], tree, ({ code, stdout }) => {
    assert.is(code, 0)
    assert.equal(lines(stdout), [
      'NAME    MADE                              WRITTEN',
      'before  2025-11-22 20:14:05  2 hours ago  2 MiB',
      '001     2025-11-22 21:14:05  1 hour ago   0 B',
    ])
  })
  await both(['snapshot', 'list', '--json'], tree, ({ stdout }) => {
    assert.equal(documents(stdout), [
      {
        dataset: '',
        snapshots: [
          {
            ...{ id: 2, name: 'before', created: '2025-11-22T20:14:05.000005000Z', ...NO_NOTES },
            ...{ referencedBytes: 2 ** 31 + 8192, referencedInodes: 2000 },
            writtenBytes: 2 ** 21,
          },
          {
            ...{ id: 3, name: '001', created: '2025-11-22T21:14:05.000005000Z', ...NO_NOTES },
            ...{ referencedBytes: 2 ** 31 + 12_288, referencedInodes: 3000, writtenBytes: 0 },
          },
        ],
        live: LIVE,
      },
    ])
  })
})

test('snapshot list of none', async () => {
  const none = () => new FakeOperations(dir({}), [])
  await both(['snapshot', 'list'], none, ({ stdout }) => {
    assert.match(stdout, /^there are no snapshots; 'zerofs-nfs snapshot create NAME' makes one\n$/)
  })
  await both(['snapshot', 'list', '--json'], none, ({ stdout }) => {
    assert.equal(documents(stdout), [{ dataset: '', snapshots: [], live: LIVE }])
  })
})

test('a snapshot that is not there: which one may have been meant', async () => {
  for (const argv of [
    ['restore', 'x', '--snapshot', 'befor'],
    ['restore', 'x', '--snapshot', 'befor', '--output', '/tmp'],
    ['snapshot', 'delete', 'befor'],
  ]) {
    await both(argv, tree, ({ code, stderr }) => {
      assert.is(code, 4)
      assert.is(stderr, "zerofs-nfs: there is no snapshot 'befor'; did you mean 'before'?\n")
    })
  }
})

const restore = ['restore', 'project/config.yml', '/x/', '--snapshot', 'before']

test('restore in place: what, how much, and how to go back', async () => {
  const make = () => {
    const fake = tree()
    fake.snapshots.push({ ...fake.snapshots[0], id: 9, name: RESTORED.safetySnapshot } as never)
    return fake
  }
  await both(restore, make, ({ code, stdout, stderr }, { requests }) => {
    assert.equal([code, stderr], [0, ''])
    assert.is(
      stdout,
      'restored 1,204 files in 31 folders, 3.2 GiB (all shared, 0 B copied), in 0.0 s; undo: ' +
        'zerofs-nfs restore project/config.yml x --snapshot pre-restore-20261122-201405\n',
    )
    const [request] = requests
    assert.is(request?.overwrite, 'if-changed')
    assert.is(request?.to, undefined)
    assert.equal(
      request?.paths.map((path) => Buffer.from(path).toString()),
      ['project/config.yml', 'x'],
    )
  })
})

test('what was not there before is undone by deleting it', async () => {
  const fake = tree()
  fake.restoreAnswer = { ...RESTORED, safetySnapshot: 'safety' }
  fake.snapshots.push({ ...fake.snapshots[0], id: 9, name: 'safety' } as never)
  const { stat } = fake
  fake.stat = async (snapshot, path) => {
    if (Buffer.from(path).toString() === 'x') throw new FsError('NOENT')
    return stat.call(fake, snapshot, path)
  }
  const undo = async (...paths: string[]) => {
    const argv = ['restore', ...paths, '--snapshot', 'before', '--data', '/my data', '--json']
    return documents((await cli(argv, { operations: fake })).stdout)[0].undo
  }
  const data = "--data '/my data'"
  assert.is(await undo('x'), 'delete x, which was not there before')
  assert.is(await undo('project'), `zerofs-nfs restore project --snapshot safety ${data}`)
  assert.is(
    await undo('project', 'x'),
    `zerofs-nfs restore project --snapshot safety ${data}, and delete x, which was not there before`,
  )
  assert.is(await undo('/'), `zerofs-nfs restore / --snapshot safety ${data}`)
})

test('a path that begins with a dash is undone behind --', async () => {
  const fake = new FakeOperations(dir({ '-rf': file('') }), ['before', 'safety'])
  fake.restoreAnswer = { ...RESTORED, safetySnapshot: 'safety' }
  const { stdout } = await cli(['restore', '--snapshot', 'before', '--', '-rf'], {
    operations: fake,
  })
  assert.match(stdout, /; undo: zerofs-nfs restore --snapshot safety -- -rf\n$/)
})

test('restore to another path, by another rule', async () => {
  const make = () => {
    const fake = tree()
    const counts = { files: 1, directories: 0, bytes: 0, unchanged: 2, skipped: 1300 }
    fake.restoreAnswer = { ...RESTORED, ...counts, safetySnapshot: undefined }
    return fake
  }
  const argv = [...restore, '--to', '/else/where/', '--overwrite', 'never']
  await both(argv, make, ({ stdout }, { requests }) => {
    assert.is(
      stdout,
      'restored 1 file, 0 B (all shared, 0 B copied), 2 unchanged, 1,300 left alone, in 0.0 s\n',
    )
    assert.is(Buffer.from(requests[0]?.to ?? []).toString(), 'else/where')
    assert.is(requests[0]?.overwrite, 'never')
  })
})

test('restore of what is as it was', async () => {
  const make = () => {
    const fake = tree()
    const counts = { files: 0, directories: 0, bytes: 0, unchanged: 5, skipped: 0 }
    fake.restoreAnswer = { ...RESTORED, ...counts, safetySnapshot: undefined }
    return fake
  }
  await both(restore, make, ({ code, stdout }) => {
    assert.is(code, 0)
    assert.is(stdout, "nothing was restored: 5 unchanged; it is as it was in 'before'\n")
  })
})

test('restore with failures lists them and exits with 3', async () => {
  const failed = [
    { path: Buffer.from('a\u001b[2J'), reason: 'the name is too long' },
    { path: Uint8Array.of(0xff), reason: 'there is no space left' },
  ]
  const make = () => {
    const fake = tree()
    fake.restoreAnswer = { ...RESTORED, failed, safetySnapshot: undefined }
    return fake
  }
  await both(restore, make, ({ code, stderr }) => {
    assert.is(code, 3)
    assert.equal(lines(stderr), [
      'failed: a\\x1b[2J: the name is too long',
      'failed: \\xff: there is no space left',
      '2 paths could not be restored',
    ])
  })
  await both([...restore, '--json'], make, ({ code, stdout }) => {
    assert.is(code, 3)
    const [event, more] = documents(stdout)
    assert.is(more, undefined)
    assert.equal(event, {
      ...{ event: 'restored', dataset: '', snapshot: 'before', files: 1204, directories: 31 },
      ...{
        bytes: 3_435_973_837,
        copiedBytes: 0,
        unchanged: 0,
        skipped: 0,
        attributes: 0,
        deleted: 0,
        verified: 0,
      },
      failed: [
        { path: 'a\u001b[2J', reason: 'the name is too long' },
        { path: '\\xff', base64: '/w==', reason: 'there is no space left' },
      ],
      ...{ safetySnapshot: null, undo: null, seconds: 0 },
    })
  })
})

test('a hundred failures are listed, and the rest counted', async () => {
  const fake = tree()
  const failed = Array.from({ length: 1234 }, (_, i) => ({
    path: Buffer.from(`${i}`),
    reason: 'r',
  }))
  fake.restoreAnswer = { ...RESTORED, failed, safetySnapshot: undefined }
  const { stderr } = await cli(restore, { operations: fake })
  assert.is(lines(stderr).length, 102)
  assert.equal(lines(stderr).slice(-2), ['failed: 1,134 more', '1,234 paths could not be restored'])
})

const steps = () => {
  const fake = tree()
  fake.restoreSteps = [1, 2, 3].map((files) => ({
    ...{ phase: 'restore', files, directories: 0, bytes: files * 1024, done: files * 16 },
    total: undefined,
  }))
  return fake
}

test('progress on a terminal is one line that goes away', async () => {
  const world = { operations: steps(), terminal: 60, tickMs: 60 }
  const { stderr } = await cli(restore, world)
  assert.is(stderr, '\rrestored 2 files, 2 KiB, 178/s\u001b[K\r\u001b[K')
  const narrow = await cli(restore, { ...world, terminal: 12, tickMs: 200, operations: steps() })
  const none = await cli(restore, { ...world, terminal: 0, tickMs: 200, operations: steps() })
  assert.is(none.code, 0, 'a terminal without a width ends as well')
  assert.ok(narrow.stderr.startsWith('\rrestored 1 \u001b[K\rrestored 2 \u001b[K'))
})

test('progress elsewhere is a line now and then, and with --json an event', async () => {
  const plain = await cli(restore, { operations: steps(), tickMs: 2600 })
  assert.is(plain.stderr, 'restored 2 files, 2 KiB, 4/s\n')
  const json = await cli([...restore, '--json'], { operations: steps(), tickMs: 400 })
  assert.is(json.stderr, '')
  const [event, ...others] = documents(json.stdout)
  assert.equal(event, {
    ...{ event: 'progress', phase: 'restore', files: 3, directories: 0, bytes: 3072 },
    ...{ done: 48, perSecond: 30 },
  })
  assert.is(others.length, 1)
})

const WRONG: [string[], RegExp][] = [
  [['restore', 'x'], /'restore' needs --snapshot NAME/],
  [['restore', '--snapshot', 'before'], /'restore' needs a PATH; \/ restores everything/],
  [
    [...restore, '--to', 'a', '--output', 'b'],
    /--to is inside the file system and --output outside/,
  ],
  [[...restore, '--output', 'a', '--destination', 'b'], /--output and --destination are the same/],
  [
    [...restore, '--overwrite', 'sometimes'],
    /--overwrite is one of never, if-changed, if-newer, always, keep-both/,
  ],
  [['restore', 'a/../b', '--snapshot', 'before'], /'a\/\.\.\/b' has '\.\.' in it/],
  [
    ['restore', 'a/.snapshots/monday/b', '--snapshot', 'x'],
    /write 'a\/b --snapshot monday' instead of 'a\/\.snapshots\/monday\/b'/,
  ],
  [[...restore, '--to', '../b'], /has '\.\.' in it/],
]

for (const [argv, sentence] of WRONG) {
  test(`exits with 2 and asks nobody: ${argv.join(' ')}`, async () => {
    const parts = {
      async openLocal(): Promise<never> {
        throw new Error('the store was opened')
      },
    }
    const { code, stdout, stderr } = await cli(argv, { parts })
    assert.is(code, 2)
    assert.is(stdout, '')
    assert.match(stderr, sentence)
    assert.match(
      stderr,
      /^usage: zerofs-nfs restore PATH\.\.\. --snapshot NAME\|--at TIME \[OPTIONS\]$/m,
    )
  })
}

test('status of a server', async () => {
  await both(['status'], tree, ({ code, stdout }) => {
    assert.is(code, 0)
    assert.equal(lines(stdout), [
      'state        serving for 2 hours 3 minutes, process 1234',
      'data folder  /srv/data',
      'version      0.1.0',
      'addresses    127.0.0.1:2049, [::1]:2049',
      'connections  3',
      'memory       300 MiB of at most 1 GiB',
      'durability   sync',
      'snapshots    2',
      'file data    3.2 GiB',
      'disk free    120 GiB',
      'intent log   12 MiB to replay if this machine crashed now',
      'scrub        never done to its end',
    ])
  })
  await both(['status', '--json'], tree, ({ stdout }) => {
    const nothing = { reason: null, schedule: null, freeing: null }
    const scrub = { running: null, last: null, failure: null }
    assert.equal(documents(stdout), [{ ...STATUS, ...nothing, scrub }])
  })
})

test('status without a server, and of one that failed', async () => {
  const offline = () => {
    const fake = tree()
    fake.statusAnswer = { ...STATUS, state: 'offline', addresses: [], uptime: 0 }
    return fake
  }
  await both(['status'], offline, ({ code, stdout }) => {
    assert.is(code, 0)
    assert.match(stdout, /^state {8}no server is running$/m)
    assert.not.match(stdout, /addresses|durability/)
  })
  const failed = () => {
    const fake = tree()
    fake.statusAnswer = { ...STATUS, state: 'failed', reason: 'the disk is full' }
    return fake
  }
  await both(['status'], failed, ({ code, stdout }) => {
    assert.is(code, 1)
    assert.match(stdout, /^state {8}FAILED: the disk is full$/m)
  })
})

test('check of a sound store, and of one that is not', async () => {
  const sound = () => {
    const fake = tree()
    fake.checkSteps = ['inodes', 'blocks']
    return fake
  }
  await both(['check'], sound, ({ code, stdout }) => {
    assert.is(code, 0)
    assert.equal(lines(stdout), [
      'inodes',
      'blocks',
      'checked 12 inodes, 34 blocks, 2 snapshots: no problems',
    ])
  })
  const broken = () => {
    const fake = tree()
    fake.checkAnswer = { inodes: 1, blocks: 0, snapshots: 0, problems: ['nlink of 7 is 2, not 1'] }
    return fake
  }
  await both(['check'], broken, ({ code, stdout }) => {
    assert.is(code, 1)
    assert.is(
      stdout,
      'problem: nlink of 7 is 2, not 1\nchecked 1 inode, 0 blocks, 0 snapshots: 1 problem\n',
    )
  })
  await both(['check', '--json'], broken, ({ code, stdout }) => {
    assert.is(code, 1)
    const problems = ['nlink of 7 is 2, not 1']
    assert.equal(documents(stdout), [
      { event: 'checked', inodes: 1, blocks: 0, snapshots: 0, problems },
    ])
  })
})

test('where there is no store it says so, and how to make one', async () => {
  const { code, stderr } = await cli(['status'], { env: { ZEROFS_NFS_DATA: '/srv/my data' } })
  assert.is(code, 4)
  assert.is(
    stderr,
    'zerofs-nfs: there is no store at /srv/my data; --data DIR names another, ' +
      "and 'zerofs-nfs serve '/srv/my data'' makes one\n",
  )
})

test('the data folder: an option before the environment before ./data', async () => {
  const opened: string[] = []
  const parts = {
    async openLocal({ directory }: { directory: string }) {
      opened.push(directory)
      return tree()
    },
  }
  await cli(['status'], { parts, cwd: '/here' })
  await cli(['status'], { parts, cwd: '/here', env: { ZEROFS_NFS_DATA: 'there' } })
  await cli(['status', '--data', '/d'], { parts, env: { ZEROFS_NFS_DATA: 'there' } })
  assert.equal(opened, ['/here/data', '/here/there', '/d'])
})

test('a store that another process has: it is waited for, then exit 5', async () => {
  let tries = 0
  const busy = async (): Promise<never> => {
    tries++
    throw new StoreError('BUSY', 'the store /d is in use by process 7 (zerofs-nfs check)')
  }
  const { code, stderr } = await cli(['status', '--data', '/d'], { parts: { openLocal: busy } })
  assert.is(code, 5)
  assert.match(
    stderr,
    /^zerofs-nfs: the store \/d is in use by process 7 \(zerofs-nfs check\), and/,
  )
  assert.ok(tries > 1)
  const later = async () => (++tries > 3 ? tree() : busy())
  tries = 0
  assert.is((await cli(['status'], { parts: { openLocal: later } })).code, 0)
})

test('interrupted, a long command ends with 130, and what it opened is closed', async () => {
  for (const argv of [restore, ['snapshot', 'delete', 'before'], ['check']]) {
    const fake = tree()
    fake.gate = new Promise(() => undefined)
    const ran = await cli(argv, {
      operations: fake,
      onStart: (send) => setTimeout(send, 20, 'SIGINT'),
    })
    assert.is(ran.code, 130)
    assert.equal(ran.exits, [130])
    assert.match(ran.stderr, /^zerofs-nfs: interrupted/)
    assert.ok(fake.closed)
  }
})

test('help, version, and no command at all', async () => {
  const none = await cli([])
  assert.is(none.code, 2)
  assert.match(none.stderr, /^Usage: zerofs-nfs COMMAND/m)
  const help = await cli(['--help'])
  assert.is(help.code, 0)
  assert.is(help.stdout, none.stderr)
  assert.match((await cli(['-v'])).stdout, /^zerofs-nfs \d+\.\d+\.\d+\n$/)
  const group = await cli(['snapshot', '--help'])
  assert.match(group.stdout, /^Commands:\n {2}snapshot create NAME +make a snapshot of all/)
  for (const name of ['create NAME', 'list', 'delete NAME...']) {
    assert.ok(group.stdout.includes(`Usage: zerofs-nfs snapshot ${name} [OPTIONS]`))
  }
})

test("every command's help has its options and examples that it takes itself", async () => {
  const overview = (await cli(['--help'])).stdout
  const groups = /^ {2}((?:(?:snapshot|dataset|schedule) )?[a-z]+) .*$/gm
  const names = [...overview.matchAll(groups)].map(([, name]) => name)
  assert.is(names.length, 32)
  for (const name of names) {
    const { stdout } = await cli([...(name ?? '').split(' '), '--help'])
    assert.match(stdout, /^ {6}--data DIR/m)
    const examples = stdout.split('Examples:\n')[1]?.trim().split('\n') ?? []
    assert.ok(examples.length > 0)
    for (const example of examples) assert.match(example.trim(), /^zerofs-nfs /)
  }
})

test('colours are for terminals, unless NO_COLOR asks for none', async () => {
  const operations = tree()
  const printed = async (world: World) => (await cli(['status'], { operations, ...world })).stdout
  assert.ok((await printed({ terminal: 80 })).includes('\u001b[32mserving'))
  for (const world of [{}, { env: { NO_COLOR: '1' } }, { env: { TERM: 'dumb' } }]) {
    const terminal = 'env' in world ? { terminal: 80 } : {}
    assert.not.ok((await printed({ ...world, ...terminal })).includes('\u001b'))
  }
})

test('too few words, or too many: the usage of the command that was meant', async () => {
  for (const argv of [['diff'], ['diff', 'a', 'b', 'c'], ['diff', 'a', '--verify']]) {
    const { code, stderr } = await cli(argv)
    assert.is(code, 2)
    assert.match(stderr, /\nusage: zerofs-nfs diff SNAPSHOT \[SNAPSHOT\] \[OPTIONS\]\n/)
    assert.match(stderr, /'zerofs-nfs diff --help' tells more\n$/)
  }
})

test('--json tells a word of the command line that is wrong', async () => {
  const { code, stdout } = await cli(['restore', 'a', '--at', 'sometime', '--json'])
  assert.is(code, 2)
  const [{ event, error, exit }] = documents(stdout)
  assert.equal([event, exit], ['error', 2])
  assert.match(error, /'sometime' is no time that is understood/)
  const many = await cli(['snapshot', 'create', 'a', 'b', '--json'])
  const told = "'snapshot create' takes NAME only: what is 'b'?"
  assert.equal(documents(many.stdout), [{ error: told, exit: 2 }])
})

test.run()
