import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RpcClient } from '../../src/rpc/client.ts'
import { opaque, uint32, voidType } from '../../src/xdr/codec.ts'
import { XdrReader } from '../../src/xdr/reader.ts'
import {
  call,
  data,
  ECHO,
  LATER,
  LEFT_OPEN,
  NULL,
  PROG,
  READ,
  readArgs,
  recordOf,
  type TestServer,
  VERS,
  withServer,
} from './testprogram.ts'

const test = suite('rpc/connection: limits, closing')

const MIB = 1024 * 1024

const xidOf = (reply: Uint8Array) => new XdrReader(reply).uint32()
const ping = (client: RpcClient) => client.call(PROG, VERS, NULL, voidType, undefined, voidType)
const patterned = (size: number) => Uint8Array.from({ length: size }, (_, i) => i * 7 + (i >> 8))

for (const receive of ['onread', 'data'] as const) {
  const each = (what: string, run: (server: TestServer) => Promise<void>, limits = {}) =>
    test(`${what} (${receive})`, () => withServer({ receive, limits }, run))

  each(
    'a peer that reads nothing stops being read, and others are served meanwhile',
    async (server) => {
      const unsent: number[] = []
      server.program.onCall = () => unsent.push(server.listener.bytesKept)
      const client = await server.connect()
      const raw = await server.dial()
      raw.socket.pause()
      const calls = Array.from({ length: 64 }, (_, fill) =>
        recordOf(call(fill, READ, readArgs, { size: MIB, fill })),
      )
      raw.socket.write(Buffer.concat(calls))
      while (server.program.contexts.length === 0) await ping(client)
      assert.ok(server.program.contexts.length < 64)
      raw.socket.resume()
      await raw.received(64)
      assert.equal(raw.records.map(xidOf), [...Array(64).keys()])
      for (const [i, reply] of raw.records.entries()) {
        assert.ok(reply.length > MIB && reply.subarray(28).every((octet) => octet === i))
      }
      // The limit, the call that reached it, and the headers.
      assert.ok(Math.max(...unsent) < 4 * MIB + MIB + 64 * 1024, `${Math.max(...unsent)}`)
    },
    { replyBytesMax: 4 * MIB },
  )

  each(
    'takes no more calls than may wait, and the others when there is room',
    async (server) => {
      const client = await server.connect()
      const raw = await server.dial()
      const calls = Array.from({ length: 10 }, (_, n) => recordOf(call(n, LATER, uint32, n)))
      raw.socket.write(Buffer.concat(calls))
      const { program } = server
      for (let n = 0; n < 10; n++) {
        while (!program.later.has(n)) await ping(client)
        assert.ok(program.later.size <= 3)
        program.answer(n)
        await raw.received(n + 1)
      }
      assert.equal(raw.records.map(xidOf), [...Array(10).keys()])
    },
    { callsWaitingMax: 3 },
  )

  each('gives buffers back once they are sent, and when the peer is gone', async (server) => {
    const { program } = server
    const client = await server.connect()
    const read = { size: MIB, fill: 1 }
    await client.call(PROG, VERS, READ, readArgs, read, opaque(MIB))
    const raw = await server.dial()
    raw.socket.pause()
    for (let i = 0; i < 20; i++) raw.socket.write(recordOf(call(i, READ, readArgs, read)))
    while (program.lent < 2) await ping(client)
    await raw.close()
    while (server.listener.connections > 1) await ping(client)
    while (program.returned < program.lent) await ping(client)
    assert.is(program.returned, program.lent)
    while (server.listener.bytesKept > 0) await ping(client)
  })

  each('a reply to a peer that is gone is dropped', async (server) => {
    const client = await server.connect()
    const raw = await server.dial()
    raw.socket.write(recordOf(call(1, LATER, uint32, 1)))
    while (!server.program.later.has(1)) await ping(client)
    await raw.close()
    await ping(client)
    server.program.answer(1)
    while (server.listener.connections > 1) await ping(client)
    assert.equal(server.program.bugs, [])
  })

  each('a peer that has ended its side still gets its replies', async (server) => {
    const raw = await server.dial()
    raw.socket.end(
      Buffer.concat([
        recordOf(call(1, LATER, uint32, 1)),
        recordOf(call(2, ECHO, data, patterned(3))),
      ]),
    )
    await raw.received(1)
    while (!server.program.later.has(1)) await new Promise(setImmediate)
    server.program.answer(1)
    await raw.ended()
    assert.equal(raw.records.map(xidOf), [2, 1])
  })

  each('closing answers what came, and then ends the connections', async (server) => {
    const client = await server.connect()
    const idle = await server.dial()
    const later = client.call(PROG, VERS, LATER, uint32, 1, uint32)
    await ping(client)
    const closed = server.listener.close(60_000)
    await idle.ended()
    server.program.answer(1)
    assert.is(await later, 1)
    await client.close()
    await closed
    assert.is(server.listener.connections, 0)
  })

  each('closing does not wait longer than its deadline', async (server) => {
    const raw = await server.dial()
    raw.socket.write(recordOf(call(1, LATER, uint32, 1)))
    while (!server.program.later.has(1)) await new Promise(setImmediate)
    await server.listener.close(1)
    await raw.ended()
  })

  each(
    'a connection with nothing to do is closed after a while, one that waits for us is not',
    async (server) => {
      const idle = await server.dial()
      const waits = await server.dial()
      waits.socket.write(recordOf(call(1, LATER, uint32, 1)))
      while (!server.program.later.has(1)) await new Promise(setImmediate)
      await idle.ended()
      server.program.answer(1)
      await waits.received(1)
    },
    { idleSecondsMax: 0.05 },
  )

  each(
    'a peer that stops in the middle of a record is closed after a while',
    async (server) => {
      const raw = await server.dial()
      raw.socket.write(recordOf(call(1, ECHO, data, patterned(3))).subarray(0, 30))
      await raw.ended()
    },
    { stallSecondsMax: 0.05 },
  )

  each(
    'a peer that never takes its replies is closed after a while',
    async (server) => {
      const raw = await server.dial()
      raw.socket.pause()
      const read = { size: 4 * MIB, fill: 1 }
      for (let i = 0; i < 4; i++) raw.socket.write(recordOf(call(i, READ, readArgs, read)))
      while (server.listener.connections > 0) await new Promise(setImmediate)
      assert.is(server.program.returned, server.program.lent)
    },
    { stallSecondsMax: 0.05 },
  )

  each(
    'beyond the most connections, a new one takes the place of one that is idle',
    async (server) => {
      const busy = await server.dial()
      busy.socket.write(recordOf(call(1, LATER, uint32, 1)))
      while (!server.program.later.has(1)) await new Promise(setImmediate)
      const idle = await server.dial()
      while (server.listener.connections < 2) await new Promise(setImmediate)
      // Until the idle one has been quiet for a sweep, newcomers are refused.
      let client = await server.connect()
      while (
        await ping(client).then(
          () => false,
          () => true,
        )
      )
        client = await server.connect()
      await idle.ended()
      server.program.answer(1)
      await busy.received(1)
    },
    { connectionsMax: 2, stallSecondsMax: 0.05 },
  )

  each('a reply that a bug left open takes down its own connection only', async (server) => {
    const { program } = server
    const client = await server.connect()
    await client.call(PROG, VERS, LEFT_OPEN, voidType, undefined, voidType).then(
      () => assert.unreachable(),
      (error: Error) => assert.match(error.message, 'SYSTEM_ERR'),
    )
    await ping(client)
    assert.is(program.bugs.length, 1)
  })
}

test('when all connections together keep too much, each may still have one call', async () => {
  const options = { budget: { used: 0, max: 1 } }
  await withServer(options, async (server) => {
    const clients = await Promise.all([server.connect(), server.connect()])
    const reads = clients.flatMap((client) =>
      [1, 2, 3].map((fill) =>
        client.call(PROG, VERS, READ, readArgs, { size: MIB, fill }, opaque(MIB)),
      ),
    )
    for (const [i, got] of (await Promise.all(reads)).entries()) assert.is(got[5], (i % 3) + 1)
    assert.is(server.program.contexts.length, 6)
  })
})

test.run()
