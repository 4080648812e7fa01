/**
 * Loss of power under load, at moments that are noted in passing and looked at afterwards: each is
 * a store of its own that is opened, compared with what was promised, checked, and the last of them
 * worked with until the power goes again. What is simulated, and what not: power-disk.ts.
 *
 * `CRASH_SEED=n` replays the choices (mostly: the database has threads of its own),
 * `CRASH_STATES=n` looks at more moments.
 */
import { mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import { Random, seedOf } from '../model/random.ts'
import { withFolder } from '../store/open-store.ts'
import { Crowd } from './crowd.ts'
import { type Cut, Cuts, leave } from './power-cuts.ts'
import type { Platters } from './power-disk.ts'
import { PowerServer } from './power-server.ts'

const test = suite('crash: loss of power')

const { CRASH_STATES } = process.env
const seed = seedOf('CRASH_SEED')
const STATES = Number(CRASH_STATES ?? 100)
/** Moments that are noted before they are looked at. */
const BATCH = 14
const CROWD = { workers: 4, snapshotsMax: 2, pauseMsMax: 30 }
const ROOMY = 2 ** 40
/** How much rarer moments are noted under load than in a start, in which little happens. */
const LOAD_RARITY = 4
const LOAD_MS_MAX = 3000

class Run {
  readonly #folder: string
  readonly random: Random
  /** Whether the store cannot grow: then it uses freed blocks anew all the time. */
  readonly full: boolean
  #numbers = 0
  states = 0
  operations = 0
  refusals = 0
  readonly looked = new Map<string, number>()

  constructor(folder: string, random: Random, full: boolean) {
    this.#folder = folder
    this.random = random
    this.full = full
  }

  newCrowd(): Crowd {
    return new Crowd(this.random, { ...CROWD, full: this.full })
  }

  newCuts(directory: string, crowd: Crowd, max: number, platters?: Platters, rarity = 1): Cuts {
    const options = { directory, crowd, max, platters, rarity }
    const cuts = new Cuts({ ...options, scratch: this.scratch(), random: this.random })
    cuts.disk.free = this.full && platters !== undefined ? 0 : ROOMY
    return cuts
  }

  scratch(): string {
    const path = join(this.#folder, String(this.#numbers++))
    mkdirSync(path)
    return path
  }

  /** Works until enough moments are noted. */
  async load(server: PowerServer, crowd: Crowd, cuts: Cuts): Promise<void> {
    crowd.work()
    cuts.begin()
    try {
      const until = performance.now() + LOAD_MS_MAX
      while (!cuts.full && performance.now() < until) {
        await sleep(this.random.below(20))
        const handle = crowd.someHandle()
        if (handle !== undefined) server.mishap(handle)
      }
    } finally {
      cuts.end()
      crowd.leave()
      await crowd.left()
    }
  }

  /**
   * Opens what a loss of power has left, and compares.
   *
   * @param again whether the power may go once more while it recovers
   */
  async look(cut: Cut, directory: string, again: boolean): Promise<[PowerServer, Cuts]> {
    const { crowd, platters, what } = cut
    leave(cut, directory)
    const nested = this.newCuts(directory, crowd, again ? 1 : 0, platters)
    nested.begin()
    const server = await PowerServer.open(directory, nested.disk).finally(() => nested.end())
    this.states++
    this.looked.set(what, (this.looked.get(what) ?? 0) + 1)
    try {
      await crowd.meet(server)
      await crowd.verify()
      await server.check()
    } catch (error) {
      await server.close().catch(() => undefined)
      throw error
    }
    return [server, nested]
  }

  /**
   * Looks at each moment and, for some, at a second loss of power while it recovers.
   *
   * @param states how often is enough
   */
  async lookAtAll(cuts: readonly Cut[], states: number): Promise<void> {
    for (const cut of cuts) {
      if (this.states >= states) return
      const directory = this.scratch()
      // What was promised is the same if the power goes again before anybody has been served.
      const crowd = cut.crowd.clone()
      const [server, { taken }] = await this.look({ ...cut, crowd }, directory, true)
      await server.close()
      for (const nested of taken) {
        const [after] = await this.look({ ...nested, crowd: cut.crowd }, this.scratch(), false)
        await after.close()
      }
      await rm(directory, { recursive: true })
    }
  }
}

/** Works on what is there, and notes moments at which the power may go. */
async function noteMoments(run: Run, last: Cut | undefined): Promise<Cuts> {
  const crowd = last?.crowd ?? run.newCrowd()
  const directory = run.scratch()
  if (last !== undefined) leave(last, directory)
  const cuts = run.newCuts(directory, crowd, BATCH, last?.platters, LOAD_RARITY)
  const server = await PowerServer.open(directory, cuts.disk)
  try {
    await crowd.meet(server)
    if (last === undefined) await crowd.settle()
    else await crowd.verify()
    if (last === undefined && run.full) await crowd.fill()
    if (run.full) cuts.disk.free = 0
    await run.load(server, crowd, cuts)
    await server.check()
  } finally {
    await server.close()
  }
  run.operations += crowd.operations
  run.refusals += crowd.refusals
  return cuts
}

async function losePowerAgainAndAgain(run: Run, states: number): Promise<void> {
  let last: Cut | undefined
  while (run.states < states) {
    const { taken } = await noteMoments(run, last)
    const copies = taken.map((cut) => ({ ...cut, crowd: cut.crowd.clone() }))
    await run.lookAtAll(copies, states)
    last = taken.at(-1)
    if (last === undefined) throw new Error('there was no moment to lose power at')
  }
}

for (const [full, states] of [
  [false, Math.ceil(STATES / 2)],
  [true, Math.ceil(STATES / 2)],
] as const) {
  const where = full ? 'on a disk that is full' : 'on a disk with room'
  test(`what was promised is there after each of ${states} losses of power, ${where}`, async () => {
    await withFolder(async (folder) => {
      const run = new Run(folder, new Random(seed + Number(full)), full)
      await losePowerAgainAndAgain(run, states)
      const { operations, refusals, looked } = run
      const counts = { states: run.states, operations, refusals, ...Object.fromEntries(looked) }
      console.log(JSON.stringify(counts))
    })
  })
}

test('a store whose making was interrupted is made again', async () => {
  await withFolder(async (folder) => {
    const run = new Run(folder, new Random(seed + 2), false)
    const directory = run.scratch()
    const cuts = run.newCuts(directory, run.newCrowd(), BATCH)
    cuts.begin()
    const server = await PowerServer.open(directory, cuts.disk).finally(() => cuts.end())
    await server.close()
    for (const cut of cuts.taken) {
      const [again] = await run.look(cut, run.scratch(), false)
      await again.close()
    }
  })
})

test.run()
