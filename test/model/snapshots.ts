/** Snapshots in the model: copies of its tree that nobody changes. */
import { cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { bytes, Client } from '../fs/client.ts'
import { Subject } from '../snapshot/harness.ts'
import { requireSound } from '../snapshot/sound.ts'
import { openTestStore } from '../store/open-store.ts'
import { ADMINISTERING } from './administer.ts'
import { diff } from './diff.ts'
import { cutDown, directories, OPERATIONS } from './operations.ts'
import type { Random } from './random.ts'
import { type Outcome, type Overwrite, Restoring } from './restore.ts'
import { rollback } from './rollback.ts'
import { cloneTree, isDirectory, type Node, nodesOf } from './tree.ts'
import { type Operation, World } from './world.ts'

/** Nodes of all trees together up to which everything is compared after every step. */
const NODES_SMALL = 60
/** Otherwise after so many steps, and after those that have to do with snapshots. */
const COMPARE_STEPS = 25
const SNAPSHOTS_MAX = 6
/** A cache so small that nothing stays in it. */
export const CACHE_BYTES_SMALL = 10_000

export class SnapshotWorld extends World<Subject> {
  /** What each snapshot has to show. */
  readonly past = new Map<string, Node>()
  /** What goes on in the background. */
  readonly #working: Promise<void>[] = []
  #folders = 0
  readonly #folder: string
  #directory: string
  /** The last step has to do with snapshots: everything is compared. */
  special = false

  protected constructor(
    random: Random,
    folder: string,
    directory: string,
    subject: Subject,
    log: string[] = [],
  ) {
    super(random, subject, () => openSubject(this.#directory, random), log)
    this.#folder = folder
    this.#directory = directory
  }

  static async open(folder: string, random: Random): Promise<SnapshotWorld> {
    const directory = join(folder, '0')
    await mkdir(directory)
    return new SnapshotWorld(random, folder, directory, await openSubject(directory, random))
  }

  override isDue(step: number): boolean {
    const { special } = this
    this.special = false
    if (special || step % COMPARE_STEPS === 0) return true
    let nodes = nodesOf(this.tree).size
    for (const tree of this.past.values()) nodes += nodesOf(tree).size
    return nodes <= NODES_SMALL
  }

  override async compare(): Promise<void> {
    await super.compare()
    const names = this.subject.snapshots.list().map(({ name }) => name)
    if (String(names) !== String([...this.past.keys()])) {
      throw new Error(`there are the snapshots ${names}, not ${[...this.past.keys()]}`)
    }
    for (const [name, tree] of this.past) await this.comparison.past(this.pastClient(name), tree)
  }

  pastClient(name: string): Client {
    return new Client(this.subject.fs, this.client.id(`.snapshots/${name}`))
  }

  /** Whether there are as many snapshots as are worth comparing. */
  get isFull(): boolean {
    return this.past.size >= SNAPSHOTS_MAX
  }

  /** Names of the snapshots that nothing needs. */
  get deletable(): readonly string[] {
    return [...this.past.keys()]
  }

  /** The tree as it is, kept for ever. */
  freeze(): Node {
    return cloneTree(this.tree)
  }

  /** Frees all that waits for that in the background. */
  async idle(): Promise<void> {
    this.subject.reclaim()
    await this.subject.resume()
  }

  /** Waits for what was begun, or lets it go on in the background. */
  async work(begun: Promise<void>, wait: boolean): Promise<void> {
    if (wait) await begun
    else this.#working.push(begun)
  }

  delete(name: string, wait: boolean): Promise<void> {
    const deletion = this.subject.snapshots.delete(name)
    this.past.delete(name)
    return this.work(deletion, wait)
  }

  /** Stops what goes on in the background, and makes all data part of the store. */
  async quiet(): Promise<void> {
    this.subject.reclaimer.stop()
    await this.subject.snapshots.stop()
    await Promise.all(this.#working.splice(0))
    this.subject.live.data.settleAll()
  }

  /** Takes up what was interrupted, at once or in the background. */
  async resume(): Promise<void> {
    await this.work(this.subject.resume(), this.random.oneIn(2))
  }

  override async restart(): Promise<void> {
    await this.quiet()
    await super.restart()
    await this.resume()
  }

  /** Goes on with what a crash would leave at this moment, when all is on its way to the disk. */
  async crash(): Promise<void> {
    await this.quiet()
    await this.subject.store.flush()
    const former = this.subject
    const copy = join(this.#folder, String(++this.#folders))
    await cp(this.#directory, copy, { recursive: true })
    this.#directory = copy
    await former.store.close()
    await rm(former.store.directory, { recursive: true })
    this.subject = await openSubject(copy, this.random)
    await this.resume()
  }

  override async end(): Promise<void> {
    await Promise.all(this.#working.splice(0))
    await requireSound(this.subject)
    await super.end()
    for (const name of [...this.past.keys()]) await this.delete(name, true)
    await requireSound(this.subject)
    await super.end()
  }

  override async close(): Promise<void> {
    await this.quiet()
    await super.close()
  }
}

async function openSubject(directory: string, random: Random): Promise<Subject> {
  const options = random.oneIn(3) ? { cacheBytesMax: CACHE_BYTES_SMALL } : {}
  return new Subject((await openTestStore(directory, options)).store)
}

type SnapshotOperation = Operation<SnapshotWorld>

const create: SnapshotOperation = {
  name: 'snapshot',
  weight: 6,
  async run(world) {
    const name = `s${world.log.length}`
    if (world.isFull) {
      if (world.deletable.length === 0) return 'nothing'
      await world.delete(world.random.pick(world.deletable), world.random.oneIn(2))
    }
    world.subject.snapshots.create(name)
    world.past.set(name, world.freeze())
    world.special = world.random.oneIn(4)
    return name
  },
}

const remove: SnapshotOperation = {
  name: 'delete snapshot',
  weight: 2,
  async run(world) {
    if (world.deletable.length === 0) return 'nothing'
    const name = world.random.pick(world.deletable)
    const wait = world.random.oneIn(2)
    await world.delete(name, wait)
    world.special = true
    return `${name} ${wait ? 'to its end' : 'in the background'}`
  },
}

const restore: SnapshotOperation = {
  name: 'restore',
  weight: 7,
  async run(world) {
    if (world.past.size === 0) return 'nothing'
    // A restore into the tree that it comes from doubles it.
    const cut = cutDown(world)
    if (cut > 0) return `nothing: ${cut} trees are removed instead`
    const { random } = world
    const [name, past] = random.pick([...world.past])
    const sources = [...nodesOf(past)]
    const trees = sources.filter(([tree]) => tree.names.size > 0)
    const several = trees.length > 0 && random.oneIn(2)
    const [node, source] = random.pick(several ? trees : sources)
    const overwrite = random.pick<Overwrite>([
      ...(['never', 'if-changed', 'if-changed', 'if-newer', 'always'] as const),
    ])
    const rules = { overwrite, delete: random.oneIn(3) }
    const inPlace = random.oneIn(2) || source === ''
    const to = inPlace ? undefined : anyTarget(world)
    const existing = to === undefined ? undefined : to.dir.names.get(to.name)
    const inside = existing !== undefined && isDirectory(existing)
    const last = source.slice(source.lastIndexOf('/'))
    const place = to === undefined ? source : inside ? `${to.path}${last}` : to.path
    const lists = new Map<string, readonly string[]>()
    const client = world.pastClient(name)
    for (const [dir, path] of nodesOf(past))
      if (isDirectory(dir)) lists.set(path, client.names(path))
    const order = (path: string) => lists.get(path) ?? []
    const freeze = () => world.freeze()
    const model = new Restoring({ live: world.tree, past, ...rules, inPlace, order, freeze })
    const target = to === undefined ? undefined : bytes(to.path)
    const options = { to: target, ...rules, verify: random.oneIn(2) }
    const summary = world.subject.restore(name, source, options)
    model.run(source, place === '' ? '/' : place)
    const {
      safetySnapshot,
      failed,
      files,
      directories: made,
      unchanged,
      skipped,
      deleted,
    } = await summary
    world.special = true
    const paths = failed.map(({ path }) => `/${Buffer.from(path).toString('latin1')}`)
    const real = { files, directories: made, unchanged, skipped, deleted, failed: paths }
    if (safetySnapshot !== undefined) {
      world.past.set(safetySnapshot, model.outcome.safety ?? world.freeze())
    }
    requireSame({ ...real, safety: safetySnapshot !== undefined }, model.outcome)
    const kind = node.type === 2 ? 'tree' : 'file'
    return `${overwrite} ${kind} ${name}:${source} to ${place} ${JSON.stringify(real)}`
  },
}

/** Any name of a live directory. */
function anyTarget(world: SnapshotWorld): { dir: Node; path: string; name: string } {
  const [dir, path] = world.random.pick(directories(world))
  const name = world.random.pick(['a', 'b', 'c', 'new', ...dir.names.keys()])
  return { dir, path: `${path}/${name}`, name }
}

function requireSame(real: Omit<Outcome, 'safety'> & { safety: boolean }, model: Outcome): void {
  const [a, b] = [real, { ...model, safety: model.safety !== undefined }].map((outcome) =>
    JSON.stringify(outcome),
  )
  if (a !== b) throw new Error(`restored ${a}, not ${b}`)
}

const checkpoint: SnapshotOperation = {
  name: 'checkpoint',
  weight: 1.5,
  async run(world) {
    const wait = world.random.oneIn(2)
    await world.work(world.subject.store.checkpoint(), wait)
    return wait ? 'to its end' : 'in the background'
  },
}

const crash: SnapshotOperation = {
  name: 'crash',
  weight: 0.3,
  async run(world) {
    await world.crash()
    world.special = true
    return ''
  },
}

export const SNAPSHOT_OPERATIONS: readonly SnapshotOperation[] = [
  ...OPERATIONS,
  ...[create, remove, restore, rollback, checkpoint, crash, diff],
  ...ADMINISTERING,
]

/** Those that have to do with one dataset, and not with the whole store. */
export const DATASET_OPERATIONS: readonly SnapshotOperation[] = SNAPSHOT_OPERATIONS.filter(
  ({ name }) => name !== 'crash' && name !== 'restart',
)
