import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  bitmapKey,
  chunkKey,
  deadKey,
  historyKey,
  type Key,
  Kind,
  keyBytes,
  nameKey,
  pageKey,
  parseDeadKey,
  parseKey,
  versionsKey,
} from '../../src/store/keys.ts'

const test = suite('store/keys')

const name = nameKey(17, Buffer.from('a/b@é\xff'))
const rows: readonly [Kind, Key, string][] = [
  [Kind.INODE, 0x1_0000_0002, '0000000149' + '0000000100000002'],
  [Kind.NAME, nameKey(2, Buffer.from('hi')), '000000014e' + '0000000000000002' + '6869'],
  [Kind.PAGE, pageKey(2, 3), '0000000150' + '0000000000000002' + '0000000000000003'],
  [Kind.BITMAP, bitmapKey(2, 1, 3), '0000000158' + '0000000000000002' + '01' + '0000000000000003'],
  [Kind.CHUNK, chunkKey(9, 2 ** 40), '0000000143' + '0000000000000009' + '0000010000000000'],
  [Kind.SCHEDULE, 0, '0000000152' + '0000000000000000'],
  [Kind.LOCK, 7, '000000014c' + '0000000000000007'],
  [Kind.VERSIONS, versionsKey(Kind.INODE, 5), '0000000156' + '490000000000000005'],
  [Kind.HISTORY, historyKey(Kind.INODE, 5, 7), '0000000148' + '490000000000000005' + '00000007'],
  [
    Kind.DEAD,
    deadKey(Kind.INODE, 5, 3, 7),
    '0000000144' + '00000007' + '00000003' + '490000000000000005',
  ],
]

for (const [kind, key, hex] of rows) {
  test(`${kind} ${key} is ${hex}, both ways`, () => {
    const bytes = Buffer.from(keyBytes(1, kind, key))
    assert.is(bytes.toString('hex'), hex)
    assert.equal(parseKey(bytes), { dataset: 1, kind, key })
  })
}

test('names of any bytes come back from every kind of key that holds one', () => {
  const kinds: readonly [Kind, string][] = [
    [Kind.NAME, name],
    [Kind.VERSIONS, versionsKey(Kind.NAME, name)],
    [Kind.HISTORY, historyKey(Kind.NAME, name, 12)],
    [Kind.DEAD, deadKey(Kind.NAME, name, 11, 12)],
  ]
  for (const [kind, key] of kinds) {
    assert.equal(parseKey(Buffer.from(keyBytes(1, kind, key))).key, key)
  }
  assert.equal(parseDeadKey(deadKey(Kind.NAME, name, 11, 12)), {
    end: 12,
    birth: 11,
    kind: Kind.NAME,
    key: name,
  })
})

test('the longest name fits a key of every kind', () => {
  const longest = nameKey(2 ** 52, Buffer.alloc(255, 0xff))
  const key = deadKey(Kind.NAME, longest, 0xffff_ffff, 0xffff_fffe)
  assert.is(parseKey(Buffer.from(keyBytes(0xffff_ffff, Kind.DEAD, key))).key, key)
})

test.run()
