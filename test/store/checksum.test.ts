import { createHash } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checksum, checksums, findDamage, summedMemory } from '../../src/store/checksum.ts'
import { BLOCK_BYTES } from '../../src/store/records.ts'
import { random } from '../fs/data-fake.ts'

const test = suite('store/checksum')

const PRIME2 = 0xc2b2ae3d27d4eb4fn
const PRIME3 = 0x165667b19e3779f9n
const wrap = (value: bigint): bigint => BigInt.asUintN(64, value)

const KEY = createHash('shake256', { outputLength: BLOCK_BYTES }).update('block').digest()

/** NH of a block, word for word as RFC 4418 has it, and XXH64's last steps. */
function nh(bytes: Uint8Array): bigint {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const word = (i: number): bigint =>
    BigInt((words.getUint32(i * 4, true) + KEY.readUInt32LE(i * 4)) >>> 0)
  let sum = 0n
  for (let i = 0; i < 1024; i++) if (i % 8 < 4) sum = wrap(sum + word(i) * word(i + 4))
  sum = wrap((sum ^ (sum >> 33n)) * PRIME2)
  sum = wrap((sum ^ (sum >> 29n)) * PRIME3)
  return sum ^ (sum >> 32n)
}

const expected = (block: Uint8Array): number => Number(nh(block) & 0xffff_ffffn)

function filled(blocks: number, seed: number): Uint8Array {
  const next = random(seed)
  return new Uint8Array(blocks * BLOCK_BYTES).map(() => next(256))
}
const blockAt = (bytes: Uint8Array, i: number): Uint8Array =>
  bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)

test('the checksum is what its definition says, wherever the block lies', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const bytes = filled(2, seed)
    const block = bytes.subarray(seed, seed + BLOCK_BYTES)
    assert.is(checksum(block), expected(block))
  }
  for (const byte of [0, 1, 255]) {
    const block = new Uint8Array(BLOCK_BYTES).fill(byte)
    assert.is(checksum(block), expected(block))
  }
  assert.throws(() => checksum(new Uint8Array(100)), /one length/)
})

/** What becomes of a block: `checksum` must tell each from all the others. */
function tellsApart(blocks: Iterable<Uint8Array>): void {
  const seen = new Set<number>()
  let count = 0
  for (const block of blocks) {
    seen.add(checksum(block))
    count++
  }
  assert.is(seen.size, count)
}

for (const [name, original] of [
  ['zeros', new Uint8Array(BLOCK_BYTES)],
  ['ones', new Uint8Array(BLOCK_BYTES).fill(255)],
  ['data', filled(1, 11)],
] as const) {
  test(`finds every flipped bit of ${name}`, () =>
    tellsApart(
      (function* () {
        const block = original.slice()
        yield block
        for (let bit = 0; bit < BLOCK_BYTES * 8; bit++) {
          const at = bit >>> 3
          block[at] = (block[at] ?? 0) ^ (1 << (bit & 7))
          yield block
          block[at] = original[at] ?? 0
        }
      })(),
    ))

  test(`finds bursts in ${name} of each length, wherever they begin`, () =>
    tellsApart(
      (function* () {
        const next = random(12)
        for (let i = 0; i < 20_000; i++) {
          const block = original.slice()
          const length = 1 + (i % 600)
          const from = next(BLOCK_BYTES - length)
          for (let at = from; at < from + length; at++) block[at] = next(256)
          block[from] = (original[from] ?? 0) ^ (1 + next(255))
          yield block
        }
      })(),
    ))
}

test('finds parts of a block that changed places, are missing, or came twice', () => {
  const original = filled(1, 13)
  const changed = [original]
  for (const size of [4, 8, 16, 32, 64, 128, 512, 1024, 2048]) {
    for (let at = size; at < BLOCK_BYTES; at += size) {
      const [before, part] = [original.slice(at - size, at), original.slice(at, at + size)]
      const swapped = original.slice()
      swapped.set(part, at - size)
      swapped.set(before, at)
      const twice = original.slice()
      twice.set(before, at)
      const missing = original.slice()
      missing.fill(0, at, at + size)
      changed.push(swapped, twice, missing)
    }
  }
  tellsApart(
    new Map(changed.map((block) => [Buffer.from(block).toString('latin1'), block])).values(),
  )
})

test('blocks in buffers of any length are summed in order', () => {
  const buffers = [filled(1, 1), filled(16, 2), filled(37, 3), filled(2, 4)]
  const all = buffers.flatMap((bytes) =>
    Array.from({ length: bytes.length / BLOCK_BYTES }, (_, i) => expected(blockAt(bytes, i))),
  )
  assert.equal([...checksums(buffers, 56)], all)
  assert.throws(() => checksums(buffers, 57), /another number/)
})

test('blocks in memory made for it are summed where they lie, wherever that is', () => {
  const memory = summedMemory(60 * BLOCK_BYTES)
  assert.ok(memory.length >= 60 * BLOCK_BYTES)
  const data = filled(50, 5)
  const sums = checksums([data], 50)
  for (const at of [0, 1, 4096, 13_579]) {
    memory.set(data, at)
    const bytes = memory.subarray(at, at + data.length)
    assert.equal(checksums([bytes], 50), sums)
    assert.is(checksum(blockAt(bytes, 9)), sums[9])
    assert.is(findDamage(bytes, sums, 0), -1)
    assert.equal(bytes, data)
    memory.fill(0)
  }
})

test('more blocks than are summed in one go are summed in several', () => {
  const blocks = 8192 + 3
  const bytes = summedMemory(blocks * BLOCK_BYTES).subarray(0, blocks * BLOCK_BYTES)
  bytes.fill(7, 8192 * BLOCK_BYTES)
  const sums = checksums([bytes], blocks)
  const [zeros, sevens] = [0, 7].map((byte) => checksum(new Uint8Array(BLOCK_BYTES).fill(byte)))
  assert.equal([sums[0], sums[8191], sums[8192], sums[blocks - 1]], [zeros, zeros, sevens, sevens])
  sums[8193] = 1
  assert.is(findDamage(bytes, sums, 0), 8193)
})

test('the first block that is damaged is found, in any place', () => {
  const bytes = filled(40, 7)
  const sums = checksums([bytes], 40)
  assert.is(findDamage(bytes, sums, 0), -1)
  assert.is(findDamage(bytes.subarray(3 * BLOCK_BYTES), sums, 3), -1)
  assert.is(findDamage(bytes.subarray(0, 0), sums, 3), -1)
  for (const damaged of [39, 17, 16, 15, 1, 0]) {
    const at = damaged * BLOCK_BYTES + ((damaged * 977) % BLOCK_BYTES)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    assert.is(findDamage(bytes, sums, 0), damaged)
  }
})

test.run()
