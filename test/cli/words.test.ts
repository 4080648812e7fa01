import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parsePath } from '../../src/cli/paths.ts'
import { bytesOf, textOf, wordsOf } from '../../src/cli/words.ts'

const test = suite('cli/words: names are bytes')

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('bytes of any kind come back from their text', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      (bytes) => hex(bytesOf(textOf(bytes))) === hex(bytes),
    ),
  )
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      (text) => bytesOf(text).toString() === Buffer.from(text).toString(),
    ),
  )
})

for (const [what, bytes, text] of [
  ['text is text', 'c3a9f09f9982', 'é🙂'],
  ['a byte that is none stands alone', '61ff62', 'a\udcffb'],
  ['a character that breaks off', 'f09f99', '\udcf0\udc9f\udc99'],
  ['a surrogate in UTF-8 is none', 'edb2ff', '\udced\udcb2\udcff'],
  ['what is longer than it must be is none', 'c0af', '\udcc0\udcaf'],
  ['the replacement character itself', 'efbfbd', '\ufffd'],
] as const) {
  test(what, () => {
    assert.is(textOf(Buffer.from(bytes, 'hex')), text)
    assert.is(hex(bytesOf(text)), bytes)
  })
}

/** A command line as Linux shows it, of a process that was given these words. */
const shown = (...words: readonly (string | Uint8Array)[]) =>
  Buffer.concat(words.flatMap((word) => [Buffer.from(word), Buffer.of(0)]))

test('words that Node could not decode are looked up where they stand as bytes', () => {
  const words = ['restore', Buffer.of(0x61, 0xff), '', 'b']
  const line = shown('/usr/bin/node', '--flag', '/bin/zerofs-nfs.js', ...words)
  const argv = words.map((word) => Buffer.from(word).toString())
  assert.equal(
    wordsOf(argv, () => line),
    ['restore', 'a\udcff', '', 'b'],
  )
})

test('where they are not to be found, Node is believed', () => {
  const argv = ['restore', 'a\ufffd']
  for (const line of [undefined, shown(), shown('zerofs-nfs'), shown('node', 'restore', 'other')]) {
    assert.is(
      wordsOf(argv, () => line),
      argv,
    )
  }
  const fine = ['restore', 'é']
  assert.is(
    wordsOf(fine, () => undefined),
    fine,
  )
})

test('a path of any bytes is a path', () => {
  assert.is(hex(parsePath('/a\udcff//b/')), '61ff2f62')
  assert.throws(() => parsePath('a\udcff/..'), /'\.\.'/)
})

test.run()
