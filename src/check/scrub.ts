/**
 * A check beside the work of clients, which goes before it: one at a time, with a result that is
 * kept until the next one has ended.
 *
 *   scrub.json   how the last one that went to its end went, in the data folder
 */
import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Disk } from '../store/disk.ts'
import type { Store } from '../store/store.ts'
import { checkStore } from './check.ts'

export const SCRUB_FILE = 'scrub.json'
/** Problems that are kept; more are only counted. */
export const SCRUB_PROBLEMS_MAX = 100

/** A scrub that went to its end. Times are in seconds since 1970. */
export interface ScrubResult {
  readonly started: number
  readonly ended: number
  readonly inodes: number
  /** Blocks that were read. */
  readonly blocks: number
  readonly snapshots: number
  /** How many problems there are. */
  readonly problemCount: number
  /** The first of them, a sentence each. */
  readonly problems: readonly string[]
}

/** One that runs. */
export interface ScrubRunning {
  /** Seconds since 1970. */
  readonly started: number
  /** What it has done last, in words. */
  readonly done: string
  /** Bytes of file data that were read, of all that there are; 0 and 0 before it comes to them. */
  readonly doneBytes: number
  readonly totalBytes: number
}

export interface ScrubStatus {
  readonly running: ScrubRunning | undefined
  readonly last: ScrubResult | undefined
  /** Why the last one did not go to its end; undefined where it did. */
  readonly failure: string | undefined
}

export interface ScrubHost {
  readonly store: Store
  readonly disk: Disk
  /** Throws where the store is about to be closed. */
  requireGoingOn(): void
  /** Milliseconds, from any time on. */
  now(): number
  /** Seconds since 1970. */
  seconds(): number
}

/** Ends a scrub that is not wanted any more. */
class Stopped extends Error {}

export class Scrub {
  readonly #host: ScrubHost
  #running: ScrubRunning | undefined
  #ending: Promise<void> = Promise.resolve()
  #stopping = false
  #failure: string | undefined

  constructor(host: ScrubHost) {
    this.#host = host
  }

  async status(): Promise<ScrubStatus> {
    return { running: this.#running, last: await this.#last(), failure: this.#failure }
  }

  /** Begins one, unless one runs. @returns what ends with it, and never rejects */
  start(): Promise<void> {
    if (this.#running !== undefined) return this.#ending
    this.#stopping = false
    this.#failure = undefined
    const started = this.#host.seconds()
    this.#running = { started, done: 'begun', doneBytes: 0, totalBytes: 0 }
    this.#ending = this.#run(started)
      .catch((error: unknown) => {
        this.#failure = error instanceof Error ? error.message : String(error)
      })
      .finally(() => {
        this.#running = undefined
      })
    return this.#ending
  }

  /** Ends the one that runs, if one does. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#ending
  }

  async #run(started: number): Promise<void> {
    const { store, seconds } = this.#host
    const told = (change: Partial<ScrubRunning>): void => {
      if (this.#running !== undefined) this.#running = { ...this.#running, ...change }
    }
    const { problems, ...counts } = await checkStore(store, (done) => told({ done }), {
      requireGoingOn: () => this.#requireGoingOn(),
      read: (doneBytes, totalBytes) => told({ doneBytes, totalBytes }),
      rest: this.#rest(),
    })
    await this.#keep({
      ...{ started, ended: seconds(), ...counts, problemCount: problems.length },
      problems: problems.slice(0, SCRUB_PROBLEMS_MAX),
    })
  }

  #requireGoingOn(): void {
    if (this.#stopping) throw new Stopped('it was stopped')
    this.#host.requireGoingOn()
  }

  /** Rests as long as the clients want, for all that was done since the last rest. */
  #rest(): () => Promise<void> {
    const { store, now } = this.#host
    let since = now()
    return async () => {
      store.pace.worked(now() - since)
      await store.pace.rest()
      since = now()
    }
  }

  async #last(): Promise<ScrubResult | undefined> {
    const path = join(this.#host.store.directory, SCRUB_FILE)
    try {
      return JSON.parse(await readFile(path, 'utf8')) as ScrubResult
    } catch {
      return undefined
    }
  }

  async #keep(result: ScrubResult): Promise<void> {
    const { disk, store } = this.#host
    const path = join(store.directory, SCRUB_FILE)
    const file = await disk.open(`${path}.new`)
    try {
      const bytes = Buffer.from(`${JSON.stringify(result)}\n`)
      await file.truncate(0)
      await file.write([bytes], 0)
      await file.datasync()
    } finally {
      await file.close()
    }
    await rename(`${path}.new`, path)
    await disk.syncDirectory(store.directory)
  }
}

/** What a caller can ask of a scrub. */
export const SCRUB_ACTIONS = ['start', 'stop', 'status'] as const
export type ScrubAction = (typeof SCRUB_ACTIONS)[number]

export async function scrubAsked(scrub: Scrub, action: ScrubAction): Promise<ScrubStatus> {
  if (action === 'start') void scrub.start()
  if (action === 'stop') await scrub.stop()
  return scrub.status()
}
