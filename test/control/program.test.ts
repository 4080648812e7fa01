import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RemoteOperations, ServerGone } from '../../src/control/client.ts'
import { JOBS_MAX } from '../../src/control/jobs.ts'
import { type Operations, READ_BYTES_MAX } from '../../src/control/operations.ts'
import { controlProgram } from '../../src/control/program.ts'
import { openControlSocket } from '../../src/control/socket.ts'
import * as wire from '../../src/control/types.ts'
import { FsError } from '../../src/fs/error.ts'
import { FileType } from '../../src/fs/filesystem.ts'
import { RpcClient, type RpcError } from '../../src/rpc/client.ts'
import { Dispatcher } from '../../src/rpc/dispatch.ts'
import { Listener } from '../../src/rpc/listener.ts'
import { NO_CHANGE } from '../../src/snapshot/notes.ts'
import { type Codec, uint32, voidType } from '../../src/xdr/codec.ts'
import { dir, FakeOperations, file, STATUS, sparse, special, symlink } from './fake.ts'
import { withTempDir } from './tempdir.ts'

const test = suite('control/program')

interface Running {
  readonly remote: RemoteOperations
  readonly directory: string
  readonly bugs: unknown[]
}

/** Serves `operations` on a socket of its own, with one client. */
async function withServer(operations: Operations, use: (running: Running) => Promise<void>) {
  await withTempDir(async (directory) => {
    const bugs: unknown[] = []
    const report = (error: unknown) => bugs.push(error)
    const socket = await openControlSocket(directory, controlProgram(operations, report), report)
    const remote = await RemoteOperations.connect(directory)
    try {
      await use({ remote, directory, bugs })
    } finally {
      await remote.close()
      await socket.close(1000)
    }
  })
}

