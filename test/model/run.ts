/**
 * Runs random operations on the real file system and on the model, and compares them.
 *
 * `MODEL_SEED=n` replays a run, `MODEL_STEPS=n` makes it longer.
 */
import { openLive, withFolder } from '../fs/harness.ts'
import { checkTree } from '../fs/invariants.ts'
import { Random } from './random.ts'
import { newNode } from './tree.ts'
import { type Operation, World } from './world.ts'

const { MODEL_SEED, MODEL_STEPS } = process.env
const STEPS_DEFAULT = 1000
/** How many steps lie between two comparisons of the whole tree. */
const COMPARE_STEPS = 50
/** How many of the last steps a failure shows. */
const SHOWN_STEPS = 30
const DIRECTORY = 2
const ROOT_MODE = 0o755

/** @param also more to compare each time; an extension's own (every snapshot) */
export async function runModel(
  seed: number,
  operations: readonly Operation[],
  also: (world: World) => Promise<void> = async () => undefined,
): Promise<void> {
  const steps = Number(MODEL_STEPS ?? STEPS_DEFAULT)
  await withFolder(async (directory) => {
    const reopen = () => openLive(directory)
    const tree = newNode(DIRECTORY, ROOT_MODE)
    const world = new World(new Random(seed), tree, await reopen(), reopen)
    try {
      for (let step = 1; step <= steps; step++) {
        await oneStep(world, operations)
        if (step % COMPARE_STEPS !== 0 && step !== steps) continue
        await world.compare()
        checkTree(world.subject.live)
        await also(world)
      }
    } catch (error) {
      console.error(`MODEL_SEED=${seed} failed after ${world.log.length} steps:`)
      console.error(
        world.log
          .slice(-SHOWN_STEPS)
          .join('\n')
          .replace(/L{255}/g, 'L...'),
      )
      throw error
    } finally {
      await world.subject.store.close()
    }
  })
}

async function oneStep(world: World, operations: readonly Operation[]): Promise<void> {
  const operation = chosen(world.random, operations)
  const number = world.log.length + 1
  world.log.push(`${number} ${operation.name} ...`)
  world.log[number - 1] = `${number} ${operation.name} ${await operation.run(world)}`
}

function chosen(random: Random, operations: readonly Operation[]): Operation {
  const total = operations.reduce((sum, { weight }) => sum + weight, 0)
  let at = (random.uint32() / 2 ** 32) * total
  for (const operation of operations) {
    at -= operation.weight
    if (at < 0) return operation
  }
  return random.pick(operations)
}

/** The seed to run with: of the environment, or a new one each time. */
export function modelSeed(): number {
  return MODEL_SEED === undefined ? Date.now() % 2 ** 31 : Number(MODEL_SEED)
}
