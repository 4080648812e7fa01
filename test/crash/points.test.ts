/**
 * A server that is killed (SIGKILL) at each of the moments that matter, by their names: what it was
 * asked meanwhile, and between which of its calls to the disk.
 *
 * `CRASH_SEED=n` replays the choices (not the timing); `CRASH_POINTS=text` takes the points whose
 * names contain it.
 */
import { suite } from 'uvu'
import { seedOf } from '../model/random.ts'
import {
  BLOCKS,
  BLOCKS_SYNC,
  DATABASE,
  judge,
  LOG,
  REPLIES,
  wanted,
  withWorld,
} from './at-points.ts'

const test = suite('crash: points')
const seed = seedOf('CRASH_SEED')

/** What somebody asks, and the points that are reached until it is answered. */
const ASKED = {
  WRITE: [...BLOCKS, ...LOG, ...DATABASE, ...REPLIES],
  COMMIT: [...BLOCKS_SYNC, ...LOG],
  CREATE: LOG,
  SETATTR: LOG,
  RENAME: [...LOG, ...DATABASE],
  REMOVE: [...LOG, ...DATABASE],
  createSnapshot: [...LOG, ...DATABASE],
  deleteSnapshots: [...LOG, ...DATABASE],
  restore: [...LOG, ...DATABASE],
}

for (const [what, points] of Object.entries(ASKED)) {
  const names = wanted(what, points)
  test(`killed in ${what}: ${names.join(', ')}`, () =>
    withWorld(seed, async (world, random) => {
      for (const point of names) {
        world.crowd.work()
        await world.killDuring(what, { point, nth: 1 + random.below(2) })
        await judge(world)
      }
    }))
}

test.run()
