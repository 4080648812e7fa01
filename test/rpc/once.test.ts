import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CredentialReader, encodeCredential } from '../../src/rpc/auth.ts'
import type { Peer } from '../../src/rpc/call.ts'
import { networkCaller } from '../../src/rpc/caller.ts'
import { RpcClient } from '../../src/rpc/client.ts'
import { Dispatcher } from '../../src/rpc/dispatch.ts'
import { Listener } from '../../src/rpc/listener.ts'
import { writeCallHeader } from '../../src/rpc/message.ts'
import type { Credential, Procedure, Program, Reply } from '../../src/rpc/program.ts'
import { ReplyCache, type ReplyStore } from '../../src/rpc/replycache.ts'
import { UdpEndpoint } from '../../src/rpc/udp.ts'
import { type Codec, uint32, voidType } from '../../src/xdr/codec.ts'
import { XdrReader } from '../../src/xdr/reader.ts'
import { XdrWriter } from '../../src/xdr/writer.ts'
import { RawConnection, recordOf } from './testprogram.ts'

const test = suite('rpc: calls that come again')

const PROG = 0x2000_0002
const VERS = 1
/** Each answers how often it was run; AGAIN may be run again, LATER waits, BUG throws. */
const [ONCE, AGAIN, LATER, BUG] = [1, 2, 3, 4]

/** Counts its runs, and answers with the count. */
class Counter implements Program {
  readonly prog = PROG
  readonly vers = VERS
  runs = 0
  readonly waiting: (() => void)[] = []
  readonly procedures: Program['procedures']

  constructor() {
    const run = (reply: Reply) => {
      uint32.encode(reply.begin(), this.runs)
      reply.end()
    }
    this.procedures = [
      undefined,
      this.#procedure(true, run),
      this.#procedure(false, run),
      this.#procedure(true, (reply) => this.waiting.push(() => run(reply))),
      this.#procedure(true, () => {
        throw new Error('a bug')
      }),
    ]
  }

  #procedure(once: boolean, answer: (reply: Reply) => void): Procedure<unknown> {
    const procedure: Procedure<number> = {
      args: uint32,
      once,
      handle: (_context, _args, reply) => {
        this.runs++
        answer(reply)
      },
    }
    return procedure as Procedure<unknown>
  }
}

const user = (uid: number): Credential => ({
  ...{ flavor: 'AUTH_SYS', stamp: 0, machinename: '', uid, gid: 0, gids: [] },
})

function message<A>(xid: number, proc: number, args: Codec<A>, value: A, as = user(0)): Uint8Array {
  const w = new XdrWriter()
  writeCallHeader(w, { xid, prog: PROG, vers: VERS, proc, cred: encodeCredential(as) })
  args.encode(w, value)
  return Uint8Array.from(w.finish())
}

/** One connection's end, by hand. */
class HandPeer implements Peer {
  readonly caller
  readonly credentials = new CredentialReader()
  readonly replies: Uint8Array[] = []
  dropped = 0
  waiting = 0
  #writer = new XdrWriter()

  constructor(address: string, port: number) {
    this.caller = networkCaller(address, port, 'tcp')
  }

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
  hold(): void {
    this.waiting++
  }
  release(): void {
    this.waiting--
  }
}

function setUp(store?: ReplyStore) {
  const counter = new Counter()
  const bugs: unknown[] = []
  const replies = new ReplyCache({ seconds: () => 0, ...(store && { store }) })
  const dispatcher = new Dispatcher([counter], (error) => bugs.push(error), replies)
  const peers = new Map<string, HandPeer>()
  /** Sends a call from an address and port; the same two are the same connection. */
  const send = (from: string, call: Uint8Array) => {
    const [address = '', port] = from.split(':')
    const peer = peers.get(from) ?? new HandPeer(address, Number(port))
    peers.set(from, peer)
    assert.ok(dispatcher.dispatch(peer, new XdrReader(call), 0))
    return peer
  }
  return { counter, bugs, replies, send }
}

/** accept_stat and the number behind it. */
function told(reply: Uint8Array | undefined): number[] {
  const r = new XdrReader(reply ?? new Uint8Array(0), 20)
  return r.remaining > 4 ? [r.uint32(), r.uint32()] : [r.uint32()]
}

