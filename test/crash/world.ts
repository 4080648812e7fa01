/** A server that is killed again and again, those who work with it, and what they know. */
import { setTimeout as sleep } from 'node:timers/promises'
import { RemoteOperations } from '../../src/control/client.ts'
import { Random } from '../model/random.ts'
import { Gate } from './gate.ts'
import { History, isGone } from './history.ts'
import { type Handle, Nfs, NfsError } from './nfs.ts'
import { finishRestore, restoreFile, restoreTree } from './restores.ts'
import { type ServerProcess, Servers } from './server.ts'
import { ROOT_NODE } from './tree.ts'
import { workOnce } from './work.ts'
import { Worker } from './worker.ts'

/** Clients at work at the same time, and the connections that they share. */
const WORKERS = 8
const CONNECTIONS = 3
/** So small that there is a checkpoint under way most of the time. */
const CHECKPOINT_LIMITS = { logBytesMax: 512 * 1024, dirtyRecordsMax: 200, limboBlocksMax: 200 }
/** One operation of a worker in so many is a restore. */
const FILE_RESTORE_ONE_IN = 40
const TREE_RESTORE_ONE_IN = 150
const HISTORY_PAUSE_MS = 60

interface Life {
  readonly server: ServerProcess
  readonly connections: readonly Nfs[]
  readonly control: RemoteOperations
}

export class World {
  readonly directory: string
  readonly #random: Random
  readonly #servers = new Servers()
  readonly #gate = new Gate()
  readonly #workers: readonly Worker[]
  readonly #history: History
  /** Write verifiers of former lives. */
  readonly #verifiers = new Set<string>()
  #root: Handle = new Uint8Array(0)
  #life: Life | undefined
  #load: Promise<unknown> = Promise.resolve()
  #failure: unknown
  readonly counts = { kills: 0, starts: 0, recovered: 0, operations: 0 }

  constructor(directory: string, seed: number) {
    this.directory = directory
    this.#random = new Random(seed)
    const random = () => new Random(this.#random.uint32())
    this.#workers = Array.from({ length: WORKERS }, (_, i) => new Worker(`w${i}`, random()))
    this.#history = new History(this.#workers, random(), this.#gate)
  }

  get #how() {
    return { directory: this.directory, checkpointLimits: CHECKPOINT_LIMITS }
  }