/** What `run` throws, which it must. */
async function thrown(run: Promise<unknown>): Promise<Error> {
  try {
    await run
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

/** Without classes and buffers' own kinds, so that both sides compare. */
const plain = (value: unknown) =>
  JSON.parse(
    JSON.stringify(value, (_, inner) =>
      inner instanceof Uint8Array || inner?.type === 'Buffer'
        ? Buffer.from(inner.data ?? inner).toString('hex')
        : inner,
    ),
  )

const tree = () =>
  new FakeOperations(
    dir({
      'config.yml': file('a: 1\n', { mode: 0o4755, uid: 1000, gid: 100, nlink: 2 }),
      link: symlink('config.yml'),
      disk: special(FileType.BLK, 8, 1),
      pipe: special(FileType.FIFO),
      'bytes:\xff\xfe': file('odd'),
      sub: dir({ holes: sparse(2 ** 40, [{ at: 2 ** 39, bytes: Buffer.from('middle') }]) }),
    }),
  )

const deletionOf = (name: string) => ({ words: [name], dryRun: false, background: false })

const questions: Record<string, (operations: Operations) => Promise<unknown>> = {
  status: (o) => o.status(),
  'status offline, with a reason': (o) => {
    if (o instanceof FakeOperations) {
      const freeing = { snapshots: 2, versions: 3, total: 4, bytes: 2 ** 40 }
      const schedule = { next: { seconds: 5, nseconds: 6 }, failure: 'no room' }
      const failed = { state: 'failed' as const, reason: 'the disk is full', addresses: [] }
      o.statusAnswer = { ...STATUS, ...failed, freeing, schedule }
    }
    return o.status()
  },
  'the snapshots': (o) => o.listSnapshots(),
  'a new snapshot': (o) => o.createSnapshot('après'),
  'a new snapshot with notes': (o) => o.createSnapshot('noted', 'a comment', ['a', 'b=c']),
  'a change of a snapshot': (o) =>
    o.changeSnapshot('before', {
      ...{ name: 'after', comment: '', addTags: ['x', 'y'], removeTags: [], hold: 'h' },
      release: undefined,
    }),
  'a file': (o) => o.stat('before', Buffer.from('config.yml')),
  'the root directory': (o) => o.stat('before', new Uint8Array()),
  'a page of a listing': async (o) =>
    o.list('before', (await o.stat('before', Buffer.of())).ino, 0),
  'the last page': async (o) => o.list('before', (await o.stat('before', Buffer.of())).ino, 3),
  'a hole': async (o) => {
    const { ino } = await o.stat('before', Buffer.from('sub/holes'))
    return o.read('before', ino, 100, READ_BYTES_MAX)
  },
  'data and the hole behind it': async (o) => {
    const { ino } = await o.stat('before', Buffer.from('sub/holes'))
    return o.read('before', ino, 2 ** 39 + 2, 100)
  },
  'a restore': (o) => {
    const to = Buffer.from('else')
    const paths = [Buffer.from('config.yml'), Buffer.from('sub')]
    const rules = { include: ['*.yml', 'sub/'], exclude: ['/tmp'], verify: true }
    const more = { overwrite: 'keep-both', dryRun: true, delete: true, ...rules } as const
    const request = { snapshot: '001', paths, to, ...more }
    return o.restore(request, () => undefined)
  },
  'a rollback': (o) => o.rollback({ snapshot: '001', dryRun: true }, () => undefined),
  'a backup': (o) => o.backup({ directory: '/mnt/b', bytesPerSecond: 5 }, () => undefined),
  'a check': (o) => o.check(() => undefined),
  'the schedule': (o) => o.schedule(),
  'a new schedule': (o) => {
    const others = { frequently: undefined, weekly: undefined, monthly: 12, yearly: 10_000 }
    return o.setSchedule({ ...others, hourly: 0, daily: 30 })
  },
  'the end of a schedule': (o) => o.endSchedule(),
  'what a schedule takes': (o) => {
    if (o instanceof FakeOperations) o.takenAnswer = o.snapshots
    return o.runSchedule()
  },
  'a pruning': (o) => o.pruneSchedule(false, () => undefined),
  'a deletion': (o) => o.deleteSnapshots(deletionOf('before'), () => undefined),
  'a deletion that is tried out': (o) =>
    o.deleteSnapshots({ ...deletionOf('001'), dryRun: true, background: true }, () => undefined),
  'the sizes of all snapshots': (o) => o.measureSnapshots([]),
  'the size of one': (o) => o.measureSnapshots(['001']),
}

for (const [what, ask] of Object.entries(questions)) {
  test(`answers over the socket as it does at home: ${what}`, async () => {
    const fake = tree()
    const expected = plain((await ask(fake)) ?? null)
    const served = new FakeOperations(fake.root)
    served.statusAnswer = fake.statusAnswer
    served.takenAnswer = fake.takenAnswer
    await withServer(served, async ({ remote, bugs }) => {
      assert.equal(plain((await ask(remote)) ?? null), expected)
      assert.equal(bugs, [])
      assert.equal(plain(served.requests), plain(fake.requests))
      assert.equal(served.rollbacks, fake.rollbacks)
      assert.equal(served.deleted, fake.deleted)
      assert.equal(served.policies, fake.policies)
      assert.equal(served.deletions, fake.deletions)
    })
  })
}

test('tells of more verdicts than fit into one reply, and whether they are only foretold', async () => {
  const fake = new FakeOperations()
  fake.verdicts = Array.from({ length: 600 }, (_, i) => ({
    ...{ name: `auto-${i}`, period: 'daily' as const, keep: i > 100, why: `reason ${i}` },
  }))
  await withServer(fake, async ({ remote }) => {
    const pruned: string[] = []
    const told = await remote.pruneSchedule(true, (name) => pruned.push(name))
    assert.equal(told, fake.verdicts)
    assert.equal(pruned, [])
    await remote.pruneSchedule(false, (name) => pruned.push(name))
    assert.equal(pruned.length, 101)
  })
})

test('carries a whole piece of READ_BYTES_MAX bytes', async () => {
  const bytes = Buffer.alloc(READ_BYTES_MAX + 5, 'zerofs')
  const fake = new FakeOperations(dir({ big: file(bytes) }))
  await withServer(fake, async ({ remote }) => {
    const { ino } = await remote.stat('before', Buffer.from('big'))
    const piece = await remote.read('before', ino, 3, READ_BYTES_MAX)
    assert.ok(Buffer.from(piece.data).equals(bytes.subarray(3, 3 + READ_BYTES_MAX)))
    assert.is(piece.eof, false)
  })
})

test('lists more snapshots than fit into one reply', async () => {
  const names = Array.from({ length: 600 }, (_, i) => `snapshot-${i}`)
  await withServer(new FakeOperations(dir({}), names), async ({ remote }) => {
    assert.equal(
      (await remote.listSnapshots()).map(({ name }) => name),
      names,
    )
  })
})

test('an FsError arrives with its code and its sentence', async () => {
  await withServer(tree(), async ({ remote, bugs }) => {
    const missing = await thrown(remote.stat('befor', Buffer.from('x')))
    assert.instance(missing, FsError)
    assert.is((missing as FsError).code, 'NOENT')
    assert.is(missing.message, "there is no snapshot 'befor'")
    assert.is(
      ((await thrown(remote.deleteSnapshots(deletionOf('befor'), () => undefined))) as FsError)
        .code,
      'NOENT',
    )
    assert.is(((await thrown(remote.createSnapshot('001'))) as FsError).code, 'EXIST')
    assert.equal(bugs, [])
  })
})

test('more tags than a call carries are refused before they are sent', async () => {
  await withServer(tree(), async ({ remote }) => {
    const tags = Array.from({ length: 300 }, (_, i) => `t${i}`)
    const change = { ...NO_CHANGE, addTags: tags }
    assert.is(((await thrown(remote.createSnapshot('x', '', tags))) as FsError).code, 'INVAL')
    assert.is(((await thrown(remote.changeSnapshot('before', change))) as FsError).code, 'INVAL')
    assert.is((await remote.listSnapshots()).length, 2)
  })
})

test('every error code arrives as itself', async () => {
  const codes = (
    'PERM NOENT IO NXIO ACCES EXIST XDEV NODEV NOTDIR ISDIR INVAL FBIG NOSPC ROFS MLINK ' +
    'NAMETOOLONG NOTEMPTY DQUOT STALE BADHANDLE NOT_SYNC BAD_COOKIE NOTSUPP TOOSMALL BADTYPE ' +
    'JUKEBOX'
  ).split(' ') as FsError['code'][]
  const fake = tree()
  await withServer(fake, async ({ remote }) => {
    for (const code of codes) {
      fake.broken = new FsError(code, `because of ${code}`)
      const error = (await thrown(remote.status())) as FsError
      assert.equal([error.code, error.message], [code, `because of ${code}`])
    }
  })
})

test('an error that is a bug is reported, and the caller hears of it', async () => {
  const fake = tree()
  fake.broken = new TypeError('x is not a function')
  await withServer(fake, async ({ remote, bugs }) => {
    const error = (await thrown(remote.status())) as FsError
    assert.equal([error.code, error.message], ['IO', 'the server failed: x is not a function'])
    assert.is(((await thrown(remote.check(() => undefined))) as FsError).code, 'IO')
    assert.equal(bugs, [fake.broken, fake.broken])
  })
})

test('an answer that cannot be encoded is reported, and the next call is served', async () => {
  const fake = tree()
  fake.statusAnswer = { ...STATUS, version: undefined as unknown as string }
  await withServer(fake, async ({ remote, bugs }) => {
    assert.instance(await thrown(remote.status()), ServerGone)
    assert.is(bugs.length, 1)
    fake.statusAnswer = STATUS
    assert.is((await remote.status()).pid, STATUS.pid)
  })
})

test('a long message is cut between two characters', async () => {
  const fake = tree()
  fake.broken = new FsError('INVAL', `x${'é'.repeat(4000)}`)
  await withServer(fake, async ({ remote }) => {
    const { message } = await thrown(remote.status())
    assert.is(message, `x${'é'.repeat(2047)}`)
  })
})

test('a long call reports its progress before its result', async () => {
  const fake = tree()
  fake.restoreSteps = [
    { phase: 'restore', files: 1, directories: 0, bytes: 10, done: 16, total: undefined },
    { phase: 'verify', files: 2, directories: 1, bytes: 30, done: 32, total: 64 },
  ]
  fake.checkSteps = ['inodes', 'blocks']
  fake.deletionSteps = [{ snapshots: 1, versions: 5, total: 9, bytes: 4096 }]
  let open: () => void = () => undefined
  fake.gate = new Promise((resolve) => {
    open = resolve
  })
  await withServer(fake, async ({ remote }) => {
    const seen: unknown[] = []
    const request = { snapshot: 'before', paths: [], to: undefined, overwrite: 'always' } as const
    await remote.restore(request, (step) => {
      seen.push(step)
      // The result comes only behind what was reported.
      if (seen.length === 2) open()
    })
    assert.equal(seen, fake.restoreSteps)
    const steps: string[] = []
    await remote.check((step) => steps.push(step))
    assert.equal(steps, ['inodes', 'blocks'])
    const freed: unknown[] = []
    await remote.deleteSnapshots(deletionOf('before'), (step) => freed.push(step))
    assert.equal(freed, fake.deletionSteps)
  })
})

test('a long list of failures comes whole', async () => {
  const fake = tree()
  const failed = Array.from({ length: 1000 }, (_, i) => ({
    path: Buffer.from(`path/${i}`),
    reason: `reason ${i}`,
  }))
  fake.restoreAnswer = { ...fake.restoreAnswer, failed }
  const problems = Array.from({ length: 513 }, (_, i) => `problem ${i}`)
  fake.checkAnswer = { inodes: 1, blocks: 2, snapshots: 3, problems }
  await withServer(fake, async ({ remote }) => {
    const request = { snapshot: 'before', paths: [], to: undefined, overwrite: 'always' } as const
    const summary = await remote.restore(request, () => undefined)
    assert.equal(plain(summary.failed), plain(failed))
    assert.equal((await remote.check(() => undefined)).problems, problems)
  })
})

test('a long call runs on when whoever asked for it goes away', async () => {
  const fake = tree()
  let open: () => void = () => undefined
  fake.gate = new Promise((resolve) => {
    open = resolve
  })
  await withServer(fake, async ({ remote, directory }) => {
    const other = await RemoteOperations.connect(directory)
    const deletion = thrown(other.deleteSnapshots(deletionOf('before'), () => undefined))
    // This round trip on the same connection ends after the job has begun.
    await other.status()
    await other.close()
    assert.instance(await deletion, ServerGone)
    assert.is((await remote.listSnapshots()).length, 2)
    open()
    await fake.gate
    assert.equal(
      (await remote.listSnapshots()).map(({ name }) => name),
      ['001'],
    )
  })
})

/** Calls procedures one by one, as RemoteOperations would. */
async function withRaw(directory: string, use: (call: Raw) => Promise<void>) {
  const client = await RpcClient.connect({ transport: 'unix', path: `${directory}/control.sock` })
  try {
    await use({
      start: () => ask(client, wire.CONTROLPROC.CHECK, voidType, undefined, uint32),
      poll: (job, from = 0) =>
        ask(client, wire.CONTROLPROC.CHECK_POLL, wire.pollArgs, { job, from }, wire.checkPoll),
    })
  } finally {
    await client.close()
  }
}

interface Raw {
  start(): Promise<wire.Result<number>>
  poll(job: number, from?: number): Promise<wire.Result<wire.Poll<string, unknown, string>>>
}

function ask<A, R>(
  client: RpcClient,
  proc: number,
  args: Codec<A>,
  value: A,
  results: Codec<R>,
): Promise<wire.Result<R>> {
  const { CONTROL_PROGRAM, CONTROL_VERSION } = wire
  return client.call(CONTROL_PROGRAM, CONTROL_VERSION, proc, args, value, wire.result(results))
}

test('a collected job is forgotten, and an unknown one is an error', async () => {
  await withServer(tree(), async ({ directory }) => {
    await withRaw(directory, async ({ start, poll }) => {
      const job = await start()
      assert.ok(job.ok)
      const first = await poll(job.value)
      assert.ok(first.ok && first.value.outcome?.ok)
      const second = await poll(job.value)
      assert.ok(!second.ok && second.error.code === 'NOENT')
    })
  })
})

test('jobs are bounded: ended ones nobody collected make room, running ones do not', async () => {
  const fake = tree()
  let open: () => void = () => undefined
  await withServer(fake, async ({ directory }) => {
    await withRaw(directory, async ({ start, poll }) => {
      for (let i = 0; i < 2 * JOBS_MAX; i++) assert.ok((await start()).ok)
      fake.gate = new Promise((resolve) => {
        open = resolve
      })
      const numbers: number[] = []
      for (let i = 0; i < JOBS_MAX; i++) {
        const job = await start()
        assert.ok(job.ok)
        numbers.push(job.value)
      }
      const refused = await start()
      assert.ok(!refused.ok && refused.error.code === 'JUKEBOX')
      open()
      for (const number of numbers) {
        const polled = await poll(number)
        assert.ok(polled.ok && polled.value.outcome?.ok)
      }
      assert.ok((await start()).ok)
    })
  })
})

test('is refused on any transport but a Unix socket', async () => {
  const program = controlProgram(tree())
  const listener = await Listener.listen(
    { host: '127.0.0.1', port: 0 },
    new Dispatcher([program], () => undefined),
  )
  const { address } = listener
  assert.ok(typeof address === 'object')
  const client = await RpcClient.connect({
    transport: 'tcp',
    host: '127.0.0.1',
    port: address.port,
  })
  try {
    const error = await thrown(
      ask(client, wire.CONTROLPROC.STATUS, voidType, undefined, wire.status),
    )
    assert.is((error as RpcError).code, 'SYSTEM_ERR')
  } finally {
    await client.close()
    await listener.close(1000)
  }
})

test('a server that ends meanwhile is named', async () => {
  await withTempDir(async (directory) => {
    const fake = tree()
    fake.gate = new Promise(() => undefined)
    const socket = await openControlSocket(directory, controlProgram(fake), () => undefined)
    const remote = await RemoteOperations.connect(directory)
    const check = thrown(remote.check(() => undefined))
    await remote.status()
    await socket.close(0)
    const error = await check
    assert.instance(error, ServerGone)
    assert.match(error.message, /^the server ended before it answered/)
    await remote.close()
  })
})

test.run()
