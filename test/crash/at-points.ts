/** Servers that kill themselves at named points (points.ts), and what is judged behind each kill. */
import { join } from 'node:path'
import { assertSound } from '../check/assert-sound.ts'
import { Random } from '../model/random.ts'
import { withFolder, withStore } from '../store/open-store.ts'
import { type Limits, World } from './world.ts'

const { CRASH_POINTS = '' } = process.env

const WRITTEN = ['before', 'half', 'after']
const DONE = ['before', 'after']

const written = (file: string): string[] => WRITTEN.map((when) => `${file} write ${when}`)
const synced = (file: string): string[] => DONE.map((when) => `${file} sync ${when}`)

export const LOG = written('log')
export const LOG_TRUNCATE = DONE.map((when) => `log truncate ${when}`)
export const LOG_OPEN = DONE.map((when) => `log open ${when}`)
export const BLOCKS = written('blocks')
export const BLOCKS_SYNC = synced('blocks')
export const DATABASE = DONE.map((when) => `database write ${when}`)
export const REPLIES = [...written('replies'), ...synced('replies')]
export const FORMAT = [...written('format'), ...synced('format')]
export const FOLDER_SYNC = synced('folder')

/** Those of the points that were asked for. */
export function wanted(phase: string, points: readonly string[]): readonly string[] {
  return points.filter((point) => `${phase}: ${point}`.includes(CRASH_POINTS))
}

/** What was promised is there again, and the store is sound. */
export async function judge(world: World): Promise<void> {
  await world.start()
  await world.crowd.verify()
  await world.check()
}

/** @param limits of the checkpoints; so small by default that there are many */
export async function withWorld(
  seed: number,
  body: (world: World, random: Random) => Promise<void>,
  limits?: Limits,
): Promise<void> {
  await withFolder(async (folder) => {
    const directory = join(folder, 'data')
    const world = new World(directory, new Random(seed), limits)
    try {
      await world.start()
      await world.crowd.settle()
      await body(world, new Random(seed + 1))
      await world.stop()
    } finally {
      await world.close()
    }
    await withStore(directory, async ({ store }) => void (await assertSound(store)))
    console.log(world.toString())
  })
}
