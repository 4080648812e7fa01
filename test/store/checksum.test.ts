import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checksum, checksums, findDamage, summedMemory } from '../../src/store/checksum.ts'
import { BLOCK_BYTES } from '../../src/store/records.ts'
import { random } from '../fs/data-fake.ts'

const test = suite('store/checksum')

const PRIME1 = 0x9e3779b185ebca87n
const PRIME2 = 0xc2b2ae3d27d4eb4fn
const PRIME3 = 0x165667b19e3779f9n
const PRIME4 = 0x85ebca77c2b2ae63n

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value)
const rotl = (value: bigint, bits: bigint): bigint =>
  wrap((value << bits) | (value >> (64n - bits)))
const round = (lane: bigint, input: bigint): bigint =>
  wrap(rotl(wrap(lane + input * PRIME2), 31n) * PRIME1)

/** XXH64 (seed 0) of a multiple of 32 bytes, word for word as its specification has it. */
function xxh64(bytes: Uint8Array): bigint {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const lanes = [wrap(PRIME1 + PRIME2), PRIME2, 0n, wrap(-PRIME1)]
  for (let at = 0; at < bytes.length; at += 8) {
    const i = (at / 8) % 4
    lanes[i] = round(lanes[i] ?? 0n, words.getBigUint64(at, true))
  }
  const [a = 0n, b = 0n, c = 0n, d = 0n] = lanes
  let hash = wrap(rotl(a, 1n) + rotl(b, 7n) + rotl(c, 12n) + rotl(d, 18n))
  for (const lane of lanes) hash = wrap((hash ^ round(0n, lane)) * PRIME1 + PRIME4)
  hash = wrap(hash + BigInt(bytes.length))
  hash = wrap((hash ^ (hash >> 33n)) * PRIME2)
  hash = wrap((hash ^ (hash >> 29n)) * PRIME3)
  return hash ^ (hash >> 32n)
}

const expected = (block: Uint8Array): number => Number(xxh64(block) & 0xffff_ffffn)

function filled(blocks: number, seed: number): Uint8Array {
  const next = random(seed)
  return new Uint8Array(blocks * BLOCK_BYTES).map(() => next(256))
}
const blockAt = (bytes: Uint8Array, i: number): Uint8Array =>
  bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)

test('a block of zeros has the checksum that the reference implementation gives', () => {
  assert.is(xxh64(new Uint8Array(BLOCK_BYTES)), 0xac869b6f32d8bbdbn)
  assert.is(checksum(new Uint8Array(BLOCK_BYTES)), 0x32d8bbdb)
})

test('the checksum is the low half of XXH64, wherever the block lies', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const bytes = filled(2, seed)
    const block = bytes.subarray(seed, seed + BLOCK_BYTES)
    assert.is(checksum(block), expected(block))
  }
  assert.throws(() => checksum(new Uint8Array(100)), /one length/)
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
  const blocks = 16_384 + 3
  const bytes = summedMemory(blocks * BLOCK_BYTES).subarray(0, blocks * BLOCK_BYTES)
  bytes.fill(7, 16_384 * BLOCK_BYTES)
  const sums = checksums([bytes], blocks)
  const [zeros, sevens] = [0, 7].map((byte) => checksum(new Uint8Array(BLOCK_BYTES).fill(byte)))
  assert.equal(
    [sums[0], sums[16_383], sums[16_384], sums[blocks - 1]],
    [zeros, zeros, sevens, sevens],
  )
  sums[16_385] = 1
  assert.is(findDamage(bytes, sums, 0), 16_385)
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
