import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Attributes } from '../../src/fs/filesystem.ts'
import { fattr3 } from '../../src/nfs/attributes.ts'
import { READDIRPLUS } from '../../src/nfs/proc/readdirplus.ts'
import {
  createhow3,
  diropargs3,
  mknoddata3,
  sattr3,
  sattrguard3,
  wcc_data,
} from '../../src/nfs/types.ts'
import type { Codec } from '../../src/xdr/codec.ts'
import { Span, XdrError, XdrReader } from '../../src/xdr/reader.ts'
import { XdrWriter } from '../../src/xdr/writer.ts'

const test = suite('nfs/types: RFC 1813 §2.5, §2.6')

const hex = (text: string) => new Uint8Array(Buffer.from(text.replace(/\/\/.*|\s/g, ''), 'hex'))

/** A value and its bytes must give one another, and no shorter bytes may pass for them. */
function row<T>(name: string, codec: Codec<T>, value: T, wire: string): void {
  const expected = hex(wire)
  test(`${name} is written as the RFC says`, () => {
    const w = new XdrWriter()
    codec.encode(w, value)
    assert.equal(Buffer.from(w.finish()).toString('hex'), Buffer.from(expected).toString('hex'))
  })
  test(`${name} is read back`, () => {
    const r = new XdrReader(expected)
    assert.equal(plain(codec.decode(r)), value)
    assert.is(r.remaining, 0)
  })
  test(`${name} cut short anywhere is no ${name}`, () => {
    for (let size = 0; size < expected.length; size++) {
      assert.throws(() => codec.decode(new XdrReader(expected.subarray(0, size))), isXdrError)
    }
  })
}

/** Handles among arguments are read as Spans. */
function plain(value: unknown): unknown {
  if (value instanceof Span) return new Uint8Array(value.view())
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  if (value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]))
}

const isXdrError = (error: unknown) => error instanceof XdrError

const attributes: Attributes = {
  type: 1,
  mode: 0o4755,
  nlink: 2,
  uid: 1000,
  gid: 100,
  size: 0x1_0000_0005,
  used: 8192,
  rdev: { specdata1: 8, specdata2: 1 },
  fsid: 2 ** 53 - 1,
  fileid: 42,
  atime: { seconds: 1, nseconds: 2 },
  mtime: { seconds: 3, nseconds: 4 },
  ctime: { seconds: 0xffff_ffff, nseconds: 999_999_999 },
}

const FATTR3 = `
  00000001          // type NF3REG
  000009ed          // mode 04755
  00000002          // nlink
  000003e8          // uid
  00000064          // gid
  0000000100000005  // size
  0000000000002000  // used
  00000008 00000001 // rdev
  001fffffffffffff  // fsid
  000000000000002a  // fileid
  00000001 00000002 // atime
  00000003 00000004 // mtime
  ffffffff 3b9ac9ff // ctime`

row('fattr3', fattr3, attributes, FATTR3)

row(
  'wcc_data',
  wcc_data,
  {
    before: { size: attributes.size, mtime: attributes.mtime, ctime: attributes.ctime },
    after: attributes,
  },
  `
  00000001          // before: attributes_follow
  0000000100000005  // size
  00000003 00000004 // mtime
  ffffffff 3b9ac9ff // ctime
  00000001          // after: attributes_follow
  ${FATTR3}`,
)

row(
  'wcc_data of nothing',
  wcc_data,
  { before: undefined, after: undefined },
  `
  00000000 // before
  00000000 // after`,
)

row(
  'sattr3',
  sattr3,
  {
    mode: 0o644,
    uid: 1,
    gid: 2,
    size: 3,
    atime: 'now',
    mtime: { seconds: 4, nseconds: 5 },
  },
  `
  00000001 000001a4          // mode
  00000001 00000001          // uid
  00000001 00000002          // gid
  00000001 0000000000000003  // size
  00000001                   // atime SET_TO_SERVER_TIME
  00000002 00000004 00000005 // mtime SET_TO_CLIENT_TIME`,
)

