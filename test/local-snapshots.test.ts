import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Freeing } from '../src/control/operations.ts'
import { LocalOperations } from '../src/local.ts'
import { NO_CHANGE } from '../src/snapshot/notes.ts'
import { BLOCK_BYTES } from '../src/store/records.ts'
import type { Volume } from '../src/volume.ts'
import { assertSound } from './check/assert-sound.ts'
import { withVolume } from './check/scene.ts'
import { Client, rejects } from './fs/client.ts'
import { blocks, put } from './snapshot/harness.ts'

const test = suite('local: snapshots')

interface Opened {
  readonly volume: Volume
  readonly operations: LocalOperations
  readonly client: Client
}

async function withOperations(body: (opened: Opened) => Promise<void>): Promise<void> {
  await withVolume(async (volume) => {
    const operations = new LocalOperations(volume, () => ({
      ...{ version: '0', state: 'serving', uptime: 0, durability: 'sync', addresses: [] },
      connections: 0,
    }))
    await body({ volume, operations, client: new Client(volume.fs, volume.fs.root()) })
    await assertSound(volume.store)
  })
}

const WANTED = { dryRun: false, background: false }
const nobody = () => undefined
const names = async ({ operations }: Opened) =>
  (await operations.listSnapshots()).map(({ name }) => name)

/** Snapshots `daily-0` to `daily-4`, each of them holding 3 blocks alone. */
async function makeDailies({ operations, client }: Opened): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await put(client, 'f', 0, blocks(3, i))
    await operations.createSnapshot(`daily-${i}`, `number ${i}`, [`n=${i}`])
  }
  await put(client, 'f', 0, blocks(3, 9))
}

test('sizes are of those that are asked for, in the order of the list', () =>
  withOperations(async (opened) => {
    const { operations, client } = opened
    assert.equal(await operations.measureSnapshots([]), [])
    await makeDailies(opened)
    await operations.createSnapshot('same')
    client.remove('f')
    const ids = (await operations.listSnapshots()).map(({ id }) => id)
    const sizes = await operations.measureSnapshots([])
    assert.equal(
      sizes.map(({ id }) => id),
      ids,
    )
    assert.is(sizes[2]?.unique, 3 * BLOCK_BYTES)
    const one = await operations.measureSnapshots(['daily-1..daily-2'])
    assert.equal(one, sizes.slice(1, 3))
    await rejects('NOENT', () => operations.measureSnapshots(['none']))
  }))

test('a deletion that is tried out tells exactly what the real one does', () =>
  withOperations(async (opened) => {
    const { operations } = opened
    await makeDailies(opened)
    const words = ['daily-4', '..daily-1']
    const expected = { names: ['daily-0', 'daily-1', 'daily-4'], bytes: 9 * BLOCK_BYTES }
    const tried = await operations.deleteSnapshots({ ...WANTED, words, dryRun: true }, nobody)
    assert.equal(tried, expected)
    assert.is((await names(opened)).length, 5)
    assert.equal(await operations.deleteSnapshots({ ...WANTED, words }, nobody), expected)
    assert.equal(await names(opened), ['daily-2', 'daily-3'])
  }))

test('a deletion in the background is done for whoever looks before it is freed', () =>
  withOperations(async (opened) => {
    const { operations, volume } = opened
    await makeDailies(opened)
    const request = { ...WANTED, words: ['*'], background: true }
    const { names: gone, bytes } = await operations.deleteSnapshots(request, nobody)
    assert.equal([gone.length, bytes], [5, 0])
    assert.equal(await names(opened), [])
    assert.is((await operations.status()).snapshots, 0)
    await volume.snapshots.resume()
    assert.is((await operations.status()).freeing, undefined)
    assert.is((await operations.status()).dataBytes, 3 * BLOCK_BYTES)
  }))

test('where one is held nothing is deleted, nor tried out', () =>
  withOperations(async (opened) => {
    const { operations } = opened
    await makeDailies(opened)
    const held = await operations.changeSnapshot('daily-3', { ...NO_CHANGE, hold: 'h' })
    assert.equal([held.holds, held.comment, held.tags], [['h'], 'number 3', ['n=3']])
    for (const dryRun of [true, false]) {
      const request = { ...WANTED, words: ['daily-*'], dryRun }
      await rejects('ACCES', () => operations.deleteSnapshots(request, nobody))
    }
    assert.is((await names(opened)).length, 5)
  }))

test('status and the one who waits are told how far it is', () =>
  withOperations(async (opened) => {
    const { operations, client } = opened
    for (let i = 0; i < 3000; i++) client.create(`f${i}`)
    await operations.createSnapshot('s')
    for (let i = 0; i < 3000; i++) client.remove(`f${i}`)
    const told: Freeing[] = []
    let ended = false
    const words = ['s']
    const deleting = operations.deleteSnapshots({ ...WANTED, words }, (step) => told.push(step))
    void deleting.then(() => {
      ended = true
    })
    let seen = 0
    for (; !ended; await new Promise(setImmediate)) {
      if ((await operations.status()).freeing !== undefined) seen++
    }
    assert.ok(seen > 0)
    for (const { snapshots } of told) assert.is(snapshots, 1)
  }))

test.run()
