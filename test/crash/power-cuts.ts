/**
 * Takes note, in the midst of everything, of what would be there if the power went now: the bytes
 * on the platters, the database's folder, and what the clients know.
 *
 * A database is copied between two of its batches. While a batch is under way, what was there
 * before it counts: it was wholly or not at all in it, and the moment after it is another one.
 */
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { Database } from '../../src/store/database.ts'
import { FORMAT } from '../../src/store/format.ts'
import { REPLIES_FILE } from '../../src/store/replies.ts'
import type { Random } from '../model/random.ts'
import type { Crowd } from './crowd.ts'
import { type Platters, PowerDisk } from './power-disk.ts'

/** Of moments of each kind, one in so many is noted, where they are not to be rarer. */
const ONE_IN = { write: 20, written: 10, sync: 6, synced: 6, truncate: 1, batch: 5 }

export type Moment = keyof typeof ONE_IN

/** What the clients know: a copy of it is taken at each moment. */
interface Knowledge<K> {
  clone(): K
}

/** What a loss of power leaves, and what was promised until then. */
export interface Cut<K = Crowd> {
  readonly what: Moment
  readonly platters: Platters
  /** A copy of the database's folder, not to be changed. */
  readonly meta: string
  /** Whether the making of the store had come to its end. */
  readonly made: boolean
  readonly crowd: K
}

export interface CutsOptions<K = Crowd> {
  /** The folder of the store. */
  readonly directory: string
  /** An existing folder for copies. */
  readonly scratch: string
  /** Whose knowledge is noted. */
  readonly crowd: K
  readonly random: Random
  /** Cuts that are taken at most. */
  readonly max: number
  /** By how much they are to be rarer than usual. */
  readonly rarity: number
  /** What is on the disk in the beginning. */
  readonly platters?: Platters | undefined
}

interface Watcher {
  before(): void
  after(): void
}

/** Who watches the batches of the database that is open. */
let watcher: Watcher | undefined
const write = Database.prototype.write
Database.prototype.write = async function (puts): Promise<void> {
  const watching = watcher
  watching?.before()
  await write.call(this, puts)
  watching?.after()
}

export class Cuts<K extends Knowledge<K> = Crowd> implements Watcher {
  readonly disk: PowerDisk
  readonly taken: Cut<K>[] = []
  readonly #directory: string
  readonly #random: Random
  readonly #scratch: string
  readonly #crowd: K
  readonly #max: number
  readonly #rarity: number
  /** A copy of the database as it is, or was before the batch that is under way. */
  #meta: string | undefined
  #batch = false
  #copies = 0

  constructor({ directory, scratch, crowd, random, max, rarity, platters }: CutsOptions<K>) {
    this.#directory = directory
    this.#scratch = scratch
    this.#crowd = crowd
    this.#random = random
    this.#max = max
    this.#rarity = rarity
    this.disk = new PowerDisk(random, (what) => this.#moment(what), platters)
  }

  /** From now on the power may go. */
  begin(): void {
    watcher = this
  }

  end(): void {
    watcher = undefined
  }

  get full(): boolean {
    return this.taken.length >= this.#max
  }

  before(): void {
    this.#meta ??= this.#copy()
    this.#batch = true
    this.#moment('batch')
  }

  after(): void {
    this.#meta = undefined
    this.#batch = false
    this.#moment('batch')
  }

  #moment(what: Moment): void {
    if (watcher !== this || this.full) return
    if (!this.#random.oneIn(ONE_IN[what] * this.#rarity)) return
    if (this.#meta === undefined && this.#batch) return
    this.#meta ??= this.#copy()
    const made = existsSync(join(this.#directory, 'format'))
    const platters = this.disk.after(this.#random)
    this.taken.push({ what, platters, meta: this.#meta, made, crowd: this.#crowd.clone() })
  }

  #copy(): string {
    const from = join(this.#directory, 'meta')
    const to = `${this.#scratch}/meta-${this.#copies++}`
    // Compactions run behind our back: a copy counts if nothing came or went meanwhile.
    for (;;) {
      rmSync(to, { recursive: true, force: true })
      if (unlessGone(() => copied(from, to))) return to
    }
  }
}

/** @returns whether the folder was the same before and after it was copied */
function copied(from: string, to: string): boolean {
  const before = listed(from)
  cpSync(from, to, { recursive: true })
  return listed(from) === before
}

/** False where a file went away under the action. */
function unlessGone(action: () => boolean): boolean {
  try {
    return action()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

function listed(folder: string): string {
  return readdirSync(folder)
    .map((name) => `${name} ${statSync(join(folder, name)).size}`)
    .join()
}

/** Files that are not in the folder of the blocks. */
const BESIDE = new Set(['log.0', 'log.1', REPLIES_FILE])

/** Makes the folder that a loss of power has left. */
export function leave({ platters, meta, made }: Cut<unknown>, directory: string): void {
  mkdirSync(join(directory, 'blocks'), { recursive: true })
  cpSync(meta, join(directory, 'meta'), { recursive: true })
  for (const name of platters.keys()) {
    appendFileSync(join(directory, BESIDE.has(name) ? '' : 'blocks', name), '')
  }
  if (made) appendFileSync(join(directory, 'format'), FORMAT)
}