test('a call that was answered is answered with the same bytes, from any port, and not run', () => {
  const { counter, send } = setUp()
  const call = message(5, ONCE, uint32, 1)
  const first = send('192.0.2.1:700', call)
  const second = send('192.0.2.1:700', call)
  const other = send('192.0.2.1:900', call)
  assert.is(first, second)
  assert.is(counter.runs, 1)
  assert.equal([...first.replies, ...other.replies].map(told), [
    [0, 1],
    [0, 1],
    [0, 1],
  ])
  assert.equal(first.replies[0], first.replies[1])
  assert.equal(first.replies[0], other.replies[0])
})

for (const [what, call, from] of [
  ['of another address', message(5, ONCE, uint32, 1), '192.0.2.2:700'],
  ['with another xid', message(6, ONCE, uint32, 1), '192.0.2.1:700'],
  ['with other arguments', message(5, ONCE, uint32, 2), '192.0.2.1:700'],
  ['of another user', message(5, ONCE, uint32, 1, user(1)), '192.0.2.1:700'],
  ['of nobody', message(5, ONCE, uint32, 1, { flavor: 'AUTH_NONE' }), '192.0.2.1:700'],
] as const) {
  test(`a call ${what} is another call`, () => {
    const { counter, send } = setUp()
    send('192.0.2.1:700', message(5, ONCE, uint32, 1))
    const peer = send(from, call)
    assert.is(counter.runs, 2)
    assert.equal(told(peer.replies.at(-1)), [0, 2])
    // The first one is still known.
    send('192.0.2.1:700', message(5, ONCE, uint32, 1))
    assert.is(counter.runs, 2)
  })
}

test('a call of another procedure is another call, and some run as often as they are called', () => {
  const { counter, send } = setUp()
  send('a:1', message(5, ONCE, uint32, 1))
  send('a:1', message(5, AGAIN, uint32, 1))
  send('a:1', message(5, AGAIN, uint32, 1))
  assert.is(counter.runs, 3)
})

test('a call under way that comes again by the same connection is dropped', () => {
  const { counter, send } = setUp()
  const call = message(5, LATER, uint32, 1)
  const peer = send('a:1', call)
  send('a:1', call)
  assert.equal([counter.runs, peer.dropped, peer.waiting], [1, 1, 1])
  counter.waiting[0]?.()
  assert.equal([peer.replies.length, peer.waiting], [1, 0])
  send('a:1', call)
  assert.equal(peer.replies[1], peer.replies[0])
  assert.is(counter.runs, 1)
})

test('a call under way that comes by another connection is answered there too, at its end', () => {
  const { counter, send } = setUp()
  const call = message(5, LATER, uint32, 1)
  const first = send('a:1', call)
  const second = send('a:2', call)
  const third = send('a:3', call)
  // A connection that comes after it is more alive.
  assert.equal([second.dropped, second.waiting, third.dropped, third.waiting], [1, 0, 0, 1])
  counter.waiting[0]?.()
  assert.is(counter.runs, 1)
  assert.equal(
    [first, second, third].map(({ replies }) => replies.length),
    [1, 0, 1],
  )
  assert.equal(third.replies, first.replies)
  assert.is(third.waiting, 0)
})

test('what was answered GARBAGE_ARGS or SYSTEM_ERR is not remembered', () => {
  const { counter, bugs, replies, send } = setUp()
  const garbage = message(5, ONCE, voidType, undefined)
  const peer = send('a:1', garbage)
  send('a:1', garbage)
  send('a:1', message(6, BUG, uint32, 1))
  send('a:1', message(6, BUG, uint32, 1))
  assert.equal(peer.replies.map(told), [[4], [4], [5], [5]])
  assert.equal([counter.runs, bugs.length, replies.count], [2, 2, 0])
})

