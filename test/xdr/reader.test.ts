import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { XdrError, XdrReader } from '../../src/xdr/reader.ts'

const test = suite('xdr/reader: RFC 4506')

const bytes = (...values: number[]) => new Uint8Array(values)

/** Where the XdrError that `run` throws says it is. */
function failsAt(run: () => unknown): number {
  try {
    run()
  } catch (error) {
    if (error instanceof XdrError) return error.offset
    throw error
  }
  throw new Error('nothing was thrown')
}

test('reads integers big-endian', () => {
  const r = new XdrReader(
    bytes(
      0xff,
      0xff,
      0xff,
      0xfe,
      0xff,
      0xff,
      0xff,
      0xfe,
      0,
      0x1f,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
    ),
  )
  assert.is(r.uint32(), 0xffff_fffe)
  assert.is(r.int32(), -2)
  assert.is(r.uint64(), Number.MAX_SAFE_INTEGER)
  assert.is(r.remaining, 0)
})

test('reads from where the bytes begin in a larger buffer', () => {
  const r = new XdrReader(bytes(9, 9, 9, 0, 0, 0, 7, 9).subarray(3, 7))
  assert.is(r.uint32(), 7)
  assert.is(
    failsAt(() => r.uint32()),
    4,
  )
})

test('a bool is 0 or 1 and nothing else', () => {
  const r = new XdrReader(bytes(0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2))
  assert.is(r.bool(), false)
  assert.is(r.bool(), true)
  assert.is(
    failsAt(() => r.bool()),
    8,
  )
})

for (const size of [0, 1, 2, 3, 4, 5]) {
  test(`passes over the padding of ${size} bytes`, () => {
    const padded = size + (size % 4 === 0 ? 0 : 4 - (size % 4))
    const r = new XdrReader(Uint8Array.from({ length: padded + 4 }, (_, i) => (i < size ? 7 : 0)))
    assert.equal([...r.opaqueFixed(size)], Array(size).fill(7))
    assert.is(r.position, padded)
  })
}

for (const [where, padding] of [
  [5, [1, 0, 0]],
  [6, [0, 1, 0]],
  [7, [0, 0, 1]],
] as const) {
  test(`refuses padding that is not zero at byte ${where}`, () => {
    const r = new XdrReader(bytes(0, 0, 0, 1, 42, ...padding))
    assert.is(
      failsAt(() => r.opaque(10)),
      where,
    )
  })
}

test('refuses a length over the limit, by the length alone', () => {
  assert.is(
    failsAt(() => new XdrReader(bytes(0, 0, 0, 5)).opaque(4)),
    0,
  )
})

for (const length of [0x7fff_ffff, 0xffff_fffc, 0xffff_fffd, 0xffff_ffff]) {
  test(`refuses ${length} bytes that are not there, though their padding would wrap`, () => {
    const head = new Uint8Array(8)
    new DataView(head.buffer).setUint32(0, length)
    assert.is(
      failsAt(() => new XdrReader(head).opaque(0xffff_ffff)),
      4,
    )
  })
}

test('a span, and what is passed over, is exactly what would be read as an opaque', () => {
  const opaque = fc.record({
    size: fc.integer({ min: 0, max: 9 }),
    max: fc.integer({ min: 0, max: 9 }),
    rest: fc.array(fc.constantFrom(0, 0, 0, 7), { maxLength: 14 }),
  })
  fc.assert(
    fc.property(opaque, ({ size, max, rest }) => {
      const input = bytes(0, 0, 0, size, ...rest)
      const tried = (read: (r: XdrReader) => Uint8Array | undefined) => {
        const r = new XdrReader(input)
        try {
          const data = read(r)
          return { at: r.position, data: data && [...data] }
        } catch (error) {
          return error instanceof XdrError ? error.offset : error
        }
      }
      const expected = tried((r) => r.opaque(max))
      assert.equal(
        tried((r) => r.opaqueSpan(max).view()),
        expected,
      )
      const skipped = tried((r) => {
        r.skipOpaque(max)
        return undefined
      })
      assert.equal(
        skipped,
        typeof expected === 'object' ? { ...expected, data: undefined } : expected,
      )
    }),
  )
})

test('an opaque is a view of the input', () => {
  const input = bytes(0, 0, 0, 4, 1, 2, 3, 4)
  const view = new XdrReader(input).opaque(4)
  input[4] = 9
  assert.is(view[0], 9)
})

test('stops at the end it was given, and goes on where it is aimed', () => {
  const input = bytes(0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3)
  const r = new XdrReader(input, 4, 8)
  assert.is(r.uint32(), 2)
  assert.is(
    failsAt(() => r.uint32()),
    8,
  )
  r.aim(0, 4)
  assert.is(r.remaining, 4)
  assert.is(r.uint32(), 1)
  assert.is(
    failsAt(() => r.opaqueFixed(1)),
    4,
  )
})

test('compares ahead without reading, and not beyond its end', () => {
  const r = new XdrReader(bytes(1, 2, 3, 4, 5), 1, 4)
  assert.ok(r.startsWith(bytes(2, 3, 4)))
  assert.not.ok(r.startsWith(bytes(2, 3, 5)))
  assert.not.ok(r.startsWith(bytes(2, 3, 4, 5)))
  assert.equal([...r.unread()], [2, 3, 4])
  assert.is(r.position, 1)
  r.skip(2)
  assert.ok(r.startsWith(bytes(4)))
  assert.is(
    failsAt(() => r.skip(2)),
    3,
  )
})

test('whatever the bytes are, reading ends within them or throws an XdrError', () => {
  const step = fc.constantFrom('uint32', 'int32', 'uint64', 'bool', 'opaque', 'opaqueFixed')
  const property = fc.property(
    fc.uint8Array({ maxLength: 64 }),
    fc.array(step, { minLength: 1, maxLength: 20 }),
    (input, steps) => {
      const r = new XdrReader(input)
      try {
        for (const step of steps) {
          if (step === 'opaque') r.opaque(0xffff_ffff)
          else if (step === 'opaqueFixed') r.opaqueFixed(5)
          else r[step]()
        }
      } catch (error) {
        assert.instance(error, XdrError)
      }
      assert.ok(r.position >= 0 && r.position <= input.length)
      assert.is(r.remaining, input.length - r.position)
    },
  )
  fc.assert(property, { numRuns: 2000 })
})

test.run()
