/** Kills a server (SIGKILL) at random moments, under load and in its starts, on the same folder. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { checkStore } from '../../src/check/check.ts'
import { Random } from '../model/random.ts'
import { withFolder, withStore } from '../store/open-store.ts'
import { type Limits, World } from './world.ts'

/** How long the load goes on before a kill, and how long a start does, in milliseconds. */
const LOAD_MS_MAX = 600
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

async function killAgainAndAgain(world: World, random: Random, kills: number): Promise<void> {
  await world.start()
  await world.crowd.settle()
  while (world.counts.kills < kills) {
    world.crowd.work()
    await world.killAfter(random.below(random.oneIn(4) ? LOAD_MS_MAX / 10 : LOAD_MS_MAX))
    while (random.oneIn(2)) await world.killAtStart(random.below(START_MS_MAX))
    await checkCopy(world.directory)
    await world.start()
    await world.crowd.verify()
  }
  await world.stop()
}

/** After each kill what was promised is there, and nothing half-done; the store is sound. */
export async function surviveKills(seed: number, kills: number, limits?: Limits): Promise<void> {
  await withFolder(async (folder) => {
    const directory = join(folder, 'data')
    const world = new World(directory, new Random(seed), limits)
    try {
      await killAgainAndAgain(world, new Random(seed + 1), kills)
      await check(directory)
      console.log(world.toString())
    } finally {
      await world.close()
    }
  })
}
