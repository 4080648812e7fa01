/** The random steps of the model test, in several datasets and with them. */
import { StableHow } from '../../src/fs/filesystem.ts'
import {
  chooseEverywhere,
  createEverywhere,
  deleteEverywhere,
  measureEverywhere,
} from '../../src/snapshot/recursive.ts'
import { NO_USAGE } from '../../src/store/records.ts'
import { bytes, fails, rejects } from '../fs/client.ts'
import { type DatasetsWorld, DatasetWorld } from './datasets.ts'
import { anyFile, directories } from './operations.ts'
import { chosen } from './run.ts'
import { DATASET_OPERATIONS } from './snapshots.ts'
import { cloneTree, nodesOf } from './tree.ts'
import type { Operation } from './world.ts'

type DatasetsOperation = Operation<DatasetsWorld>

/** The root included. */
const DATASETS_MAX = 4
const BLOCK_BYTES = 4096

const within: DatasetsOperation = {
  name: 'in',
  weight: 60,
  async run(world) {
    const part = world.random.pick(world.parts)
    world.last = part
    const operation = chosen(world.random, DATASET_OPERATIONS)
    return `'${part.name}': ${operation.name} ${await operation.run(part)}`
  },
}

const create: DatasetsOperation = {
  name: 'create dataset',
  weight: 1.5,
  run(world) {
    const { random, parts, datasets } = world
    if (parts.length >= DATASETS_MAX) return 'nothing'
    const name = `ds${random.below(6)}`
    const [uid, gid] = [random.below(3), 0]
    if (parts.some((part) => part.name === name)) {
      fails('EXIST', () => datasets.create(name, { uid, gid }))
      return `${name} EXIST`
    }
    const part = new DatasetWorld(world, datasets.create(name, { uid, gid }))
    Object.assign(part.tree, { uid, gid })
    parts.push(part)
    world.touched()
    return name
  },
}

const rename: DatasetsOperation = {
  name: 'rename dataset',
  weight: 1,
  run(world) {
    const { random, others, datasets } = world
    if (others.length === 0) return 'nothing'
    const part = random.pick(others)
    const name = `ds${random.below(6)}`
    const old = part.name
    if (others.some((other) => other.name === name)) {
      fails('EXIST', () => datasets.rename(old, name))
      return `${old} to ${name} EXIST`
    }
    datasets.rename(old, name)
    part.name = name
    world.touched()
    return `${old} to ${name}`
  },
}

const remove: DatasetsOperation = {
  name: 'delete dataset',
  weight: 0.7,
  async run(world) {
    const { random, others, datasets } = world
    if (others.length === 0) return 'nothing'
    const part = random.pick(others)
    const { name } = part
    if (part.past.size > 0) await rejects('ACCES', () => datasets.delete(name, false))
    if (part.deletable.length < part.past.size) {
      await rejects('ACCES', () => datasets.delete(name, true))
      return `${name}, which a clone needs`
    }
    const deletion = datasets.delete(name, part.past.size > 0)
    world.parts = world.parts.filter((other) => other !== part)
    world.touched()
    const wait = random.oneIn(2)
    await world.work(deletion, wait)
    return `${name} ${wait ? 'to its end' : 'in the background'}`
  },
}

const clone: DatasetsOperation = {
  name: 'clone',
  weight: 1.5,
  run(world) {
    const { random, parts, datasets } = world
    const origin = random.pick(parts)
    const name = `ds${random.below(6)}`
    if (parts.length >= DATASETS_MAX || parts.some((part) => part.name === name)) return 'nothing'
    if (origin.past.size === 0) return 'nothing'
    const [snapshot, past] = random.pick([...origin.past])
    const opened = datasets.byId(origin.id)
    if (opened === undefined) throw new Error(`dataset '${origin.name}' is not open`)
    const part = new DatasetWorld(world, datasets.clone(opened, snapshot, name), cloneTree(past))
    parts.push(part)
    world.touched()
    fails('ACCES', () => origin.subject.snapshots.requireDeletable(opened.snapshots.get(snapshot)))
    return `${snapshot} of '${origin.name}' as ${name}`
  },
}

/** Makes a clone independent of the snapshot that it was made of. */
const promote: DatasetsOperation = {
  name: 'promote',
  weight: 1,
  async run(world) {
    const { random, parts, datasets } = world
    const clones = parts.filter(({ isClone }) => isClone)
    if (clones.length === 0) return 'nothing'
    const part = random.pick(clones)
    const wait = random.oneIn(2)
    await world.work(datasets.promote(part.name), wait)
    world.last = undefined
    if (wait && part.isClone) throw new Error(`${part.name} still needs what it was made of`)
    return `${part.name} ${wait ? 'to its end' : 'in the background'}`
  },
}

