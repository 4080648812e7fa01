import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  array,
  bool,
  type Codec,
  enumeration,
  int32,
  list,
  opaque,
  opaqueByReference,
  opaqueFixed,
  optional,
  string,
  struct,
  uint32,
  uint64,
  voidType,
} from '../../src/xdr/codec.ts'
import { XdrError, XdrReader } from '../../src/xdr/reader.ts'
import { XdrWriter } from '../../src/xdr/writer.ts'

const test = suite('xdr/codec: RFC 4506')

function encoded<T>(codec: Codec<T>, value: T): Uint8Array {
  const w = new XdrWriter(8)
  codec.encode(w, value)
  return w.finish()
}

/** Decodes all of `bytes`. */
function decoded<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const r = new XdrReader(bytes)
  const value = codec.decode(r)
  assert.is(r.remaining, 0)
  return value
}

/** The first message with which `run` throws an XdrError. */
function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof XdrError) return error.message
    throw error
  }
  throw new Error('nothing was thrown')
}

const bytes = (text: string) =>
  new Uint8Array(Buffer.from(text.replaceAll(/[^0-9a-f]/g, ''), 'hex'))
const view = (text: string) => Uint8Array.from(Buffer.from(text))

interface Row<T> {
  readonly what: string
  readonly codec: Codec<T>
  readonly value: T
  readonly wire: string
}
const row = <T>(what: string, codec: Codec<T>, value: T, wire: string): Row<T> => ({
  what,
  codec,
  value,
  wire,
})

const rows = [
  row('unsigned int', uint32, 0xffff_ffff, 'ffffffff'),
  row('int', int32, -1, 'ffffffff'),
  row('unsigned hyper', uint64, 2 ** 53 - 1, '001fffff ffffffff'),
  row('bool', bool, true, '00000001'),
  row('void', voidType, undefined, ''),
  row('enum', enumeration(3, 7), 7, '00000007'),
  row('opaque[3]', opaqueFixed(3), view('abc'), '61626300'),
  row('opaque<5>', opaque(5), view('abcde'), '00000005 61626364 65000000'),
  row('opaque<5> by reference', opaqueByReference(5), view('a'), '00000001 61000000'),
  row('string<>', string(9), 'ü', '00000002 c3bc0000'),
  row('optional, absent', optional(uint32), undefined, '00000000'),
  row('optional, present', optional(uint32), 5, '00000001 00000005'),
  row('array', array(uint32, 3), [1, 2], '00000002 00000001 00000002'),
  row('list', list(uint32, 3), [1, 2], '00000001 00000001 00000001 00000002 00000000'),
  row(
    'struct',
    struct({ name: string(4), at: struct({ x: uint32, y: bool }) }),
    { name: 'n', at: { x: 1, y: false } },
    '00000001 6e000000 00000001 00000000',
  ),
]

for (const { what, codec, value, wire } of rows as Row<unknown>[]) {
  test(`${what}: to these bytes and back`, () => {
    assert.is(Buffer.from(encoded(codec, value)).toString('hex'), wire.replaceAll(' ', ''))
    assert.equal(decoded(codec, bytes(wire)), value)
  })

  test(`${what}: refused when it is cut short anywhere`, () => {
    const whole = bytes(wire)
    for (let size = 0; size < whole.length; size++) {
      refusal(() => codec.decode(new XdrReader(whole.subarray(0, size))))
    }
  })
}

test('an enum admits no other value', () => {
  assert.match(
    refusal(() => decoded(enumeration(3, 7), bytes('00000005'))),
    '5 is not a value of the enum at byte 0',
  )
})

test('a list of more elements than allowed is refused', () => {
  const three = bytes('00000001 00000001 00000001 00000002 00000000')
  assert.match(
    refusal(() => decoded(list(uint32, 1), three)),
    'list exceeds 1 elements',
  )
})

for (const count of [4, 0x7fff_ffff, 0xffff_ffff]) {
  test(`an array that claims ${count} elements is refused before it is made`, () => {
    const wire = new Uint8Array(8)
    new DataView(wire.buffer).setUint32(0, count)
    const message = refusal(() => decoded(array(uint32, 3), wire))
    assert.match(message, `${count} elements exceed 3 at byte 0`)
  })
}

