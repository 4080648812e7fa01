/** Byte-range locks against a naive model: one array of lock types for each owner. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LAST_BYTE, lengthOf, type Range, rangeOf } from '../../../src/nfs/locks/range.ts'
import { type Lock, LockTable, type Owner, type Wanted } from '../../../src/nfs/locks/table.ts'
import { Random } from '../../model/random.ts'

const test = suite('nfs/locks/table')

const ownerOf = (key: string): Owner => ({ client: 1, key, oh: Buffer.from(key), svid: 7 })
const [alice, bob] = [ownerOf('alice'), ownerOf('bob')]
const SHARED: Wanted = { exclusive: false, claimed: true }
const EXCLUSIVE: Wanted = { exclusive: true, claimed: true }
const range = (first: number, last: number): Range => ({ first: BigInt(first), last: BigInt(last) })

function set(table: LockTable, owner: Owner, given: Range, wanted: Wanted): void {
  table.apply(table.plan('f', owner, given, wanted))
}

/** `alice 0-9 X`, sorted. */
function told(table: LockTable, file = 'f'): string[] {
  const text = ({ owner, first, last, exclusive }: Lock) =>
    `${owner.key} ${first}-${last === LAST_BYTE ? 'end' : last} ${exclusive ? 'X' : 'S'}`
  return [...table.of(file)].map(text).sort()
}

test('an offset and a length make a range, and back', () => {
  assert.equal(rangeOf(5n, 3n), range(5, 7))
  assert.equal(rangeOf(5n, 0n), { first: 5n, last: LAST_BYTE })
  assert.equal(rangeOf(LAST_BYTE, 1n), { first: LAST_BYTE, last: LAST_BYTE })
  assert.is(rangeOf(LAST_BYTE, 2n), undefined)
  assert.is(lengthOf(range(5, 7)), 3n)
  assert.is(lengthOf({ first: 5n, last: LAST_BYTE }), 0n)
})

test('unlocking the middle leaves both ends, and locking it again makes one lock', () => {
  const table = new LockTable()
  set(table, alice, range(0, 9), EXCLUSIVE)
  set(table, alice, range(4, 5), undefined)
  assert.equal(told(table), ['alice 0-3 X', 'alice 6-9 X'])
  set(table, alice, range(4, 5), EXCLUSIVE)
  assert.equal(told(table), ['alice 0-9 X'])
})

test('an upgrade of a part splits, a downgrade of the whole merges', () => {
  const table = new LockTable()
  set(table, alice, range(0, 9), SHARED)
  set(table, alice, range(3, 4), EXCLUSIVE)
  assert.equal(told(table), ['alice 0-2 S', 'alice 3-4 X', 'alice 5-9 S'])
  set(table, alice, range(0, 9), SHARED)
  assert.equal(told(table), ['alice 0-9 S'])
})

test('locks to the end of 64 bits split and merge like others', () => {
  const table = new LockTable()
  set(table, alice, { first: 10n, last: LAST_BYTE }, EXCLUSIVE)
  set(table, alice, { first: LAST_BYTE, last: LAST_BYTE }, undefined)
  assert.equal(told(table), [`alice 10-${LAST_BYTE - 1n} X`])
  assert.is(
    table.conflict('f', bob, true, { first: LAST_BYTE, last: LAST_BYTE }),
    undefined,
    'the last byte is free',
  )
  set(table, alice, { first: LAST_BYTE, last: LAST_BYTE }, EXCLUSIVE)
  assert.equal(told(table), ['alice 10-end X'])
})

test('the same lock again changes nothing', () => {
  const table = new LockTable()
  set(table, alice, range(0, 9), EXCLUSIVE)
  assert.equal(table.plan('f', alice, range(0, 9), EXCLUSIVE), { removed: [], added: [] })
  assert.equal(table.plan('f', alice, range(2, 3), EXCLUSIVE), { removed: [], added: [] })
})

