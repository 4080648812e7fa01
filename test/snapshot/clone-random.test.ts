/**
 * Random operations on datasets, their snapshots and their clones, with promotions, deletions and
 * crashes in between: each must be what a model of plain maps is, and the store be sound.
 *
 * `MODEL_SEED=n` replays a run, `MODEL_SEEDS=n` makes so many, `MODEL_STEPS=n` longer ones.
 */
import { suite } from 'uvu'
import { Restore } from '../../src/snapshot/restore.ts'
import { Rollback } from '../../src/snapshot/rollback.ts'
import { Random } from '../model/random.ts'
import { modelSeeds } from '../model/run.ts'
import {
  bytes,
  inFolder,
  link,
  remove,
  rename,
  settled,
  sound,
  truncate,
  write,
} from './clone-scene.ts'
import { CloneWorld, type Tree } from './clone-world.ts'

const test = suite('snapshot/clone-random')

const { MODEL_STEPS } = process.env
const STEPS = Number(MODEL_STEPS ?? 250)
const DATASETS_MAX = 6
/** How many of the last steps a failure shows. */
const SHOWN_STEPS = 30

interface Operation {
  readonly name: string
  readonly weight: number
  run(world: CloneWorld): Promise<string>
}

/** With links as they are. */
const copyOf = (tree: Tree): Tree => structuredClone(tree)

function resized(data: Uint8Array, length: number): Uint8Array {
  const resized = new Uint8Array(length)
  resized.set(data.subarray(0, length))
  return resized
}

/** Places that matter: small files, blocks, where chunks meet. */
function place(random: Random): number {
  if (random.oneIn(3)) return random.below(1500)
  if (random.oneIn(6)) return 1_048_576 * (1 + random.below(2)) - 5000 + random.below(8000)
  return random.below(50_000)
}