const nothing = { mode: undefined, uid: undefined, gid: undefined, size: undefined }
const unset = { ...nothing, atime: undefined, mtime: undefined }
const UNSET = '00000000 00000000 00000000 00000000 00000000 00000000'
row('sattr3 of nothing', sattr3, unset, UNSET)

row('sattrguard3', sattrguard3, { seconds: 1, nseconds: 2 }, '00000001 00000001 00000002')

row(
  'diropargs3',
  diropargs3,
  { dir: hex('0102030405'), name: hex('e2e4') },
  `
  00000005 0102030405 000000 // dir, padded
  00000002 e2e4 0000         // name: bytes that are no UTF-8`,
)

row(
  'createhow3 GUARDED',
  createhow3,
  { mode: 'GUARDED', attributes: unset },
  `
  00000001 // GUARDED
  ${UNSET}`,
)

row(
  'createhow3 EXCLUSIVE',
  createhow3,
  { mode: 'EXCLUSIVE', verifier: hex('0102030405060708') },
  `
  00000002         // EXCLUSIVE
  0102030405060708 // verf`,
)

row(
  'mknoddata3 of a device',
  mknoddata3,
  {
    type: 4,
    attributes: unset,
    spec: { specdata1: 1, specdata2: 3 },
  },
  `
  00000004          // NF3CHR
  ${UNSET}
  00000001 00000003 // spec`,
)

row(
  'mknoddata3 of a fifo',
  mknoddata3,
  {
    type: 7,
    attributes: unset,
    spec: { specdata1: 0, specdata2: 0 },
  },
  `
  00000007 // NF3FIFO
  ${UNSET}`,
)

row(
  'mknoddata3 of what MKNOD does not make',
  mknoddata3,
  {
    type: 2,
    attributes: {},
    spec: { specdata1: 0, specdata2: 0 },
  },
  '00000002 // NF3DIR',
)

row(
  'READDIRPLUS3resok with an entryplus3',
  READDIRPLUS.resok,
  {
    dir_attributes: undefined,
    cookieverf: hex('0000000000000000'),
    reply: {
      entries: [
        {
          fileid: 42,
          name: hex('616263'),
          cookie: 2 ** 40,
          name_attributes: attributes,
          name_handle: hex('0a0b0c0d'),
        },
        {
          fileid: 43,
          name: hex('2e'),
          cookie: 3,
          name_attributes: undefined,
          name_handle: undefined,
        },
      ],
      eof: true,
    },
  },
  `
  00000000          // dir_attributes: none
  0000000000000000  // cookieverf
  00000001          // an entry follows
  000000000000002a  // fileid
  00000003 616263 00 // name, padded
  0000010000000000  // cookie
  00000001          // name_attributes follow
  ${FATTR3}
  00000001          // name_handle follows
  00000004 0a0b0c0d
  00000001          // an entry follows
  000000000000002b  // fileid
  00000001 2e000000 // name
  0000000000000003  // cookie
  00000000          // no name_attributes
  00000000          // no name_handle
  00000000          // no more entries
  00000001          // eof`,
)

test('a time_how, a createmode3 and a file type that do not exist are refused', () => {
  assert.throws(() => sattr3.decode(new XdrReader(hex(`${UNSET.slice(0, -1)}3`))), isXdrError)
  assert.throws(() => createhow3.decode(new XdrReader(hex('00000003'))), isXdrError)
  assert.throws(() => fattr3.decode(new XdrReader(hex(`00000008${'00'.repeat(80)}`))), isXdrError)
})

test('a handle of 64 bytes is read, and one of 65 is refused before its bytes are looked at', () => {
  const of = (size: number) => {
    const w = new XdrWriter()
    w.opaque(new Uint8Array(size))
    w.opaque(hex('61'))
    return new XdrReader(w.finish())
  }
  assert.is(diropargs3.decode(of(64)).dir.length, 64)
  assert.throws(() => diropargs3.decode(of(65)), isXdrError)
})

test.run()
