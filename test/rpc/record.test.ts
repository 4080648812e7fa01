import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FRAGMENTS_MAX, RecordError, RecordParser } from '../../src/rpc/record.ts'
import { RECORD_BUFFER_BYTES, REUSED_BYTES_MIN, RecordBuffers } from '../../src/xdr/buffers.ts'
import type { XdrReader } from '../../src/xdr/reader.ts'

const test = suite('rpc/record: RFC 5531 §11')

const text = (r: XdrReader) => Buffer.from(r.unread()).toString('hex')

/** A parser and the records it handed on, in hex. */
function collecting(recordBytesMax: number): { parser: RecordParser; got: string[] } {
  const got: string[] = []
  return { parser: new RecordParser(recordBytesMax, (r) => got.push(text(r))), got }
}

const fragment = (last: boolean, bytes: Uint8Array) => {
  const mark = Buffer.alloc(4)
  mark.writeUInt32BE((last ? 0x8000_0000 : 0) + bytes.length)
  return Buffer.concat([mark, bytes])
}
const record = (size: number) => fragment(true, Buffer.alloc(size, size))

/** Feeds copies that are wiped afterwards, as a receive buffer is that is used again. */
function feedInChunks(parser: RecordParser, wire: Uint8Array, size: number): void {
  for (let at = 0; at < wire.length; at += size) {
    const chunk = Uint8Array.from(wire.subarray(at, at + size))
    parser.feed(chunk)
    chunk.fill(0xee)
  }
}

const wire = Buffer.from([
  0x00,
  0x00,
  0x00,
  0x02,
  0xca,
  0xfe, // 2 bytes, more fragments follow
  0x00,
  0x00,
  0x00,
  0x00, //             nothing, more follow
  0x80,
  0x00,
  0x00,
  0x01,
  0x42, //       1 byte, last fragment
  0x80,
  0x00,
  0x00,
  0x00, //             an empty record
  0x80,
  0x00,
  0x00,
  0x03,
  1,
  2,
  3, //    a record of one fragment
  0x80,
  0x00,
  0x00,
  0x01,
  4, //          and one more
])

for (let size = 1; size <= wire.length; size++) {
  test(`joins fragments that arrive ${size} bytes at a time`, () => {
    const { parser, got } = collecting(3)
    feedInChunks(parser, wire, size)
    assert.equal(got, ['cafe42', '', '010203', '04'])
    assert.ok(parser.idle)
  })
}

test('any records in any fragments in any chunks come out as they went in', () => {
  const fragments = fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 1, maxLength: 4 })
  const property = fc.property(
    fc.array(fragments, { maxLength: 10 }),
    fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 10 }),
    fc.nat(3),
    (records, sizes, pauseEvery) => {
      const all = records.flatMap((parts) =>
        parts.map((part, i) => fragment(i === parts.length - 1, part)),
      )
      const got: string[] = []
      const parser = new RecordParser(80, (r) => {
        got.push(text(r))
        if (pauseEvery > 0 && got.length % pauseEvery === 0) parser.pause()
      })
      let rest = Buffer.concat(all)
      for (let i = 0; rest.length > 0; i++) {
        const size = sizes[i % sizes.length] ?? 1
        feedInChunks(parser, rest.subarray(0, size), size)
        rest = rest.subarray(size)
        if (i % 3 === 0) parser.resume()
      }
      while (!parser.idle) parser.resume()
      assert.equal(
        got,
        records.map((parts) => Buffer.concat(parts).toString('hex')),
      )
    },
  )
  fc.assert(property, { numRuns: 500 })
})

test('hands on a whole record where it lies, and any other in a buffer of its own', () => {
  const owned: boolean[] = []
  const parser = new RecordParser(100, (_, own) => owned.push(own))
  const two = Buffer.concat([record(5), record(6)])
  parser.feed(two.subarray(0, 12))
  parser.feed(two.subarray(12))
  parser.feed(Buffer.concat([fragment(false, Buffer.alloc(1)), fragment(true, Buffer.alloc(1))]))
  assert.equal(owned, [false, true, true])
})