/** A snapshot of each dataset, all of one instant. */
const everywhere: DatasetsOperation = {
  name: 'snapshot everywhere',
  weight: 1,
  run(world) {
    const { store, datasets, parts, log } = world
    if (parts.some((part) => part.isFull)) return 'nothing'
    const name = `all${log.length}`
    const made = createEverywhere(store, datasets, name, '', [])
    const ids = made.map(({ of }) => of.dataset.id).join()
    const due = parts.map(({ id }) => id).join()
    if (ids !== due) throw new Error(`snapshots were made in ${ids}, not ${due}`)
    for (const part of parts) part.past.set(name, part.freeze())
    world.last = undefined
    return name
  },
}

/** Deletes the snapshots of one name in all datasets, and frees what was told. */
const deleteAll: DatasetsOperation = {
  name: 'delete everywhere',
  weight: 1,
  async run(world) {
    const { random, store, datasets, parts } = world
    const names = new Set(parts.flatMap(({ deletable }) => deletable))
    if (names.size === 0) return 'nothing'
    const name = random.pick([...names])
    const mayGo = parts.every(({ past, deletable }) => !past.has(name) || deletable.includes(name))
    if (!mayGo) return `not ${name}, which is needed in some`
    await world.idle()
    const chosen = chooseEverywhere(datasets, [name])
    const told = await measureEverywhere(store, chosen)
    const before = store.spaceMap.usedBlocks
    const deletion = deleteEverywhere(store, chosen)
    for (const { past } of parts) past.delete(name)
    world.last = undefined
    await deletion
    const freed = (before - store.spaceMap.usedBlocks) * BLOCK_BYTES
    if (freed !== told) throw new Error(`freed ${freed} bytes, not ${told}`)
    return `${name} in ${chosen.length}, freeing ${told} bytes`
  },
}

/** From one dataset to another there is no way but a copy. */
const across: DatasetsOperation = {
  name: 'across',
  weight: 2,
  run(world) {
    const { random, parts, client } = world
    if (parts.length < 2) return 'nothing'
    const from = random.pick(parts)
    const to = random.pick(parts.filter((part) => part !== from))
    const nodes = [...nodesOf(from.tree).values()].filter((path) => path !== '')
    if (nodes.length === 0) return 'nothing'
    const source = world.pathOf(from) + random.pick(nodes)
    const [, dir] = random.pick(directories(to))
    const target = `${world.pathOf(to)}${dir}/${random.pick(['a', 'b', 'new'])}`
    if (random.oneIn(2)) fails('XDEV', () => client.link(source, target))
    else fails('XDEV', () => client.rename(source, target))
    return `${source} ${target}`
  },
}

/** A dataset with just the room that it takes: nothing more goes in, and nothing has changed. */
const quota: DatasetsOperation = {
  name: 'quota',
  weight: 1,
  async run(world) {
    const { random, datasets } = world
    const part = random.pick(world.parts)
    world.last = part
    const { live } = part.subject
    live.data.settleAll()
    const { usage } = live.dataset
    datasets.setQuota(part.name, { bytes: 0, inodes: usage.inodes })
    fails('DQUOT', () => part.client.create('/over the quota'))
    datasets.setQuota(part.name, { bytes: usage.bytes, inodes: 0 })
    const file = anyFile(part)
    // A quota of no bytes is none.
    if (file !== undefined && usage.bytes > 0) {
      const [{ content }, path] = file
      const behind = Math.ceil(content.size / BLOCK_BYTES + 1) * BLOCK_BYTES
      const data = new Uint8Array(2 * BLOCK_BYTES).fill(1)
      await rejects('DQUOT', () => part.client.write(path, behind, data, StableHow.FILE_SYNC))
    }
    datasets.setQuota(part.name, NO_USAGE)
    return `of '${part.name}' ${JSON.stringify(usage)}`
  },
}

/** What shows a dataset in the root directory goes by no other way than its own. */
const asName: DatasetsOperation = {
  name: 'name of a dataset',
  weight: 1,
  run(world) {
    const { random, others, client, fs } = world
    if (others.length === 0) return 'nothing'
    const { name } = random.pick(others)
    const root = fs.root()
    fails('ACCES', () => fs.rmdir(client.cred, root, bytes(name)))
    fails('EXIST', () => client.mkdir(`/${name}`))
    return name
  },
}

const restart: DatasetsOperation = {
  name: 'restart',
  weight: 0.3,
  async run(world) {
    await world.restart()
    return ''
  },
}

const crash: DatasetsOperation = {
  name: 'crash',
  weight: 0.4,
  async run(world) {
    await world.crash()
    return ''
  },
}

export const DATASETS_OPERATIONS: readonly DatasetsOperation[] = [
  ...[within, create, clone, promote, rename, remove, everywhere, deleteAll],
  ...[across, quota, asName, restart, crash],
]
