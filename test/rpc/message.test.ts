import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  accept_stat,
  auth_stat,
  opaque_auth,
  type Refusal,
  readReply,
  writeAccepted,
  writeAuthError,
  writeCallHeader,
  writeProgMismatch,
  writeRpcMismatch,
} from '../../src/rpc/message.ts'
import { XdrError, XdrReader } from '../../src/xdr/reader.ts'
import { XdrWriter } from '../../src/xdr/writer.ts'

const test = suite('rpc/message: RFC 5531 §9')

const bytes = (...lines: number[][]) => Uint8Array.from(lines.flat())

function written(write: (w: XdrWriter) => void): Uint8Array {
  const w = new XdrWriter()
  write(w)
  return Uint8Array.from(w.finish())
}

const XID = [0xca, 0xfe, 0xba, 0xbe]
const xid = 0xcafebabe

test('writes a call', () => {
  const cred = { flavor: 1, body: Uint8Array.of(7) }
  const header = { xid, prog: 100_003, vers: 3, proc: 21, cred }
  assert.equal(
    written((w) => writeCallHeader(w, header)),
    bytes(
      XID,
      [0, 0, 0, 0], //             CALL
      [0, 0, 0, 2], //             rpcvers
      [0, 1, 0x86, 0xa3], //       prog 100003
      [0, 0, 0, 3], //             vers
      [0, 0, 0, 21], //            proc
      [0, 0, 0, 1, 0, 0, 0, 1, 7, 0, 0, 0], // cred
      [0, 0, 0, 0, 0, 0, 0, 0], // verf AUTH_NONE
    ),
  )
})

const REPLY = [0, 0, 0, 1]
const ACCEPTED = [...REPLY, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
const DENIED = [...REPLY, 0, 0, 0, 1]

const rows: [
  what: string,
  write: (w: XdrWriter) => void,
  wire: number[],
  read: Refusal | undefined,
][] = [
  [
    'SUCCESS',
    (w) => writeAccepted(w, xid, accept_stat.SUCCESS),
    [...ACCEPTED, 0, 0, 0, 0],
    undefined,
  ],
  [
    'PROG_UNAVAIL',
    (w) => writeAccepted(w, xid, accept_stat.PROG_UNAVAIL),
    [...ACCEPTED, 0, 0, 0, 1],
    { stat: 'PROG_UNAVAIL' },
  ],
  [
    'PROG_MISMATCH',
    (w) => writeProgMismatch(w, xid, 3, 4),
    [...ACCEPTED, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4],
    { stat: 'PROG_MISMATCH', low: 3, high: 4 },
  ],
  [
    'PROC_UNAVAIL',
    (w) => writeAccepted(w, xid, accept_stat.PROC_UNAVAIL),
    [...ACCEPTED, 0, 0, 0, 3],
    { stat: 'PROC_UNAVAIL' },
  ],
  [
    'GARBAGE_ARGS',
    (w) => writeAccepted(w, xid, accept_stat.GARBAGE_ARGS),
    [...ACCEPTED, 0, 0, 0, 4],
    { stat: 'GARBAGE_ARGS' },
  ],
  [
    'SYSTEM_ERR',
    (w) => writeAccepted(w, xid, accept_stat.SYSTEM_ERR),
    [...ACCEPTED, 0, 0, 0, 5],
    { stat: 'SYSTEM_ERR' },
  ],
  [
    'RPC_MISMATCH',
    (w) => writeRpcMismatch(w, xid),
    [...DENIED, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2],
    { stat: 'RPC_MISMATCH', low: 2, high: 2 },
  ],
  [
    'AUTH_ERROR',
    (w) => writeAuthError(w, xid, auth_stat.AUTH_TOOWEAK),
    [...DENIED, 0, 0, 0, 1, 0, 0, 0, 5],
    { stat: 'AUTH_ERROR', auth: 5 },
  ],
]

for (const [what, write, wire, read] of rows) {
  test(`${what}: to these bytes and back, and refused when cut short`, () => {
    assert.equal(written(write), bytes(XID, wire))
    const r = new XdrReader(Uint8Array.from(wire))
    assert.equal(readReply(r), read)
    assert.is(r.remaining, 0)
    for (let size = 0; size < wire.length; size += 4) {
      const cut = new XdrReader(Uint8Array.from(wire.slice(0, size)))
      assert.throws(
        () => readReply(cut),
        (error: unknown) => error instanceof XdrError,
      )
    }
  })
}

test('a reply may carry a verifier, which is passed over', () => {
  const wire = [...REPLY, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]
  const r = new XdrReader(Uint8Array.from(wire))
  assert.is(readReply(r), undefined)
  assert.is(r.uint32(), 7)
})

for (const [what, wire] of [
  ['a call', [0, 0, 0, 0, 0, 0, 0, 0]],
  ['a reply_stat of 2', [...REPLY, 0, 0, 0, 2]],
  ['an accept_stat of 6', [...ACCEPTED, 0, 0, 0, 6]],
  ['a reject_stat of 2', [...DENIED, 0, 0, 0, 2]],
] as const) {
  test(`${what} is no reply`, () => {
    const r = new XdrReader(Uint8Array.from(wire))
    assert.throws(
      () => readReply(r),
      (error: unknown) => error instanceof XdrError,
    )
  })
}

test('opaque_auth holds 400 bytes and no more', () => {
  for (const size of [400, 401]) {
    const wire = written((w) => opaque_auth.encode(w, { flavor: 3, body: new Uint8Array(size) }))
    const decode = () => opaque_auth.decode(new XdrReader(wire)).body.length
    if (size === 400) assert.is(decode(), 400)
    else assert.throws(decode, 'length 401 exceeds 400')
  }
})

test.run()
