import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CallOptions, type ClientOptions, RpcClient, RpcError } from '../../src/rpc/client.ts'
import { Dispatcher } from '../../src/rpc/dispatch.ts'
import type { Credential } from '../../src/rpc/program.ts'
import { RecordParser } from '../../src/rpc/record.ts'
import { UdpEndpoint } from '../../src/rpc/udp.ts'
import { uint32, voidType } from '../../src/xdr/codec.ts'
import { data, ECHO, LATER, NULL, PROG, recordOf, VERS, withServer } from './testprogram.ts'

const test = suite('rpc/client')

/** The error of a call that must fail. */
async function failure(call: Promise<unknown>): Promise<RpcError> {
  try {
    await call
  } catch (error) {
    if (error instanceof RpcError) return error
    throw error
  }
  throw new Error('the call succeeded')
}

/** A server that answers each message with what `answer` makes of it; undefined hangs up. */
async function withAnswers(
  answer: (message: Uint8Array, socket: Socket) => Uint8Array | undefined,
  run: (client: RpcClient) => Promise<void>,
  options: ClientOptions = {},
): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    const parser = new RecordParser(1_000_000, (r) => {
      const reply = answer(r.unread(), socket)
      if (reply === undefined) socket.destroy()
      else socket.write(reply)
    })
    socket.on('data', (bytes: Buffer) => parser.feed(bytes))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = await RpcClient.connect({ transport: 'tcp', host: '127.0.0.1', port }, options)
  try {
    await run(client)
  } finally {
    await client.close()
    server.close()
  }
}

const ping = (client: RpcClient, options?: CallOptions) =>
  client.call(PROG, VERS, NULL, voidType, undefined, voidType, options)

test('says which refusal it was, and what the server has instead', () =>
  withServer({}, async (server) => {
    const client = await server.connect()
    const refused = (prog: number, vers: number, proc: number) =>
      failure(client.call(prog, vers, proc, voidType, undefined, voidType))
    assert.is((await refused(5, 1, 0)).code, 'PROG_UNAVAIL')
    assert.is((await refused(PROG, VERS, 99)).code, 'PROC_UNAVAIL')
    assert.is((await refused(PROG, VERS, ECHO)).code, 'GARBAGE_ARGS')
    const mismatch = await refused(PROG, 9, 0)
    assert.equal(mismatch.refusal, { stat: 'PROG_MISMATCH', low: 3, high: 3 })
    assert.match(mismatch.message, `program ${PROG} version 9 procedure 0`)
    assert.match(mismatch.message, 'versions 3 to 3')
    assert.is(client.waiting, 0)
  }))

test('calls with the credential given, to all calls or to one', () =>
  withServer({}, async ({ port, program }) => {
    const as = (uid: number): Credential => ({
      flavor: 'AUTH_SYS',
      stamp: 1,
      machinename: 'm',
      uid,
      gid: 2,
      gids: [3],
    })
    const to = { transport: 'tcp', host: '127.0.0.1', port } as const
    const client = await RpcClient.connect(to, { credential: as(1) })
    const value = new Uint8Array(0)
    await client.call(PROG, VERS, ECHO, data, value, data)
    await client.call(PROG, VERS, ECHO, data, value, data, { credential: as(2) })
    assert.equal(
      program.contexts.map(({ credential }) => credential),
      [as(1), as(2)],
    )
    await client.close()
  }))

test('gives up after the time given, and drops the reply that comes too late', () =>
  withServer({}, async (server) => {
    const client = await server.connect()
    const late = await failure(client.call(PROG, VERS, LATER, uint32, 1, uint32, { timeoutMs: 20 }))
    assert.is(late.code, 'TIMEDOUT')
    server.program.answer(1)
    await ping(client)
    assert.is(client.waiting, 0)
  }))

test('calls that wait fail when the server hangs up, and later calls at once', () =>
  withAnswers(
    () => undefined,
    async (client) => {
      const calls = [failure(ping(client)), failure(ping(client))]
      for (const error of await Promise.all(calls)) assert.is(error.code, 'CLOSED')
      assert.is((await failure(ping(client))).code, 'CLOSED')
    },
  ))

