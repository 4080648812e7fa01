import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeArgs, GARBAGE_ARGS, Harness } from './harness.ts'
import { ALL, samples } from './samples.ts'

const test = suite('nfs: arguments that nobody should send')

/** Pseudorandom bytes, the same for the same seed (mulberry32). */
function randomBytes(size: number, seed: number): Uint8Array {
  let state = seed
  return Uint8Array.from({ length: size }, () => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) & 0xff
  })
}

for (const [index, name] of ALL.entries()) {
  const number = index + 1

  test(`${name} cut short anywhere is GARBAGE_ARGS, and does nothing`, async () => {
    const nfs = new Harness()
    const args = encodeArgs(name, samples[name](nfs.root))
    const before = nfs.fs.getattr(nfs.fs.root())
    for (let size = 0; size < args.length; size += 4) {
      const { stat } = await nfs.raw(100_003, 3, number, args.subarray(0, size))
      assert.is(stat, GARBAGE_ARGS, `${size} bytes`)
    }
    assert.equal(nfs.fs.getattr(nfs.fs.root()), before)
  })

  test(`${name} with bytes behind its arguments is answered all the same`, async () => {
    const nfs = new Harness()
    const args = encodeArgs(name, samples[name](nfs.root))
    const { stat } = await nfs.raw(100_003, 3, number, Buffer.concat([args, randomBytes(8, 1)]))
    assert.is(stat, 0)
  })

  test(`${name} with any of its bytes replaced is answered, and breaks nothing`, async () => {
    const nfs = new Harness()
    const args = encodeArgs(name, samples[name](nfs.root))
    const noise = randomBytes(args.length, number)
    for (let at = 0; at < args.length; at++) {
      const damaged = Uint8Array.from(args)
      damaged[at] = noise[at] ?? 0
      const { stat } = await nfs.raw(100_003, 3, number, damaged)
      assert.ok(stat === 0 || stat === GARBAGE_ARGS, `byte ${at}: accept_stat ${stat}`)
    }
    assert.equal(nfs.reported, [])
  })

  test(`${name} with noise for arguments is answered, and breaks nothing`, async () => {
    const nfs = new Harness()
    for (let seed = 0; seed < 50; seed++) {
      const noise = randomBytes(4 * seed, seed * 100 + number)
      const { stat } = await nfs.raw(100_003, 3, number, noise)
      assert.ok(stat === 0 || stat === GARBAGE_ARGS, `seed ${seed}: accept_stat ${stat}`)
    }
    assert.equal(nfs.reported, [])
  })
}

test.run()
