import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { nextData, nextHole } from '../../src/snapshot/extents.ts'
import { CHUNK_BYTES } from '../../src/store/records.ts'
import { bytes } from '../fs/client.ts'
import { Random } from '../model/random.ts'
import { put, type Subject, withRestarts } from './harness.ts'

const test = suite('snapshot/extents')

const BLOCK = 4096

/** Asks about a file of a snapshot. */
function extentsOf({ live, snapshots, client }: Subject, path: string) {
  const reader = live.dataset.at(snapshots.get('s').epoch)
  const found = reader.inodes.get(client.id(`.snapshots/s/${path}`).ino)
  if (found === undefined) throw new Error(`there is no ${path}`)
  return {
    data: (from: number) => nextData(reader, found, from),
    hole: (from: number, end = found.size) => nextHole(reader, found, from, end),
  }
}

test('a file without data is one hole, an empty one nothing', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    client.create('empty')
    client.create('hole')
    client.set('hole', { size: 10 * CHUNK_BYTES + 5 })
    snapshots.create('s')
    const empty = extentsOf(subject, 'empty')
    assert.equal([empty.data(0), empty.hole(0)], [0, 0])
    const hole = extentsOf(subject, 'hole')
    assert.equal([hole.data(0), hole.hole(0)], [10 * CHUNK_BYTES + 5, 0])
    assert.equal([hole.data(7 * CHUNK_BYTES), hole.hole(77)], [10 * CHUNK_BYTES + 5, 77])
  }))

test('inline data ends where it ends, whatever the size of the file', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    await put(client, 'f', 0, bytes('x'.repeat(100)))
    client.set('f', { size: 3 * CHUNK_BYTES })
    snapshots.create('s')
    client.remove('f')
    const { data, hole } = extentsOf(subject, 'f')
    assert.equal([data(0), data(99), data(100)], [0, 99, 3 * CHUNK_BYTES])
    assert.equal([hole(0), hole(99), hole(100), hole(0, 50)], [100, 100, 100, 50])
  }))

test('data and holes are told to the block, from any byte on', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    const random = new Random(1)
    const count = 800
    const mapped = Array.from({ length: count }, () => random.oneIn(30))
    for (let i = 1; i < count; i++) mapped[i] ||= mapped[i - 1] === true && !random.oneIn(4)
    // A chunk of holes, one that is full, and an end within a block.
    mapped.fill(false, 256, 512).fill(true, 512, 768)
    client.create('f')
    for (const [i, there] of mapped.entries()) if (there) await client.write('f', i * BLOCK, 'x')
    const size = count * BLOCK - 1000
    client.set('f', { size })
    snapshots.create('s')
    client.set('f', { size: 0 })
    const { data, hole } = extentsOf(subject, 'f')
    const next = (from: number, there: boolean) => {
      if (from >= size || mapped[Math.floor(from / BLOCK)] === there) return Math.min(from, size)
      const at = mapped.indexOf(there, Math.floor(from / BLOCK))
      return at < 0 ? size : Math.min(size, at * BLOCK)
    }
    for (let block = 0; block < count; block++) {
      for (const from of [block * BLOCK, block * BLOCK + 1, (block + 1) * BLOCK - 1]) {
        if (from >= size) continue
        assert.is(data(from), next(from, true), `data from ${from}`)
        assert.is(hole(from), next(from, false), `a hole from ${from}`)
        assert.is(hole(from, from + 5000), Math.min(from + 5000, next(from, false)))
      }
    }
  }))

test.run()