test('calls that wait fail when this side closes', () =>
  withServer({}, async (server) => {
    const client = await server.connect()
    const waiting = failure(client.call(PROG, VERS, LATER, uint32, 1, uint32))
    await client.close()
    assert.is((await waiting).code, 'CLOSED')
    await client.close()
  }))

test('nobody there is the system error', async () => {
  const to = { transport: 'tcp', host: '127.0.0.1', port: 1 } as const
  await RpcClient.connect(to).then(
    () => assert.unreachable(),
    (error: NodeJS.ErrnoException) => assert.is(error.code, 'ECONNREFUSED'),
  )
})

const SUCCESS = [0, 0, 0, 1, ...new Uint8Array(16)]

test('a malformed reply fails its call, and the next ones go on', () => {
  let count = 0
  return withAnswers(
    (message) => {
      const xid = [...message.subarray(0, 4)]
      count++
      if (count === 1) return recordOf(Uint8Array.from([...xid, 0, 0, 0, 7]))
      if (count === 2) return recordOf(Uint8Array.from([...xid, ...SUCCESS, 1]))
      const replies = [
        [1, 2, 3], // too short to be told whose it is
        [9, 9, 9, 9, ...SUCCESS, 0, 0, 0, 1], // of a call never made
        [...xid, ...SUCCESS, 0, 0, 0, 5],
        [...xid, ...SUCCESS, 0, 0, 0, 6], // a second reply to the same call
      ]
      return Buffer.concat(replies.map((reply) => recordOf(Uint8Array.from(reply))))
    },
    async (client) => {
      const get = () => client.call(PROG, VERS, LATER, voidType, undefined, uint32)
      assert.is((await failure(get())).code, 'GARBAGE_RESULTS')
      assert.is((await failure(get())).code, 'GARBAGE_RESULTS')
      assert.is(await get(), 5)
    },
  )
})

test('a reply beyond all limits ends the connection', () =>
  withAnswers(
    () => Uint8Array.of(0xff, 0xff, 0xff, 0xff),
    async (client) => {
      const error = await failure(ping(client))
      assert.is(error.code, 'CLOSED')
      assert.match(error.message, 'exceeds')
    },
  ))

test('xids count up from the one given, and around', () => {
  const xids: string[] = []
  return withAnswers(
    (message) => {
      xids.push(Buffer.from(message.subarray(0, 4)).toString('hex'))
      return recordOf(Uint8Array.from([...message.subarray(0, 4), ...SUCCESS]))
    },
    async (client) => {
      for (let i = 0; i < 3; i++) await ping(client)
      assert.equal(xids, ['fffffffe', 'ffffffff', '00000000'])
    },
    { firstXid: 0xffff_fffe },
  )
})

test('over UDP a call without a reply is sent again', async () => {
  let calls = 0
  const args = {
    encode: () => undefined,
    decode: () => {
      calls++
    },
  }
  // The first time nothing is answered, as if the reply were lost.
  const procedure = {
    args,
    handle(_: unknown, __: unknown, reply: { begin(): unknown; end(): void }) {
      if (calls < 2) return
      reply.begin()
      reply.end()
    },
  }
  const programs = [{ prog: PROG, vers: VERS, procedures: [undefined, procedure] }]
  const endpoint = await UdpEndpoint.listen(
    { host: '127.0.0.1', port: 0 },
    new Dispatcher(programs, () => undefined),
  )
  const to = { transport: 'udp', host: '127.0.0.1', port: endpoint.address.port } as const
  const client = await RpcClient.connect(to)
  await client.call(PROG, VERS, 1, voidType, undefined, voidType)
  assert.ok(calls >= 2)
  await client.close()
  await endpoint.close(1)
})

test('over UDP calls fail when nobody listens', async () => {
  const dispatcher = new Dispatcher([], () => undefined)
  const endpoint = await UdpEndpoint.listen({ host: '127.0.0.1', port: 0 }, dispatcher)
  const { port } = endpoint.address
  await endpoint.close(1)
  const client = await RpcClient.connect({ transport: 'udp', host: '127.0.0.1', port })
  assert.is((await failure(ping(client))).code, 'CLOSED')
  await client.close()
})

test.run()
