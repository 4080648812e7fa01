import { suite } from 'uvu'
import { DATASETS_OPERATIONS } from './dataset-operations.ts'
import { DatasetsWorld } from './datasets.ts'
import { modelSeeds, runModel } from './run.ts'

const test = suite('model: several datasets')

const SEEDS = 40
const STEPS = 400

for (const seed of modelSeeds(SEEDS)) {
  test(`each dataset is a file system of its own, with its own past (MODEL_SEED=${seed})`, () =>
    runModel(seed, STEPS, DATASETS_OPERATIONS, DatasetsWorld.open))
}

test.run()
