import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RpcClient } from '../../src/rpc/client.ts'
import { Dispatcher } from '../../src/rpc/dispatch.ts'
import { Listener, RECORD_BYTES_MAX } from '../../src/rpc/listener.ts'
import { uint32, voidType } from '../../src/xdr/codec.ts'
import { XdrReader } from '../../src/xdr/reader.ts'
import {
  call,
  data,
  ECHO,
  LATER,
  NULL,
  PROG,
  type RawConnection,
  recordOf,
  TestProgram,
  type TestServer,
  VERS,
  withServer,
} from './testprogram.ts'

const test = suite('rpc/listener')

const MIB = 1024 * 1024

const xidOf = (reply: Uint8Array) => new XdrReader(reply).uint32()
const echo = (client: RpcClient, value: Uint8Array) =>
  client.call(PROG, VERS, ECHO, data, value, data)
const ping = (client: RpcClient) => client.call(PROG, VERS, NULL, voidType, undefined, voidType)
const patterned = (size: number) => Uint8Array.from({ length: size }, (_, i) => i * 7 + (i >> 8))
const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

/** The server still answers somebody else. */
async function answersOthers(server: TestServer): Promise<void> {
  await ping(await server.connect())
}

/** Writes `bytes` in pieces, each handed to the kernel before the next. */
async function sendInPieces({ socket }: RawConnection, bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) {
    await new Promise((resolve) => socket.write(bytes.subarray(at, at + size), resolve))
  }
}

for (const receive of ['onread', 'data'] as const) {
  const each = (what: string, run: (server: TestServer) => Promise<void>, limits = {}) =>
    test(`${what} (${receive})`, () => withServer({ receive, limits }, run))

  for (const size of [1, 2, 3, 5, 7, 11, 40, 41, 64, 99, 1000]) {
    each(`answers calls that come ${size} bytes at a time`, async (server) => {
      const raw = await server.dial()
      const messages = [patterned(3), patterned(0), patterned(50)].map((value, i) =>
        recordOf(call(i, ECHO, data, value)),
      )
      await sendInPieces(raw, Buffer.concat(messages), size)
      await raw.received(3)
      assert.equal(raw.records.map(xidOf), [0, 1, 2])
      assert.ok(same(raw.records[2]?.subarray(28, 78) ?? patterned(0), patterned(50)))
    })
  }

  for (const size of [10_000, 16_384, 65_536, 65_537, 200_000, MIB]) {
    each(`echoes ${size} bytes, among small calls, several times`, async (server) => {
      const client = await server.connect()
      const sizes = [3, size, 100, size, size, 5, size]
      const echoes = await Promise.all(sizes.map((size) => echo(client, patterned(size))))
      for (const [i, got] of echoes.entries()) assert.ok(same(got, patterned(sizes[i] ?? 0)))
    })
  }

  each('joins a call from many fragments', async (server) => {
    const raw = await server.dial()
    const message = call(9, ECHO, data, patterned(100_000))
    const parts: Uint8Array[] = []
    for (let at = 0; at < message.length; at += 30_000) {
      const part = recordOf(message.subarray(at, at + 30_000))
      if (at + 30_000 < message.length) part[0] = 0
      parts.push(part, Uint8Array.of(0, 0, 0, 0))
    }
    parts.pop()
    raw.socket.write(Buffer.concat(parts))
    await raw.received(1)
    assert.ok(same(raw.records[0]?.subarray(28) ?? patterned(0), patterned(100_000)))
  })

  each('answers 1000 calls that are under way at once', async (server) => {
    const client = await server.connect()
    const echoes = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => echo(client, patterned(i % 300))),
    )
    for (const [i, got] of echoes.entries()) assert.ok(same(got, patterned(i % 300)))
  })

  each('replies leave as they are ready, in any order', async (server) => {
    const client = await server.connect()
    const order: number[] = []
    const calls = [1, 2, 3].map((n) =>
      client.call(PROG, VERS, LATER, uint32, n, uint32).then((got) => order.push(got)),
    )
    await ping(client)
    for (const n of [2, 3, 1]) {
      server.program.answer(n)
      await calls[n - 1]
    }
    assert.equal(order, [2, 3, 1])
  })

  each('a large call may be kept by its procedure, a small one not', async (server) => {
    const client = await server.connect()
    await echo(client, patterned(10))
    await echo(client, patterned(MIB))
    assert.equal(
      server.program.contexts.map((context) => context.argsOwned),
      [false, true],
    )
  })

  each('a record over the limit ends its connection before its bytes come', async (server) => {
    for (const mark of [0x8000_0000 + RECORD_BYTES_MAX + 1, 0xffff_ffff, 0x7fff_ffff]) {
      const raw = await server.dial()
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(mark)
      raw.socket.write(bytes)
      await raw.ended()
    }
    await answersOthers(server)
  })

  each('what is no call ends its connection', async (server) => {
    for (const message of [new Uint8Array(0), new Uint8Array(40).fill(1)]) {
      const raw = await server.dial()
      raw.socket.write(recordOf(message))
      await raw.ended()
    }
    await answersOthers(server)
  })

  each('whatever bytes come, the next connection is served', async (server) => {
    const garbage = fc.uint8Array({ maxLength: 300 })
    const nearly = fc.tuple(fc.nat(200), fc.nat(255), garbage).map(([at, octet, tail]) => {
      const message = recordOf(call(1, ECHO, data, patterned(40)))
      message[at % message.length] = octet
      return Buffer.concat([message, tail])
    })
    // Garbage may hit the procedure that waits to be told to answer, too.
    const answerLate = () => {
      for (const args of server.program.later.keys()) server.program.answer(args)
    }
    server.program.onCall = () => void setImmediate(answerLate)
    const property = fc.asyncProperty(fc.oneof(garbage, nearly), async (bytes) => {
      const raw = await server.dial()
      raw.socket.end(bytes)
      await raw.ended()
      // Garbage may well hit the procedures that have bugs on purpose.
      assert.ok(server.program.bugs.every((bug) => /^a (bug|procedure)/.test(bug)))
    })
    await fc.assert(property, { numRuns: 150 })
    await answersOthers(server)
  })
}

