/** The random steps of the model test, but for snapshots. */
import { FileType, type StableHow } from '../../src/fs/filesystem.ts'
import { ROOT } from '../fs/client.ts'
import {
  access,
  add,
  isDirectory,
  make,
  modify,
  type Node,
  newNode,
  nodesOf,
  remove,
  rename,
} from './tree.ts'
import type { Operation, World } from './world.ts'

/** Few names, so that they meet. One is long, one is not text. */
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', '.x', 'L'.repeat(255), '\xff\xfe ', 'snap']
const MODES = [0o644, 0o755, 0o600, 0o4711, 0o2755, 0o1777, 0]
const FAR_BYTES = 2 ** 40

interface Place {
  readonly dir: Node
  readonly path: string
  readonly name: string
}

export function directories(world: World): [Node, string][] {
  return [...nodesOf(world.tree)].filter(([node]) => isDirectory(node))
}

/** Any name of any directory, there or not. */
function anyPlace(world: World): Place {
  const [dir, path] = world.random.pick(directories(world))
  const many = world.random.oneIn(3) ? String(world.random.below(100)) : undefined
  const name = many ?? world.random.pick(NAMES)
  return { dir, path: `${path}/${name}`, name }
}

/** Mostly a name that is there. */
function knownPlace(world: World): Place {
  const full = directories(world).filter(([dir]) => dir.names.size > 0)
  if (full.length === 0 || world.random.oneIn(10)) return anyPlace(world)
  const [dir, path] = world.random.pick(full)
  const name = world.random.pick([...dir.names.keys()])
  return { dir, path: `${path}/${name}`, name }
}

export function anyFile(world: World): [Node, string] | undefined {
  const files = [...nodesOf(world.tree)].filter(([node]) => node.type === FileType.REG)
  return files.length === 0 ? undefined : world.random.pick(files)
}

const create: Operation = {
  name: 'create',
  weight: 10,
  run(world) {
    const { dir, path, name } = anyPlace(world)
    const mode = world.random.pick(MODES)
    const expected = make(dir, name, newNode(FileType.REG, mode))
    return `${path} ${world.both(expected, () => world.client.create(path, mode))}`
  },
}

const mkdir: Operation = {
  name: 'mkdir',
  weight: 5,
  run(world) {
    const { dir, path, name } = anyPlace(world)
    const mode = world.random.pick(MODES)
    const inherited = dir.mode & 0o2000
    const node = newNode(FileType.DIR, mode | inherited)
    const expected = make(dir, name, node)
    return `${path} ${world.both(expected, () => world.client.mkdir(path, mode))}`
  },
}

const symlink: Operation = {
  name: 'symlink',
  weight: 3,
  run(world) {
    const { dir, path, name } = anyPlace(world)
    const target = world.random.pick(NAMES)
    const expected = make(dir, name, newNode(FileType.LNK, 0o777, target))
    return `${path} ${world.both(expected, () => world.client.symlink(path, target))}`
  },
}

const mknod: Operation = {
  name: 'mknod',
  weight: 1,
  run(world) {
    const { dir, path, name } = anyPlace(world)
    const expected = make(dir, name, newNode(FileType.FIFO, 0o600))
    const { client } = world
    const [id, last] = client.split(path)
    const no = { specdata1: 0, specdata2: 0 }
    const mknod = () => client.fs.mknod(ROOT, id, last, FileType.FIFO, no, { mode: 0o600 })
    return `${path} ${world.both(expected, mknod)}`
  },
}

const link: Operation = {
  name: 'link',
  weight: 4,
  run(world) {
    const [node, path] = world.random.pick([...nodesOf(world.tree)])
    const to = anyPlace(world)
    const expected = isDirectory(node) ? 'ISDIR' : add(to.dir, to.name, node)
    return `${path} ${to.path} ${world.both(expected, () => world.client.link(path, to.path))}`
  },
}

const removeFile: Operation = {
  name: 'remove',
  weight: 6,
  run(world) {
    const { dir, path, name } = knownPlace(world)
    return `${path} ${world.both(remove(dir, name, false), () => world.client.remove(path))}`
  },
}

const rmdir: Operation = {
  name: 'rmdir',
  weight: 3,
  run(world) {
    const { dir, path, name } = knownPlace(world)
    return `${path} ${world.both(remove(dir, name, true), () => world.client.rmdir(path))}`
  },
}

/** Removes a directory with all that is in it, so that the tree stays small. */
const prune: Operation = {
  name: 'prune',
  weight: 1.5,
  run(world) {
    const { dir, path, name } = knownPlace(world)
    const node = dir.names.get(name)
    if (node === undefined) return 'nothing'
    removeTree(world, dir, path, name, node)
    return path
  },
}

/** From so many files on the tree is cut down, so that comparing it stays quick. */
const NODES_MAX = 60

