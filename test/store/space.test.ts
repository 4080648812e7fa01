import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FsError } from '../../src/store/error.ts'
import { type Extent, SpaceMap, type SpaceOptions } from '../../src/store/space.ts'

const test = suite('space')

const GROUP = 4096
const FILE = 2 ** 20

function emptySpace(options: Partial<SpaceOptions> = {}): SpaceMap {
  return new SpaceMap({ load: () => undefined, mayGrow: () => true, ...options })
}

const counters = (space: SpaceMap): number[] => [
  space.usedBlocks,
  space.limboBlocks,
  space.freeBlocks,
]

const blocksOf = (extents: readonly Extent[]): number[] =>
  extents.flatMap(({ address, count }) => Array.from({ length: count }, (_, i) => address + i))

function codeOf(body: () => unknown): string {
  try {
    body()
  } catch (error) {
    return error instanceof FsError ? error.code : String(error)
  }
  return 'nothing was thrown'
}

test('an empty store has nothing, and hands out blocks from 1 on', () => {
  const space = emptySpace()
  assert.equal(counters(space), [0, 0, 0])
  assert.equal(space.allocate(1), [{ address: 1, count: 1 }])
  assert.equal(space.allocate(3), [{ address: 2, count: 3 }])
  assert.equal(counters(space), [4, 0, GROUP - 5])
  assert.is(space.refcount(0), 0)
  assert.is(space.refcount(4), 1)
  assert.is(space.refcount(5), 0)
  assert.is(space.refcount(10 * GROUP), 0)
})

test('a large allocation goes on from group to group as one run', () => {
  const space = emptySpace()
  assert.equal(space.allocate(3 * GROUP), [{ address: 1, count: 3 * GROUP }])
  assert.is(space.totalGroups, 4)
  assert.equal(counters(space), [3 * GROUP, 0, GROUP - 1])
})

test('a released block is not handed out again before the checkpoint that covers it', () => {
  const space = emptySpace({ groupsMax: 1 })
  space.allocate(GROUP - 1)
  space.release(7, 1)
  assert.equal(counters(space), [GROUP - 2, 1, 0])
  assert.is(
    codeOf(() => space.allocate(1)),
    'NOSPC',
  )
  space.releaseLimbo()
  assert.is(
    codeOf(() => space.allocate(1)),
    'NOSPC',
    'no cut has covered it',
  )
  space.freeze()
  assert.is(
    codeOf(() => space.allocate(1)),
    'NOSPC',
    'the checkpoint is not complete',
  )
  space.release(8, 1)
  space.releaseLimbo()
  assert.equal(counters(space), [GROUP - 3, 1, 1])
  assert.equal(space.allocate(1), [{ address: 7, count: 1 }])
  assert.is(
    codeOf(() => space.allocate(1)),
    'NOSPC',
    'block 8 was released after the cut',
  )
  space.freeze()
  space.releaseLimbo()
  assert.equal(space.allocate(1), [{ address: 8, count: 1 }])
})

test('a shared block is freed by the last of its references', () => {
  const space = emptySpace()
  space.allocate(3)
  space.share(1, 2)
  space.share(2, 2)
  assert.equal(
    [1, 2, 3].map((address) => space.refcount(address)),
    [2, 3, 2],
  )
  space.release(1, 3)
  space.release(1, 1)
  assert.equal(counters(space), [2, 1, GROUP - 4])
})

test('runs that lie across the border of two groups', () => {
  const space = emptySpace()
  space.allocate(2 * GROUP)
  space.share(GROUP - 2, 4)
  assert.equal(
    [-3, -2, 1, 2].map((i) => space.refcount(GROUP + i)),
    [1, 2, 2, 1],
  )
  space.release(GROUP - 2, 4)
  space.release(GROUP - 2, 4)
  assert.is(space.limboBlocks, 4)
  space.undoRelease(GROUP - 2, 4)
  assert.is(space.limboBlocks, 0)
})

test('undone allocations are free at once, undone releases are used again', () => {
  const space = emptySpace({ groupsMax: 1 })
  space.allocate(10)
  const before = counters(space)
  for (const { address, count } of space.allocate(100)) space.undoAllocate(address, count)
  space.share(3, 2)
  space.undoShare(3, 2)
  space.release(3, 2)
  space.undoRelease(3, 2)
  assert.equal(counters(space), before)
  assert.is(blocksOf(space.allocate(GROUP - 11)).length, GROUP - 11)
})

test('a block takes 65,535 references and no more; the attempt changes nothing', () => {
  const space = emptySpace()
  space.allocate(3)
  for (let i = 1; i < 65535; i++) space.share(2, 1)
  assert.is(
    codeOf(() => space.share(1, 3)),
    'NOSPC',
  )
  assert.equal(
    [1, 2, 3].map((address) => space.refcount(address)),
    [1, 65535, 1],
  )
})

