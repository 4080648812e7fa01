/** What can be asked about any dataset, on a real store: in this process, and over a socket. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RemoteOperations } from '../src/control/client.ts'
import type { Operations, RestoreRequest } from '../src/control/operations.ts'
import { controlProgram } from '../src/control/program.ts'
import { openControlSocket } from '../src/control/socket.ts'
import { FsError } from '../src/fs/error.ts'
import { LocalOperations } from '../src/local.ts'
import type { OpenDataset } from '../src/snapshot/open-dataset.ts'
import { BLOCK_BYTES } from '../src/store/records.ts'
import type { Volume } from '../src/volume.ts'
import { assertSound } from './check/assert-sound.ts'
import { withVolume } from './check/scene.ts'
import { withTempDir } from './control/tempdir.ts'
import { bytes, Client, text } from './fs/client.ts'

const test = suite('local: any dataset')

interface Scene {
  readonly volume: Volume
  readonly operations: Operations
  /** The root dataset's files, and those of `home`. */
  readonly top: Client
  readonly home: Client
}

const clientOf = ({ fs }: OpenDataset) => new Client(fs, fs.root())

async function scene(
  volume: Volume,
  operations: Operations,
  use: (scene: Scene) => Promise<void>,
): Promise<void> {
  await operations.datasets.create({ name: 'home', quota: { bytes: 0, inodes: 0 }, uid: 0, gid: 0 })
  const { datasets } = volume
  await use({
    volume,
    operations,
    top: clientOf(datasets.root),
    home: clientOf(datasets.get('home')),
  })
  await assertSound(volume.store)
}

/** In this process, and then, with another store, over a socket. */
async function eachWay(use: (scene: Scene) => Promise<void>): Promise<void> {
  const operationsOf = (volume: Volume) =>
    new LocalOperations(volume, () => ({
      ...{ version: '0', state: 'serving', uptime: 0, durability: 'sync', addresses: [] },
      connections: 0,
    }))
  await withVolume((volume) => scene(volume, operationsOf(volume), use))
  await withVolume((volume) =>
    withTempDir(async (directory) => {
      const fail = (error: unknown) => assert.unreachable(String(error))
      const program = controlProgram(operationsOf(volume), fail)
      const socket = await openControlSocket(directory, program, fail)
      const remote = await RemoteOperations.connect(directory)
      try {
        await scene(volume, remote, use)
      } finally {
        await remote.close()
        await socket.close(1000)
      }
    }),
  )
}

const nobody = () => undefined
const names = async (operations: Operations) =>
  (await operations.listSnapshots()).map(({ name }) => name)

const request = (snapshot: string, path: string, more: Partial<RestoreRequest> = {}) => ({
  ...{ snapshot, paths: [bytes(path)], to: undefined, overwrite: 'if-changed' as const },
  ...more,
})

async function put(client: Client, path: string, content: string): Promise<void> {
  client.create(path)
  await client.write(path, 0, content)
}

async function errorOf(run: Promise<unknown>): Promise<FsError> {
  try {
    await run
  } catch (error) {
    if (error instanceof FsError) return error
    throw error
  }
  throw new Error('it did not fail')
}

const read = async (client: Client, path: string) => text(await client.read(path))

test('a snapshot, and what is restored from it, are of the dataset alone', () =>
  eachWay(async ({ operations, top, home }) => {
    const there = await operations.in('home')
    assert.is(there.dataset, 'home')
    await put(top, 'f', 'root 1')
    await put(home, 'f', 'home 1')
    const { name } = await there.createSnapshot('s', 'of home', ['t'])
    assert.is(name, 's')
    assert.equal([await names(operations), await names(there)], [[], ['s']])
    await top.write('f', 0, 'root 2')
    await home.write('f', 0, 'home 2')
    await there.restore(request('s', 'f'), nobody)
    assert.equal([await read(top, 'f'), await read(home, 'f')], ['root 2', 'home 1'])
    assert.is((await errorOf(operations.restore(request('s', 'f'), nobody))).code, 'NOENT')
    // With the safety snapshot.
    assert.is((await there.listSnapshots()).length, 2)
    assert.is((await operations.status()).snapshots, 2)
    const info = (await operations.datasets.list()).map(({ name, snapshots }) => [name, snapshots])
    assert.equal(info, [
      ['', 0],
      ['home', 2],
    ])
  }))

test('the past of files is that of the dataset', () =>
  eachWay(async ({ operations, home }) => {
    const there = await operations.in('home')
    await put(home, 'f', 'one')
    await put(home, 'g', 'gone')
    await there.createSnapshot('a')
    await home.write('f', 0, 'two')
    home.remove('g')
    const kinds: string[] = []
    for await (const { kind, path } of there.diff({ from: 'a', to: undefined })) {
      kinds.push(`${kind} ${text(path)}`)
    }
    assert.equal(kinds.sort(), ['changed f', 'removed g'])
    let versions = 0
    for await (const _ of there.versions(bytes('f'))) versions++
    assert.is(versions, 2)
    const deleted: string[] = []
    for await (const { path } of there.listDeleted({ path: bytes(''), all: false })) {
      deleted.push(text(path))
    }
    assert.equal(deleted, ['g'])
    assert.is((await errorOf(operations.versions(bytes('f')).next())).code, 'NOENT')
    const { ino } = await there.stat('a', bytes('f'))
    assert.is(text((await there.read('a', ino, 0, 10)).data), 'one')
    const root = await there.stat('a', bytes(''))
    assert.is((await there.list('a', root.ino, 0)).entries.length, 2)
  }))

