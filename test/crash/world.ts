/** A server that is killed again and again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { RemoteOperations } from '../../src/control/client.ts'
import type { Random } from '../model/random.ts'
import { Crowd } from './crowd.ts'
import { Nfs } from './nfs.ts'
import { type ServerProcess, Servers } from './server.ts'

const CONNECTIONS = 3
/** So small that there is a checkpoint under way nearly all the time. */
const CHECKPOINT_LIMITS = { logBytesMax: 256 * 1024, dirtyRecordsMax: 50, limboBlocksMax: 50 }
const CROWD = { workers: 8, snapshotsMax: 5, pauseMsMax: 60, full: false }

interface Life {
  readonly server: ServerProcess
  readonly connections: readonly Nfs[]
  readonly control: RemoteOperations
}

export class World {
  readonly directory: string
  readonly crowd: Crowd
  readonly #servers = new Servers()
  #life: Life | undefined
  readonly counts = { kills: 0, starts: 0, recovered: 0 }

  constructor(directory: string, random: Random) {
    this.directory = directory
    this.crowd = new Crowd(random, CROWD)
  }

  get #how() {
    return { directory: this.directory, checkpointLimits: CHECKPOINT_LIMITS }
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
    await this.crowd.meet(this.#life)
  }

  #end(): Life {
    const life = this.#life
    if (life === undefined) throw new Error('there is no server')
    this.#life = undefined
    this.crowd.leave()
    return life
  }

  /** Lets the load go on for a while, then kills the server in the midst of it. */
  async killAfter(ms: number): Promise<void> {
    await sleep(ms)
    const life = this.#end()
    await life.server.kill()
    this.counts.kills++
    await this.crowd.left()
    await disconnect(life)
    judge(life.server)
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

async function disconnect({ connections, control }: Life): Promise<void> {
  await Promise.all([...connections, control].map((one) => one.close()))
}

function judge({ problems, stderr }: ServerProcess): void {
  if (problems.length > 0) throw new Error(`the server reported ${problems.join('; ')}`)
  if (stderr !== '') throw new Error(`the server wrote:\n${stderr}`)
}