/** Removes trees at random until there are few enough files. @returns how many trees */
export function cutDown(world: World): number {
  let count = 0
  while (nodesOf(world.tree).size > NODES_MAX) {
    const [name, node] = world.random.pick([...world.tree.names])
    removeTree(world, world.tree, `/${name}`, name, node)
    count++
  }
  return count
}

export function removeTree(world: World, dir: Node, path: string, name: string, node: Node): void {
  for (const [inner, child] of [...node.names]) {
    removeTree(world, node, `${path}/${inner}`, inner, child)
  }
  const directory = isDirectory(node)
  const expected = remove(dir, name, directory)
  world.both(expected, () => (directory ? world.client.rmdir(path) : world.client.remove(path)))
}

const move: Operation = {
  name: 'rename',
  weight: 8,
  run(world) {
    const from = knownPlace(world)
    const to = world.random.oneIn(2) ? knownPlace(world) : anyPlace(world)
    const ends = () => world.client.split(to.path)
    const [id, name] = world.client.split(from.path)
    const [toId, toName] = ends()
    const expected = rename(from.dir, from.name, to.dir, to.name)
    const action = () => world.client.fs.rename(ROOT, id, name, toId, toName)
    return `${from.path} ${to.path} ${world.both(expected, action)}`
  },
}

const setattr: Operation = {
  name: 'setattr',
  weight: 4,
  run(world) {
    const [node, path] = world.random.pick([...nodesOf(world.tree)])
    const mode = world.random.pick(MODES)
    const uid = world.random.below(3)
    world.client.set(path, { mode, uid, atime: 'now' })
    if (node.type !== FileType.LNK) node.mode = mode
    node.uid = uid
    access(node)
    return `${path} ${mode.toString(8)}`
  },
}

/** Where interesting writes and sizes are: around the ends of pages, of inline files, of chunks. */
function anyOffset(world: World): number {
  const { random } = world
  const base = random.pick([0, 2048, 4096, 8192, 65_536, 2 ** 20, 2 * 2 ** 20])
  const near = Math.max(0, base + random.below(64) - 32)
  if (random.oneIn(2)) return near
  return random.oneIn(20) ? FAR_BYTES + random.below(10_000_000) : random.below(3 * 2 ** 20)
}

const write: Operation = {
  name: 'write',
  weight: 20,
  async run(world) {
    const file = anyFile(world)
    if (file === undefined) return 'nothing'
    const [node, path] = file
    const { random } = world
    const offset = anyOffset(world)
    const length = random.pick([1, 10, 100, 2048, 4096, 5000, 65_536, 100_000, 300_000])
    const data = new Uint8Array(1 + random.below(length)).fill(random.below(256))
    data.set(random.bytes(Math.min(16, data.length)))
    node.content.write(offset, data)
    modify(node)
    const stable = random.pick([0, 0, 0, 1, 2] as StableHow[])
    await world.client.write(path, offset, data, stable)
    return `${path} ${offset} +${data.length} stable ${stable}`
  },
}

const truncate: Operation = {
  name: 'truncate',
  weight: 6,
  run(world) {
    const file = anyFile(world)
    if (file === undefined) return 'nothing'
    const [node, path] = file
    const size = world.random.oneIn(4) ? 0 : anyOffset(world)
    node.content.truncate(size)
    modify(node)
    world.client.set(path, { size })
    return `${path} ${size}`
  },
}

const commit: Operation = {
  name: 'commit',
  weight: 3,
  run(world) {
    const file = anyFile(world)
    if (file === undefined) return 'nothing'
    world.client.fs.commit(ROOT, world.client.id(file[1]))
    return file[1]
  },
}

const overwrite: Operation = {
  name: 'create unchecked',
  weight: 2,
  run(world) {
    const file = anyFile(world)
    if (file === undefined) return 'nothing'
    const [node, path] = file
    node.content.truncate(0)
    modify(node)
    const how = { mode: 'UNCHECKED' as const, attributes: { mode: 0o600, size: 0 } }
    world.client.create(path, 0, how)
    return path
  },
}

const barrier: Operation = {
  name: 'barrier',
  weight: 1,
  async run({ subject }) {
    await subject.store.flush()
    return ''
  },
}

/** A second goes by: what was dirty for long is stored in the background. */
const tick: Operation = {
  name: 'tick',
  weight: 2,
  async run({ subject }) {
    subject.live.data.tick()
    await new Promise((resolve) => setImmediate(resolve))
    return ''
  },
}

const restart: Operation = {
  name: 'restart',
  weight: 0.3,
  async run(world) {
    await world.restart()
    return ''
  },
}

export const OPERATIONS: readonly Operation[] = [
  ...[create, mkdir, symlink, mknod, link, removeFile, rmdir, prune, move, setattr],
  ...[write, truncate, commit, overwrite, barrier, tick, restart],
]