test('a reclaimed part of a lock of before a restart is claimed, the rest is not', () => {
  const table = new LockTable()
  set(table, alice, range(0, 9), { exclusive: true, claimed: false })
  assert.is(table.unclaimed, 1)
  set(table, alice, range(0, 3), EXCLUSIVE)
  assert.equal(told(table), ['alice 0-3 X', 'alice 4-9 X'])
  assert.is(table.unclaimed, 1)
  set(table, alice, range(4, 9), EXCLUSIVE)
  assert.equal(told(table), ['alice 0-9 X'])
  assert.is(table.unclaimed, 0)
})

test('files and clients have their own locks', () => {
  const table = new LockTable()
  set(table, alice, range(0, 9), EXCLUSIVE)
  assert.is(table.conflict('g', bob, true, range(0, 9)), undefined)
  assert.is(table.ofClient(1).size, 1)
  assert.is(table.ofClient(2).size, 0)
})

// The model.

const BYTES = 24
type Model = Map<string, ('S' | 'X' | undefined)[]>

function modelConflict(model: Model, owner: string, exclusive: boolean, { first, last }: Range) {
  for (const [other, bytes] of model) {
    if (other === owner) continue
    for (let at = Number(first); at <= Number(last); at++) {
      if (bytes[at] === 'X' || (exclusive && bytes[at] === 'S')) return true
    }
  }
  return false
}

/** What the table holds, as the model would have it. */
function modelOf(table: LockTable, owners: readonly Owner[]): Model {
  const model: Model = new Map(owners.map(({ key }) => [key, Array(BYTES).fill(undefined)]))
  for (const { owner, first, last, exclusive } of table.of('f')) {
    for (let at = Number(first); at <= Number(last); at++) {
      const bytes = model.get(owner.key) ?? []
      assert.is(bytes[at], undefined, 'locks of one owner do not overlap')
      bytes[at] = exclusive ? 'X' : 'S'
    }
  }
  return model
}

/** Side by side and alike would have to be one. */
function requireMerged(table: LockTable): void {
  const locks = [...table.of('f')]
  for (const a of locks) {
    const neighbour = locks.find(
      (b) => b.owner.key === a.owner.key && b.exclusive === a.exclusive && b.first === a.last + 1n,
    )
    assert.is(neighbour, undefined, 'locks side by side are merged')
  }
}

function randomStep(random: Random, table: LockTable, model: Model, owners: readonly Owner[]) {
  const owner = random.pick(owners)
  const first = random.below(BYTES)
  const given = range(first, first + random.below(BYTES - first))
  const wanted = [SHARED, EXCLUSIVE, undefined][random.below(3)]
  const exclusive = wanted?.exclusive ?? true
  const conflict = table.conflict('f', owner, exclusive, given)
  assert.is(conflict !== undefined, modelConflict(model, owner.key, exclusive, given))
  const bytes = model.get(owner.key) ?? []
  const wholly = bytes.slice(first, Number(given.last) + 1)
  const enough = wholly.every((one) => one === 'X' || (one === 'S' && !exclusive))
  assert.is(table.holds('f', owner, exclusive, given), enough)
  if (conflict !== undefined && wanted !== undefined) return
  set(table, owner, given, wanted)
  const letter = wanted === undefined ? undefined : wanted.exclusive ? 'X' : 'S'
  bytes.fill(letter, first, Number(given.last) + 1)
}

for (let seed = 1; seed <= 8; seed++) {
  test(`is what an array a byte is, seed ${seed}`, () => {
    const random = new Random(seed)
    const table = new LockTable()
    const owners = ['a', 'b', 'c'].map(ownerOf)
    const model = modelOf(table, owners)
    for (let step = 0; step < 1500; step++) {
      randomStep(random, table, model, owners)
      assert.equal(modelOf(table, owners), model)
      requireMerged(table)
      assert.is(table.size, [...table.of('f')].length)
    }
  })
}

test.run()
