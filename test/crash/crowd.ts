/** Those who work with a server, and what they know: what must be there, whatever happens to it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Operations } from '../../src/control/operations.ts'
import { IO_BYTES_MAX, StableHow } from '../../src/fs/filesystem.ts'
import { Random } from '../model/random.ts'
import { Gate } from './gate.ts'
import { History, isGone, isNoSpace } from './history.ts'
import { FILLER_BYTES, type Handle, type Nfs, NfsError } from './nfs.ts'
import { finishRestore, restoreFile, restoreTree } from './restores.ts'
import { ROOT_NODE } from './tree.ts'
import { remove, workOnce } from './work.ts'
import { Worker } from './worker.ts'

/** One operation of a worker in so many is a restore. */
const FILE_RESTORE_ONE_IN = 40
const TREE_RESTORE_ONE_IN = 150

/** What takes room in the root directory. */
const FILLER = 'filler'

/** A server as its clients reach it. */
export interface Reached {
  readonly connections: readonly Nfs[]
  readonly control: Operations
}

export interface CrowdOptions {
  readonly workers: number
  readonly snapshotsMax: number
  /** Longest pause between two things that are done with snapshots, in milliseconds. */
  readonly pauseMsMax: number
  /** Whether the disk may be full now and then. */
  readonly full: boolean
}

export class Crowd {
  readonly #options: CrowdOptions
  readonly #random: Random
  readonly #gate = new Gate()
  readonly #workers: readonly Worker[]
  readonly #history: History
  /** Write verifiers that were told, of all lives. */
  readonly #verifiers: Set<string>
  #root: Handle = new Uint8Array(0)
  #reached: Reached | undefined
  #load: Promise<unknown> = Promise.resolve()
  #failure: unknown
  #mayEnd = false
  operations = 0
  /** Operations that found no room. */
  refusals = 0

  /** @param of whose knowledge it begins with */
  constructor(random: Random, options: CrowdOptions, of?: Crowd) {
    this.#options = options
    this.#random = random
    const each = () => new Random(random.uint32())
    const names = Array.from({ length: options.workers }, (_, i) => `w${i}`)
    const known = of === undefined ? [] : of.#workers
    this.#workers = names.map((name, i) => new Worker(name, each(), known[i]))
    const history = of === undefined ? undefined : of.#history
    this.#history = new History(this.#workers, each(), options.snapshotsMax, history)
    this.#verifiers = new Set(of === undefined ? [] : of.#verifiers)
    if (of !== undefined) this.#root = of.#root
  }

  /** A crowd that knows what this one knows now. */
  clone(): Crowd {
    return new Crowd(new Random(this.#random.uint32()), this.#options, this)
  }

  /** Meets a server that has just started. */
  async meet(reached: Reached): Promise<void> {
    this.#reached = reached
    this.#mayEnd = false
    const [first] = reached.connections
    if (first === undefined) throw new Error('there is no connection')
    const root = await first.mount()
    if (this.#root.length > 0 && Buffer.compare(root, this.#root) !== 0) {
      throw new Error('the root has another handle than before')
    }
    this.#root = root
    this.#history.meet(first, root, reached.control)
    for (const [i, worker] of this.#workers.entries()) {
      worker.meet(reached.connections[i % reached.connections.length] ?? first)
    }
  }

  get #nfs(): Nfs {
    const [first] = this.#reached?.connections ?? []
    if (first === undefined) throw new Error('there is no server')
    return first
  }

  /** Gives every worker a directory of his own. */
  async settle(): Promise<void> {
    for (const worker of this.#workers) {
      const where = { dir: this.#root, name: Buffer.from(worker.home) }
      const { obj } = await worker.nfs.mkdir({ where, attributes: { mode: 0o755 } })
      if (obj === undefined) throw new Error('a new directory comes with its handle')
      worker.handles.set(ROOT_NODE, Buffer.from(obj).toString('hex'))
    }
  }

  /** Takes most of the room of a disk that shall be full. */
  async fill(): Promise<void> {
    const where = { dir: this.#root, name: Buffer.from(FILLER) }
    const how = { mode: 'GUARDED', attributes: {} } as const
    const { obj: file } = await this.#nfs.create({ where, how })
    if (file === undefined) throw new Error('a new file comes with its handle')
    for (let offset = 0; offset < FILLER_BYTES; ) {
      const data = new Uint8Array(Math.min(IO_BYTES_MAX, FILLER_BYTES - offset))
      const stable = StableHow.FILE_SYNC
      const { count } = await this.#nfs.write({ file, offset, count: data.length, stable, data })
      offset += count
    }
  }

  /** Starts the load. It ends some time after `leave`. */
  work(): void {
    const each = this.#workers.map((worker) =>
      this.#until(() => this.#gate.through(() => this.#oneOf(worker))),
    )
    const history = this.#until(async () => {
      await this.#history.once(this.#gate).catch((error: unknown) => {
        if (!this.#options.full || !isNoSpace(error)) throw error
      })
      await sleep(this.#random.below(this.#options.pauseMsMax))
    })
    this.#load = Promise.all([...each, history])
  }