test('sizes and deletions are those of the dataset', () =>
  eachWay(async ({ volume, operations, home }) => {
    const there = await operations.in('home')
    home.create('f')
    await home.write('f', 0, new Uint8Array(2 * BLOCK_BYTES).fill(1))
    await there.createSnapshot('s')
    await operations.createSnapshot('s')
    await home.write('f', 0, new Uint8Array(2 * BLOCK_BYTES).fill(2))
    volume.datasets.settleAll()
    const sizes = (run: Operations) => run.measureSnapshots(['s'])
    assert.is((await sizes(there))[0]?.unique, 2 * BLOCK_BYTES)
    assert.is((await sizes(operations))[0]?.unique, 0)
    const wanted = { words: ['s'], dryRun: false, background: false }
    assert.is((await there.deleteSnapshots(wanted, nobody)).bytes, 2 * BLOCK_BYTES)
    assert.equal([await names(operations), await names(there)], [['s'], []])
  }))

test('a list that is being asked for ends with its dataset', () =>
  eachWay(async ({ operations, home }) => {
    const there = await operations.in('home')
    for (let i = 0; i < 600; i++) home.create(`f${i}`)
    await there.createSnapshot('s')
    for (let i = 0; i < 600; i++) home.remove(`f${i}`)
    const diff = there.diff({ from: 's', to: undefined })
    assert.not((await diff.next()).done)
    await operations.datasets.delete('home', true)
    const rest = async () => {
      for await (const _ of diff);
    }
    const { code, message } = await errorOf(rest())
    assert.equal([code, message], ['NOENT', "dataset 'home' has been deleted"])
  }))

test('a dataset that was renamed or deleted is one sentence', () =>
  eachWay(async ({ operations }) => {
    const { code, message } = await errorOf(operations.in('hone'))
    assert.equal([code, message], ['NOENT', "no dataset 'hone'; there are: home"])
    const there = await operations.in('home')
    await operations.datasets.rename('home', 'house')
    const renamed = await errorOf(there.createSnapshot('s'))
    assert.is(renamed.message, "no dataset 'home'; there are: house")
    await operations.datasets.rename('house', 'home')
    assert.is((await there.createSnapshot('s')).name, 's')
    await operations.datasets.delete('home', true)
    for (const call of [
      there.createSnapshot('s'),
      there.listSnapshots(),
      there.restore(request('s', ''), nobody),
      there.stat('s', bytes('')),
      there.versions(bytes('f')).next(),
      there.schedule(),
      there.runSchedule(),
    ]) {
      const { code, message } = await errorOf(call)
      assert.is(code, 'NOENT')
      assert.match(message, /dataset 'home'/)
    }
    const { message: none } = await errorOf(operations.in('home'))
    assert.is(none, "no dataset 'home'; there are none but the root")
  }))

test('many datasets, and names that cannot be, make no long sentences', () =>
  eachWay(async ({ operations }) => {
    for (let i = 10; i < 35; i++) {
      const quota = { bytes: 0, inodes: 0 }
      await operations.datasets.create({ name: `d${i}`, quota, uid: 0, gid: 0 })
    }
    const { message } = await errorOf(operations.in('x'.repeat(5000)))
    assert.match(message, /^no dataset 'x{64}\.\.\.'; there are: home, d10, .*, d28, and 6 more$/)
  }))

test('what the root dataset had under the name of a dataset is restored elsewhere', () =>
  eachWay(async ({ operations, top, home }) => {
    await operations.datasets.rename('home', 'other')
    top.mkdir('home')
    await put(top, 'home/f', 'of the root')
    await put(top, 'g', 'beside')
    await operations.createSnapshot('s')
    top.remove('home/f')
    top.rmdir('home')
    top.remove('g')
    await operations.datasets.rename('other', 'home')
    await put(home, 'f', 'of the dataset')
    for (const path of ['', 'home', 'home/f']) {
      const { failed } = await operations.restore(request('s', path), nobody)
      assert.equal(failed.length, 1)
      assert.match(failed[0]?.reason ?? '', "a dataset is seen as 'home'")
    }
    assert.is(await read(top, 'g'), 'beside')
    const { dryRun } = { dryRun: true }
    assert.is((await operations.restore(request('s', '', { dryRun }), nobody)).failed.length, 1)
    const onto = await operations.restore(request('s', 'g', { to: bytes('home') }), nobody)
    assert.is(onto.failed.length, 1)
    const beside = request('s', 'home', { to: bytes('home-before') })
    assert.equal((await operations.restore(beside, nobody)).failed, [])
    assert.is(await read(top, 'home-before/f'), 'of the root')
    assert.is(await read(home, 'f'), 'of the dataset')
  }))

test.run()
