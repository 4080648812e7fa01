/**
 * Loss of power at any moment: an operation and what it was answered are both there, or neither,
 * whatever of the log, of the file of replies and of the database was on the disk by then.
 *
 * `CRASH_SEED=n` replays the choices (mostly: the database has threads of its own).
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { nameKey } from '../../src/store/keys.ts'
import { closeStore } from '../../src/store/open.ts'
import { FileType } from '../../src/store/records.ts'
import type { Store } from '../../src/store/store.ts'
import { Random, seedOf } from '../model/random.ts'
import { openTestStore, withFolder, withStore } from '../store/open-store.ts'
import { Cuts, leave } from './power-cuts.ts'
import { PowerDisk } from './power-disk.ts'

const test = suite('crash: replies and loss of power')

const seed = seedOf('CRASH_SEED')
const ROUNDS = 3
const CUTS_MAX = 14
const OPERATIONS_MAX = 3000
/** So few that each is used again and again, before and while a checkpoint writes it. */
const SLOTS = 12
const FIRST_INO = 5000
/** So small that there is a checkpoint under way much of the time. */
const LIMITS = { logBytesMax: 32 * 1024, dirtyRecordsMax: 10 }

/** The newest operation in each slot that is known to be on the disk; -1 while there is none. */
class Promised {
  readonly newest: readonly number[]

  constructor(newest: readonly number[] = new Array<number>(SLOTS).fill(-1)) {
    this.newest = newest
  }

  clone(): Promised {
    return new Promised([...this.newest])
  }
}

const nameOf = (slot: number) => nameKey(1, Buffer.from(`slot ${slot}`))

/** Operation `n` changes the name of its slot, and is answered its number. */
function operate(store: Store, slot: number, n: number): void {
  const work = () => {
    const record = { ino: FIRST_INO + n, type: FileType.REG, cookie: n }
    store.transact((tx) => tx.put(store.dataset.names, nameOf(slot), record))
    return Buffer.from(`answer ${n}`)
  }
  const call = { client: '192.0.2.1', xid: n, prog: 100_003, vers: 3, proc: 9, checksum: n }
  store.together(work, call, () => slot)
}

async function load(store: Store, random: Random, promised: Promised, full: () => boolean) {
  const newest = promised.newest as number[]
  for (let n = 0; n < OPERATIONS_MAX && !full(); n++) {
    const slot = random.below(SLOTS)
    operate(store, slot, n)
    store.barrier((error) => {
      assert.is(error, undefined)
      newest[slot] = Math.max(newest[slot] ?? -1, n)
    })
    if (random.oneIn(3)) await new Promise(setImmediate)
    if (random.oneIn(20)) await store.flush()
  }
}

/** What the store has done last in each slot, and what it was answered: the same. */
function verify(store: Store, { newest }: Promised): void {
  const answers = new Map(store.replies.all().map(({ slot, results }) => [slot, results]))
  for (const [slot, promised] of newest.entries()) {
    const ino = store.dataset.names.get(nameOf(slot))?.ino
    const done = ino === undefined ? undefined : ino - FIRST_INO
    const answer = answers.get(slot)
    const told = answer === undefined ? undefined : Buffer.from(answer).toString()
    assert.is(told, done === undefined ? undefined : `answer ${done}`, `slot ${slot}`)
    assert.ok((done ?? -1) >= promised, `slot ${slot} has ${done}, ${promised} was promised`)
  }
}

test('an operation and its answer are both there after a loss of power, or neither', async () => {
  const random = new Random(seed)
  let looked = 0
  for (let round = 0; round < ROUNDS; round++) {
    await withFolder(async (folder) => {
      const [directory, scratch] = [join(folder, 'store'), join(folder, 'scratch')]
      await mkdir(scratch)
      const crowd = new Promised()
      const options = { directory, scratch, crowd, random, max: CUTS_MAX, rarity: 2 }
      const cuts = new Cuts<Promised>(options)
      const { store } = await openTestStore(directory, { disk: cuts.disk, limits: LIMITS })
      cuts.begin()
      await load(store, random, crowd, () => cuts.full)
      await store.flush()
      cuts.end()
      await closeStore(store)
      for (const [n, cut] of cuts.taken.entries()) {
        const left = join(folder, `left ${n}`)
        leave(cut, left)
        const disk = new PowerDisk(random, () => undefined, cut.platters)
        await withStore(left, async (opened) => verify(opened.store, cut.crowd), { disk })
        looked++
      }
    })
  }
  assert.ok(looked > ROUNDS, `the power went ${looked} times`)
})

test.run()
