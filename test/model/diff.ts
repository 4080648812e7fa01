/** Diffs in the model test: compared with a comparison of everything with everything. */
import { bothDiffs } from '../snapshot/diff-brute.ts'
import type { SnapshotWorld } from './snapshots.ts'
import type { Operation } from './world.ts'

export const diff: Operation<SnapshotWorld> = {
  name: 'diff',
  weight: 1,
  async run(world) {
    const names = [...world.past.keys()]
    if (names.length === 0) return 'nothing'
    const from = world.random.pick(names)
    const to = world.random.oneIn(3) ? undefined : world.random.pick(names)
    if (to === undefined) world.subject.live.data.settleAll()
    const [told, expected] = await bothDiffs(world.subject, from, to)
    if (String(told) !== String(expected)) {
      throw new Error(`${from} to ${to}: told\n${told.join('\n')}\nnot\n${expected.join('\n')}`)
    }
    return `${from} to ${to ?? 'now'}: ${told.length} changes`
  },
}
