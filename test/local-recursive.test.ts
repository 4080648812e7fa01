/** All datasets together, and their accounts, asked of a volume as commands and the socket do. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RemoteOperations } from '../src/control/client.ts'
import type { Operations } from '../src/control/operations.ts'
import { controlProgram } from '../src/control/program.ts'
import { openControlSocket } from '../src/control/socket.ts'
import { LocalOperations } from '../src/local.ts'
import { BLOCK_BYTES } from '../src/store/records.ts'
import type { Volume } from '../src/volume.ts'
import { assertSound } from './check/assert-sound.ts'
import { withVolume } from './check/scene.ts'
import { withTempDir } from './control/tempdir.ts'
import { Client, rejects } from './fs/client.ts'
import { blocks, put } from './snapshot/harness.ts'

const test = suite('local: all datasets together')

interface Opened {
  readonly volume: Volume
  readonly client: Client
  /** Over the socket. */
  readonly remote: Operations
}

async function withRemote(body: (opened: Opened) => Promise<void>): Promise<void> {
  await withVolume((volume) =>
    withTempDir(async (directory) => {
      const operations = new LocalOperations(volume, () => ({
        ...{ version: '0', state: 'serving', uptime: 0, durability: 'sync', addresses: [] },
        connections: 0,
      }))
      const report = (error: unknown) => {
        throw error
      }
      const socket = await openControlSocket(directory, controlProgram(operations, report), report)
      const remote = await RemoteOperations.connect(directory)
      try {
        await body({ volume, client: new Client(volume.fs, volume.fs.root()), remote })
      } finally {
        await remote.close()
        await socket.close(1000)
      }
      await assertSound(volume.store)
    }),
  )
}

const OWNER = { uid: 0, gid: 0 }
const nobody = () => undefined

test('snapshots are made and deleted in all datasets, however many there are', () =>
  withRemote(async ({ volume, client, remote }) => {
    const names = Array.from({ length: 300 }, (_, i) => `d${i}`)
    for (const name of names) volume.datasets.create(name, OWNER)
    await put(client, 'd7/f', 0, blocks(2, 1))
    await put(client, 'd8/f', 0, blocks(3, 1))
    const made = await remote.recursive.create('x', 'of all', ['t'])
    assert.equal([made.name, made.comment, made.tags], ['x', 'of all', ['t']])
    assert.equal(
      made.snapshots.map(({ dataset }) => dataset),
      ['', ...names],
    )
    const [first] = await remote.listSnapshots()
    assert.equal([first?.name, first?.created], ['x', made.created])
    await rejects('EXIST', () => remote.recursive.create('x', '', []))

    for (const name of ['d7', 'd8']) client.remove(`${name}/f`)
    const request = { words: ['x'], dryRun: true, background: false }
    const planned = await remote.recursive.delete(request, nobody)
    assert.equal([planned.snapshots.length, planned.bytes], [301, 5 * BLOCK_BYTES])
    const gone = await remote.recursive.delete({ ...request, dryRun: false }, nobody)
    assert.equal(gone, planned)
    assert.equal(await remote.listSnapshots(), [])
    await rejects('NOENT', () => remote.recursive.delete(request, nobody))
  }))

test('deleting in the background answers at once', () =>
  withRemote(async ({ volume, remote }) => {
    volume.datasets.create('a', OWNER)
    await remote.recursive.create('x', '', [])
    const request = { words: ['x'], dryRun: false, background: true }
    const { bytes, snapshots } = await remote.recursive.delete(request, nobody)
    assert.equal([bytes, snapshots.length], [0, 2])
    assert.equal(await remote.listSnapshots(), [])
  }))

test('accounts tell what was written since, of each dataset', () =>
  withRemote(async ({ volume, client, remote }) => {
    volume.datasets.create('a', OWNER)
    for (let i = 0; i < 300; i++) {
      await put(client, 'a/f', i * BLOCK_BYTES, blocks(1, i))
      volume.datasets.get('a').snapshots.create(`s${i}`)
    }
    await put(client, 'a/f', 0, blocks(2, 7))
    const { live, snapshots } = await (await remote.in('a')).accounts()
    assert.equal(live, { bytes: 300 * BLOCK_BYTES, inodes: 2, written: 2 * BLOCK_BYTES })
    assert.is(snapshots.length, 300)
    for (const [i, { bytes, inodes, written }] of snapshots.entries()) {
      assert.equal([bytes, inodes, written], [(i + 1) * BLOCK_BYTES, 2, BLOCK_BYTES])
    }
    const listed = await remote.datasets.list()
    assert.equal(
      listed.map(({ written }) => written),
      [0, 2 * BLOCK_BYTES],
    )
    const root = await remote.accounts()
    assert.equal([root.snapshots, root.live.written], [[], 0])
  }))

test.run()
