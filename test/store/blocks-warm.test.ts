import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WarmBlocks } from '../../src/store/blocks-warm.ts'

const test = suite('blocks-warm')

test('remembers exactly the blocks that were added, word and region borders included', () => {
  for (const [address, count] of [
    [1, 1],
    [31, 2],
    [32, 32],
    [250, 300],
    [2 ** 40 + 255, 2],
  ] as const) {
    const warm = new WarmBlocks(4096)
    warm.add(address, count)
    assert.ok(warm.has(address, count))
    for (let i = 0; i < count; i++) assert.ok(warm.has(address + i, 1))
    assert.not(warm.has(address - 1, 1))
    assert.not(warm.has(address + count, 1))
    assert.not(warm.has(address - 1, count))
    assert.not(warm.has(address, count + 1))
  }
})

test('adds up what came in pieces', () => {
  const warm = new WarmBlocks(4096)
  warm.add(100, 3)
  warm.add(600, 1)
  warm.add(103, 5)
  assert.ok(warm.has(100, 8))
})

test('forgets the region that was not touched for longest', () => {
  const warm = new WarmBlocks(3 * 256)
  warm.add(0, 256)
  warm.add(256, 256)
  warm.add(512, 256)
  warm.add(5, 1)
  warm.add(768, 1)
  assert.ok(warm.has(0, 256))
  assert.not(warm.has(256, 1))
  assert.ok(warm.has(512, 256))
  assert.ok(warm.has(768, 1))
  assert.not(warm.has(769, 1), 'the place of a forgotten region starts empty')
})

test('always remembers at least one region', () => {
  const warm = new WarmBlocks(0)
  warm.add(7, 1)
  assert.ok(warm.has(7, 1))
  warm.add(256 * 5, 1)
  assert.not(warm.has(7, 1))
  assert.ok(warm.has(256 * 5, 1))
})

test.run()
