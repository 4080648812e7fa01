import { suite } from 'uvu'
import { OPERATIONS } from './operations.ts'
import { modelSeed, runModel } from './run.ts'

const test = suite('model: the live file system')

const seed = modelSeed()
console.log(`MODEL_SEED=${seed}`)

test('random operations do what they do to the model', () => runModel(seed, OPERATIONS))

test.run()
