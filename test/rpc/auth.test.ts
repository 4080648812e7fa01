import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CredentialReader, encodeCredential } from '../../src/rpc/auth.ts'
import { opaque_auth } from '../../src/rpc/message.ts'
import type { Credential } from '../../src/rpc/program.ts'
import { XdrError, XdrReader } from '../../src/xdr/reader.ts'
import { XdrWriter } from '../../src/xdr/writer.ts'

const test = suite('rpc/auth: RFC 5531 §8.2, appendix A')

const root: Credential = {
  flavor: 'AUTH_SYS',
  stamp: 0x01020304,
  machinename: 'box',
  uid: 0,
  gid: 5,
  gids: [6, 7],
}

/** The bytes of `root` as an opaque_auth. */
const ROOT = [
  ...[0, 0, 0, 1], //                       AUTH_SYS
  ...[0, 0, 0, 32], //                      length of the body
  ...[1, 2, 3, 4], //                       stamp
  ...[0, 0, 0, 3, 0x62, 0x6f, 0x78, 0], //  machinename
  ...[0, 0, 0, 0, 0, 0, 0, 5], //           uid, gid
  ...[0, 0, 0, 2, 0, 0, 0, 6, 0, 0, 0, 7], // gids
]

function wireOf(flavor: number, body: readonly number[] | Uint8Array): Uint8Array {
  const w = new XdrWriter()
  opaque_auth.encode(w, { flavor, body: Uint8Array.from(body) })
  return Uint8Array.from(w.finish())
}

/** authsys_parms with the given machinename and gids. */
function sysBody(machinename: number, gids: number): Uint8Array {
  const w = new XdrWriter()
  w.uint32(1)
  w.opaque(new Uint8Array(machinename).fill(0x61))
  for (const value of [2, 3, gids, ...Array(gids).keys()]) w.uint32(value)
  return w.finish()
}

const isXdrError = (error: unknown) => error instanceof XdrError

test('AUTH_SYS: to these bytes and back', () => {
  const { flavor, body } = encodeCredential(root)
  assert.equal(wireOf(flavor, body), Uint8Array.from(ROOT))
  const r = new XdrReader(Uint8Array.from([...ROOT, 9, 9, 9, 9]))
  assert.equal(new CredentialReader().read(r), root)
  assert.is(r.position, ROOT.length)
})

test('AUTH_NONE: to no bytes and back, and whatever its body says', () => {
  const { flavor, body } = encodeCredential({ flavor: 'AUTH_NONE' })
  assert.equal(wireOf(flavor, body), new Uint8Array(8))
  for (const given of [[], [1, 2, 3]]) {
    const r = new XdrReader(wireOf(0, given))
    assert.equal(new CredentialReader().read(r), { flavor: 'AUTH_NONE' })
    assert.is(r.remaining, 0)
  }
})

test('a flavor that is not served is passed over', () => {
  const r = new XdrReader(wireOf(6, [1, 2, 3, 4, 5]))
  assert.is(new CredentialReader().read(r), undefined)
  assert.is(r.remaining, 0)
})

test('takes 255 bytes of machinename and 16 gids', () => {
  const credential = new CredentialReader().read(new XdrReader(wireOf(1, sysBody(255, 16))))
  assert.ok(credential?.flavor === 'AUTH_SYS')
  assert.is(credential.machinename.length, 255)
  assert.equal(credential.gids, [...Array(16).keys()])
})

for (const [what, wire] of [
  ['256 bytes of machinename', wireOf(1, sysBody(256, 0))],
  ['17 gids', wireOf(1, sysBody(1, 17))],
  ['no body', wireOf(1, [])],
  ['a body cut short', wireOf(1, sysBody(3, 2).subarray(0, 20))],
  ['more bytes announced than there are', Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 8, 1, 2, 3, 4)],
  ['a body of 401 bytes', Uint8Array.from([0, 0, 0, 1, 0, 0, 1, 0x91, ...new Uint8Array(404)])],
  [
    'an unknown flavor with 401 bytes',
    Uint8Array.from([0, 0, 0, 9, 0, 0, 1, 0x91, ...new Uint8Array(404)]),
  ],
] as const) {
  test(`refuses ${what}, again when it comes again`, () => {
    const reader = new CredentialReader()
    for (let i = 0; i < 2; i++) assert.throws(() => reader.read(new XdrReader(wire)), isXdrError)
  })
}

test('the same bytes are the same credential, and others are told apart', () => {
  const reader = new CredentialReader()
  const read = (uid: number) => {
    const { flavor, body } = encodeCredential({ ...root, uid })
    const r = new XdrReader(wireOf(flavor, body))
    const credential = reader.read(r)
    assert.is(r.remaining, 0)
    assert.ok(credential?.flavor === 'AUTH_SYS')
    assert.is(credential.uid, uid)
    return credential
  }
  assert.is(read(1), read(1))
  for (const uid of [1, 2, 3, 4, 5, 6, 1, 6, 5, 9, 2]) read(uid)
})

test('a credential remembered does not change with the buffer it came in', () => {
  const reader = new CredentialReader()
  const wire = Uint8Array.from(ROOT)
  const first = reader.read(new XdrReader(wire))
  wire.fill(0xff)
  assert.equal(first, root)
  assert.is(reader.read(new XdrReader(Uint8Array.from(ROOT))), first)
})

test.run()
