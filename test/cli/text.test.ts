import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { closest } from '../../src/cli/suggest.ts'
import {
  ago,
  columns,
  duration,
  elapsed,
  isoTime,
  localTime,
  printable,
  shellWord,
  utf8,
  width,
} from '../../src/cli/text.ts'

const test = suite('cli/text')

const PRINTABLE: [string | number[], string][] = [
  ['plain-name_1.txt', 'plain-name_1.txt'],
  ['grüße 日本 👩‍🚀', 'grüße 日本 👩‍🚀'],
  ['a\\b', 'a\\\\b'],
  ['a\nb\tc\u007f', 'a\\x0ab\\x09c\\x7f'],
  ['\u001b[31mred', '\\x1b[31mred'],
  ['\u009b31m', '\\xc2\\x9b31m'],
  ['abc\u202ecba', 'abc\\xe2\\x80\\xaecba'],
  ['line\u2028', 'line\\xe2\\x80\\xa8'],
  [[0x61, 0xff, 0xfe, 0x62], 'a\\xff\\xfeb'],
  [[0xc3], '\\xc3'],
  [[0xc3, 0x28], '\\xc3('],
  [[0xe2, 0x82, 0xac, 0xe2, 0x82], '€\\xe2\\x82'],
  [[0xf0, 0x9f, 0x92, 0xa9], '💩'],
  [[0xed, 0xa0, 0x80], '\\xed\\xa0\\x80'],
  [[0xc0, 0x80], '\\xc0\\x80'],
  [[0xef, 0xbb, 0xbf, 0x61], '\\xef\\xbb\\xbfa'],
  [[], ''],
]

for (const [given, shown] of PRINTABLE) {
  test(`prints ${JSON.stringify(given)} safely`, () => {
    const bytes = typeof given === 'string' ? Buffer.from(given) : Uint8Array.from(given)
    assert.is(printable(bytes), shown)
  })
}

test('what is printed can be told apart again', () => {
  const undone = (text: string) =>
    Buffer.from(
      text.replace(/\\(?:\\|x([0-9a-f]{2}))/g, (_, hex) =>
        hex === undefined ? '\\' : String.fromCharCode(Number.parseInt(hex, 16)),
      ),
      'latin1',
    )
  for (let i = 0; i < 256; i++) {
    const bytes = Uint8Array.of(i, 0x5c, 0x78, i ^ 0xff)
    assert.equal([...undone(printable(bytes))], [...bytes])
  }
})

test('bytes that are no UTF-8 are no text', () => {
  assert.is(utf8(Buffer.from('é')), 'é')
  assert.is(utf8(Uint8Array.of(0xe9)), undefined)
})

test('words for a shell are quoted where they have to be', () => {
  assert.is(shellWord('a/b-c_d.e'), 'a/b-c_d.e')
  assert.is(shellWord("it's here"), `'it'\\''s here'`)
  assert.is(shellWord('$HOME'), "'$HOME'")
  assert.is(shellWord(''), "''")
})

test('times for people and for programs', () => {
  const time = { seconds: 1_763_842_445, nseconds: 5000 }
  assert.is(isoTime(time), '2025-11-22T20:14:05.000005000Z')
  const shown = localTime(time)
  assert.match(shown, /^2025-11-2[123] \d\d:\d\d:05$/)
  assert.is(new Date(shown).getTime(), time.seconds * 1000)
})

test('how long ago', () => {
  const at = { seconds: 1000, nseconds: 0 }
  assert.is(ago(at, 1_000_000), 'just now')
  assert.is(ago(at, 900_000), 'just now')
  assert.is(ago(at, 1_001_000), '1 second ago')
  assert.is(ago(at, (1000 + 7384) * 1000), '2 hours ago')
  assert.is(ago(at, (1000 + 400 * 86_400) * 1000), '400 days ago')
})

test('how long', () => {
  const rows: [number, string][] = [
    [0, '0 seconds'],
    [1, '1 second'],
    [61, '1 minute 1 second'],
    [3600, '1 hour'],
    [3601, '1 hour'],
    [7384, '2 hours 3 minutes'],
    [90_000, '1 day 1 hour'],
    [86_400 * 30, '30 days'],
  ]
  for (const [seconds, shown] of rows) assert.is(duration(seconds), shown)
  assert.is(elapsed(1449), '1.4 s')
  assert.is(elapsed(123_000), '2 minutes 3 seconds')
})

test('columns are as wide as what is in them, as a terminal counts', () => {
  assert.equal(
    columns([
      ['a', 'b'],
      ['日本', 'c'],
      ['e\u0301e', 'd'],
    ]),
    ['a     b', '日本  c', 'e\u0301e    d'],
  )
  assert.is(width('日本'), 4)
})

test('a name that was meant is found, and one that was not is not', () => {
  assert.is(closest('befor', ['001', 'before']), 'before')
  assert.is(closest('Before', ['001', 'before']), 'before')
  assert.is(closest('ebfore', ['before']), 'before')
  assert.is(closest('zzz', ['before', 'after']), undefined)
  assert.is(closest('x', []), undefined)
  assert.is(closest('x'.repeat(5000), ['y'.repeat(5000)]), undefined)
})

test.run()
