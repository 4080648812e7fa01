import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { IO_BYTES_MAX, StableHow } from '../../src/fs/filesystem.ts'
import { CREATE } from '../../src/nfs/proc/create.ts'
import { GETATTR } from '../../src/nfs/proc/getattr.ts'
import { MKDIR } from '../../src/nfs/proc/mkdir.ts'
import { READ } from '../../src/nfs/proc/read.ts'
import { WRITE } from '../../src/nfs/proc/write.ts'
import type { Definition } from '../../src/nfs/procedure.ts'
import { nfsProgram } from '../../src/nfs/program.ts'
import { RpcClient, RpcError } from '../../src/rpc/client.ts'
import { Dispatcher } from '../../src/rpc/dispatch.ts'
import { Listener } from '../../src/rpc/listener.ts'
import { type Codec, uint32, voidType } from '../../src/xdr/codec.ts'
import { as, bytes, Harness } from './harness.ts'

const test = suite('nfs over TCP')

const NFS = 100_003

async function withServer(run: (nfs: Harness, client: RpcClient) => Promise<void>): Promise<void> {
  const nfs = new Harness()
  const dispatcher = new Dispatcher([nfsProgram(nfs.service)], (error) => nfs.reported.push(error))
  const listener = await Listener.listen({ host: '127.0.0.1', port: 0 }, dispatcher)
  try {
    const { address } = listener
    assert.ok(typeof address === 'object')
    const client = await RpcClient.connect({
      transport: 'tcp',
      host: address.address,
      port: address.port,
    })
    try {
      await run(nfs, client)
    } finally {
      await client.close()
    }
  } finally {
    await listener.close(1000)
  }
  assert.equal(nfs.reported, [])
}

/** A result that must be NFS3_OK. */
function ok<R>(resok: Codec<R>): Codec<R> {
  return {
    encode: () => undefined,
    decode(r) {
      assert.is(uint32.decode(r), 0)
      return resok.decode(r)
    },
  }
}

function call<A, R, F>(
  client: RpcClient,
  number: number,
  { args, resok }: Definition<A, R, F>,
  given: A,
): Promise<R> {
  return client.call(NFS, 3, number, args, given, ok(resok), { credential: as(0) })
}

test('a mebibyte goes there in one WRITE and comes back in one READ', () =>
  withServer(async (nfs, client) => {
    const where = { dir: nfs.root, name: bytes('f') }
    const how = { mode: 'GUARDED', attributes: {} } as const
    const { obj: file = nfs.root } = await call(client, 8, CREATE, { where, how })
    const data = Uint8Array.from({ length: IO_BYTES_MAX }, (_, i) => (i * 7919) >> 4)
    const stable = StableHow.FILE_SYNC
    const writing = { file, offset: 0, count: data.length, stable, data }
    const wrote = await call(client, 7, WRITE, writing)
    assert.equal([wrote.count, wrote.committed], [data.length, stable])
    const reading = { file, offset: 0, count: data.length }
    for (const later of [false, true]) {
      nfs.fs.later = later
      const read = await call(client, 6, READ, reading)
      assert.is(Buffer.compare(read.data, data), 0)
      assert.is(read.eof, true)
    }
    // `release` runs when the socket has taken the bytes, which may be after they have arrived.
    while (nfs.fs.released < 2) await new Promise(setImmediate)
    assert.is(nfs.fs.released, 2)
  }))

test('a call that waits for the disk holds up no other', () =>
  withServer(async (nfs, client) => {
    nfs.fs.held = []
    const order: string[] = []
    const where = { dir: nfs.root, name: bytes('d') }
    const making = call(client, 9, MKDIR, { where, attributes: {} }).then(() => order.push('MKDIR'))
    const asking = call(client, 1, GETATTR, { object: nfs.root }).then(() => order.push('GETATTR'))
    await asking
    nfs.fs.held[0]?.()
    await making
    assert.equal(order, ['GETATTR', 'MKDIR'])
  }))

test('a client that asks for NFS version 4 or 2 is told 3 to 3', () =>
  withServer(async (_nfs, client) => {
    for (const vers of [2, 4]) {
      const error: unknown = await client
        .call(NFS, vers, 0, voidType, undefined, voidType)
        .catch((reason: unknown) => reason)
      assert.instance(error, RpcError)
      const { refusal } = error as RpcError
      assert.equal(refusal, { stat: 'PROG_MISMATCH', low: 3, high: 3 })
    }
  }))

test.run()
