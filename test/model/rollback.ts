/** Rollbacks in the model test: the live tree becomes a copy of the snapshot's. */
import type { SnapshotWorld } from './snapshots.ts'
import { cloneTree, isDirectory, type Node, nodesOf } from './tree.ts'
import type { Operation } from './world.ts'

export const rollback: Operation<SnapshotWorld> = {
  name: 'rollback',
  weight: 3,
  async run(world) {
    if (world.past.size === 0) return 'nothing'
    const { random, subject } = world
    const [name, past] = random.pick([...world.past])
    const before = world.freeze()
    const planned = random.oneIn(3) ? await subject.rollback(name, true) : undefined
    const { failed, plan: _, safetySnapshot, ...counts } = await subject.rollback(name)
    if (failed.length > 0) throw new Error(`${failed.length} failed`)
    const told = JSON.stringify(counts)
    if (planned !== undefined) {
      const { failed: _f, plan: _p, safetySnapshot: _s, ...expected } = planned
      if (told !== JSON.stringify(expected)) {
        throw new Error(`planned ${JSON.stringify(expected)}, and did ${told}`)
      }
    }
    const nothing = Object.values(counts).every((count) => count === 0)
    if (nothing !== (safetySnapshot === undefined)) {
      throw new Error(`safety snapshot ${safetySnapshot} for ${told}`)
    }
    if (safetySnapshot !== undefined) {
      world.past.set(safetySnapshot, before)
      world.tree = rolledBack(world.tree, past)
    }
    world.special = true
    return `to ${name}: ${told}`
  },
}

/** A file that is gone, and whose only name another one has now, goes on as that one. */
function rolledBack(live: Node, past: Node): Node {
  const tree = cloneTree(past)
  const alive = byNumber(live)
  const then = byNumber(past)
  for (const dir of nodesOf(tree).keys()) {
    for (const [name, node] of dir.names) {
      const there = alive.get(dir.id)?.names.get(name)
      if (there === undefined || alive.has(node.id) || then.has(there.id)) continue
      if (isDirectory(node) || node.type !== there.type) continue
      if (node.links === 1 && there.links === 1) dir.names.set(name, { ...node, id: there.id })
    }
  }
  return tree
}

function byNumber(root: Node): Map<number, Node> {
  return new Map([...nodesOf(root).keys()].map((node) => [node.id, node]))
}
