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
import { Random } from '../model/random.ts'
import { withFolder } from '../store/open-store.ts'
import { Crowd } from './crowd.ts'
import { type Cut, Cuts, leave } from './power-cuts.ts'
import { PowerServer } from './power-server.ts'

const test = suite('crash: loss of power')

const { CRASH_SEED, CRASH_STATES } = process.env
const seed = CRASH_SEED === undefined ? Date.now() % 2 ** 31 : Number(CRASH_SEED)
const STATES = Number(CRASH_STATES ?? 100)
/** Moments that are noted before they are looked at. */
const BATCH = 20
const CROWD = { workers: 4, snapshotsMax: 2, pauseMsMax: 30 }
const LOAD_MS_MAX = 4000

console.log(`CRASH_SEED=${seed}`)

/** How often it was opened after a loss of power, by what happened at that moment. */
const looked = new Map<string, number>()

class Run {
  readonly #folder: string
  readonly #random: Random
  #numbers = 0
  states = 0

  constructor(folder: string, random: Random) {
    this.#folder = folder
    this.#random = random
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
        await sleep(this.#random.below(20))
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
    const nested = new Cuts(directory, this.scratch(), crowd, this.#random, again ? 1 : 0, platters)
    nested.begin()
    const server = await PowerServer.open(directory, nested.disk).finally(() => nested.end())
    this.states++
    looked.set(what, (looked.get(what) ?? 0) + 1)
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

  /** Looks at each moment and, for some, at a second loss of power while it recovers. */
  async lookAtAll(cuts: readonly Cut[]): Promise<void> {
    for (const cut of cuts) {
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
async function noteMoments(run: Run, random: Random, last: Cut | undefined): Promise<Cuts> {
  const crowd = last?.crowd ?? new Crowd(random, CROWD)
  const directory = run.scratch()
  if (last !== undefined) leave(last, directory)
  const cuts = new Cuts(directory, run.scratch(), crowd, random, BATCH, last?.platters)
  const server = await PowerServer.open(directory, cuts.disk)
  try {
    await crowd.meet(server)
    if (last === undefined) await crowd.settle()
    else await crowd.verify()
    await run.load(server, crowd, cuts)
    await server.check()
  } finally {
    await server.close()
  }
  return cuts
}

async function losePowerAgainAndAgain(run: Run, random: Random): Promise<void> {
  let last: Cut | undefined
  while (run.states < STATES) {
    const { taken } = await noteMoments(run, random, last)
    await run.lookAtAll(taken.map((cut) => ({ ...cut, crowd: cut.crowd.clone() })))
    last = taken.at(-1)
    if (last === undefined) throw new Error('there was no moment to lose power at')
  }
}

test(`what was promised is there after each of ${STATES} losses of power`, async () => {
  await withFolder(async (folder) => {
    const random = new Random(seed)
    const run = new Run(folder, random)
    await losePowerAgainAndAgain(run, random)
    console.log(JSON.stringify({ states: run.states, ...Object.fromEntries(looked) }))
  })
})

test('a store whose making was interrupted is made again', async () => {
  await withFolder(async (folder) => {
    const random = new Random(seed + 1)
    const run = new Run(folder, random)
    const crowd = new Crowd(random, CROWD)
    const directory = run.scratch()
    const cuts = new Cuts(directory, run.scratch(), crowd, random, BATCH)
    cuts.begin()
    const server = await PowerServer.open(directory, cuts.disk)
    cuts.end()
    await server.close()
    for (const cut of cuts.taken) {
      const [again] = await run.look(cut, run.scratch(), false)
      await again.close()
    }
  })
})

test.run()