test('an array that claims more elements than there are bytes is refused before it is made', () => {
  const message = refusal(() => decoded(array(uint32, 0xffff_ffff), bytes('3fffffff 00000001')))
  assert.match(message, 'elements exceed 4 at byte 0')
})

test('writing beyond a declared limit is a bug of ours, not a message', () => {
  const tooMuch: (() => unknown)[] = [
    () => encoded(opaque(2), view('abc')),
    () => encoded(opaqueByReference(2), view('abc')),
    () => encoded(opaqueFixed(2), view('abc')),
    () => encoded(string(1), 'ü'),
    () => encoded(array(uint32, 1), [1, 2]),
  ]
  for (const write of tooMuch) {
    assert.throws(write, (error: NodeJS.ErrnoException) => error.code === 'ERR_ASSERTION')
  }
})

// A type with everything in it, and its bytes by a second, plain implementation.

const everything = struct({
  id: uint64,
  kind: enumeration(1, 2, 3),
  flag: bool,
  name: string(255),
  fixed: opaqueFixed(5),
  data: opaqueByReference(20_000),
  inner: optional(struct({ gids: array(uint32, 16), delta: int32 })),
  entries: list(struct({ name: opaque(255) }), 10),
})

const octets = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => array.slice())

const plain = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(model, { noNullPrototype: true })

const anything = plain({
  id: fc.maxSafeNat(),
  kind: fc.constantFrom(1 as const, 2 as const, 3 as const),
  flag: fc.boolean(),
  name: fc.string({ unit: fc.constantFrom('a', 'ü', '€', '😀'), maxLength: 30 }),
  fixed: fc.uint8Array({ minLength: 5, maxLength: 5 }),
  data: fc.oneof(
    octets(50),
    fc.nat(9000).map((size) => new Uint8Array(size).fill(size)),
  ),
  inner: fc.option(plain({ gids: fc.array(fc.nat(), { maxLength: 16 }), delta: fc.integer() }), {
    nil: undefined,
  }),
  entries: fc.array(plain({ name: octets(9) }), { maxLength: 10 }),
})

const word = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value | 0)
  return bytes
}
const padded = (value: Uint8Array) =>
  Buffer.concat([value, Buffer.alloc(Math.ceil(value.length / 4) * 4 - value.length)])
const counted = (value: Uint8Array) => Buffer.concat([word(value.length), padded(value)])

type Anything = typeof anything extends fc.Arbitrary<infer T> ? T : never

function plainly({ id, kind, flag, name, fixed, data, inner, entries }: Anything): Buffer {
  const hyper = Buffer.alloc(8)
  hyper.writeBigUInt64BE(BigInt(id))
  const some = inner === undefined ? [] : [inner.gids.length, ...inner.gids, inner.delta]
  return Buffer.concat([
    hyper,
    word(kind),
    word(flag ? 1 : 0),
    counted(Buffer.from(name)),
    padded(fixed),
    counted(data),
    word(inner === undefined ? 0 : 1),
    ...some.map(word),
    ...entries.flatMap((entry) => [word(1), counted(entry.name)]),
    word(0),
  ])
}

test('any value: the bytes are those of a second implementation, and decode to the value', () => {
  const property = fc.property(anything, (value) => {
    const wire = encoded(everything, value)
    assert.is(Buffer.compare(wire, plainly(value)), 0)
    assert.equal(decoded(everything, new Uint8Array(wire)), value)
  })
  fc.assert(property, { numRuns: 500 })
})

test('any damage: the value decodes to something that encodes to the same bytes, or is refused', () => {
  const property = fc.property(anything, fc.nat(), fc.nat(255), (value, where, octet) => {
    const wire = new Uint8Array(encoded(everything, value))
    wire[where % wire.length] = octet
    const r = new XdrReader(wire)
    let got: ReturnType<typeof everything.decode>
    try {
      got = everything.decode(r)
    } catch (error) {
      assert.instance(error, XdrError)
      return
    }
    // Text that is not UTF-8 and numbers beyond 2^53 do not come back the same, by design.
    if (Buffer.from(got.name).includes('\ufffd') || got.id > Number.MAX_SAFE_INTEGER) return
    assert.is(Buffer.compare(encoded(everything, got), wire.subarray(0, r.position)), 0)
  })
  fc.assert(property, { numRuns: 2000 })
})

test.run()