test('serves a Unix socket, whose callers are local', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rpc-'))
  const program = new TestProgram()
  const path = join(folder, 'socket')
  const listener = await Listener.listen({ path }, new Dispatcher([program], program.reportBug))
  const client = await RpcClient.connect({ transport: 'unix', path })
  assert.ok(same(await echo(client, patterned(200_000)), patterned(200_000)))
  const caller = { address: '', port: 0, local: true, transport: 'unix' }
  assert.equal(program.contexts[0]?.caller, caller)
  await client.close()
  await listener.close(1000)
  rmSync(folder, { recursive: true })
})

for (const [host, address] of [
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '::1'],
] as const) {
  test(`serves ${host} by TCP, and knows who calls`, async () => {
    const program = new TestProgram()
    const dispatcher = new Dispatcher([program], program.reportBug)
    const listener = await Listener.listen({ host, port: 0 }, dispatcher)
    const port = typeof listener.address === 'string' ? 0 : listener.address.port
    const client = await RpcClient.connect({ transport: 'tcp', host, port })
    await echo(client, patterned(1))
    const caller = program.contexts[0]?.caller
    assert.equal([caller?.address, caller?.local, caller?.transport], [address, true, 'tcp'])
    assert.ok((caller?.port ?? 0) > 0)
    await client.close()
    await listener.close(1000)
  })
}

test('says why it cannot listen', () =>
  withServer({}, async ({ port }) => {
    const dispatcher = new Dispatcher([], () => undefined)
    await Listener.listen({ host: '127.0.0.1', port }, dispatcher).then(
      () => assert.unreachable(),
      (error: NodeJS.ErrnoException) => assert.is(error.code, 'EADDRINUSE'),
    )
  }))

test('accepts nobody once it is closing', () =>
  withServer({}, async ({ listener, port }) => {
    await listener.close(1000)
    const socket = connect(port, '127.0.0.1')
    const [error] = await once(socket, 'error').catch((error) => [error])
    assert.is(error.code, 'ECONNREFUSED')
  }))

test.run()
