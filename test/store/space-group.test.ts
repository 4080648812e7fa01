import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  addBits,
  clearBits,
  countBits,
  decodeGroup,
  decodeHead,
  encodeGroup,
  GROUP_BLOCKS,
  type GroupBits,
  hasBit,
  newGroupBits,
  nextClear,
  nextSet,
  removeBits,
  setBits,
} from '../../src/store/space-group.ts'

const test = suite('space-group')

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytes = (text: string): Uint8Array => Buffer.from(text.replaceAll(/[^0-9a-f]/g, ''), 'hex')

/** A group with these counts from its first block on, the rest 0. */
function groupOf(number: number, counts: readonly number[]) {
  const group = decodeGroup(number, undefined)
  group.counts.set(counts)
  return group
}

test('rows: counts and their record, both ways', () => {
  const rows: [number, boolean, number[], string][] = [
    [1, false, [], '00001000 00000000 0fff0000'],
    [0, false, [], '00000fff 00000000 0fff0000'],
    [1, true, [1], '00000fff 00000001 00000001 0ffe0000'],
    [0, true, [0, 1, 1], '00000ffd 00000001 00000000 00010001 0ffc0000'],
    [
      7,
      true,
      [65535, 2, 2, 0, 3],
      '00000ffc 00000001 0000ffff 00010002 00000000 00000003 0ffa0000',
    ],
    [7, true, Array(GROUP_BLOCKS).fill(1), '00000000 00000001 0fff0001'],
  ]
  for (const [number, backed, counts, record] of rows) {
    const group = groupOf(number, counts)
    assert.is(hex(encodeGroup(group, backed)), hex(bytes(record)))
    const decoded = decodeGroup(number, bytes(record))
    assert.is(hex(encodeGroup(decoded, backed)), hex(bytes(record)))
    assert.equal([...decoded.counts.subarray(0, counts.length)], counts)
    for (let i = 0; i < GROUP_BLOCKS; i++) {
      const unusable = number === 0 && i === 0
      assert.is(hasBit(decoded.busy, i), unusable || (counts[i] ?? 0) > 0)
    }
    assert.is(decodeHead(bytes(record)).backed, backed)
  }
})

test('the longest record there is, of an alternating group, has 16 KiB and 8 bytes', () => {
  const counts = Array.from({ length: GROUP_BLOCKS }, (_, i) => (i % 2 === 0 ? 65535 : 65534))
  const record = encodeGroup(groupOf(3, counts), true)
  assert.is(record.length, 4 * GROUP_BLOCKS + 8)
  assert.equal([...decodeGroup(3, record).counts], counts)
})

test('any counts come back as they were', () => {
  const run = fc.tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 0, max: 65535 }))
  fc.assert(
    fc.property(fc.array(run), fc.boolean(), (runs, backed) => {
      const counts = runs.flatMap(([length, count]) => Array<number>(length).fill(count))
      const group = groupOf(5, counts.slice(0, GROUP_BLOCKS))
      const record = encodeGroup(group, backed)
      const decoded = decodeGroup(5, record)
      assert.equal(decoded.counts, group.counts)
      const used = group.counts.filter((count) => count > 0).length
      assert.equal(decodeHead(record), { free: GROUP_BLOCKS - used, backed })
      assert.is(countBits(decoded.busy), used)
    }),
  )
})

test('refuses records that contradict themselves', () => {
  for (const [name, record] of [
    ['another count of free blocks', '00000001 00000001 0fff0001'],
    ['more blocks than a group has', '00000000 00000001 00000001 0fff0001'],
    ['fewer blocks than a group has', '00000000 00000001 00000001'],
    ['bytes behind the last run', '00000000 00000001 0fff0001 00000000'],
    ['a flag that is none', '00000000 00000002 0fff0001'],
    ['nothing', ''],
  ] as const) {
    assert.throws(() => decodeGroup(1, bytes(record)), undefined, name)
  }
})

/** The bits as an array of booleans, and the searches done the slow way. */
class SlowBits {
  readonly bits: boolean[] = Array(GROUP_BLOCKS).fill(false)
  fill(value: boolean, from: number, to: number): void {
    this.bits.fill(value, from, to)
  }
  next(value: boolean, from: number): number {
    const found = this.bits.indexOf(value, from)
    return found === -1 ? GROUP_BLOCKS : found
  }
  matches(bits: GroupBits): boolean {
    return this.bits.every((bit, i) => bit === hasBit(bits, i))
  }
}

test('bits are set, cleared, counted and searched as in an array of booleans', () => {
  const position = fc.integer({ min: 0, max: GROUP_BLOCKS - 1 })
  const length = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constant(GROUP_BLOCKS))
  const step = fc.tuple(fc.boolean(), position, length)
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.array(position), (steps, searches) => {
      const bits = newGroupBits()
      const slow = new SlowBits()
      for (const [value, from, count] of steps) {
        const to = Math.min(GROUP_BLOCKS, from + count)
        if (value) setBits(bits, from, to)
        else clearBits(bits, from, to)
        slow.fill(value, from, to)
      }
      assert.ok(slow.matches(bits))
      assert.is(countBits(bits), slow.bits.filter(Boolean).length)
      for (const from of [0, 4095, GROUP_BLOCKS, ...searches]) {
        assert.is(nextSet(bits, from), slow.next(true, from))
        assert.is(nextClear(bits, from), slow.next(false, from))
      }
    }),
  )
})

test('bits of another group are added and removed', () => {
  const bits = newGroupBits()
  const other = newGroupBits()
  setBits(bits, 10, 50)
  setBits(other, 40, 100)
  addBits(bits, other)
  assert.equal([nextSet(bits, 0), nextClear(bits, 10)], [10, 100])
  removeBits(bits, other)
  assert.equal([nextSet(bits, 0), nextClear(bits, 10)], [10, 40])
})

test.run()