test('refuses what cannot be, and changes nothing', () => {
  const space = emptySpace()
  space.allocate(10)
  space.release(5, 1)
  const before = counters(space)
  assert.throws(() => space.share(4, 2), 'block 5 has 0 references')
  assert.throws(() => space.release(4, 2), 'block 5 has 0 references')
  assert.throws(() => space.release(0, 1), 'no such block')
  assert.throws(() => space.release(GROUP - 1, 2), 'no such block')
  assert.throws(() => space.undoShare(1, 1), 'block 1 has 1 references')
  assert.throws(() => space.undoRelease(20, 1), 'not just released')
  assert.equal(counters(space), before)
  assert.is(space.refcount(4), 1)
})

test('without room the whole allocation fails and takes nothing', () => {
  const space = emptySpace({ groupsMax: 2 })
  space.allocate(GROUP)
  const before = counters(space)
  assert.is(
    codeOf(() => space.allocate(GROUP)),
    'NOSPC',
  )
  assert.is(space.usedBlocks, before[0])
  assert.is(space.freeBlocks, GROUP - 1)
  assert.is(blocksOf(space.allocate(GROUP - 1)).length, GROUP - 1)
  assert.equal(counters(space), [2 * GROUP - 1, 0, 0])
})

test('does not grow where the host has no room, and asks for whole groups', () => {
  const asked: number[] = []
  let room = true
  const mayGrow = (bytes: number): boolean => {
    asked.push(bytes)
    return room
  }
  const space = emptySpace({ mayGrow })
  space.allocate(1)
  space.allocate(100)
  assert.equal(asked, [GROUP * 4096])
  room = false
  space.allocate(GROUP - 102)
  assert.is(
    codeOf(() => space.allocate(1)),
    'NOSPC',
  )
  room = true
  assert.equal(space.allocate(1), [{ address: GROUP, count: 1 }])
})

/** A full store of so many groups, of which every `step`th block is then freed. */
function perforated(groups: number, step: number): SpaceMap {
  const space = emptySpace({ groupsMax: groups })
  space.allocate(groups * GROUP - 1)
  for (let address = step; address < groups * GROUP; address += step) space.release(address, 1)
  space.freeze()
  space.releaseLimbo()
  return space
}

test('takes single blocks from everywhere when nothing else is left, each once', () => {
  const space = perforated(3, 8)
  const free = space.freeBlocks
  const blocks = blocksOf(space.allocate(free - 1))
  assert.is(new Set(blocks).size, free - 1)
  assert.ok(blocks.every((address) => address % 8 === 0 && address > 0))
  space.allocate(1)
  assert.is(
    codeOf(() => space.allocate(1)),
    'NOSPC',
  )
})

test('uses groups with plenty of room before it grows, and grows rather than fill small holes', () => {
  const space = emptySpace()
  space.allocate(4 * GROUP - 1)
  space.release(GROUP, 2000)
  for (let address = 2 * GROUP; address < 3 * GROUP; address += 8) space.release(address, 1)
  space.freeze()
  space.releaseLimbo()
  assert.equal(space.allocate(1500), [{ address: GROUP, count: 1500 }])
  assert.equal(space.allocate(500), [{ address: GROUP + 1500, count: 500 }])
  assert.equal(space.allocate(100), [{ address: 4 * GROUP, count: 100 }])
})

test('leaves short holes alone for a large piece, but not for a small one', () => {
  const space = emptySpace({ groupsMax: 1 })
  space.allocate(GROUP - 1)
  space.release(100, 4)
  space.release(200, 40)
  space.release(300, 2)
  space.release(1000, 3000)
  space.freeze()
  space.releaseLimbo()
  const large = [
    { address: 200, count: 40 },
    { address: 1000, count: 60 },
  ]
  assert.equal(space.allocate(100), large)
  assert.equal(space.allocate(2940), [{ address: 1060, count: 2940 }])
  assert.equal(space.allocate(3), [{ address: 100, count: 3 }])
})

test('a store that is opened again knows its counts, and what was in limbo is free', () => {
  const records = new Map<number, Uint8Array>()
  const space = emptySpace()
  space.allocate(2 * GROUP)
  space.share(9, 1)
  space.release(20, 5)
  for (const { group, bytes } of space.freeze()) records.set(group, bytes)
  const again = emptySpace({ load: (group) => records.get(group) })
  for (const [group, bytes] of records) again.load(group, bytes)
  assert.equal(counters(again), [2 * GROUP - 5, 0, GROUP - 1 + 5])
  assert.is(again.totalGroups, 3)
  assert.equal(
    [9, 19, 20, 25].map((address) => again.refcount(address)),
    [2, 1, 0, 1],
  )
})

test('groups whose record was never written are free, between those that were', () => {
  const records = new Map<number, Uint8Array>()
  const space = emptySpace()
  space.allocate(3 * GROUP)
  for (const { group, bytes } of space.freeze()) records.set(group, bytes)
  const again = emptySpace({ load: (group) => (group === 2 ? records.get(2) : undefined) })
  again.load(2, records.get(2) ?? new Uint8Array())
  assert.equal(counters(again), [GROUP, 0, 2 * GROUP - 1])
})

