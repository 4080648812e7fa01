/**
 * Listings of directories that change meanwhile, through restarts, in pages of all sizes.
 *
 * `LISTING_SEED=n` replays a run; `LISTING_STEPS=n` makes it longer.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { withFolder } from '../fs/harness.ts'
import { Random, seedOf } from '../model/random.ts'
import { Folder } from './folder.ts'

const test = suite('listings while names come and go')

const { LISTING_STEPS } = process.env
const seed = seedOf('LISTING_SEED')
const STEPS = Number(LISTING_STEPS ?? 3000)
/** About how many names a directory has: within one page, one bitmap, and beyond. */
const SIZES = [5, 60, 700]
const RESTART_ONCE_IN = 600
for (const size of SIZES) {
  test(`each name that stays is told once, of about ${size}`, () =>
    withFolder(async (directory) => {
      const random = new Random(seed + size)
      const folder = await Folder.open(directory, random)
      try {
        for (let i = 0; i < size; i++) await folder.change(size)
        for (let step = 0; step < STEPS; step++) {
          if (step === STEPS >> 1 || random.oneIn(RESTART_ONCE_IN)) await folder.restart()
          else if (random.oneIn(3)) await folder.list()
          else await folder.change(size)
        }
        await folder.end()
      } finally {
        await folder.close()
      }
      const { listings, restarts } = folder.counts
      assert.ok(listings > 2 && restarts > 0, JSON.stringify(folder.counts))
    }))
}

test.run()
