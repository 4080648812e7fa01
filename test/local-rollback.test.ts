/** Rolling back one dataset of several, on a real store. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LocalOperations } from '../src/local.ts'
import type { OpenDataset } from '../src/snapshot/open-dataset.ts'
import type { Volume } from '../src/volume.ts'
import { assertSound } from './check/assert-sound.ts'
import { withVolume } from './check/scene.ts'
import { Client, text } from './fs/client.ts'

const test = suite('local: rollback')

const NO_QUOTA = { bytes: 0, inodes: 0 }
const nobody = (): void => undefined
const clientOf = ({ fs }: OpenDataset): Client => new Client(fs, fs.root())

const operationsOf = (volume: Volume): LocalOperations =>
  new LocalOperations(volume, () => ({
    ...{ version: '0', state: 'serving', uptime: 0, durability: 'sync', addresses: [] },
    connections: 0,
  }))

test('one dataset goes back, and the others stay as they are', () =>
  withVolume(async (volume) => {
    const operations = operationsOf(volume)
    await operations.datasets.create({ name: 'home', quota: NO_QUOTA, uid: 0, gid: 0 })
    const [top, home] = [clientOf(volume.datasets.root), clientOf(volume.datasets.get('home'))]
    const inHome = await operations.in('home')
    for (const client of [top, home]) client.create('old')
    await inHome.createSnapshot('s')
    await operations.createSnapshot('s')
    for (const client of [top, home]) client.rename('old', 'new')
    const { moved, safetySnapshot } = await inHome.rollback({ snapshot: 's' }, nobody)
    assert.is(moved, 1)
    assert.equal([top.names(''), home.names('')], [['new'], ['old']])
    const names = async (here: typeof inHome) =>
      (await here.listSnapshots()).map(({ name }) => name)
    assert.equal(await names(operations), ['s'])
    assert.equal(await names(inHome), ['s', safetySnapshot])
    await operations.rollback({ snapshot: 's' }, nobody)
    assert.equal([top.names(''), home.names('')], [['old'], ['old']])
    await assertSound(volume.store)
  }))

test('what a dataset is seen as now does not come back, and is told', () =>
  withVolume(async (volume) => {
    const operations = operationsOf(volume)
    const top = clientOf(volume.datasets.root)
    for (const dir of ['home', 'home/old', 'gone']) top.mkdir(dir)
    await operations.createSnapshot('s')
    for (const dir of ['home/old', 'home', 'gone']) top.rmdir(dir)
    await operations.datasets.create({ name: 'home', quota: NO_QUOTA, uid: 0, gid: 0 })
    const { failed, created } = await operations.rollback({ snapshot: 's' }, nobody)
    assert.is(created, 1)
    assert.equal(text(failed[0]?.path ?? new Uint8Array()), 'home')
    assert.match(failed[0]?.reason ?? '', /^a dataset is seen as 'home': rename that/)
    assert.equal(top.names(''), ['gone'])
    await operations.datasets.rename('home', 'house')
    const { failed: none } = await operations.rollback({ snapshot: 's' }, nobody)
    assert.equal(none, [])
    assert.equal(top.names('').sort(), ['gone', 'home'])
    assert.ok(top.has('home/old'))
    await assertSound(volume.store)
  }))

test.run()
