/**
 * A store is sound whatever was done to it, and while it is done.
 *
 * `CHECK_SEED=n` replays a run, `CHECK_STEPS=n` makes it longer.
 */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkStore } from '../../src/check/check.ts'
import { FsError } from '../../src/store/error.ts'
import { BLOCK_BYTES } from '../../src/store/records.ts'
import { Volume } from '../../src/volume.ts'
import { Random, seedOf } from '../model/random.ts'
import { withFolder } from '../store/open-store.ts'
import { assertSound } from './assert-sound.ts'
import { Scene, withVolume } from './scene.ts'
import { Workload } from './workload.ts'

const test = suite('check: sound stores')

const { CHECK_STEPS } = process.env
const seed = seedOf('CHECK_SEED')
const STEPS = Number(CHECK_STEPS ?? 600)
const STEPS_BETWEEN = 60
/** A window for each number, and a group at a time. */
const SMALLEST = { windowWeight: 1, groupsAtOnce: 1 }
test('a new store is sound, and has one file', async () => {
  await withVolume(async ({ store }) => {
    assert.equal(await assertSound(store), { inodes: 1, blocks: 0, snapshots: 0, problems: [] })
  })
})

test('the report counts live files, blocks in use and snapshots', async () => {
  await withVolume(async (volume) => {
    await new Scene(volume).build()
    const { inodes, blocks, snapshots } = await assertSound(volume.store)
    assert.equal({ inodes, blocks, snapshots }, { inodes: 107, blocks: 8, snapshots: 2 })
  })
})

test('random work with snapshots and restores leaves a sound store, each time looked at', async () => {
  await withVolume(async (volume) => {
    const workload = new Workload(volume, new Random(seed))
    for (let step = 0; step < STEPS; step += STEPS_BETWEEN) {
      await workload.run(STEPS_BETWEEN)
      await assertSound(volume.store)
    }
    await workload.settled()
    const whole = await assertSound(volume.store)
    assert.equal(await assertSound(volume.store, SMALLEST), whole, 'the same in many windows')
  })
})

test('a check sees one instant while work goes on, and holds back no blocks afterwards', async () => {
  await withVolume(async (volume) => {
    const workload = new Workload(volume, new Random(seed + 1))
    for (let step = 0; step < STEPS; step += STEPS_BETWEEN) {
      const check = checkStore(volume.store, () => undefined)
      await workload.run(STEPS_BETWEEN)
      // Blocks that are freed meanwhile would be used anew from here on.
      await volume.store.checkpoint()
      await workload.run(STEPS_BETWEEN)
      assert.equal((await check).problems, [])
    }
    await workload.settled()
    await volume.store.checkpoint()
    assert.is(volume.store.spaceMap.limboBlocks, 0)
  })
})

test('what is freed is not used anew while a check runs', async () => {
  await withVolume(async (volume) => {
    const { client } = new Scene(volume)
    const { store } = volume
    client.create('/file')
    const write = (byte: number): Promise<void> =>
      client.write('/file', 0, new Uint8Array(64 * BLOCK_BYTES).fill(byte), 2)
    await write(1)
    await store.checkpoint()
    await write(2)
    const held: number[] = []
    await checkStore(store, () => held.push(store.spaceMap.limboBlocks))
    assert.ok(held.length > 0)
    assert.ok(
      held.every((blocks) => blocks === 64),
      `held: ${held}`,
    )
    await store.checkpoint()
    assert.is(store.spaceMap.limboBlocks, 0)
  })
})

test('a check ends when the store is about to be closed, and when it is closed', async () => {
  await withFolder(async (folder) => {
    const report = (message: string, error: unknown): void => console.error(message, error)
    const directory = join(folder, 'store')
    const volume = await Volume.open({ directory, create: true, command: 'test', report })
    await new Scene(volume).build()
    const stop = new Error('stop')
    const requireGoingOn = (): never => {
      throw stop
    }
    const stopped = checkStore(volume.store, () => undefined, { requireGoingOn })
    assert.is(await stopped.catch((error: unknown) => error), stop)
    assert.is(volume.store.spaceMap.releasableBlocks, volume.store.spaceMap.limboBlocks)

    const going = { requireGoingOn: () => volume.snapshots.requireGoingOn() }
    const checking = checkStore(volume.store, () => undefined, going)
    const check = volume.snapshots.track(checking).then(
      ({ problems }) => problems,
      (error: unknown) => error,
    )
    await volume.store.checkpoint()
    await volume.close()
    const found = await check
    // Where it came to its end before, it has found nothing.
    if (!(found instanceof FsError)) assert.equal(found, [])
  })
})

test('a store that a crash left is sound once it is opened', async () => {
  await withVolume(async (volume, directory) => {
    const workload = new Workload(volume, new Random(seed + 2))
    for (let i = 0; i < 3; i++) {
      await workload.run(STEPS_BETWEEN)
      await volume.store.flush()
      await withFolder(async (folder) => {
        const copy = join(folder, 'store')
        await cp(directory, copy, { recursive: true })
        const report = (message: string, error: unknown): void => console.error(message, error)
        const options = { directory: copy, create: false, command: 'test', report }
        const recovered = await Volume.open(options)
        try {
          await assertSound(recovered.store)
        } finally {
          await recovered.close()
        }
      })
    }
    await workload.settled()
  })
})

test.run()
