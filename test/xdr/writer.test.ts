import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { REFERENCE_BYTES_MIN, XdrWriter } from '../../src/xdr/writer.ts'

const test = suite('xdr/writer: RFC 4506')

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('writes integers big-endian', () => {
  const w = new XdrWriter()
  w.uint32(0xffff_fffe)
  w.uint64(Number.MAX_SAFE_INTEGER)
  w.uint64(0xffff_ffff)
  assert.is(hex(w.finish()), 'fffffffe001fffffffffffff00000000ffffffff')
})

for (const [size, expected] of [
  [0, '00000000'],
  [1, '0000000107000000'],
  [3, '0000000307070700'],
  [4, '0000000407070707'],
  [5, '000000050707070707000000'],
] as const) {
  test(`pads ${size} bytes with zeros, also where the buffer held others`, () => {
    const w = new XdrWriter(64)
    w.opaqueFixed(new Uint8Array(64).fill(0xee))
    w.reset()
    w.opaque(new Uint8Array(size).fill(7))
    assert.is(hex(w.finish()), expected)
  })
}

test('keeps large bytes by reference, in order, padded', () => {
  const w = new XdrWriter()
  const data = new Uint8Array(REFERENCE_BYTES_MIN + 1).fill(5)
  w.uint32(1)
  w.opaqueByReference(data)
  w.uint32(2)
  assert.is(w.length, 4 + 4 + data.length + 3 + 4)
  const pieces = w.take()
  assert.equal(
    pieces.map((piece) => piece.length),
    [8, data.length, 3, 4],
  )
  assert.is(pieces[1], data)
})

test('copies bytes that are too few to be worth a reference', () => {
  const w = new XdrWriter()
  w.opaqueByReference(new Uint8Array(REFERENCE_BYTES_MIN - 4).fill(5))
  assert.is(w.take().length, 1)
})

test('goes on behind what was taken, which stays as it is', () => {
  const w = new XdrWriter(8)
  w.uint32(1)
  const [first] = w.take()
  assert.is(w.length, 0)
  w.uint64(2)
  w.uint32(3)
  assert.is(hex(first ?? new Uint8Array(0)), '00000001')
  assert.is(hex(w.finish()), '000000000000000200000003')
})

test('fills in a reserved place, before and behind references and growth', () => {
  const w = new XdrWriter(16)
  const data = new Uint8Array(REFERENCE_BYTES_MIN).fill(5)
  const early = w.reserve()
  w.opaqueByReference(data)
  const late = w.reserve()
  w.opaqueFixed(new Uint8Array(100))
  w.patch(early, 0xaabbccdd)
  w.patch(late, 0x11223344)
  const all = w.finish()
  assert.is(hex(all.subarray(0, 8)), 'aabbccdd00002000')
  assert.is(hex(all.subarray(8 + data.length, 12 + data.length)), '11223344')
})

/** One step of what a writer may be asked, against a plain array of bytes. */
type Step =
  | { readonly do: 'uint32'; readonly value: number }
  | { readonly do: 'opaque' | 'reference'; readonly size: number }
  | { readonly do: 'mark' | 'rewind' | 'patch' }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('uint32' as const), value: fc.nat() }),
  fc.record({ do: fc.constant('opaque' as const), size: fc.nat(40) }),
  fc.record({ do: fc.constant('reference' as const), size: fc.nat(REFERENCE_BYTES_MIN + 9) }),
  fc.record({ do: fc.constantFrom('mark' as const, 'rewind' as const, 'patch' as const) }),
)

const uint32Bytes = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff)

/** Does the steps with a writer, and answers the bytes a plain array has after the same steps. */
function expected(w: XdrWriter, steps: readonly Step[]): number[] {
  const model: number[] = []
  let mark = -1
  for (const [i, step] of steps.entries()) {
    if (step.do === 'uint32') {
      w.uint32(step.value)
      model.push(...uint32Bytes(step.value))
    } else if (step.do === 'opaque' || step.do === 'reference') {
      const bytes = new Uint8Array(step.size).fill(i)
      if (step.do === 'opaque') w.opaque(bytes)
      else w.opaqueByReference(bytes)
      model.push(...uint32Bytes(step.size), ...bytes)
      while (model.length % 4 !== 0) model.push(0)
    } else if (step.do === 'mark') {
      mark = w.reserve()
      assert.is(mark, model.length)
      w.patch(mark, 0)
      model.push(0, 0, 0, 0)
    } else if (mark >= 0 && step.do === 'patch') {
      w.patch(mark, i)
      model.splice(mark, 4, ...uint32Bytes(i))
    } else if (mark >= 0) {
      w.rewind(mark)
      model.length = mark
      mark = -1
    }
    assert.is(w.length, model.length)
  }
  return model
}

test('whatever is written, patched and rewound, the bytes are those of a plain array', () => {
  const property = fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const w = new XdrWriter(16)
    const model = expected(w, steps)
    assert.is(hex(w.finish()), hex(Uint8Array.from(model)))
    w.reset()
    const again = expected(w, steps)
    assert.is(hex(Buffer.concat(w.take())), hex(Uint8Array.from(again)))
  })
  fc.assert(property, { numRuns: 300 })
})

test.run()
