/** Control calls about one dataset of several. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RemoteOperations } from '../../src/control/client.ts'
import { controlProgram } from '../../src/control/program.ts'
import { snapshotInfo, snapshotNew, snapshotPage } from '../../src/control/snapshot-types.ts'
import { openControlSocket } from '../../src/control/socket.ts'
import * as wire from '../../src/control/types.ts'
import { FsError } from '../../src/fs/error.ts'
import { RpcClient, RpcError } from '../../src/rpc/client.ts'
import { NO_CHANGE } from '../../src/snapshot/notes.ts'
import { type Codec, uint64, voidType } from '../../src/xdr/codec.ts'
import { dir, FakeOperations, file } from './fake.ts'
import { withTempDir } from './tempdir.ts'

const test = suite('control: datasets')

interface Scene {
  readonly root: FakeOperations
  readonly home: FakeOperations
  readonly remote: RemoteOperations
  readonly directory: string
}

async function withScene(use: (scene: Scene) => Promise<void>): Promise<void> {
  const root = new FakeOperations(dir({ top: file('top') }), ['before'])
  const home = new FakeOperations(dir({ a: file('hello') }), ['nightly'])
  root.with('home', home)
  await withTempDir(async (directory) => {
    const socket = await openControlSocket(directory, controlProgram(root), () => undefined)
    const remote = await RemoteOperations.connect(directory)
    try {
      await use({ root, home, remote, directory })
    } finally {
      await remote.close()
      await socket.close(1000)
    }
  })
}

/** The error that `run` rejects with, which it must. */
async function errorOf(run: Promise<unknown>): Promise<FsError> {
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.instance(error, FsError)
  return error as FsError
}

const names = ({ snapshots }: FakeOperations) => snapshots.map(({ name }) => name)
const nobody = () => undefined
const PATH = Buffer.from('a')
const RESTORE = { paths: [PATH], to: undefined, overwrite: 'if-changed' } as const

test('every call goes to the dataset that was chosen, over one connection', () =>
  withScene(async ({ root, home, remote }) => {
    const there = await remote.in('home')
    assert.equal([remote.dataset, there.dataset], ['', 'home'])
    await there.createSnapshot('s', 'c', ['t'])
    assert.equal([names(root), names(home)], [['before'], ['nightly', 's']])
    await there.changeSnapshot('s', { ...NO_CHANGE, hold: 'h' })
    const listed = (await there.listSnapshots()).map(({ name, holds }) => [name, holds])
    assert.equal(listed, [
      ['nightly', []],
      ['s', ['h']],
    ])
    assert.is((await there.measureSnapshots(['s'])).length, 1)
    await there.restore({ ...RESTORE, snapshot: 'nightly' }, nobody)
    assert.equal([root.requests.length, home.requests.length], [0, 1])
    const { ino, size } = await there.stat('nightly', PATH)
    assert.is(size, 5)
    assert.is((await there.list('nightly', home.root.info.ino, 0)).entries.length, 1)
    assert.is(Buffer.from((await there.read('nightly', ino, 0, 9)).data).toString(), 'hello')
    await there.setSchedule({ ...NONE, daily: 3 })
    await there.endSchedule()
    assert.equal([(await there.schedule()).on, (await remote.schedule()).on], [false, true])
    assert.equal([root.policies.length, home.policies.length], [0, 1])
    home.takenAnswer = home.snapshots
    assert.equal([(await there.runSchedule()).length, (await remote.runSchedule()).length], [2, 0])
    home.verdicts = []
    assert.equal(await there.pruneSchedule(true, nobody), [])
    await there.deleteSnapshots({ words: ['s'], dryRun: false, background: false }, nobody)
    assert.equal([names(root), names(home)], [['before'], ['nightly']])
    assert.is((await remote.status()).snapshots, (await there.status()).snapshots)
    assert.equal((await there.check(nobody)).problems, [])
    assert.is((await there.datasets.list()).length, 2)
  }))

const NONE = {
  ...{ frequently: undefined, hourly: undefined, daily: undefined },
  ...{ weekly: undefined, monthly: undefined, yearly: undefined },
}

test('lists of any length are those of the dataset, page after page', () =>
  withScene(async ({ home, remote }) => {
    const there = await remote.in('home')
    home.deletedAnswer = Array.from({ length: 600 }, (_, i) => ({
      ...{ path: Buffer.from(`f${i}`), type: 1, snapshot: 'nightly', size: i, files: 1 },
      ...{ mtime: { seconds: 1, nseconds: 0 }, isElsewhere: false, now: undefined },
    }))
    let counted = 0
    for await (const _ of there.listDeleted({ path: PATH, all: false })) counted++
    assert.is(counted, 600)
    for await (const _ of remote.listDeleted({ path: PATH, all: false })) assert.unreachable()
    for await (const _ of there.diff({ from: 'nightly', to: undefined })) assert.unreachable()
    assert.is((await errorOf(remote.diff({ from: 'nightly', to: undefined }).next())).code, 'NOENT')
    for await (const _ of there.versions(PATH)) assert.unreachable()
  }))

