/**
 * A server that is killed (SIGKILL) in its first start, in a start that recovers, and in a stop, at
 * each of the moments that matter.
 *
 * `CRASH_SEED=n` replays the choices (not the timing); `CRASH_POINTS=text` takes the points whose
 * names contain it.
 */
import { join } from 'node:path'
import { suite } from 'uvu'
import { Random, seedOf } from '../model/random.ts'
import { withFolder } from '../store/open-store.ts'
import {
  DATABASE,
  FOLDER_SYNC,
  FORMAT,
  judge,
  LOG_OPEN,
  LOG_TRUNCATE,
  REPLIES,
  wanted,
  withWorld,
} from './at-points.ts'
import { World } from './world.ts'

const test = suite('crash: points of a start and a stop')
const seed = seedOf('CRASH_SEED')

const MAKING = wanted('making', [...DATABASE, ...LOG_OPEN, ...FOLDER_SYNC, ...FORMAT])
const RECOVERY = wanted('recovery', [...DATABASE, ...REPLIES, ...LOG_TRUNCATE])
const STOP = wanted('stop', [...DATABASE, ...REPLIES])

test(`killed in the first start: ${MAKING.join(', ')}`, () =>
  withFolder(async (folder) => {
    for (const [i, point] of MAKING.entries()) {
      const world = new World(join(folder, `data${i}`), new Random(seed))
      try {
        await world.killStarting({ point, nth: 1 })
        await judge(world)
        await world.stop()
      } finally {
        await world.close()
      }
    }
  }))

test(`killed in a start that recovers: ${RECOVERY.join(', ')}`, () =>
  withWorld(seed, async (world, random) => {
    for (const point of RECOVERY) {
      world.crowd.work()
      // There is something to be recovered: a commit is in the log, and no checkpoint has it.
      await world.killDuring('CREATE', { point: 'log write after', nth: 1 + random.below(2) })
      await world.killStarting({ point, nth: 1 })
      await judge(world)
    }
  }))

test(`killed in a stop: ${STOP.join(', ')}`, () =>
  withWorld(
    seed,
    async (world) => {
      for (const point of STOP) {
        world.crowd.work()
        await world.killStopping({ point, nth: 1 })
        await judge(world)
      }
    },
    // So that no checkpoint has come before.
    {},
  ))

test.run()
