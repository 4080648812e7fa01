/**
 * When everything is deleted, nothing is left: no block, and no record that a new store has not.
 *
 * `SPACE_SEED=n` replays a run, `SPACE_ROUNDS=n` makes it longer.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Kind, parseKey } from '../../src/store/keys.ts'
import type { Store } from '../../src/store/store.ts'
import type { Volume } from '../../src/volume.ts'
import { Random, seedOf } from '../model/random.ts'
import { withFolder } from '../store/open-store.ts'
import { assertSound } from './assert-sound.ts'
import { Churn } from './churn.ts'
import { withVolumeOf } from './scene.ts'

const test = suite('check: space comes back')

const { SPACE_ROUNDS } = process.env
const seed = seedOf('SPACE_SEED')
const ROUNDS = Number(SPACE_ROUNDS ?? 60)
/** How often the store is opened, before the last time. */
const LIVES = 3
/** How long freeing in the background may take, in turns of the event loop. */
const TURNS_MAX = 100_000
const EVERYTHING = { gte: Buffer.alloc(1), lt: Buffer.alloc(16, 0xff) }
/** All keys of the database, but for the space map's: its groups stay, with all their blocks free. */
async function keysOf(store: Store): Promise<string[]> {
  await store.checkpoint()
  const keys: string[] = []
  for await (const { key } of store.database.scan(EVERYTHING)) {
    const { dataset, kind, key: inner } = parseKey(key)
    if (kind !== Kind.GROUP) keys.push(`${dataset} ${kind} ${inner}`)
  }
  return keys
}

/** Waits until all contents that were cut off are freed, and all datasets. */
async function idle({ store }: Volume): Promise<void> {
  for (let turns = 0; turns < TURNS_MAX; turns++) {
    const keys = turns % 100 === 0 ? await keysOf(store) : undefined
    if (keys?.every((key) => !/^\d+ O/.test(key))) return
    await new Promise(setImmediate)
  }
  throw new Error('there are still contents to be freed')
}

/** Bytes that the store's files of blocks take on the disk. */
async function allocated(folder: string): Promise<number> {
  const files = await readdir(join(folder, 'blocks'))
  const sizes = await Promise.all(files.map((file) => stat(join(folder, 'blocks', file))))
  return sizes.reduce((sum, { blocks }) => sum + blocks * 512, 0)
}

/** Random work, interrupted by a stop in the midst of it. @returns most blocks ever in use */
async function work(folder: string, random: Random): Promise<number> {
  let most = 0
  const churn = await withVolumeOf(folder, async (volume) => {
    const churning = new Churn(volume, random)
    for (let round = 0; round < ROUNDS; round++) {
      await churning.round()
      most = Math.max(most, volume.store.spaceMap.usedBlocks)
    }
    return churning
  })
  await churn.interrupted()
  return most
}

test('after any work, and the end of all of it, a store is as empty as a new one', async () => {
  await withFolder(async (folder) => {
    const random = new Random(seed)
    const asNew = await withVolumeOf(folder, ({ store }) => keysOf(store))
    let most = 0
    for (let life = 0; life < LIVES; life++) most = Math.max(most, await work(folder, random))
    assert.ok(most > 100, `only ${most} blocks were ever in use`)
    await withVolumeOf(folder, async (volume) => {
      const { store } = volume
      const churn = new Churn(volume, random)
      for (let round = 0; round < ROUNDS; round++) await churn.round()
      await churn.end()
      await idle(volume)
      assert.equal(await keysOf(store), asNew)
      assert.is(store.spaceMap.usedBlocks, 0)
      assert.is(store.spaceMap.limboBlocks, 0)
      assert.equal(store.dataset.usage, { bytes: 0, inodes: 1 })
      assert.is(store.logBytes, 0)
      assert.is(await allocated(folder), 0, 'the files of blocks have given their room back')
      const { inodes, blocks, snapshots } = await assertSound(store)
      assert.equal({ inodes, blocks, snapshots }, { inodes: 1, blocks: 0, snapshots: 0 })
    })
  })
})

test.run()
