import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  CHECKPOINT_LIMITS,
  Checkpointer,
  type CheckpointHost,
} from '../../src/store/checkpointer.ts'
import type { Entry } from '../../src/store/table.ts'

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

test('commits wait once too much is dirty while a checkpoint is under way', async () => {
  const log = { bytes: CHECKPOINT_LIMITS.logBytesMax + 1 }
  const host = {
    log,
    space: { releasableBlocks: 0, dirtyGroups: 0, freeze: () => [] },
    replies: { dirty: 0, freeze: () => undefined, write: () => Promise.resolve() },
    blocks: { sync: () => new Promise(() => undefined) },
    database: { batch: () => ({ count: 0, write: () => new Promise(() => undefined) }) },
    limits: { ...CHECKPOINT_LIMITS, dirtyRecordsMax: 1 },
    cut: () => Promise.resolve(1),
  } as unknown as CheckpointHost
  const checkpointer = new Checkpointer(host)
  assert.is(checkpointer.consider(), undefined, 'there is nothing to wait for yet')
  await Promise.resolve()
  await Promise.resolve()
  log.bytes = 0
  const changes = Array.from({ length: 5 }, () => ({ dirty: 0 }) as Entry<unknown>)
  for (const [i, entry] of changes.entries()) {
    assert.is(checkpointer.overdue, false, `${i} records are dirty`)
    assert.is(checkpointer.consider(), undefined)
    checkpointer.dirty.mark(entry)
  }
  assert.is(checkpointer.overdue, true)
  assert.ok(checkpointer.consider() instanceof Promise)
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