test('offers the missing part of a large record, to be received in place', () => {
  const { parser, got } = collecting(100_000)
  const large = record(50_000)
  assert.is(parser.target, undefined)
  parser.feed(large.subarray(0, 3))
  assert.is(parser.target, undefined)
  parser.feed(large.subarray(3, 1004))
  assert.is(parser.target?.length, 49_000)
  parser.target?.set(large.subarray(1004, 31_004))
  parser.landed(30_000)
  assert.is(parser.target?.length, 19_000)
  parser.target?.set(large.subarray(31_004))
  parser.landed(19_000)
  assert.equal(got, [large.subarray(4).toString('hex')])
  assert.is(parser.target, undefined)
})

test('receives in place only what belongs to the fragment announced', () => {
  const { parser, got } = collecting(100_000)
  parser.feed(fragment(false, Buffer.alloc(30_000, 1)).subarray(0, 4))
  parser.target?.fill(1)
  assert.is(parser.target?.length, 30_000)
  parser.landed(30_000)
  assert.equal(got, [])
  parser.feed(fragment(true, Buffer.of(2)))
  assert.equal(got, [`${'01'.repeat(30_000)}02`])
})

for (const [what, bytes] of [
  ['one byte over the limit', [0x80, 0, 0, 101]],
  ['of 2 GiB', [0xff, 0xff, 0xff, 0xff]],
  ['of 2 GiB in more fragments', [0x7f, 0xff, 0xff, 0xff]],
  ['whose fragments exceed the limit together', [0, 0, 0, 1, 9, 0x80, 0, 0, 100]],
  ['one byte over the limit that is all there', [...record(101)]],
] as const) {
  test(`refuses a record ${what}, before its bytes come`, () => {
    const { parser, got } = collecting(100)
    assert.throws(
      () => parser.feed(Uint8Array.from(bytes)),
      (error: unknown) => error instanceof RecordError && /exceeds 100 bytes/.test(error.message),
    )
    assert.equal(got, [])
    assert.is(parser.target, undefined)
  })
}

test('takes a record of exactly the limit, in one fragment or in several', () => {
  const { parser, got } = collecting(100)
  parser.feed(record(100))
  parser.feed(Buffer.concat([fragment(false, Buffer.alloc(60)), fragment(true, Buffer.alloc(40))]))
  assert.equal(
    got.map((hex) => hex.length),
    [200, 200],
  )
})

test('refuses a record that never ends, made of empty fragments', () => {
  const { parser } = collecting(100)
  const empty = fragment(false, new Uint8Array(0))
  for (let i = 0; i < FRAGMENTS_MAX; i++) parser.feed(empty)
  assert.throws(() => parser.feed(empty), /exceeds \d+ fragments/)
})

test('hands nothing on while paused, and the rest in order when it goes on', () => {
  const { parser, got } = collecting(100)
  parser.pause()
  feedInChunks(parser, Buffer.concat([record(1), record(2)]), 4)
  assert.equal(got, [])
  assert.not.ok(parser.idle)
  parser.resume()
  assert.equal(got, ['01', '0202'])
})

test('drops what comes after it was stopped, also from within a record', () => {
  const got: string[] = []
  const parser = new RecordParser(100, (r) => {
    got.push(text(r))
    parser.stop()
  })
  parser.feed(Buffer.concat([record(1), record(2)]))
  parser.feed(record(3))
  parser.resume()
  assert.equal(got, ['01'])
  assert.ok(parser.idle)
})

test('a receive buffer comes back when its connection is closed, not when it is stopped', () => {
  const buffers = new RecordBuffers(new Uint8Array(RECORD_BUFFER_BYTES))
  const parser = new RecordParser(RECORD_BUFFER_BYTES, () => undefined, buffers)
  parser.feed(record(REUSED_BYTES_MIN).subarray(0, 1000))
  assert.is(buffers.free, 0)
  parser.stop()
  assert.is(buffers.free, 0, 'the socket may still write into it')
  parser.close()
  parser.close()
  assert.is(buffers.free, 1)
})

test('a receive buffer comes back whatever becomes of its record', () => {
  const buffers = new RecordBuffers(new Uint8Array(RECORD_BUFFER_BYTES))
  const onRecord = (): never => {
    throw new Error('a bug')
  }
  const parser = new RecordParser(RECORD_BUFFER_BYTES, onRecord, buffers)
  const wire = record(REUSED_BYTES_MIN)
  parser.feed(wire.subarray(0, 1000))
  assert.throws(() => parser.feed(wire.subarray(1000)), /a bug/)
  assert.is(buffers.free, 1)
})

test.run()
