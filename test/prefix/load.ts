/** Clients that work on a server with many calls under way, and snapshots of that. */
import type { Operations } from '../../src/control/operations.ts'
import type { Found } from '../crash/expect.ts'
import type { Handle, Nfs } from '../crash/nfs.ts'
import { Random } from '../model/random.ts'
import { type LaneHistory, Moments, type Taken } from './history.ts'
import { LAST, Lane } from './lane.ts'
import { Relay } from './relay.ts'
import { SLOTS, Slot, slotsBytes } from './slots.ts'

const SHARED = 'shared'
/** Lanes of a client in directories of their own; another one is in the shared directory. */
const LANES_EACH = 3

/** What goes on by itself: a lane, the relay, a slot. */
interface Going {
  readonly history: LaneHistory
  once(): Promise<unknown>
  view(root: Found): string
}

/** A lane of any kind, and the directory of a dataset's root that it is seen in. */
interface Place {
  readonly going: Going
  readonly dataset: string
  readonly dir: string
}

export class Load {
  readonly #clients: readonly Nfs[]
  readonly #root: Handle
  readonly #random: Random
  readonly #moments = new Moments()
  readonly #places: Place[] = []
  #working: Promise<unknown> = Promise.resolve()
  #ended = false

  private constructor(clients: readonly Nfs[], root: Handle, random: Random) {
    this.#clients = clients
    this.#root = root
    this.#random = random
  }

  /**
   * Makes the directories that it works in.
   *
   * @param clients a connection of each
   * @param dataset the name of another one, in whose directories each client has a lane
   */
  static async prepare(clients: readonly Nfs[], random: Random, dataset: string): Promise<Load> {
    const [first] = clients
    if (first === undefined) throw new Error('there is no client')
    const load = new Load(clients, await first.mount(), random)
    await load.#prepare(first, dataset)
    return load
  }

  async #prepare(first: Nfs, dataset: string): Promise<void> {
    const moments = this.#moments
    const shared = await mkdir(first, this.#root, SHARED)
    const other = await first.walk(this.#root, dataset)
    const where = { dir: shared, name: Buffer.from(SLOTS) }
    const attributes = { mode: 0o644, size: slotsBytes(this.#clients.length) }
    const { obj: slots } = await first.create({ where, how: { mode: 'GUARDED', attributes } })
    if (slots === undefined) throw new Error('a new file comes with its handle')
    for (const [i, nfs] of this.#clients.entries()) {
      const all = { nfs, moments, shared }
      const own = (n: number) => ({ ...all, name: `c${i}l${n}`, random: this.#another() })
      for (let n = 0; n < LANES_EACH; n++) {
        const dir = `c${i}l${n}`
        const root = await mkdir(nfs, this.#root, dir)
        this.#places.push({ going: new Lane({ ...own(n), root, prefix: '' }), dataset: '', dir })
      }
      const root = await mkdir(nfs, other, `c${i}`)
      const apart = new Lane({ ...own(LANES_EACH + 1), root, prefix: '', shared: undefined })
      this.#places.push({ going: apart, dataset, dir: `c${i}` })
      const prefix = `c${i}-`
      const going = new Lane({ ...own(LANES_EACH), root: shared, prefix })
      this.#places.push({ going, dataset: '', dir: SHARED })
      this.#places.push({ going: new Slot(nfs, slots, i, moments), dataset: '', dir: SHARED })
    }
    const relay = await Relay.start(this.#clients, shared, moments)
    this.#places.push({ going: relay, dataset: '', dir: SHARED })
  }

  #another(): Random {
    return new Random(this.#random.uint32())
  }

  get lanes(): readonly LaneHistory[] {
    return this.#places.map(({ going }) => going.history)
  }

  /** Operations that were sent. */
  get operations(): number {
    return this.lanes.reduce((sum, { operations }) => sum + operations.length, 0)
  }

  start(): void {
    const until = async (going: Going) => {
      while (!this.#ended) {
        await going.once()
        await new Promise(setImmediate)
      }
    }
    this.#working = Promise.all(this.#places.map(({ going }) => until(going)))
    // Told by `end`: a failure of one lane ends the others.
    this.#working.catch(() => {
      this.#ended = true
    })
  }

  /** @throws what went wrong in a lane */
  async end(): Promise<void> {
    this.#ended = true
    await this.#working
  }

  /** Takes one of all datasets. @returns when; what it holds is to be looked at */
  async take(
    control: Operations,
    name: string,
  ): Promise<Pick<Taken, 'name' | 'sent' | 'answered'>> {
    const sent = this.#moments.next()
    await control.recursive.create(name, '', [])
    return { name, sent, answered: this.#moments.next() }
  }

  /** What the snapshots of a name hold, or the live trees where there is none. */
  async look(nfs: Nfs, snapshot?: string): Promise<Pick<Taken, 'views' | 'last'>> {
    const inside = snapshot === undefined ? '' : `.snapshots/${snapshot}`
    const found = new Map<string, Found>()
    const views = new Map<string, string>()
    for (const { going, dataset, dir } of this.#places) {
      const path = `${dataset}/${inside}/${dir}`
      const at = found.get(path) ?? (await nfs.look(await nfs.walk(this.#root, path)))
      found.set(path, at)
      views.set(going.history.name, going.view(at))
    }
    const last = found.get(`/${inside}/${SHARED}`)?.names.get(LAST)?.data
    return { views, last: last === undefined ? undefined : Buffer.from(last).toString() }
  }
}

async function mkdir(nfs: Nfs, dir: Handle, name: string): Promise<Handle> {
  const where = { dir, name: Buffer.from(name) }
  const { obj } = await nfs.mkdir({ where, attributes: { mode: 0o755 } })
  if (obj === undefined) throw new Error('a new directory comes with its handle')
  return obj.slice()
}
