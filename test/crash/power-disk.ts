/**
 * A disk that loses power, for the store's own files: the intent log and the blocks.
 *
 * Simulated: everything that no sync has covered is lost, torn at sectors or at pages, or there
 * after all, in any order; names of new files are lost without a sync of their directory; syncs and
 * writes take a while, during which other things happen.
 *
 * Not simulated: LevelDB's folder is real, and taken as it was when its last batch had ended (its
 * batches are synced; that its own log and tables survive a loss of power is its own business).
 * So are `format`, whose rename is taken to be durable at once, and the folder's other names. Disks
 * that lie about a sync are not simulated either.
 */
import { appendFileSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Disk, DiskFile, OpenOptions } from '../../src/store/disk.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import type { Random } from '../model/random.ts'
import { type Contents, type Fate, type PowerEvents, PowerFile } from './power-file.ts'

/** Files of the folder that are really there. */
const REAL = new Set(['format.new'])
/** The most turns of the event loop that an operation takes, mostly. */
const DELAY_TURNS_MAX = 4
/** Now and then it takes so long that the database, which is a real one, is faster. */
const LONG_DELAY_MS_MAX = 20
const LONG_DELAY_ONE_IN = 20
const SECTORS_OF_A_PAGE = 8

/** What of the disk is there after the power went: contents by the files' names. */
export type Platters = ReadonlyMap<string, Contents>

export class PowerDisk implements Disk {
  readonly #random: Random
  readonly #moment: PowerEvents['moment']
  readonly #platters: Platters
  readonly #files = new Map<string, PowerFile>()
  /** Files whose names a sync of the directory has covered. */
  readonly #named: Set<string>
  free = 2 ** 40

  /** @param moment is told of everything that happens; the power may go then */
  constructor(random: Random, moment: PowerEvents['moment'], platters: Platters = new Map()) {
    this.#random = random
    this.#moment = moment
    this.#platters = platters
    this.#named = new Set(platters.keys())
  }

  async open(path: string, options: OpenOptions = {}): Promise<DiskFile> {
    const name = basename(path)
    if (REAL.has(name)) return nodeDisk.open(path, options)
    await this.#delay()
    const known = this.#files.get(name)
    if (known !== undefined) return known
    // The store lists its folder, so the name is there in truth; the bytes are not.
    appendFileSync(path, '')
    const delay = () => this.#delay()
    const events = { moment: this.#moment, delay }
    const file = new PowerFile(events, options.dsync ?? false, this.#platters.get(name))
    this.#files.set(name, file)
    return file
  }

  async syncDirectory(): Promise<void> {
    const names = [...this.#files.keys()]
    this.#moment('sync')
    await this.#delay()
    for (const name of names) this.#named.add(name)
    this.#moment('synced')
  }

  space(): { total: number; free: number } {
    return { total: 2 ** 40, free: this.free }
  }

  async #delay(): Promise<void> {
    if (this.#random.oneIn(LONG_DELAY_ONE_IN)) await sleep(this.#random.below(LONG_DELAY_MS_MAX))
    for (let left = this.#random.below(DELAY_TURNS_MAX + 1); left > 0; left--) {
      await new Promise(setImmediate)
    }
  }

  /** What is there when the power goes now. */
  after(random: Random): Platters {
    const fate = someFate(random)
    const contents = new Map(this.#platters)
    for (const [name, file] of this.#files) {
      contents.delete(name)
      if (this.#named.has(name) || random.oneIn(2)) contents.set(name, file.after(fate))
    }
    return contents
  }
}

/** One of the ways in which disks forget. */
function someFate(random: Random): Fate {
  const [whole, none] = [() => true, () => false]
  const unit = random.pick([1, SECTORS_OF_A_PAGE])
  const truncation = () => random.oneIn(2)
  const oneIn = random.pick([2, 4, 16])
  const some = () => {
    const chosen = new Map<number, boolean>()
    return (sector: number): boolean => {
      const at = Math.floor(sector / unit)
      const known = chosen.get(at) ?? random.oneIn(oneIn)
      chosen.set(at, known)
      return known
    }
  }
  return random.pick<Fate>([
    { truncation: none, write: () => none },
    { truncation: whole, write: () => whole },
    // Each write wholly, or not at all.
    { truncation, write: () => (random.oneIn(2) ? whole : none) },
    // A part of each, from its start or to its end.
    {
      truncation,
      write: (sectors) => {
        const at = random.below(sectors + 1)
        const head = random.oneIn(2)
        return (sector) => sector < at === head
      },
    },
    // Most of the units, or few of them.
    { truncation, write: some },
    {
      truncation,
      write: () => {
        const lost = some()
        return (sector) => !lost(sector)
      },
    },
  ])
}
