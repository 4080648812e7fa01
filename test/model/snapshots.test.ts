import { suite } from 'uvu'
import { modelSeeds, runModel } from './run.ts'
import { SNAPSHOT_OPERATIONS, SnapshotWorld } from './snapshots.ts'

const test = suite('model: snapshots and restores')

const SEEDS = 40
const STEPS = 300

for (const seed of modelSeeds(SEEDS)) {
  test(`no snapshot ever changes, and every restore is exact (MODEL_SEED=${seed})`, () =>
    runModel(seed, STEPS, SNAPSHOT_OPERATIONS, SnapshotWorld.open))
}

test.run()
