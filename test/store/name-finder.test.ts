import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Cache } from '../../src/store/cache.ts'
import { keyBytes, nameKey } from '../../src/store/keys.ts'
import { NameFinder } from '../../src/store/name-finder.ts'
import { encodeRecord } from '../../src/store/record.ts'
import { FileType, type NameRecord } from '../../src/store/records.ts'
import { type Entry, Table } from '../../src/store/table.ts'
import { nameSpec } from '../../src/store/tables.ts'

const test = suite('store/name-finder')

const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))
const record = (ino: number): NameRecord => ({ ino, type: FileType.REG, cookie: ino })

/** Tables over a database that is a Map, and the finder beside them. */
class World {
  readonly stored = new Map<string, Uint8Array>()
  readonly cache: Cache
  readonly finder: NameFinder
  loads = 0

  constructor(cacheBytesMax = Number.MAX_SAFE_INTEGER) {
    this.cache = new Cache(cacheBytesMax)
    this.finder = new NameFinder(this.cache)
  }

  table(dataset: number): Table<string, NameRecord> {
    const load = (key: Buffer) => {
      this.loads++
      return this.stored.get(key.toString('hex'))
    }
    return new Table<string, NameRecord>(dataset, nameSpec, load, this.cache)
  }

  /** What a checkpoint does: the database has it. */
  store(table: Table<string, NameRecord>, dir: number, name: Uint8Array): void {
    const entry = table.entry(nameKey(dir, name))
    const key = keyBytes(table.dataset, nameSpec.kind, entry.key).toString('hex')
    if (entry.value === undefined) this.stored.delete(key)
    else {
      this.stored.set(key, new Uint8Array(encodeRecord(nameSpec.codec, entry.birth, entry.value)))
    }
    entry.dirty = 0
  }
}

/** What a transaction does. */
function change(entry: Entry<NameRecord>, value: NameRecord | undefined): void {
  entry.value = value
  entry.dirty = 1
}

test('finds what the table has, and what becomes of it', () => {
  const world = new World()
  const names = world.table(1)
  assert.is(world.finder.find(names, 7, bytes('a')), undefined)
  change(names.entry(nameKey(7, bytes('a'))), record(20))
  assert.equal(world.finder.find(names, 7, bytes('a')), record(20))
  change(names.entry(nameKey(7, bytes('a'))), record(21))
  assert.equal(world.finder.find(names, 7, bytes('a')), record(21))
  change(names.entry(nameKey(7, bytes('a'))), undefined)
  assert.is(world.finder.find(names, 7, bytes('a')), undefined)
})

test('asks the table once for a name, there or not', () => {
  const world = new World()
  const names = world.table(1)
  for (let i = 0; i < 3; i++) world.finder.find(names, 7, bytes('a'))
  assert.is(world.loads, 1)
})

test('tells directories and datasets with the same names apart', () => {
  const world = new World()
  const [one, other] = [world.table(1), world.table(2)]
  change(one.entry(nameKey(7, bytes('a'))), record(20))
  change(one.entry(nameKey(8, bytes('a'))), record(21))
  change(other.entry(nameKey(7, bytes('a'))), record(22))
  for (let i = 0; i < 2; i++) {
    assert.equal(world.finder.find(one, 7, bytes('a')), record(20))
    assert.equal(world.finder.find(one, 8, bytes('a')), record(21))
    assert.equal(world.finder.find(other, 7, bytes('a')), record(22))
  }
})

test('keeps bytes of its own', () => {
  const world = new World()
  const names = world.table(1)
  change(names.entry(nameKey(7, bytes('aa'))), record(20))
  const received = bytes('aa')
  world.finder.find(names, 7, received)
  received.fill('b'.charCodeAt(0))
  assert.is(world.finder.find(names, 7, received), undefined)
  assert.equal(world.finder.find(names, 7, bytes('aa')), record(20))
})

test('believes nothing that the cache may have forgotten', () => {
  const world = new World()
  const names = world.table(1)
  change(names.entry(nameKey(7, bytes('a'))), record(20))
  world.store(names, 7, bytes('a'))
  world.finder.find(names, 7, bytes('a'))
  // Forgotten, read again, and changed: what the slot had is nobody's entry any more.
  for (let i = 0; i < 2; i++) world.cache.grow(Number.MAX_SAFE_INTEGER)
  change(names.entry(nameKey(7, bytes('a'))), record(21))
  assert.equal(world.finder.find(names, 7, bytes('a')), record(21))
})

test('keeps nothing of a dataset that is gone', () => {
  const world = new World()
  change(world.table(1).entry(nameKey(7, bytes('a'))), record(20))
  const gone = world.table(1)
  world.finder.find(gone, 7, bytes('a'))
  world.finder.forget(1)
  assert.is(world.finder.find(world.table(1), 7, bytes('a')), undefined)
})

test('answers as the table does, whatever is changed, stored and forgotten', () => {
  const name = fc.integer({ min: 0, max: 40 }).map((n) => bytes(`n${n}`))
  const step = fc.record({
    act: fc.constantFrom('find', 'put', 'delete', 'store', 'age'),
    dir: fc.integer({ min: 1, max: 3 }),
    name,
    ino: fc.integer({ min: 1, max: 1000 }),
  })
  const all = fc.array(step, { maxLength: 200 })
  fc.assert(
    fc.property(all, (steps) => {
      const world = new World(20_000)
      const names = world.table(1)
      for (const { act, dir, name: at, ino } of steps) {
        if (act === 'put') change(names.entry(nameKey(dir, at)), record(ino))
        else if (act === 'delete') change(names.entry(nameKey(dir, at)), undefined)
        else if (act === 'store') world.store(names, dir, at)
        else if (act === 'age') world.cache.grow(10_001)
        assert.equal(world.finder.find(names, dir, at), names.get(nameKey(dir, at)))
      }
    }),
  )
})

test.run()
