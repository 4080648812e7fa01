/**
 * A server that is killed (SIGKILL) under load, again and again, on the same folder.
 *
 * `CRASH_SEED=n` replays the choices (not the timing), `CRASH_ROUNDS=n` kills more often.
 */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkStore } from '../../src/check/check.ts'
import { Random, seedOf } from '../model/random.ts'
import { withFolder, withStore } from '../store/open-store.ts'
import { World } from './world.ts'

const test = suite('crash: a server that is killed')

const { CRASH_ROUNDS } = process.env
const seed = seedOf('CRASH_SEED')
const KILLS = Number(CRASH_ROUNDS ?? 22)
/** How long the load goes on before a kill, and how long a start does, in milliseconds. */
const LOAD_MS_MAX = 1000
const START_MS_MAX = 120

/** The store of a folder is sound. */
async function check(directory: string): Promise<void> {
  await withStore(directory, async ({ store }) => {
    const { problems } = await checkStore(store, () => undefined)
    assert.equal(problems, [])
  })
}

/** As `check`, of a copy: the folder stays as the crash has left it. */
async function checkCopy(directory: string): Promise<void> {
  await withFolder(async (folder) => {
    const copy = join(folder, 'store')
    await cp(directory, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') })
    await check(copy)
  })
}

async function killAgainAndAgain(world: World, random: Random): Promise<void> {
  await world.start()
  await world.crowd.settle()
  while (world.counts.kills < KILLS) {
    world.crowd.work()
    await world.killAfter(random.below(random.oneIn(4) ? LOAD_MS_MAX / 10 : LOAD_MS_MAX))
    while (random.oneIn(3)) await world.killAtStart(random.below(START_MS_MAX))
    await checkCopy(world.directory)
    await world.start()
    await world.crowd.verify()
  }
  await world.stop()
}

test(`what was promised is there after each of ${KILLS} kills, and nothing half-done`, async () => {
  await withFolder(async (folder) => {
    const directory = join(folder, 'data')
    const world = new World(directory, new Random(seed))
    try {
      await killAgainAndAgain(world, new Random(seed + 1))
      await check(directory)
      console.log(world.toString())
    } finally {
      await world.close()
    }
  })
})

test.run()