const OPERATIONS: readonly Operation[] = [
  {
    name: 'write',
    weight: 12,
    async run(world) {
      const { random } = world
      const { name, real, model } = world.pick()
      const at = world.path()
      const offset = place(random)
      const data = random.bytes(1 + random.below(random.oneIn(3) ? 20_000 : 300))
      write(real, at, data, offset)
      const node = model.tree.get(at) ?? { data: new Uint8Array(0) }
      node.data = resized(node.data, Math.max(node.data.length, offset + data.length))
      node.data.set(data, offset)
      model.tree.set(at, node)
      return `${name} ${at} ${data.length} at ${offset}`
    },
  },
  {
    name: 'truncate',
    weight: 4,
    async run(world) {
      const { random } = world
      const { name, real, model } = world.pick()
      if (model.tree.size === 0) return 'nothing'
      const [at, node] = random.pick([...model.tree])
      const size = random.oneIn(4) ? 0 : place(random)
      truncate(real, at, size)
      node.data = resized(node.data, size)
      return `${name} ${at} to ${size}`
    },
  },
  {
    name: 'remove',
    weight: 4,
    async run(world) {
      const { random } = world
      const { name, real, model } = world.pick()
      if (model.tree.size === 0) return 'nothing'
      const [at] = random.pick([...model.tree])
      remove(real, at)
      model.tree.delete(at)
      return `${name} ${at}`
    },
  },
  {
    name: 'rename',
    weight: 3,
    async run(world) {
      const { random } = world
      const { name, real, model } = world.pick()
      if (model.tree.size === 0) return 'nothing'
      const [from, node] = random.pick([...model.tree])
      const to = world.path()
      rename(real, from, to)
      // Of two names of one file, both stay.
      if (model.tree.get(to) !== node) {
        model.tree.delete(from)
        model.tree.set(to, node)
      }
      return `${name} ${from} to ${to}`
    },
  },
  {
    name: 'link',
    weight: 2,
    async run(world) {
      const { random } = world
      const { name, real, model } = world.pick()
      const to = world.path()
      if (model.tree.size === 0 || model.tree.has(to)) return 'nothing'
      const [from, node] = random.pick([...model.tree])
      link(real, from, to)
      model.tree.set(to, node)
      return `${name} ${from} as ${to}`
    },
  },
  {
    name: 'snapshot',
    weight: 3,
    async run(world) {
      const { name, real, model } = world.pick()
      const snapshot = world.name()
      real.snapshots.create(snapshot)
      model.snapshots.set(snapshot, copyOf(model.tree))
      return `${name}@${snapshot}`
    },
  },
  {
    name: 'delete snapshot',
    weight: 2,
    async run(world) {
      const { name, real, model } = world.pick()
      if (model.snapshots.size === 0) return 'nothing'
      const [snapshot] = world.random.pick([...model.snapshots])
      const isGone = await world.deleteSnapshot(real, snapshot)
      if (isGone) model.snapshots.delete(snapshot)
      return `${name}@${snapshot} ${isGone}`
    },
  },
  {
    name: 'restore',
    weight: 2,
    async run(world) {
      const { random } = world
      const { name, real, model } = world.pick()
      if (model.snapshots.size === 0) return 'nothing'
      const [snapshot, tree] = random.pick([...model.snapshots])
      // A file of several names is another matter (the model tests of restore).
      const single = [...tree].filter(
        ([path, node]) =>
          [...tree.values()].filter((other) => other === node).length === 1 &&
          model.tree.get(path) === undefined,
      )
      if (single.length === 0) return 'nothing'
      const [path, node] = random.pick(single)
      const paths = [bytes(path)]
      const request = { snapshot, paths, to: undefined, overwrite: 'if-changed' } as const
      await new Restore(real.live, real.snapshots, request, () => undefined).run()
      model.tree.set(path, { data: node.data.slice() })
      return `${name}@${snapshot} ${path}`
    },
  },
  {
    name: 'rollback',
    weight: 1.5,
    async run(world) {
      const { name, real, model } = world.pick()
      if (model.snapshots.size === 0) return 'nothing'
      const [snapshot, tree] = world.random.pick([...model.snapshots])
      const rolled = new Rollback(real.live, real.snapshots, { snapshot }, () => undefined)
      const { failed } = await rolled.run()
      if (failed.length > 0) throw new Error('it failed')
      model.tree = copyOf(tree)
      return `${name} to ${snapshot}`
    },
  },
  {
    name: 'clone',
    weight: 3,
    async run(world) {
      const { name, real, model } = world.pick()
      if (model.snapshots.size === 0 || world.model.size >= DATASETS_MAX) return 'nothing'
      const [snapshot, tree] = world.random.pick([...model.snapshots])
      const clone = world.name()
      world.volume.datasets.clone(real, snapshot, clone)
      world.model.set(clone, { tree: copyOf(tree), snapshots: new Map() })
      return `${name}@${snapshot} as ${clone}`
    },
  },
  {
    name: 'promote',
    weight: 1.5,
    async run(world) {
      const { name, real } = world.pick()
      if (real.dataset.record.origin === undefined) return 'nothing'
      const promotion = world.volume.datasets.promote(name)
      if (world.random.oneIn(2)) await promotion
      return name
    },
  },
  {
    name: 'delete dataset',
    weight: 0.7,
    async run(world) {
      const { name, real, model } = world.pick()
      const needed = [...model.snapshots.keys()].map((one) => world.clonesOf(real, one))
      if (world.model.size < 2 || needed.some((one) => one !== 'none')) return 'nothing'
      const deletion = world.volume.datasets.delete(name, true)
      if (world.random.oneIn(2)) await deletion
      world.model.delete(name)
      return name
    },
  },
  {
    name: 'checkpoint',
    weight: 1.5,
    async run({ volume, random }) {
      if (random.oneIn(2)) await settled(volume)
      else await volume.store.checkpoint()
      return ''
    },
  },
  {
    name: 'turns',
    weight: 3,
    async run({ random }) {
      const turns = random.below(20)
      for (let i = 0; i < turns; i++) await new Promise(setImmediate)
      return `${turns}`
    },
  },
  {
    name: 'compare',
    weight: 1.5,
    async run(world) {
      const { name } = world.pick()
      await world.compare(name)
      return name
    },
  },
  {
    name: 'check',
    weight: 1,
    async run({ volume }) {
      await sound(volume)
      return ''
    },
  },
  {
    name: 'reopen',
    weight: 0.5,
    async run(world) {
      await world.reopen()
      return ''
    },
  },
  {
    name: 'crash',
    weight: 0.7,
    async run(world) {
      await world.crash()
      return ''
    },
  },
]

function chosen(random: Random): Operation {
  const total = OPERATIONS.reduce((sum, { weight }) => sum + weight, 0)
  let at = (random.uint32() / 2 ** 32) * total
  for (const operation of OPERATIONS) {
    at -= operation.weight
    if (at < 0) return operation
  }
  return random.pick(OPERATIONS)
}

async function run(seed: number, folder: string): Promise<void> {
  const world = await CloneWorld.open(new Random(seed), folder)
  try {
    for (let step = 1; step <= STEPS; step++) {
      const operation = chosen(world.random)
      world.log.push(`${step} ${operation.name} ...`)
      world.log[step - 1] = `${step} ${operation.name} ${await operation.run(world)}`
    }
    await world.end()
  } catch (error) {
    console.error(`MODEL_SEED=${seed} failed after ${world.log.length} steps:`)
    console.error(world.log.slice(-SHOWN_STEPS).join('\n'))
    throw error
  } finally {
    await world.volume.close()
  }
}

for (const seed of modelSeeds(2)) {
  test(`random operations do to clones what they do to the model: MODEL_SEED=${seed}`, () =>
    inFolder((folder) => run(seed, folder)))
}

test.run()
