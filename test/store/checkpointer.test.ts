import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  CHECKPOINT_LIMITS,
  Checkpointer,
  type CheckpointHost,
} from '../../src/store/checkpointer.ts'

const test = suite('store/checkpointer')

/** One whose log is over its limit, and that notes its cuts. */
function due() {
  const cuts: number[] = []
  const host = {
    log: { bytes: CHECKPOINT_LIMITS.logBytesMax + 1 },
    space: { releasableBlocks: 0, dirtyGroups: 0, freeze: () => [] },
    replies: { dirty: 0, freeze: () => undefined, write: () => Promise.resolve() },
    limits: CHECKPOINT_LIMITS,
    cut: () => {
      cuts.push(cuts.length)
      return new Promise<number>(() => undefined)
    },
  } as unknown as CheckpointHost
  return { cuts, checkpointer: new Checkpointer(host) }
}

test('a checkpoint that is due begins where it is considered', () => {
  const { cuts, checkpointer } = due()
  checkpointer.consider()
  assert.equal(cuts, [0])
})

test('nothing is cut in the middle of what is done together, but right behind it', () => {
  const { cuts, checkpointer } = due()
  const answer = checkpointer.holdBack(() => {
    checkpointer.consider()
    checkpointer.consider()
    assert.equal(cuts, [])
    return 7
  })
  assert.is(answer, 7)
  assert.equal(cuts, [0])
})

test('what throws in the middle holds nothing back any more', () => {
  const { cuts, checkpointer } = due()
  assert.throws(() =>
    checkpointer.holdBack(() => {
      throw new Error('NOENT')
    }),
  )
  assert.equal(cuts, [0])
})

test.run()
