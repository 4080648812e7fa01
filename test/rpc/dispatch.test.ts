import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CredentialReader } from '../../src/rpc/auth.ts'
import type { Peer } from '../../src/rpc/call.ts'
import { Dispatcher } from '../../src/rpc/dispatch.ts'
import { type Refusal, readReply } from '../../src/rpc/message.ts'
import type { Program, Reply } from '../../src/rpc/program.ts'
import { uint32, voidType } from '../../src/xdr/codec.ts'
import { XdrReader } from '../../src/xdr/reader.ts'
import { XdrWriter } from '../../src/xdr/writer.ts'
import * as program from './testprogram.ts'

const test = suite('rpc/dispatch: RFC 5531 §9')

/** A peer that keeps the replies, and counts what waits. */
class TestPeer implements Peer {
  readonly caller = { address: '192.0.2.1', port: 700, local: false, transport: 'tcp' } as const
  readonly credentials = new CredentialReader()
  readonly replies: Uint8Array[] = []
  waiting = 0
  bytes = 0
  dropped = 0
  #writer = new XdrWriter()

  openReply(): XdrWriter {
    this.#writer = new XdrWriter()
    return this.#writer
  }
  closeReply(onSent: (() => void) | undefined): void {
    this.replies.push(Uint8Array.from(this.#writer.finish()))
    onSent?.()
  }
  drop(): void {
    this.dropped++
  }
  hold(bytes: number): void {
    this.waiting++
    this.bytes += bytes
  }
  release(bytes: number): void {
    this.waiting--
    this.bytes -= bytes
  }
}

const XID = 77

function setUp() {
  const tested = new program.TestProgram()
  const other: Program = { prog: program.PROG, vers: 1, procedures: [] }
  const dispatcher = new Dispatcher([tested, other], tested.reportBug)
  const peer = new TestPeer()
  const send = (message: Uint8Array, ownedBytes = 0) =>
    dispatcher.dispatch(peer, new XdrReader(message), ownedBytes)
  return { tested, peer, send }
}

/** The words of a call, to be made wrong one at a time. */
interface Words {
  rpcvers?: number
  prog?: number
  vers?: number
  proc?: number
  /** Everything behind proc: cred, verf, arguments. */
  rest?: number[]
}

const NONE = [0, 0, 0, 0]

function words({
  rpcvers = 2,
  prog = program.PROG,
  vers = program.VERS,
  proc = 1,
  rest = [...NONE, 0],
}: Words) {
  const w = new XdrWriter()
  for (const word of [XID, 0, rpcvers, prog, vers, proc, ...rest]) w.uint32(word)
  return Uint8Array.from(w.finish())
}

/** What is answered, with the bytes behind it. */
function answer(reply: Uint8Array | undefined): [Refusal | undefined, results: number[]] {
  const r = new XdrReader(reply ?? new Uint8Array(0))
  assert.is(r.uint32(), XID)
  const refusal = readReply(r)
  return [refusal, [...r.unread()]]
}

const GSS = 6
const rows: [what: string, message: Words, refusal: Refusal | undefined][] = [
  ['rpcvers 1', { rpcvers: 1 }, { stat: 'RPC_MISMATCH', low: 2, high: 2 }],
  ['rpcvers 3', { rpcvers: 3 }, { stat: 'RPC_MISMATCH', low: 2, high: 2 }],
  ['another program', { prog: 5 }, { stat: 'PROG_UNAVAIL' }],
  ['a version between', { vers: 2 }, { stat: 'PROG_MISMATCH', low: 1, high: 3 }],
  [
    'a version above, even for NULL',
    { vers: 4, proc: 0 },
    { stat: 'PROG_MISMATCH', low: 1, high: 3 },
  ],
  ['a procedure beyond the last', { proc: 99 }, { stat: 'PROC_UNAVAIL' }],
  ['a procedure that the other version has', { vers: 1, proc: 1 }, { stat: 'PROC_UNAVAIL' }],
  ['NULL', { proc: 0, rest: NONE }, undefined],
  ['NULL of a version that has no procedures', { vers: 1, proc: 0, rest: NONE }, undefined],
  ['NULL by a flavor that is not served', { proc: 0, rest: [GSS, 4, 1, 0, 0] }, undefined],
  [
    'NULL by a flavor that is malformed',
    { proc: 0, rest: [1, 0, 0, 0] },
    { stat: 'AUTH_ERROR', auth: 1 },
  ],
  ['a flavor that is not served', { rest: [GSS, 0, 0, 0, 0] }, { stat: 'AUTH_ERROR', auth: 5 }],
  [
    'a wrong program by a flavor that is not served',
    { prog: 5, rest: [GSS, 0, 0, 0] },
    { stat: 'PROG_UNAVAIL' },
  ],
  ['no credential', { rest: [] }, { stat: 'AUTH_ERROR', auth: 1 }],
  ['a credential that claims 401 bytes', { rest: [0, 401] }, { stat: 'AUTH_ERROR', auth: 1 }],
  ['an empty AUTH_SYS', { rest: [1, 0, 0, 0, 0] }, { stat: 'AUTH_ERROR', auth: 1 }],
  ['no verifier', { rest: [0, 0] }, { stat: 'AUTH_ERROR', auth: 3 }],
  ['a verifier that claims 401 bytes', { rest: [0, 0, 0, 401] }, { stat: 'AUTH_ERROR', auth: 3 }],
  ['no arguments', { rest: NONE }, { stat: 'GARBAGE_ARGS' }],
  ['arguments that claim 4 GiB', { rest: [...NONE, 0xffff_ffff] }, { stat: 'GARBAGE_ARGS' }],
]

for (const [what, message, refusal] of rows) {
  test(`${what}: ${refusal?.stat ?? 'SUCCESS'}`, () => {
    const { tested, peer, send } = setUp()
    assert.ok(send(words(message)))
    assert.equal(answer(peer.replies[0]), [refusal, []])
    assert.equal([peer.replies.length, tested.contexts.length, tested.bugs.length], [1, 0, 0])
  })
}

test('a call comes back with its results', () => {
  const { peer, send } = setUp()
  assert.ok(send(words({ rest: [...NONE, 2, 0x0708_0000] })))
  assert.equal(answer(peer.replies[0]), [undefined, [0, 0, 0, 2, 7, 8, 0, 0]])
})

test('bytes behind the arguments are ignored', () => {
  const { peer, send } = setUp()
  assert.ok(send(words({ rest: [...NONE, 0, 1, 2, 3] })))
  assert.equal(answer(peer.replies[0]), [undefined, [0, 0, 0, 0]])
})

test('what is no call is not answered', () => {
  const { peer, send } = setUp()
  const whole = words({})
  for (const size of [0, 4, 8, 11, 12, 20, 23])
    assert.not.ok(send(whole.subarray(0, size)), `${size}`)
  whole[7] = 1
  assert.not.ok(send(whole), 'a reply')
  whole[7] = 2
  assert.not.ok(send(whole), 'neither')
  assert.is(peer.replies.length, 0)
})

test('a procedure sees who calls, with which credential, and whose the bytes are', () => {
  const { tested, peer, send } = setUp()
  const sys = [1, 24, 9, 1, 0x61000000, 10, 20, 0]
  send(words({ rest: [...sys, 0, 0, 0] }))
  send(words({ rest: [...NONE, 0] }), 44)
  const [first, second] = tested.contexts
  assert.equal(first?.credential, {
    flavor: 'AUTH_SYS',
    stamp: 9,
    machinename: 'a',
    uid: 10,
    gid: 20,
    gids: [],
  })
  assert.equal([first?.xid, first?.caller, first?.argsOwned], [XID, peer.caller, false])
  assert.equal([second?.credential, second?.argsOwned], [{ flavor: 'AUTH_NONE' }, true])
})

for (const [what, proc, message] of [
  ['throws', program.BUG, 'a bug'],
  ['throws with half a reply written', program.HALF_BUG, 'a bug in the middle'],
  ['leaves its reply open', program.LEFT_OPEN, 'a procedure returned between begin and end'],
] as const) {
  test(`a procedure that ${what}: SYSTEM_ERR and nothing else, and it is reported`, () => {
    const { tested, peer, send } = setUp()
    send(words({ proc, rest: NONE }))
    assert.equal(answer(peer.replies[0]), [{ stat: 'SYSTEM_ERR' }, []])
    assert.is(peer.replies.length, 1)
    assert.is(tested.bugs.length, 1)
    assert.match(tested.bugs[0] ?? '', message)
  })
}

test('arguments whose codec throws what is no XdrError: SYSTEM_ERR, and it is reported', () => {
  const bugs: unknown[] = []
  const decode = () => {
    throw new TypeError('not the bytes')
  }
  const broken = { args: { encode: voidType.encode, decode }, handle: () => undefined }
  const programs = [{ prog: 1, vers: 1, procedures: [undefined, broken] }]
  const peer = new TestPeer()
  new Dispatcher(programs, (error) => bugs.push(error)).dispatch(
    peer,
    new XdrReader(words({ prog: 1, vers: 1, rest: NONE })),
    0,
  )
  assert.equal(answer(peer.replies[0]), [{ stat: 'SYSTEM_ERR' }, []])
  assert.instance(bugs[0], TypeError)
})

test('a call that waits counts until it is answered, with the bytes it may keep', () => {
  const { tested, peer, send } = setUp()
  send(words({ proc: program.LATER, rest: [...NONE, 5] }), 1000)
  send(words({ proc: program.LATER, rest: [...NONE, 6] }))
  assert.equal([peer.waiting, peer.bytes, peer.replies.length], [2, 1000, 0])
  tested.answer(6)
  assert.equal([peer.waiting, peer.bytes], [1, 1000])
  tested.answer(5)
  assert.equal([peer.waiting, peer.bytes], [0, 0])
  assert.equal(answer(peer.replies[0]), [undefined, [0, 0, 0, 6]])
})

/** A program of one procedure that hands out its replies. */
function catching(): { peer: TestPeer; reply: Reply } {
  let caught: Reply | undefined
  const procedure = {
    args: voidType,
    handle(_context: unknown, _args: unknown, reply: Reply) {
      caught = reply
    },
  }
  const dispatcher = new Dispatcher(
    [{ prog: 1, vers: 1, procedures: [undefined, procedure] }],
    () => undefined,
  )
  const peer = new TestPeer()
  dispatcher.dispatch(peer, new XdrReader(words({ prog: 1, vers: 1, rest: NONE })), 0)
  if (caught === undefined) throw new Error('the procedure was not called')
  return { peer, reply: caught }
}

test('a reply may fail later, before it is begun and in the middle', () => {
  for (const begun of [false, true]) {
    const { peer, reply } = catching()
    if (begun) uint32.encode(reply.begin(), 5)
    reply.fail()
    assert.equal(answer(peer.replies[0]), [{ stat: 'SYSTEM_ERR' }, []])
    assert.is(peer.waiting, 0)
  }
})

test('a reply is begun once and ended once', () => {
  const { peer, reply } = catching()
  assert.throws(() => reply.end(), 'after it was begun')
  reply.begin()
  assert.throws(() => reply.begin(), 'begun once')
  reply.end()
  for (const again of [() => reply.begin(), () => reply.end(), () => reply.fail()])
    assert.throws(again)
  assert.is(peer.replies.length, 1)
})

test('two programs of the same number and version are a bug', () => {
  const one = { prog: 1, vers: 1, procedures: [] }
  assert.throws(() => new Dispatcher([one, one], () => undefined), 'given twice')
})

test.run()