test('from one dataset to another and back', () =>
  withScene(async ({ remote }) => {
    const back = await (await remote.in('home')).in('')
    assert.equal(
      (await back.listSnapshots()).map(({ name }) => name),
      ['before'],
    )
  }))

test('a dataset that there is not, then or later, is one sentence', () =>
  withScene(async ({ root, remote }) => {
    const { code, message } = await errorOf(remote.in('hone'))
    assert.equal([code, message], ['NOENT', "no dataset 'hone'; there are: home"])
    const there = await remote.in('home')
    root.without('home')
    for (const call of [
      there.listSnapshots(),
      there.createSnapshot('s'),
      there.restore({ ...RESTORE, snapshot: 'nightly' }, nobody),
      there.versions(PATH).next(),
      there.setSchedule({ ...NONE, daily: 1 }),
      there.pruneSchedule(false, nobody),
    ]) {
      const { code, message } = await errorOf(call)
      assert.is(code, 'NOENT')
      assert.match(message, "no dataset 'home'")
    }
    // The connection, and the rest of the store, are as they were.
    assert.is((await remote.listSnapshots()).length, 1)
  }))

/** Calls that carry a dataset's name as bytes of the test's own. */
async function withRaw(
  directory: string,
  use: (call: <R>(proc: number, args: Buffer, results: Codec<R>) => Promise<R>) => Promise<void>,
): Promise<void> {
  const client = await RpcClient.connect({ transport: 'unix', path: `${directory}/control.sock` })
  const { CONTROL_PROGRAM, CONTROL_VERSION } = wire
  try {
    await use(async (proc, args, results) => {
      const bytes: Codec<Buffer> = {
        encode: (w, value) => {
          for (let at = 0; at < value.length; at += 4) w.uint32(value.readUInt32BE(at))
        },
        decode: () => args,
      }
      const codec = wire.result(results)
      const answer = await client.call(CONTROL_PROGRAM, CONTROL_VERSION, proc, bytes, args, codec)
      if (answer.ok) return answer.value
      throw answer.error
    })
  } finally {
    await client.close()
  }
}

/** string<> of RFC 4506, whatever the text. */
function xdrString(text: string, length = Buffer.byteLength(text)): Buffer {
  const bytes = Buffer.alloc(4 + Math.ceil(Buffer.byteLength(text) / 4) * 4)
  bytes.writeUInt32BE(length)
  bytes.write(text, 4)
  return bytes
}

const AFTER_0 = Buffer.alloc(8)
const { SNAPSHOT_LIST } = wire.CONTROLPROC

test('forged names are refused, and harm nobody', () =>
  withScene(async ({ root, remote, directory }) => {
    await withRaw(directory, async (call) => {
      const list = (name: Buffer) =>
        call(SNAPSHOT_LIST, Buffer.concat([name, AFTER_0]), snapshotPage)
      assert.is((await list(xdrString('home'))).snapshots[0]?.name, 'nightly')
      for (const name of ['Home', 'home/', '/', '..', 'home\0', ' home', 'x'.repeat(4096)]) {
        assert.is((await errorOf(list(xdrString(name)))).code, 'NOENT', name)
      }
      for (const forged of [xdrString('x'.repeat(4097)), xdrString('home', 0xffff_fff0)]) {
        const error = await list(forged).catch((thrown: unknown) => thrown)
        assert.instance(error, RpcError)
        assert.is((error as RpcError).code, 'GARBAGE_ARGS')
      }
    })
    assert.equal(names(root), ['before'])
    assert.is((await remote.in('home')).dataset, 'home')
  }))

test('a call without a dataset is not taken for one of the root dataset', () =>
  withScene(async ({ root, directory }) => {
    const client = await RpcClient.connect({
      transport: 'unix',
      path: `${directory}/control.sock`,
    })
    const { CONTROL_PROGRAM, CONTROL_VERSION, CONTROLPROC } = wire
    const args = { name: 'forged', comment: '', tags: [] }
    const results = wire.result(snapshotInfo)
    const error = await client
      .call(
        CONTROL_PROGRAM,
        CONTROL_VERSION,
        CONTROLPROC.SNAPSHOT_CREATE,
        snapshotNew,
        args,
        results,
      )
      .then(
        (answer) => assert.not(answer.ok),
        (thrown: unknown) => thrown,
      )
    await client.close()
    if (error !== undefined) assert.is((error as RpcError).code, 'GARBAGE_ARGS')
    assert.equal(names(root), ['before'])
  }))

test('the version before this one is told so', () =>
  withScene(async ({ directory }) => {
    const client = await RpcClient.connect({
      transport: 'unix',
      path: `${directory}/control.sock`,
    })
    const { CONTROL_PROGRAM, CONTROL_VERSION } = wire
    const error = await client
      .call(CONTROL_PROGRAM, CONTROL_VERSION - 1, SNAPSHOT_LIST, uint64, 0, voidType)
      .catch((thrown: unknown) => thrown)
    await client.close()
    assert.is((error as RpcError).code, 'PROG_MISMATCH')
  }))

test.run()