  async #oneOf(worker: Worker): Promise<void> {
    this.operations++
    if (!(await this.#done(worker, () => this.#chooseFor(worker)))) {
      // Where something is to be stored first, there may be no room for that either.
      await this.#done(worker, () => remove(worker))
    }
    await new Promise(setImmediate)
  }

  /** @returns false where there was no room for it */
  async #done(worker: Worker, action: () => Promise<void>): Promise<boolean> {
    try {
      await action()
      return true
    } catch (error) {
      if (!this.#options.full || !isNoSpace(error)) throw error
      this.refusals++
      worker.pending = undefined
      await worker.reconsider()
      return false
    }
  }

  async #chooseFor(worker: Worker): Promise<void> {
    if (worker.random.oneIn(FILE_RESTORE_ONE_IN)) await restoreFile(worker, this.#history)
    else if (worker.random.oneIn(TREE_RESTORE_ONE_IN)) await restoreTree(worker, this.#history)
    else await workOnce(worker)
  }

  /** Does one thing after the other until the server is gone, or something is wrong. */
  async #until(once: () => Promise<void>): Promise<void> {
    while (this.#reached !== undefined && this.#failure === undefined) {
      try {
        await once()
      } catch (error) {
        if ((this.#mayEnd || this.#reached === undefined) && isGone(error)) return
        this.#failure ??= error
      }
    }
  }

  /** The server may go at any moment: who finds that it has, ends. */
  mayEnd(): void {
    this.#mayEnd = true
  }

  /** The server is about to go: no new work, and no surprise where a call finds nobody. */
  leave(): void {
    this.#reached = undefined
  }

  /** Resolves when the load has ended, replies that were on their way included. @throws Error */
  async left(): Promise<void> {
    await this.#load
    this.#load = Promise.resolve()
    if (this.#failure !== undefined) throw this.#failure
    for (const { home, verifiers } of this.#workers) {
      if (verifiers.size > 1) throw new Error(`${home} was told ${verifiers.size} write verifiers`)
    }
  }

  /** The handle of any file or directory that is there; undefined where none is known. */
  someHandle(): Handle | undefined {
    const { tree, handles } = this.#random.pick(this.#workers)
    const known = [...tree.nodes.keys()].flatMap((id) => handles.get(id) ?? [])
    return known.length === 0 ? undefined : Buffer.from(this.#random.pick(known), 'hex')
  }

  /** Compares everything with what must be there, and goes on from what may be there. */
  async verify(): Promise<void> {
    await this.#verifyVerifier()
    const found = await this.#nfs.look(this.#root)
    const settled = this.#workers.filter(({ handles }) => handles.has(ROOT_NODE))
    const homes = settled.map(({ home }) => home).join()
    const all = [...found.names.keys()].filter((name) => name !== FILLER)
    const names = all.sort().join()
    if (names !== homes) throw new Error(`the root holds '${names}', not '${homes}'`)
    for (const worker of settled) {
      const home = found.names.get(worker.home)
      if (home === undefined) throw new Error(`${worker.home} is gone`)
      worker.adopt(home)
      await this.#verifyHandles(worker)
      await finishRestore(worker, this.#history)
    }
    await this.#history.verify()
  }

  async #verifyVerifier(): Promise<void> {
    const { verf } = await this.#nfs.commit({ file: this.#root, offset: 0, count: 0 })
    const now = Buffer.from(verf).toString('hex')
    if (this.#verifiers.has(now)) throw new Error(`the write verifier ${now} is of an earlier life`)
    this.#verifiers.add(now)
    // What the replies of the load will say is compared with it when the load has ended.
    for (const worker of this.#workers) worker.verifiers.add(now)
  }

  async #verifyHandles(worker: Worker): Promise<void> {
    const { nfs, tree, handles } = worker
    const asked = [...tree.nodes.keys()].map(async (id) => {
      const { obj_attributes } = await nfs.getattr({ object: worker.handle(id) })
      if (obj_attributes.type !== tree.node(id).type) throw new Error(`${handles.get(id)} is other`)
    })
    const gone = worker.gone.map(async (handle) => {
      const status = await nfs.getattr({ object: Buffer.from(handle, 'hex') }).then(
        () => 'NFS3_OK',
        (error: unknown) => (error instanceof NfsError ? error.status : String(error)),
      )
      if (status !== 'NFS3ERR_STALE') throw new Error(`a removed file's handle gets ${status}`)
    })
    await Promise.all([...asked, ...gone])
  }

  /** What was done with snapshots. */
  get counts(): object {
    return this.#history.counts
  }
}