  get life(): Life {
    if (this.#life === undefined) throw new Error('there is no server')
    return this.#life
  }

  /** Starts a server on the folder, whatever has become of the one before. */
  async start(): Promise<void> {
    const server = this.#servers.take()
    const { host, port, recovered } = await server.serving(this.#how)
    this.counts.starts++
    this.counts.recovered += recovered
    const connections: Nfs[] = []
    for (let i = 0; i < CONNECTIONS; i++) connections.push(await Nfs.connect(host, port))
    const control = await RemoteOperations.connect(this.directory)
    this.#life = { server, connections, control }
    const root = await this.#connection(0).mount()
    if (this.#root.length > 0 && Buffer.compare(root, this.#root) !== 0) {
      throw new Error('the root has another handle than before')
    }
    this.#root = root
    this.#history.meet(this.#connection(0), root, control)
    for (const [i, worker] of this.#workers.entries()) worker.meet(this.#connection(i))
  }

  #connection(i: number): Nfs {
    const nfs = this.life.connections[i % CONNECTIONS]
    if (nfs === undefined) throw new Error('there is no connection')
    return nfs
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

  /** Starts the load. It ends with the server. */
  work(): void {
    const each = this.#workers.map((worker) =>
      this.#until(() => this.#gate.through(() => this.#oneOf(worker))),
    )
    const history = this.#until(async () => {
      await this.#history.once()
      await sleep(this.#random.below(HISTORY_PAUSE_MS))
    })
    this.#load = Promise.all([...each, history])
  }

  async #oneOf(worker: Worker): Promise<void> {
    this.counts.operations++
    if (worker.random.oneIn(FILE_RESTORE_ONE_IN)) await restoreFile(worker, this.#history)
    else if (worker.random.oneIn(TREE_RESTORE_ONE_IN)) await restoreTree(worker, this.#history)
    else await workOnce(worker)
    await new Promise(setImmediate)
  }

  /** Does one thing after the other until the server is gone, or something is wrong. */
  async #until(once: () => Promise<void>): Promise<void> {
    while (this.#life !== undefined && this.#failure === undefined) {
      try {
        await once()
      } catch (error) {
        if (this.#life === undefined && isGone(error)) return
        this.#failure ??= error
      }
    }
  }

  /** Lets the load go on for a while, then kills the server in the midst of it. */
  async killAfter(ms: number): Promise<void> {
    await sleep(ms)
    const { server, connections, control } = this.life
    this.#life = undefined
    await server.kill()
    this.counts.kills++
    // Replies that were on their way still arrive: they are promises too.
    await this.#load
    this.#load = Promise.resolve()
    await Promise.all([...connections, control].map((one) => one.close()))
    this.#judge(server)
  }

  #judge({ problems, stderr }: ServerProcess): void {
    if (this.#failure !== undefined) throw this.#failure
    if (problems.length > 0) throw new Error(`the server reported ${problems.join('; ')}`)
    if (stderr !== '') throw new Error(`the server wrote:\n${stderr}`)
  }

  /** Starts a server and kills it before, or soon after, it has recovered. */
  async killAtStart(ms: number): Promise<void> {
    const server = this.#servers.take()
    await server.begin(this.#how)
    await sleep(ms)
    await server.kill()
    this.counts.kills++
    this.#judge(server)
  }

  /** Compares everything with what must be there, and goes on from what may be there. */
  async verify(): Promise<void> {
    await this.#verifyVerifier()
    const found = await this.#connection(1).look(this.#root)
    const homes = this.#workers.map(({ home }) => home)
    const names = [...found.names.keys()].sort()
    if (names.join() !== homes.join()) throw new Error(`the root holds ${names.join()}`)
    for (const worker of this.#workers) {
      const home = found.names.get(worker.home)
      if (home === undefined) throw new Error(`${worker.home} is gone`)
      worker.adopt(home)
      await this.#verifyHandles(worker)
      await finishRestore(worker, this.#history)
    }
    await this.#history.verify()
  }

  async #verifyVerifier(): Promise<void> {
    const { verf } = await this.#connection(0).commit({ file: this.#root, offset: 0, count: 0 })
    const now = Buffer.from(verf).toString('hex')
    if (this.#verifiers.has(now)) throw new Error(`the write verifier ${now} is of an earlier life`)
    this.#verifiers.add(now)
    for (const worker of this.#workers) {
      // Of this life, so that what the replies of the load said can be compared at its end.
      worker.verifiers.add(now)
    }
  }

  /** Within one life there is one write verifier. To be called when its load has ended. */
  verifyLife(): void {
    for (const { home, verifiers } of this.#workers) {
      if (verifiers.size > 1) throw new Error(`${home} was told ${verifiers.size} write verifiers`)
    }
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

  /** Ends the last server as an operator does. */
  async stop(): Promise<void> {
    const { server, connections, control } = this.life
    this.#life = undefined
    await Promise.all([...connections, control].map((one) => one.close()))
    const code = await server.stop()
    if (code !== 0) throw new Error(`the server ended with code ${code}`)
    this.#judge(server)
  }

  async close(): Promise<void> {
    const life = this.#life
    this.#life = undefined
    await this.#servers.close()
    await this.#load
    for (const one of life === undefined ? [] : [...life.connections, life.control]) {
      await one.close()
    }
  }

  /** What was done, in one line. */
  toString(): string {
    return JSON.stringify({ ...this.counts, ...this.#history.counts })
  }
}
