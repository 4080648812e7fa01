import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FileType } from '../../src/store/records.ts'
import type { Load } from '../../src/store/table.ts'
import { Cache, Table } from '../../src/store/table.ts'
import { nameSpec, pageSpec } from '../../src/store/tables.ts'

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

function counting(): { readonly load: Load; readonly reads: () => number } {
  let reads = 0
  const load = () => {
    reads++
    return undefined
  }
  return { load, reads: () => reads }
}

test.run()
