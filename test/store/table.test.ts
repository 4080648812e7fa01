import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Absence } from '../../src/store/absence.ts'
import { Cache } from '../../src/store/cache.ts'
import { encodeRecord } from '../../src/store/record.ts'
import { FileType, type Inode, type NameRecord } from '../../src/store/records.ts'
import type { Load, LoadMany } from '../../src/store/table.ts'
import { Table } from '../../src/store/table.ts'
import { inodeSpec, nameSpec, pageSpec } from '../../src/store/tables.ts'

const test = suite('table')

/** Two of the tables below are more than this. */
const CACHE_BYTES = 100

test('what was not used lately is forgotten, and read again', () => {
  const { load, reads } = counting()
  const table = new Table(1, nameSpec, load, new Cache(CACHE_BYTES))
  for (const name of ['1/a', '1/b', '1/c', '1/a']) assert.is(table.get(name), undefined)
  assert.is(reads(), 4)
})

test('a dataset that is gone takes no part in it any more', () => {
  const { load, reads } = counting()
  const cache = new Cache(CACHE_BYTES)
  const gone = new Table(1, nameSpec, load, cache)
  const stays = new Table(2, nameSpec, load, cache)
  cache.forget(1)
  for (const table of [gone, stays]) {
    for (const name of ['1/a', '1/b', '1/c', '1/a']) assert.is(table.get(name), undefined)
  }
  assert.is(reads(), 3 + 4, 'the cache holds on to the tables of one of them only')
})

test('what grows in memory counts for what it is now', () => {
  const { load, reads } = counting()
  const table = new Table(1, pageSpec, load, new Cache(20_000))
  const name = new Uint8Array(10)
  const full = Array.from({ length: 32 }, (_, i) => ({
    ino: 9,
    type: FileType.REG,
    cookie: i + 3,
    name,
  }))
  for (const page of ['1/0', '1/1', '1/2', '1/0']) assert.is(table.get(page), undefined)
  assert.is(reads(), 3, 'that they are absent takes little')
  for (let i = 0; i < 4; i++) table.resized(undefined, full)
  assert.is(table.get('1/0'), undefined)
  assert.is(reads(), 4, 'the pages that came would have made the cache too large')
})

const NAME = { ino: 7, type: 1, cookie: 3 } as const
const NEWER = { ...NAME, ino: 8 }
const RECORD = new Uint8Array(encodeRecord(nameSpec.codec, 5, NAME))

/** Reads of many that are answered when `meanwhile` is over: there is a record of `1/a` alone. */
const answering =
  (meanwhile: () => void): LoadMany =>
  async (keys, take) => {
    await Promise.resolve()
    meanwhile()
    for (const [at] of keys.entries()) take(at, at === 0 ? RECORD : undefined)
  }

test('what is read ahead is in memory, with what is not there', async () => {
  const { load, reads } = counting()
  const cache = new Cache(CACHE_BYTES * 100)
  const table = new Table<string, NameRecord>(1, nameSpec, load, cache, answering(Object))
  await table.prefetch(['1/a', '1/b'])
  assert.equal([table.get('1/a'), table.get('1/b'), table.entry('1/a').birth], [NAME, undefined, 5])
  assert.is(reads(), 0)
})

test('what came into memory while it was read ahead is newer', async () => {
  const { load } = counting()
  const cache = new Cache(CACHE_BYTES * 100)
  const change = () => {
    table.entry('1/a').value = NEWER
  }
  const table = new Table<string, NameRecord>(1, nameSpec, load, cache, answering(change))
  await table.prefetch(['1/a', '1/b'])
  assert.is(table.get('1/a'), NEWER)
})

test('what is read ahead while the cache forgets is not believed', async () => {
  const { load, reads } = counting()
  const cache = new Cache(CACHE_BYTES * 100)
  const forget = () => cache.grow(CACHE_BYTES * 51)
  const table = new Table<string, NameRecord>(1, nameSpec, load, cache, answering(forget))
  await table.prefetch(['1/a'])
  table.get('1/a')
  assert.is(reads(), 1)
})

test('what is only looked at takes no room in memory', async () => {
  const { load, reads } = counting()
  const cache = new Cache(CACHE_BYTES * 100)
  const table = new Table<string, NameRecord>(1, nameSpec, load, cache, answering(Object))
  assert.equal(await table.getMany(['1/a', '1/b']), [NAME, undefined])
  assert.is(table.known('1/a'), undefined)
  table.entry('1/a').value = NEWER
  assert.equal(await table.getMany(['1/a']), [NEWER], 'and what is there already counts')
  assert.is(reads(), 1)
})

function counting(): { readonly load: Load; readonly reads: () => number } {
  let reads = 0
  const load = () => {
    reads++
    return undefined
  }
  return { load, reads: () => reads }
}

test('what was never stored is not read, unless it may be read beneath', () => {
  const absence = new Absence()
  absence.begin(5)
  const { load, reads } = counting()
  const cache = new Cache(1_000_000)
  const table = new Table<string, NameRecord>(1, nameSpec, load, cache, undefined, absence)
  assert.is(table.get('5/a'), undefined)
  assert.is(reads(), 0)
  assert.is(table.get('4/a'), undefined)
  assert.is(reads(), 1)
  const clone = new Table<string, NameRecord>(2, nameSpec, load, cache, undefined, absence)
  const source = { get: () => NAME, prefetch: async () => undefined, getMany: async () => [] }
  clone.setBase({ source, birth: 3 })
  assert.equal(clone.get('5/a'), NAME)
  clone.clearBase()
  clone.get('5/b')
  assert.is(reads(), 3)
})

test('there is one entry of a name that was never stored, as long as it is in memory', () => {
  const absence = new Absence()
  absence.begin(5)
  const cache = new Cache(CACHE_BYTES * 100)
  const { load } = counting()
  const table = new Table<string, NameRecord>(1, nameSpec, load, cache, undefined, absence)
  const entry = table.entry('5/a')
  cache.grow(CACHE_BYTES * 51)
  assert.is(table.entry('5/a'), entry, 'in the old half')
})

test('a number above all others is new, and found from then on', () => {
  const { load, reads } = counting()
  const table = new Table<number, Inode>(1, inodeSpec, load, new Cache(1_000_000))
  const entry = table.newEntry(7)
  assert.is(table.newEntry(7), entry)
  assert.is(table.entry(7), entry)
  assert.is.not(table.newEntry(6), entry)
  assert.is(reads(), 0)
})

test.run()