test('the log is replayed onto counts without limbo, and makes the groups it needs', () => {
  const space = emptySpace()
  space.applyDelta(2 * GROUP - 1, 2, 1)
  space.applyDelta(2 * GROUP, 1, 1)
  assert.equal(counters(space), [2, 0, 3 * GROUP - 3])
  space.applyDelta(2 * GROUP - 1, 2, -1)
  assert.equal(counters(space), [1, 0, 3 * GROUP - 2])
  assert.throws(() => space.applyDelta(2 * GROUP - 1, 1, -1), 'has 0 references')
  const taken = blocksOf(space.allocate(3 * GROUP - 2))
  assert.is(new Set(taken).size, 3 * GROUP - 2)
  assert.not(taken.includes(2 * GROUP))
})

test('a freeze has each group that changed since the last one, once', () => {
  const space = emptySpace()
  space.allocate(2 * GROUP)
  const groups = () => space.freeze().map(({ group }) => group)
  assert.equal(groups(), [0, 1, 2])
  assert.equal(groups(), [])
  space.share(GROUP + 5, 1)
  space.release(GROUP + 6, 1)
  assert.is(space.dirtyGroups, 1)
  assert.equal(groups(), [1])
})

test('goes forward: what was freed behind the cursor waits for its turn', () => {
  const space = emptySpace()
  space.allocate(100)
  space.release(5, 50)
  space.freeze()
  space.releaseLimbo()
  assert.equal(space.allocate(1), [{ address: 101, count: 1 }])
  assert.equal(space.allocate(20), [{ address: 102, count: 20 }])
})

test('a checkpoint lets go of what any cut before it covered', () => {
  const space = emptySpace()
  space.allocate(100)
  for (const address of [1, 2, 70]) {
    space.release(address, 1)
    space.freeze()
  }
  assert.is(space.limboBlocks, 3)
  space.releaseLimbo()
  assert.equal(counters(space), [97, 0, GROUP - 1 - 97])
})

test('checkpoints let go of nothing while somebody holds it, and of all of it afterwards', () => {
  const space = emptySpace({ groupsMax: 1 })
  space.allocate(GROUP - 1)
  const [first, second] = [space.hold(), space.hold()]
  for (const address of [7, 9]) {
    space.release(address, 1)
    space.freeze()
    space.releaseLimbo()
  }
  assert.equal([...counters(space), space.releasableBlocks], [GROUP - 3, 2, 0, 0])
  first()
  first()
  space.freeze()
  space.releaseLimbo()
  assert.equal(counters(space), [GROUP - 3, 2, 0], 'one holds it still')
  second()
  assert.is(space.releasableBlocks, 2)
  space.freeze()
  space.releaseLimbo()
  assert.equal([...counters(space), space.releasableBlocks], [GROUP - 3, 0, 2, 0])
  assert.equal(space.allocate(2), [
    { address: 7, count: 1 },
    { address: 9, count: 1 },
  ])
})

test('files whose blocks are all free are told once, and cost room of the host again', () => {
  let room = true
  const space = emptySpace({ mayGrow: () => room, groupsMax: 300 })
  space.allocate(FILE + 100)
  assert.not(space.isFileFree(0))
  assert.equal(space.takeFreeFiles(), [])
  space.release(1, FILE - 1)
  assert.not(space.isFileFree(0), 'blocks in limbo are not free')
  space.freeze()
  space.releaseLimbo()
  assert.ok(space.isFileFree(0))
  assert.is(space.unbackedBlocks, 0)
  assert.equal(space.takeFreeFiles(), [0])
  assert.is(space.unbackedBlocks, FILE - 1)
  assert.equal(space.takeFreeFiles(), [])
  assert.is(space.freeze().length, 256, 'the records tell')
  room = false
  space.allocate(GROUP - 101)
  assert.is(
    codeOf(() => space.allocate(1)),
    'NOSPC',
  )
  room = true
  assert.equal(space.allocate(1), [{ address: 1, count: 1 }])
  assert.is(space.unbackedBlocks, FILE - GROUP)
})

test('asks for room before it goes on in a file that was given back', () => {
  let room = true
  const space = emptySpace({ mayGrow: () => room })
  space.allocate(10)
  space.release(1, 10)
  space.freeze()
  space.releaseLimbo()
  assert.equal(space.takeFreeFiles(), [0])
  room = false
  assert.is(
    codeOf(() => space.allocate(1)),
    'NOSPC',
  )
  room = true
  assert.equal(space.allocate(1), [{ address: 1, count: 1 }])
})

test('a store that is opened again knows which groups cost room of the host', () => {
  const records = new Map<number, Uint8Array>()
  const keep = (from: SpaceMap) => {
    for (const { group, bytes } of from.freeze()) records.set(group, bytes)
  }
  const reopened = () => {
    const again = emptySpace({ load: (group) => records.get(group) })
    for (const [group, bytes] of records) again.load(group, bytes)
    return again
  }
  const space = emptySpace()
  space.allocate(10)
  space.release(1, 10)
  keep(space)
  space.releaseLimbo()
  assert.is(reopened().unbackedBlocks, 0)
  assert.equal(space.takeFreeFiles(), [0])
  keep(space)
  assert.is(reopened().unbackedBlocks, GROUP - 1)
})

test.run()
