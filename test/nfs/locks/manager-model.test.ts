/**
 * The lock manager against a naive model: an array of bytes for each owner, and one line of those
 * who wait. What the journal has must be what the model says, after each step and each restart.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Random } from '../../model/random.ts'
import { GRACE_MS, LockWorld, type Wanted } from './world.ts'

const test = suite('nfs/locks/manager: random operations')

const BYTES = 16
const STEPS = 1500
const OWNERS = ['a:1', 'a:2', 'bb:1', 'ccc:1'] as const
type Owner = (typeof OWNERS)[number]
type Byte = 'S' | 'X' | undefined
interface Wish {
  readonly owner: Owner
  readonly from: number
  readonly to: number
  readonly exclusive: boolean
}

const clientOf = (owner: string) => owner.split(':')[0]
const wanted = ({ from, to, exclusive }: Wish): Wanted => ({ from, to, exclusive })
const same = (a: Wish, b: Wish) => JSON.stringify(a) === JSON.stringify(b)

class Model {
  readonly held = new Map<Owner, Byte[]>(OWNERS.map((owner) => [owner, none()]))
  line: Wish[] = []

  conflicts({ owner, from, to, exclusive }: Wish): boolean {
    return [...this.held].some(([other, bytes]) => {
      const part = bytes.slice(from, to + 1)
      return other !== owner && part.some((byte) => byte === 'X' || (exclusive && byte === 'S'))
    })
  }

  set({ owner, from, to }: Wish, byte: Byte): void {
    this.held.get(owner)?.fill(byte, from, to + 1)
  }

  has({ owner, from, to, exclusive }: Wish): boolean {
    const part = this.held.get(owner)?.slice(from, to + 1) ?? []
    return part.every((byte) => byte === 'X' || (byte === 'S' && !exclusive))
  }

  /** @returns who got what they waited for, in order */
  serve(): Owner[] {
    const served = this.line.filter((wish) => {
      if (this.conflicts(wish)) return false
      this.set(wish, wish.exclusive ? 'X' : 'S')
      return true
    })
    this.line = this.line.filter((wish) => !served.includes(wish))
    return served.map(({ owner }) => owner)
  }
}

const none = (): Byte[] => new Array(BYTES).fill(undefined)

/** What the journal holds, as the model has it. */
function journaled(world: LockWorld): Map<Owner, Byte[]> {
  const held = new Map<Owner, Byte[]>(OWNERS.map((owner) => [owner, none()]))
  for (const { owner, first, last, exclusive } of world.journal.locks.values()) {
    const name = world.journal.clients.get(owner.client)?.name
    const bytes = held.get(`${name}:${owner.svid}` as Owner)
    assert.ok(bytes, 'a lock of an owner that there is')
    bytes.fill(exclusive ? 'X' : 'S', Number(first), Number(last) + 1)
  }
  return held
}

class Run {
  readonly world = new LockWorld()
  readonly model = new Model()
  readonly random: Random

  constructor(seed: number) {
    this.random = new Random(seed)
  }

  step(): void {
    const { random } = this
    const from = random.below(BYTES)
    const to = from + random.below(BYTES - from)
    const wish = { owner: random.pick(OWNERS), from, to, exclusive: random.oneIn(2) }
    const kind = random.below(40)
    if (kind < 18) this.lock(wish, random.oneIn(2))
    else if (kind < 30) this.unlock(wish)
    else if (kind < 36) this.cancel()
    else if (kind < 38) this.refuse()
    else if (kind < 39) this.rebootClient(wish.owner)
    else this.restart()
    this.compare()
  }

  compare(): void {
    assert.equal(journaled(this.world), this.model.held)
    assert.is(this.world.manager.counts.waiting, this.model.line.length)
    assert.is(this.world.manager.counts.held, this.world.journal.locks.size)
  }

  lock(wish: Wish, block: boolean): void {
    const answer = this.world.lock(wish.owner, { ...wanted(wish), block })
    const { model } = this
    if (model.has(wish)) {
      // Where it has more than it asks for this is a downgrade, as with fcntl.
      assert.is(answer, 'GRANTED')
      if (!wish.exclusive) model.set(wish, 'S')
    } else if (!model.conflicts(wish)) {
      assert.is(answer, 'GRANTED')
      model.set(wish, wish.exclusive ? 'X' : 'S')
      model.line = model.line.filter((other) => !same(other, wish))
    } else if (block) {
      assert.is(answer, 'BLOCKED')
      if (!model.line.some((other) => same(other, wish))) model.line.push(wish)
    } else assert.is(answer, 'DENIED')
    this.told()
  }

  unlock(wish: Wish): void {
    assert.is(this.world.unlock(wish.owner, wanted(wish)), 'GRANTED')
    const { model } = this
    model.line = model.line.filter(
      (other) => !same({ ...other, exclusive: true }, { ...wish, exclusive: true }),
    )
    model.set(wish, undefined)
    this.told()
  }

  cancel(): void {
    const { model, random, world } = this
    if (model.line.length === 0) return
    const wish = random.pick(model.line)
    assert.is(world.cancel(wish.owner, wanted(wish)), 'GRANTED')
    model.line = model.line.filter((other) => other !== wish)
  }

  /** A client whose waiter is served next will not have it. */
  refuse(): void {
    const { model, world } = this
    const [blocker] = OWNERS
    const all = { owner: blocker, from: 0, to: BYTES - 1, exclusive: true }
    if (model.line.length > 0 || model.conflicts(all)) return
    this.lock(all, false)
    const wish = { ...all, owner: 'bb:1' as const }
    this.lock(wish, true)
    world.unlock(blocker, wanted(all))
    model.set(all, undefined)
    const [waiter] = world.granted.splice(0)
    assert.ok(waiter)
    world.manager.refused(waiter)
    model.line = []
  }

  rebootClient(owner: Owner): void {
    const { model, world } = this
    const { address } = world.request(owner)
    world.manager.freeAll(address, clientOf(owner) ?? '', undefined)
    for (const other of OWNERS) {
      if (clientOf(other) === clientOf(owner)) model.held.set(other, none())
    }
    model.line = model.line.filter((wish) => clientOf(wish.owner) !== clientOf(owner))
    this.told()
  }

  /** The server restarts, and every client but one reclaims, byte by byte. */
  restart(): void {
    const { model, random, world } = this
    world.restart()
    world.granted.length = 0
    model.line = []
    assert.equal(journaled(world), model.held)
    const lost = random.pick(OWNERS)
    for (const [owner, bytes] of model.held) {
      if (owner === lost) model.held.set(owner, none())
      else this.reclaim(owner, bytes)
    }
    world.advance(GRACE_MS)
    assert.not.ok(world.manager.inGrace)
  }

  reclaim(owner: Owner, bytes: readonly Byte[]): void {
    for (const [at, byte] of bytes.entries()) {
      if (byte === undefined) continue
      const how = { from: at, to: at, exclusive: byte === 'X', reclaim: true }
      assert.is(this.world.lock(owner, how), 'GRANTED')
    }
  }

  /** Those who got their lock are those of the model, in its order. */
  told(): void {
    assert.equal(this.world.takeGranted(), this.model.serve())
  }
}

for (let seed = 1; seed <= 6; seed++) {
  test(`does what the model does, seed ${seed}`, () => {
    const run = new Run(seed)
    for (let step = 0; step < STEPS; step++) run.step()
  })
}

test.run()
