/** A server that is killed in the midst of a long job, and what it works on. */
import { setTimeout as sleep } from 'node:timers/promises'
import { RemoteOperations } from '../../src/control/client.ts'
import { StableHow } from '../../src/fs/filesystem.ts'
import { isGone } from './history.ts'
import { type Handle, Nfs, NfsError } from './nfs.ts'
import { type ServerProcess, Servers } from './server.ts'

/** So small that there is a checkpoint under way much of the time. */
const CHECKPOINT_LIMITS = { logBytesMax: 512 * 1024, dirtyRecordsMax: 500, limboBlocksMax: 500 }
/** Calls under way at once. */
const AT_ONCE = 32
/** How long a job in the background may take: so many looks, with pauses between them. */
const LOOKS_MAX = 10_000
const LOOK_MS = 5

export interface Life {
  readonly server: ServerProcess
  readonly nfs: Nfs
  /** The root directory. */
  readonly root: Handle
  readonly control: RemoteOperations
}

export class Jobs {
  readonly #directory: string
  readonly #servers = new Servers()

  constructor(directory: string) {
    this.#directory = directory
  }

  async start(): Promise<Life> {
    const server = this.#servers.take()
    const how = { directory: this.#directory, checkpointLimits: CHECKPOINT_LIMITS }
    const { host, port } = await server.serving(how)
    const nfs = await Nfs.connect(host, port)
    const root = await nfs.mount()
    const control = await RemoteOperations.connect(this.#directory)
    return { server, nfs, root, control }
  }

  /**
   * Begins a job, and has the server kill itself behind so many commits from then on.
   *
   * @returns whether that was before the job ended
   */
  async killDuring(
    { server, ...life }: Life,
    job: () => Promise<unknown>,
    commits: number,
  ): Promise<boolean> {
    await server.arm({ point: 'log write after', nth: commits })
    const ended = job().then(
      () => true,
      (error: unknown) => {
        if (!isGone(error)) throw error
        return false
      },
    )
    const hasEnded = await Promise.race([ended, server.died().then(() => false)])
    await server.kill()
    await ended
    await disconnect(life)
    requireSilent(server)
    return !hasEnded
  }

  async stop({ server, ...life }: Life): Promise<void> {
    await disconnect(life)
    const code = await server.stop()
    if (code !== 0) throw new Error(`the server ended with code ${code}`)
    requireSilent(server)
  }

  async close(): Promise<void> {
    await this.#servers.close()
  }
}

async function disconnect({ nfs, control }: Omit<Life, 'server'>): Promise<void> {
  await Promise.all([nfs, control].map((one) => one.close()))
}

function requireSilent({ problems, stderr }: ServerProcess): void {
  if (problems.length > 0) throw new Error(`the server reported ${problems.join('; ')}`)
  if (stderr !== '') throw new Error(`the server wrote:\n${stderr}`)
}

/** Looks again and again until it is so. */
export async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    if (await isSo()) return
    await sleep(LOOK_MS)
  }
  throw new Error('it never came true')
}

export async function makeDirectory(nfs: Nfs, dir: Handle, name: string): Promise<Handle> {
  const where = { dir, name: Buffer.from(name) }
  const { obj } = await nfs.mkdir({ where, attributes: { mode: 0o755 } })
  if (obj === undefined) throw new Error('a new directory comes with its handle')
  return obj.slice()
}

/** Files of a block each, in one directory. */
export class Files {
  readonly #dir: Handle
  readonly #handles = new Map<string, Handle>()

  constructor(dir: Handle) {
    this.#dir = dir
  }

  /** Writes some, made where they are not known. The next snapshot makes the data stable. */
  async write(nfs: Nfs, names: readonly string[], byte: number): Promise<void> {
    const left = [...names]
    const data = new Uint8Array(4096).fill(byte)
    const stable = StableHow.UNSTABLE
    const work = async () => {
      for (let name = left.shift(); name !== undefined; name = left.shift()) {
        const file = this.#handles.get(name) ?? (await this.#make(nfs, name))
        await nfs.write({ file, offset: 0, count: data.length, data, stable })
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }

  async #make(nfs: Nfs, name: string): Promise<Handle> {
    const where = { dir: this.#dir, name: Buffer.from(name) }
    const how = { mode: 'UNCHECKED', attributes: { mode: 0o644 } } as const
    const { obj } = await nfs.create({ where, how })
    if (obj === undefined) throw new Error('a new file comes with its handle')
    this.#handles.set(name, obj.slice())
    return obj.slice()
  }

  /** They were removed. */
  forget(names: readonly string[]): void {
    for (const name of names) this.#handles.delete(name)
  }
}

/** Whether a name is there. */
export async function has(nfs: Nfs, dir: Handle, name: string): Promise<boolean> {
  try {
    await nfs.lookup({ what: { dir, name: Buffer.from(name) } })
    return true
  } catch (error) {
    if (error instanceof NfsError && error.status === 'NFS3ERR_NOENT') return false
    throw error
  }
}

export const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`)
