/** Clients that take turns: each writes only after the answer to the one before. */
import { StableHow } from '../../src/fs/filesystem.ts'
import type { Found } from '../crash/expect.ts'
import type { Handle, Nfs } from '../crash/nfs.ts'
import { type Files, file, manifest, manifestOf, withEntry } from './files.ts'
import { type LaneHistory, type Moments, Recorder } from './history.ts'

export const RELAY_PREFIX = 'turn-'

interface Runner {
  readonly nfs: Nfs
  readonly path: string
  readonly handle: Handle
}

export class Relay {
  readonly #recorder: Recorder
  readonly #runners: readonly Runner[]
  #files: Files
  #turn = 0

  private constructor(runners: readonly Runner[], files: Files, moments: Moments) {
    this.#runners = runners
    this.#files = files
    this.#recorder = new Recorder('relay', moments, manifest(files))
  }

  /** Makes a file of the directory for each client to count in. */
  static async start(clients: readonly Nfs[], dir: Handle, moments: Moments): Promise<Relay> {
    const runners: Runner[] = []
    let files: Files = new Map()
    for (const [i, nfs] of clients.entries()) {
      const path = `${RELAY_PREFIX}${i}`
      const how = { mode: 'GUARDED', attributes: { mode: 0o644 } } as const
      const { obj } = await nfs.create({ where: { dir, name: Buffer.from(path) }, how })
      if (obj === undefined) throw new Error('a new file comes with its handle')
      files = withEntry(files, path, file(0o644))
      runners.push({ nfs, path, handle: obj.slice() })
    }
    return new Relay(runners, files, moments)
  }

  get history(): LaneHistory {
    return this.#recorder
  }

  view(root: Found): string {
    return manifestOf(root, RELAY_PREFIX)
  }

  /** The next client writes the number of the turn. */
  async once(): Promise<void> {
    const turn = this.#turn++
    const runner = this.#runners[turn % this.#runners.length]
    if (runner === undefined) throw new Error('nobody takes turns')
    const { nfs, path, handle } = runner
    const data = new Uint8Array(Buffer.from(String(turn).padStart(8, '0')))
    this.#files = withEntry(this.#files, path, file(0o644, data))
    const stable = turn % 3 === 0 ? StableHow.FILE_SYNC : StableHow.UNSTABLE
    const args = { file: handle, offset: 0, count: data.length, stable, data }
    await this.#recorder.send(`turn ${turn}`, manifest(this.#files), () => nfs.write(args))
  }
}
