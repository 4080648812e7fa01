/** A server that is killed again and again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { RemoteOperations } from '../../src/control/client.ts'
import type { Random } from '../model/random.ts'
import { Crowd } from './crowd.ts'
import { isGone } from './history.ts'
import { type Around, Nfs } from './nfs.ts'
import type { Arming } from './points.ts'
import { type ServerProcess, Servers, type ToServer } from './server.ts'
import { Trap } from './trap.ts'

const CONNECTIONS = 3
/** So small that there is a checkpoint under way nearly all the time. */
const CHECKPOINT_LIMITS = { logBytesMax: 256 * 1024, dirtyRecordsMax: 50, limboBlocksMax: 50 }
/** When checkpoints begin. */
export type Limits = ToServer['checkpointLimits']
const CROWD = { workers: 8, snapshotsMax: 5, pauseMsMax: 60, full: false }

interface Life {
  readonly server: ServerProcess
  readonly connections: readonly Nfs[]
  readonly control: RemoteOperations
}

export class World {
  readonly directory: string
  readonly crowd: Crowd
  readonly #limits: Limits
  readonly #servers = new Servers()
  #life: Life | undefined
  #trap: Trap | undefined
  readonly #around: Around = (what, ask) =>
    this.#trap === undefined ? ask() : this.#trap.around(what, ask)
  readonly counts = { kills: 0, starts: 0, recovered: 0 }

  constructor(directory: string, random: Random, limits: Limits = CHECKPOINT_LIMITS) {
    this.directory = directory
    this.#limits = limits
    this.crowd = new Crowd(random, CROWD)
  }

  get #how() {
    return { directory: this.directory, checkpointLimits: this.#limits }
  }

  /** Starts a server on the folder, whatever has become of the one before. */
  async start(): Promise<void> {
    const server = this.#servers.take()
    const { host, port, recovered } = await server.serving(this.#how)
    this.counts.starts++
    this.counts.recovered += recovered
    const connections: Nfs[] = []
    for (let i = 0; i < CONNECTIONS; i++) connections.push(await this.#connect(host, port))
    const control = asking(await RemoteOperations.connect(this.directory), this.#around)
    this.#life = { server, connections, control }
    await this.crowd.meet(this.#life)
  }

  #connect(host: string, port: number): Promise<Nfs> {
    return Nfs.connect(host, port, this.#around)
  }

  #end(): Life {
    const life = this.#living
    this.#life = undefined
    this.crowd.leave()
    return life
  }

  /** Lets the load go on for a while, then kills the server in the midst of it. */
  async killAfter(ms: number): Promise<void> {
    await sleep(ms)
    await this.#killed(this.#end(), (server) => server.kill())
  }

  async #killed(life: Life, dead: (server: ServerProcess) => Promise<void>): Promise<void> {
    await dead(life.server)
    this.counts.kills++
    await this.crowd.left()
    await disconnect(life)
    judge(life.server)
  }

  /** Lets the load go on until the server kills itself: while it does what is asked, at a point. */
  async killDuring(what: string, arming: Arming): Promise<void> {
    const { server } = this.#living
    this.crowd.mayEnd()
    const trap = new Trap(server, what, arming)
    this.#trap = trap
    await Promise.race([server.died(), trap.missed, this.crowd.left()])
    this.#trap = undefined
    await this.#killed(this.#end(), () => server.died())
  }

  /** Starts a server that kills itself in its start. */
  async killStarting(arming: Arming): Promise<void> {
    const server = this.#servers.take()
    await server.begin({ ...this.#how, arming })
    await server.died()
    this.counts.kills++
    judge(server)
  }

  /** Ends the last server, which kills itself meanwhile. */
  async killStopping(arming: Arming): Promise<void> {
    const life = this.#living
    this.crowd.leave()
    await this.crowd.left()
    await life.server.arm(arming)
    await this.#changeSomething(life)
    await this.#killed(this.#end(), async (server) => {
      await server.stop()
      await server.died()
    })
  }

  /** So that there is something to be stored, whenever the last checkpoint was. */
  async #changeSomething({ connections: [nfs] }: Life): Promise<void> {
    try {
      const object = await nfs?.mount()
      const args = { new_attributes: { mode: 0o755 }, guard: undefined }
      if (object !== undefined) await nfs?.setattr({ object, ...args })
    } catch (error) {
      if (!isGone(error)) throw error
    }
  }

  /** @throws Error where the store that is served is not sound */
  async check(): Promise<void> {
    const { problems } = await this.#living.control.check(() => undefined)
    if (problems.length > 0) throw new Error(`the store is not sound: ${problems.join('; ')}`)
  }

  get #living(): Life {
    if (this.#life === undefined) throw new Error('there is no server')
    return this.#life
  }

  /** Starts a server and kills it before, or soon after, it has recovered. */
  async killAtStart(ms: number): Promise<void> {
    const server = this.#servers.take()
    await server.begin(this.#how)
    await sleep(ms)
    await server.kill()
    this.counts.kills++
    judge(server)
  }

  /** Ends the last server as an operator does. */
  async stop(): Promise<void> {
    const life = this.#end()
    await disconnect(life)
    const code = await life.server.stop()
    if (code !== 0) throw new Error(`the server ended with code ${code}`)
    judge(life.server)
  }

  async close(): Promise<void> {
    const life = this.#life
    this.#life = undefined
    this.crowd.leave()
    await this.#servers.close()
    await this.crowd.left().catch(() => undefined)
    if (life !== undefined) await disconnect(life)
  }

  /** What was done, in one line. */
  toString(): string {
    const { operations, counts } = this.crowd
    return JSON.stringify({ ...this.counts, operations, ...counts })
  }
}

/** The same operations; those that change something go `around`. */
function asking(control: RemoteOperations, around: Around): RemoteOperations {
  for (const what of ['createSnapshot', 'deleteSnapshots', 'restore'] as const) {
    const ask = control[what].bind(control) as (...args: unknown[]) => Promise<never>
    Object.assign(control, { [what]: (...args: unknown[]) => around(what, () => ask(...args)) })
  }
  return control
}

async function disconnect({ connections, control }: Life): Promise<void> {
  await Promise.all([...connections, control].map((one) => one.close()))
}

function judge({ problems, stderr }: ServerProcess): void {
  if (problems.length > 0) throw new Error(`the server reported ${problems.join('; ')}`)
  if (stderr !== '') throw new Error(`the server wrote:\n${stderr}`)
}
