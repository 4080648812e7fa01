/**
 * Runs random operations on the real file system and on the model, and compares them.
 *
 * `MODEL_SEED=n` replays a run and shows its steps; `MODEL_SEEDS=n` makes so many runs with seeds
 * that are new each time, `MODEL_STEPS=n` longer ones.
 */
import { withFolder } from '../fs/harness.ts'
import { Random } from './random.ts'
import type { ModelWorld, Operation } from './world.ts'

const { MODEL_SEED, MODEL_SEEDS, MODEL_STEPS } = process.env
/** How many of the last steps a failure shows. */
const SHOWN_STEPS = 30

/** @param open makes both sides, the real one in a new folder */
export async function runModel<W extends ModelWorld>(
  seed: number,
  steps: number,
  operations: readonly Operation<W>[],
  open: (directory: string, random: Random) => Promise<W>,
): Promise<void> {
  await withFolder(async (directory) => {
    const world = await open(directory, new Random(seed))
    try {
      await runSteps(world, Number(MODEL_STEPS ?? steps), operations)
      if (MODEL_SEED !== undefined) console.log(told(world.log))
    } catch (error) {
      console.error(`MODEL_SEED=${seed} failed after ${world.log.length} steps:`)
      console.error(told(world.log.slice(-SHOWN_STEPS)))
      throw error
    } finally {
      await world.close()
    }
  })
}

const told = (log: readonly string[]): string => log.join('\n').replace(/L{255}/g, 'L...')

async function runSteps<W extends ModelWorld>(
  world: W,
  steps: number,
  operations: readonly Operation<W>[],
): Promise<void> {
  for (let step = 1; step <= steps; step++) {
    await oneStep(world, operations)
    if (step === steps || world.isDue(step)) await world.compare()
  }
  await world.end()
}

async function oneStep<W extends ModelWorld>(
  world: W,
  operations: readonly Operation<W>[],
): Promise<void> {
  const operation = chosen(world.random, operations)
  const number = world.log.length + 1
  world.log.push(`${number} ${operation.name} ...`)
  world.log[number - 1] = `${number} ${operation.name} ${await operation.run(world)}`
}

/** One of the operations, by their weights. */
export function chosen<W extends ModelWorld>(
  random: Random,
  operations: readonly Operation<W>[],
): Operation<W> {
  const total = operations.reduce((sum, { weight }) => sum + weight, 0)
  let at = (random.uint32() / 2 ** 32) * total
  for (const operation of operations) {
    at -= operation.weight
    if (at < 0) return operation
  }
  return random.pick(operations)
}

/** The seeds to run with: what the environment asks for, or the same ones each time. */
export function modelSeeds(count: number): readonly number[] {
  if (MODEL_SEED !== undefined) return [Number(MODEL_SEED)]
  const first = MODEL_SEEDS === undefined ? 1 : Date.now() % 2 ** 31
  return Array.from({ length: Number(MODEL_SEEDS ?? count) }, (_, i) => first + i)
}
