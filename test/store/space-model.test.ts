/** Random operations, checkpoints and crashes against plain arrays. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FsError } from '../../src/store/error.ts'
import { SpaceMap } from '../../src/store/space.ts'

const test = suite('space-model')

const GROUP = 4096
const GROUPS_MAX = 6
const BLOCKS = GROUPS_MAX * GROUP

/** mulberry32: numbers from 0 to below 1 that a seed repeats. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Delta {
  readonly address: number
  readonly count: number
  readonly by: number
}

class Model {
  readonly #random: () => number
  counts = new Uint16Array(BLOCKS)
  /** 0 free or used, 1 released since the cut, 2 before it; 3 and 4 the same of young blocks. */
  limbo = new Uint8Array(BLOCKS)
  /** 1 where a block came into use in the open commit group. */
  young = new Uint8Array(BLOCKS)
  database = new Map<number, Uint8Array>()
  /** What the log holds: since the last complete checkpoint, and how much of it was cut. */
  log: Delta[] = []
  cut = 0
  frozen: { group: number; bytes: Uint8Array }[] | undefined
  space: SpaceMap
  full = 0

  constructor(seed: number) {
    this.#random = randomOf(seed)
    this.space = this.#open()
  }

  below(n: number): number {
    return Math.floor(this.#random() * n)
  }

  #open(): SpaceMap {
    const load = (group: number) => this.database.get(group)
    const options = { load, mayGrow: () => true, groupsMax: GROUPS_MAX }
    // Room for two decoded groups only, so that groups come and go all the time.
    const space = new SpaceMap({ ...options, cacheBytes: 2 * 9000 })
    for (const [group, bytes] of this.database) space.load(group, bytes)
    return space
  }

  step(): void {
    const dice = this.below(100)
    if (dice < 2) this.freeze()
    else if (dice < 6) this.complete()
    else if (dice < 7) this.crash()
    else if (dice < 10) this.forgetYoung()
    else if (dice < 20) this.releaseYoung()
    else this.transaction()
  }

  transaction(): void {
    const before = this.counters()
    const undo: (() => void)[] = []
    const deltas: Delta[] = []
    const allocated: Delta[] = []
    for (let i = this.below(5); i >= 0; i--) {
      const dice = this.below(10)
      if (dice < 4) allocated.push(...this.allocate(undo, deltas))
      else if (dice < 6) this.share(undo, deltas)
      else this.release(undo, deltas)
    }
    if (this.below(4) > 0) {
      this.log.push(...deltas)
      if (this.below(3) > 0) this.markYoung(allocated)
      return
    }
    for (const action of undo.reverse()) action()
    assert.equal([before[0], before[1]], this.counters().slice(0, 2))
  }

  markYoung(allocated: readonly Delta[]): void {
    for (const { address, count } of allocated) {
      this.space.markYoung(address, count)
      this.young.fill(1, address, address + count)
    }
  }

  forgetYoung(): void {
    this.space.forgetYoung()
    this.young.fill(0)
  }

  releaseYoung(): void {
    this.space.releaseYoung()
    this.limbo = this.limbo.map((state) => (state > 2 ? 0 : state))
  }

  /** @returns what was allocated */
  allocate(undo: (() => void)[], deltas: Delta[]): readonly Delta[] {
    const allocated: Delta[] = []
    const blocks = 1 + (this.below(3) === 0 ? this.below(2000) : this.below(40))
    const used = this.space.usedBlocks
    try {
      for (const { address, count } of this.space.allocate(blocks)) {
        for (let i = address; i < address + count; i++) {
          const taken = i === 0 || this.counts[i] !== 0 || this.limbo[i] !== 0
          if (taken) assert.unreachable(`block ${i} is not free`)
        }
        this.counts.fill(1, address, address + count)
        allocated.push({ address, count, by: 1 })
        undo.push(() => {
          this.space.undoAllocate(address, count)
          this.counts.fill(0, address, address + count)
        })
      }
    } catch (error) {
      if (!(error instanceof FsError)) throw error
      assert.is(this.space.usedBlocks, used)
      assert.ok(BLOCKS - 1 - used - this.space.limboBlocks < blocks, 'there was room')
      this.full++
    }
    deltas.push(...allocated)
    return allocated
  }

  /** A run of used blocks, from a random place on. */
  #run(): [number, number] | undefined {
    const start = this.below(BLOCKS)
    let address = this.counts.findIndex((count, i) => i >= start && count > 0)
    if (address === -1) address = this.counts.findIndex((count) => count > 0)
    if (address === -1) return undefined
    const most = this.below(3) === 0 ? 1500 : 8
    let count = 1
    while (count < most && (this.counts[address + count] ?? 0) > 0) count++
    return [address, count]
  }

  share(undo: (() => void)[], deltas: Delta[]): void {
    const run = this.#run()
    if (run === undefined) return
    const [address, count] = run
    this.space.share(address, count)
    this.#add(address, count, 1)
    deltas.push({ address, count, by: 1 })
    undo.push(() => {
      this.space.undoShare(address, count)
      this.#add(address, count, -1)
    })
  }

  release(undo: (() => void)[], deltas: Delta[]): void {
    const run = this.#run()
    if (run === undefined) return
    const [address, count] = run
    this.space.release(address, count)
    this.#add(address, count, -1)
    for (let i = address; i < address + count; i++) {
      if (this.counts[i] === 0) this.limbo[i] = this.young[i] === 1 ? 3 : 1
    }
    deltas.push({ address, count, by: -1 })
    undo.push(() => {
      this.space.undoRelease(address, count)
      this.#add(address, count, 1)
      this.limbo.fill(0, address, address + count)
    })
  }

  #add(address: number, count: number, by: number): void {
    for (let i = address; i < address + count; i++) this.counts[i] = (this.counts[i] ?? 0) + by
  }

  freeze(): void {
    if (this.frozen !== undefined) return
    this.forgetYoung()
    this.frozen = this.space.freeze()
    this.cut = this.log.length
    this.limbo = this.limbo.map((state) => (state % 2 === 1 ? state + 1 : state))
  }

  complete(): void {
    if (this.frozen === undefined) return
    for (const { group, bytes } of this.frozen) this.database.set(group, bytes)
    this.space.releaseLimbo()
    this.log = this.log.slice(this.cut)
    this.limbo = this.limbo.map((state) => (state === 2 || state === 4 ? 0 : state))
    this.frozen = undefined
  }

  /** The database has the last complete checkpoint; the log brings back the rest. */
  crash(): void {
    this.space = this.#open()
    for (const { address, count, by } of this.log) this.space.applyDelta(address, count, by)
    this.limbo.fill(0)
    this.young.fill(0)
    this.frozen = undefined
    this.check()
  }

  counters(): number[] {
    return [this.space.usedBlocks, this.space.limboBlocks, this.space.freeBlocks]
  }

  check(): void {
    const used = this.counts.filter((count) => count > 0).length
    const limbo = this.limbo.filter((state) => state > 0).length
    const total = this.space.totalGroups
    const free = total === 0 ? 0 : total * GROUP - 1 - used - limbo
    assert.equal(this.counters(), [used, limbo, free])
    for (let i = 0; i < BLOCKS; i++) {
      if (this.space.refcount(i) !== this.counts[i]) {
        assert.is(this.space.refcount(i), this.counts[i], `block ${i}`)
      }
    }
  }
}

for (let seed = 1; seed <= 8; seed++) {
  test(`seed ${seed}`, () => {
    const model = new Model(seed)
    for (let i = 0; i < 300; i++) {
      model.step()
      if (i % 20 === 0) model.check()
    }
    model.crash()
  })
}

test('the seeds meet a full store', () => {
  const model = new Model(1)
  for (let i = 0; i < 2000 && model.full === 0; i++) model.step()
  assert.ok(model.full > 0)
})

test.run()