test('work done once is handed to the store, with what tells the call from others', () => {
  const seen: unknown[] = []
  const slots: Uint8Array[] = []
  const store: ReplyStore = {
    run(work, { client, xid, prog, vers, proc }, slot) {
      const results = work().slice()
      const kept = slot()
      slots[kept] = results
      seen.push([client, xid, prog, vers, proc, kept, [...results]])
    },
    results: (slot) => slots[slot] ?? new Uint8Array(0),
  }
  const replies = new ReplyCache({ seconds: () => 0, store })
  const kept: Procedure<number> = {
    args: uint32,
    once: true,
    handle: (context, value, reply) => {
      context.once(() => Uint8Array.of(0, 0, 0, value))
      reply.answerOnce()
    },
  }
  const program = { prog: PROG, vers: VERS, procedures: [undefined, kept as Procedure<unknown>] }
  const dispatcher = new Dispatcher([program], () => assert.unreachable(), replies)
  const peer = new HandPeer('192.0.2.1', 1)
  for (let i = 0; i < 2; i++) {
    dispatcher.dispatch(peer, new XdrReader(message(5, 1, uint32, 9)), 0)
  }
  assert.equal(seen, [['192.0.2.1', 5, PROG, VERS, 1, 0, [0, 0, 0, 9]]])
  assert.equal(peer.replies.map(told), [
    [0, 9],
    [0, 9],
  ])
})

async function withListener(run: (port: number, counter: Counter) => Promise<void>): Promise<void> {
  const counter = new Counter()
  const replies = new ReplyCache({ seconds: () => 0 })
  const dispatcher = new Dispatcher([counter], () => assert.unreachable(), replies)
  const limits = { callsWaitingMax: 2 }
  const listener = await Listener.listen({ host: '127.0.0.1', port: 0 }, dispatcher, { limits })
  const { address } = listener
  try {
    await run(typeof address === 'string' ? 0 : address.port, counter)
  } finally {
    await listener.close(1000)
  }
}

test('over TCP: cut off while it waits, the client comes back and gets the answer', () =>
  withListener(async (port, counter) => {
    const call = recordOf(message(5, LATER, uint32, 1))
    const first = await RawConnection.open(port)
    first.socket.write(call)
    while (counter.waiting.length === 0) await new Promise(setImmediate)
    await first.close()
    const second = await RawConnection.open(port)
    const third = await RawConnection.open(port)
    const ping = async (on: RawConnection, xid: number) => {
      const before = on.records.length
      on.socket.write(recordOf(message(xid, AGAIN, uint32, 0)))
      await on.received(before + 1)
    }
    second.socket.write(call)
    await ping(second, 6)
    // It takes the place of the one before, whose connection goes on, with room for other calls.
    third.socket.write(call)
    await ping(third, 7)
    for (let xid = 10; xid < 15; xid++) await ping(second, xid)
    const { runs } = counter
    counter.waiting[0]?.()
    await third.received(2)
    assert.equal(told(third.records[1]), [0, runs])
    assert.is(counter.waiting.length, 1)
    await second.close()
    await third.close()
  }))

test('over UDP: duplicates of what waits take none of the room for others', async () => {
  const counter = new Counter()
  const replies = new ReplyCache({ seconds: () => 0 })
  const dispatcher = new Dispatcher([counter], () => assert.unreachable(), replies)
  const endpoint = await UdpEndpoint.listen({ host: '127.0.0.1', port: 0 }, dispatcher)
  const { port } = endpoint.address
  const client = await RpcClient.connect({ transport: 'udp', host: '127.0.0.1', port })
  const raw = createSocket('udp4')
  raw.connect(port, '127.0.0.1')
  await once(raw, 'connect')
  const ping = () => client.call(PROG, VERS, AGAIN, uint32, 0, uint32)
  try {
    const call = message(5, LATER, uint32, 1)
    // More than may be under way at a time: a duplicate that were kept would leave no room.
    for (let i = 0; i < 400; i++) {
      await new Promise((resolve) => raw.send(call, resolve))
      if (i % 20 === 0) await ping()
    }
    await ping()
    assert.is(counter.waiting.length, 1)
    const answers: Buffer[] = []
    raw.on('message', (reply) => answers.push(reply))
    counter.waiting[0]?.()
    while (answers.length === 0) await ping()
    await ping()
    assert.is(answers.length, 1)
  } finally {
    raw.close()
    await client.close()
    await endpoint.close(1000)
  }
})

test.run()
