import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chunkCodec, inodeCodec, pageCodec, scheduleCodec } from '../../src/store/codecs.ts'
import { FsError } from '../../src/store/error.ts'
import { decodeRecord, encodeRecord, openRecord, sealRecord } from '../../src/store/record.ts'
import { EMPTY_CHUNK, FileType, type Inode, newChunk, type Page } from '../../src/store/records.ts'
import type { Codec } from '../../src/xdr/codec.ts'

const test = suite('store/records')

const time = { seconds: 7, nseconds: 8 }
const inode: Inode = {
  ...{ type: FileType.REG, mode: 0o644, nlink: 1, uid: 1, gid: 2, size: 2 ** 40, used: 4096 },
  ...{ atime: time, mtime: time, ctime: time, generation: 5, major: 0, minor: 0, content: 9 },
  ...{ verifier: undefined, parent: 11, cookie: 12, entries: 0, nextCookie: 0, target: undefined },
}

function roundTrip<V>(codec: Codec<V>, value: V): V {
  const { birth, value: decoded } = decodeRecord(codec, encodeRecord(codec, 3, value))
  assert.is(birth, 3)
  return decoded
}

const verifier = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])
const none = { content: 0, verifier: undefined }
const inodes: readonly Inode[] = [
  inode,
  { ...inode, verifier },
  { ...inode, ...none, type: FileType.DIR, parent: 3, cookie: 6, entries: 4, nextCookie: 5 },
  { ...inode, ...none, type: FileType.LNK, target: new Uint8Array([0x2f, 0xff]) },
  { ...inode, ...none, type: FileType.CHR, major: 4, minor: 5 },
]
for (const value of inodes) {
  test(`an inode of type ${value.type} comes back whole`, () => {
    assert.equal(roundTrip(inodeCodec, value), value)
  })
}

test('a page comes back with names of any bytes, which are copies', () => {
  const page: Page = [
    { ino: 5, type: FileType.REG, cookie: 64, name: new Uint8Array([0xff, 0x0a]) },
    { ino: 6, type: FileType.DIR, cookie: 65, name: new Uint8Array(255).fill(0x61) },
  ]
  const decoded = roundTrip(pageCodec, page)
  encodeRecord(pageCodec, 9, [])
  assert.equal(decoded, page)
})

test('a schedule comes back with each count in its place', () => {
  const schedule = { frequently: 1, hourly: 2, daily: 3, weekly: 4, monthly: 5, yearly: 10_000 }
  assert.equal(roundTrip(scheduleCodec, schedule), schedule)
})

test('a chunk comes back with its holes, runs and births', () => {
  const chunk = newChunk(7)
  chunk.address.set([0, 10, 11, 12, 0, 13, 2 ** 40])
  chunk.birth.set([0, 1, 1, 2, 0, 2, 2])
  chunk.checksum.set([0, 5, 6, 7, 0, 8, 0xffff_ffff])
  assert.equal(roundTrip(chunkCodec, chunk), chunk)
})

test('inline data comes back as it was', () => {
  const chunk = { ...EMPTY_CHUNK, inline: new Uint8Array([1, 2, 3]) }
  assert.equal(roundTrip(chunkCodec, chunk), chunk)
})

test('a flipped bit anywhere in a sealed record, or another key, is found and named', () => {
  const key = Buffer.from('00000001490000000000000005', 'hex')
  const sealed = sealRecord(key, encodeRecord(inodeCodec, 3, inode))
  assert.equal(Buffer.from(openRecord(key, sealed)), sealed.subarray(0, -4))
  for (let bit = 0; bit < sealed.length * 8; bit += 5) {
    const damaged = Buffer.from(sealed)
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.throws(
      () => openRecord(key, damaged),
      (error: unknown) => error instanceof FsError && /record I 5 .*checksum/.test(error.message),
    )
  }
  assert.throws(() => openRecord(Buffer.from('00000001490000000000000006', 'hex'), sealed))
})

test.run()
