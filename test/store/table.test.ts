import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Load } from '../../src/store/table.ts'
import { Cache, Table } from '../../src/store/table.ts'
import { nameSpec } from '../../src/store/tables.ts'

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

function counting(): { readonly load: Load; readonly reads: () => number } {
  let reads = 0
  const load = () => {
    reads++
    return undefined
  }
  return { load, reads: () => reads }
}

test.run()
