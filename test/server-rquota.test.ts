/** RQUOTA at the sockets of a server: both transports, the port of MOUNT, and quotas as they are. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RemoteOperations } from '../src/control/client.ts'
import { rquota } from '../src/nfs/rquota.ts'
import { RpcClient } from '../src/rpc/client.ts'
import { startServer } from '../src/server.ts'
import { type Codec, int32, opaque, struct, uint32 } from '../src/xdr/codec.ts'
import { withTempDir } from './control/tempdir.ts'

const test = suite('server: RQUOTA')

const [RQUOTA, GETQUOTA, Q_OK, Q_NOQUOTA] = [100_011, 1, 1, 2]

const args = struct({ path: opaque(1024), uid: int32 })
const result: Codec<{ status: number; bhardlimit: number | undefined }> = {
  encode: () => assert.unreachable('results are decoded'),
  decode(r) {
    const status = uint32.decode(r)
    return { status, bhardlimit: status === Q_OK ? rquota.decode(r).bhardlimit : undefined }
  },
}

async function ask(transport: 'tcp' | 'udp', port: number, path: string) {
  const client = await RpcClient.connect({ transport, host: '127.0.0.1', port }, {})
  try {
    const given = { path: Buffer.from(path), uid: 1000 }
    const answer = await client.call(RQUOTA, 1, GETQUOTA, args, given, result)
    return [answer.status, answer.bhardlimit]
  } finally {
    await client.close()
  }
}

test('each dataset has its own, over TCP and UDP, and a change is seen at once', () =>
  withTempDir(async (directory) => {
    const serving = await startServer({
      ...{ directory, listen: ['127.0.0.1'], port: 0, mountPort: undefined, portmap: 'off' },
      ...{ durability: 'sync', version: '0' },
      report: (message, error) => {
        throw new Error(message, { cause: error })
      },
    })
    const remote = await RemoteOperations.connect(directory)
    try {
      const port = Number(serving.addresses[0]?.split(':')[1])
      const owner = { uid: 0, gid: 0 }
      const quota = { bytes: 2 ** 20, inodes: 0 }
      await remote.datasets.create({ name: 'limited', quota, ...owner })
      for (const transport of ['tcp', 'udp'] as const) {
        assert.equal(await ask(transport, port, '/limited'), [Q_OK, 1024])
        assert.equal(await ask(transport, port, '/'), [Q_NOQUOTA, undefined])
      }
      await remote.datasets.setQuota('limited', { bytes: 2 ** 21, inodes: 0 })
      assert.equal(await ask('udp', port, '/limited'), [Q_OK, 2048])
      await remote.datasets.rename('limited', 'renamed')
      assert.equal(await ask('udp', port, '/limited'), [Q_NOQUOTA, undefined])
      assert.equal(await ask('udp', port, '/renamed/.snapshots'), [Q_OK, 2048])
    } finally {
      await remote.close()
      await serving.stop()
    }
  }))

test.run()
