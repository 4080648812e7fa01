import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RpcClient, RpcError } from '../../src/rpc/client.ts'
import { Dispatcher } from '../../src/rpc/dispatch.ts'
import { DATAGRAM_BYTES_MAX, UdpEndpoint } from '../../src/rpc/udp.ts'
import { opaque, uint32, voidType } from '../../src/xdr/codec.ts'
import { XdrReader } from '../../src/xdr/reader.ts'
import {
  call,
  data,
  ECHO,
  LATER,
  NULL,
  PROG,
  READ,
  readArgs,
  TestProgram,
  VERS,
} from './testprogram.ts'

const test = suite('rpc/udp')

interface Tested {
  readonly program: TestProgram
  readonly endpoint: UdpEndpoint
  readonly client: RpcClient
  /** A bare socket that is connected to the endpoint. */
  readonly raw: Socket
}

async function withEndpoint(host: string, run: (tested: Tested) => Promise<void>): Promise<void> {
  const program = new TestProgram()
  const dispatcher = new Dispatcher([program], program.reportBug)
  const endpoint = await UdpEndpoint.listen({ host, port: 0 }, dispatcher)
  const { port } = endpoint.address
  const client = await RpcClient.connect({ transport: 'udp', host, port })
  const raw = createSocket(host === '::1' ? 'udp6' : 'udp4')
  raw.connect(port, host)
  await once(raw, 'connect')
  try {
    await run({ program, endpoint, client, raw })
  } finally {
    raw.close()
    await client.close()
    await endpoint.close(1000).catch(() => undefined)
  }
}

const ping = (client: RpcClient) => client.call(PROG, VERS, NULL, voidType, undefined, voidType)

for (const host of ['127.0.0.1', '::1']) {
  test(`answers datagrams on ${host}, and knows who calls`, () =>
    withEndpoint(host, async ({ program, client }) => {
      const value = Uint8Array.from({ length: 5000 }, (_, i) => i)
      const got = await client.call(PROG, VERS, ECHO, data, value, data)
      assert.is(Buffer.compare(got, value), 0)
      const [context] = program.contexts
      const { address, local, transport } = context?.caller ?? {}
      assert.equal([address, local, transport], [host, true, 'udp'])
      assert.ok(context?.argsOwned)
    }))
}

test('answers many calls in any order', () =>
  withEndpoint('127.0.0.1', async ({ program, client }) => {
    const order: number[] = []
    const calls = [1, 2, 3].map((n) =>
      client.call(PROG, VERS, LATER, uint32, n, uint32).then((got) => order.push(got)),
    )
    while (program.later.size < 3) await ping(client)
    for (const n of [3, 1, 2]) {
      program.answer(n)
      await calls[n - 1]
    }
    assert.equal(order, [3, 1, 2])
  }))

test('drops garbage, and answers the next call', () =>
  withEndpoint('127.0.0.1', async ({ raw, client, program }) => {
    const property = fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async (bytes) => {
      await new Promise((resolve) => raw.send(bytes, resolve))
    })
    await fc.assert(property, { numRuns: 100 })
    await ping(client)
    assert.equal(program.bugs, [])
  }))

test('a reply larger than a datagram is SYSTEM_ERR', () =>
  withEndpoint('127.0.0.1', async ({ program, client }) => {
    // 24 bytes of header, 4 of length.
    for (const [size, fits] of [
      [DATAGRAM_BYTES_MAX - 31, true],
      [DATAGRAM_BYTES_MAX, false],
    ] as const) {
      const read = client.call(PROG, VERS, READ, readArgs, { size, fill: 1 }, opaque(size))
      await read.then(
        (got) => assert.ok(fits && got.length === size),
        (error) => assert.ok(!fits && error instanceof RpcError && error.code === 'SYSTEM_ERR'),
      )
    }
    while (program.returned < 2) await ping(client)
  }))

test('takes no more calls than may wait, and takes them again when they are answered', () =>
  withEndpoint('127.0.0.1', async ({ program, raw }) => {
    const answered: number[] = []
    raw.on('message', (bytes) => answered.push(new XdrReader(bytes).uint32()))
    const send = (n: number) =>
      new Promise((resolve) => raw.send(call(n, LATER, uint32, n), resolve))
    for (let n = 0; n < 300; n++) {
      await send(n)
      await new Promise(setImmediate)
    }
    while (program.later.size < 256) await new Promise(setImmediate)
    assert.is(program.later.size, 256)
    program.answer(0)
    while (!answered.includes(0)) await new Promise(setImmediate)
    await send(1000)
    while (!program.later.has(1000)) await new Promise(setImmediate)
  }))

test('closing answers what waits first', () =>
  withEndpoint('127.0.0.1', async ({ program, endpoint, client }) => {
    const later = client.call(PROG, VERS, LATER, uint32, 5, uint32)
    while (!program.later.has(5)) await ping(client)
    const closed = endpoint.close(60_000)
    program.answer(5)
    assert.is(await later, 5)
    await closed
  }))

test('closing does not wait longer than its deadline, and later answers are dropped', () =>
  withEndpoint('127.0.0.1', async ({ program, endpoint, client }) => {
    const later = client.call(PROG, VERS, LATER, uint32, 5, uint32, { timeoutMs: 100 })
    while (!program.later.has(5)) await ping(client)
    await endpoint.close(1)
    program.answer(5)
    await later.then(
      () => assert.unreachable(),
      (error) => assert.instance(error, RpcError),
    )
    assert.equal(program.bugs, [])
  }))

test('says why it cannot listen', () =>
  withEndpoint('127.0.0.1', async ({ endpoint }) => {
    const { port } = endpoint.address
    await UdpEndpoint.listen({ host: '127.0.0.1', port }, new Dispatcher([], () => undefined)).then(
      () => assert.unreachable(),
      (error: NodeJS.ErrnoException) => assert.is(error.code, 'EADDRINUSE'),
    )
  }))

test.run()
