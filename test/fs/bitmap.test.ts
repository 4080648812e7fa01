import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BITMAP_NUMBERS_MAX, clearBit, nextBit, setBit } from '../../src/fs/bitmap.ts'
import { withLive } from './harness.ts'

const test = suite('fs/bitmap')

const OWNER = 77
const NUMBERS = [0, 1, 7, 8, 511, 512, 513, 5000, 512 * 512, 512 ** 3 + 5, BITMAP_NUMBERS_MAX - 1]

test('every number that was set is found in order, from anywhere', () =>
  withLive(async ({ store, store: { dataset } }) => {
    assert.is(nextBit(dataset, OWNER, 0), undefined)
    for (const number of [...NUMBERS].reverse()) {
      store.transact((tx) => setBit(tx, dataset, OWNER, number))
    }
    for (const [at, number] of NUMBERS.entries()) {
      assert.is(nextBit(dataset, OWNER, number), number)
      assert.is(nextBit(dataset, OWNER, number + 1), NUMBERS[at + 1])
      assert.is(nextBit(dataset, OWNER, (NUMBERS[at - 1] ?? -1) + 1), number)
    }
    assert.is(nextBit(dataset, OWNER + 1, 0), undefined)
  }))

test('a limit hides what lies beyond', () =>
  withLive(async ({ store, store: { dataset } }) => {
    for (const number of NUMBERS) store.transact((tx) => setBit(tx, dataset, OWNER, number))
    for (const limit of [0, 1, 2, 511, 512, 513, 5000, 5001, 512 * 512, 512 * 512 + 1]) {
      for (const from of [0, 1, 9, 512, 514, 5000, 5001, 512 * 512]) {
        const expected = NUMBERS.find((number) => number >= from && number < limit)
        assert.is(nextBit(dataset, OWNER, from, limit), expected, `${from} to ${limit}`)
      }
    }
  }))

test('what was cleared is gone, and leaves no record behind', () =>
  withLive(async ({ store, store: { dataset } }) => {
    for (const number of NUMBERS) store.transact((tx) => setBit(tx, dataset, OWNER, number))
    const left = [...NUMBERS]
    for (const number of [511, 0, 512 ** 3 + 5, 513, 1, BITMAP_NUMBERS_MAX - 1]) {
      store.transact((tx) => clearBit(tx, dataset, OWNER, number))
      left.splice(left.indexOf(number), 1)
      for (const from of [0, number, number + 1]) {
        assert.is(
          nextBit(dataset, OWNER, from),
          left.find((other) => other >= from),
        )
      }
    }
    for (const number of left) store.transact((tx) => clearBit(tx, dataset, OWNER, number))
    for (let level = 0; level < 6; level++) {
      for (const number of NUMBERS) {
        const record = Math.floor(number / 512 ** (level + 1))
        assert.is(dataset.bitmaps.get(`${OWNER}/${level}/${record}`), undefined)
      }
    }
  }))

test('setting twice and clearing twice is as once', () =>
  withLive(async ({ store, store: { dataset } }) => {
    for (const number of [3, 700]) {
      store.transact((tx) => {
        setBit(tx, dataset, OWNER, number)
        setBit(tx, dataset, OWNER, number)
      })
      assert.is(nextBit(dataset, OWNER, 0), number)
      store.transact((tx) => {
        clearBit(tx, dataset, OWNER, number)
        clearBit(tx, dataset, OWNER, number)
      })
      assert.is(nextBit(dataset, OWNER, 0), undefined)
    }
  }))

test.run()
