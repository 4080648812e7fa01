import { suite } from 'uvu'
import { openLive } from '../fs/harness.ts'
import { OPERATIONS } from './operations.ts'
import { modelSeeds, runModel } from './run.ts'
import { World } from './world.ts'

const test = suite('model: the live file system')

const STEPS = 1000

for (const seed of modelSeeds(1)) {
  console.log(`MODEL_SEED=${seed}`)
  test('random operations do what they do to the model', () =>
    runModel(seed, STEPS, OPERATIONS, async (directory, random) => {
      const open = () => openLive(directory)
      return new World(random, await open(), open)
    }))
}

test.run()
