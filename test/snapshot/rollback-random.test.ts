import { suite } from 'uvu'
import { Random } from '../model/random.ts'
import { modelSeeds } from '../model/run.ts'
import { changeSomething } from './diff-random.ts'
import { withRestarts } from './harness.ts'
import { rollBack } from './rolled-back.ts'
import { requireSound } from './sound.ts'

const test = suite('snapshot/rollback: at random')

const SEEDS = 25
const ROUNDS = 4
const CHANGES = 40

for (const seed of modelSeeds(SEEDS)) {
  test(`any change goes back, to any snapshot (MODEL_SEED=${seed})`, () =>
    withRestarts(async (subject) => {
      const random = new Random(seed)
      const names: string[] = []
      for (let round = 0; round < ROUNDS; round++) {
        for (let i = random.below(CHANGES); i > 0; i--) await changeSomething(subject, random)
        const name = `s${round}`
        subject.snapshots.create(name)
        names.push(name)
        for (let i = random.below(CHANGES); i > 0; i--) await changeSomething(subject, random)
        const { safetySnapshot } = await rollBack(subject, random.pick(names))
        if (safetySnapshot !== undefined) names.push(safetySnapshot)
        if (random.oneIn(3))
          await subject.snapshots.delete(names.splice(random.below(names.length), 1)[0] ?? '')
        if (names.length === 0) names.push(subject.snapshots.create(`t${round}`).name)
      }
      await requireSound(subject)
    }))
}

test.run()
