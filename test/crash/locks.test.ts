/** Locks of a server that is killed: what was granted is in force again, and can be reclaimed. */
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkStore } from '../../src/check/check.ts'
import { nlmTypes } from '../../src/nfs/locks/nlm-types.ts'
import { MOUNT_V3, mountres3_ok } from '../../src/nfs/mount.ts'
import { CREATE } from '../../src/nfs/proc/create.ts'
import { RpcClient } from '../../src/rpc/client.ts'
import { MOUNT_PROGRAM, NFS_PROGRAM, NLM_PROG } from '../../src/rpc/program.ts'
import { type Codec, string, uint32 } from '../../src/xdr/codec.ts'
import { statusName } from '../nfs/locks/world.ts'
import { withFolder, withStore } from '../store/open-store.ts'
import { Servers } from './server.ts'

const test = suite('crash: locks')

const { lockargs, unlockargs, testargs, res, testres } = nlmTypes(4)
const [TEST, LOCK, UNLOCK] = [1, 2, 4]
const MNT = 1
const NFS_CREATE = 8
const ROOT = { flavor: 'AUTH_SYS', stamp: 0, machinename: 'x', uid: 0, gid: 0, gids: [] } as const
const COOKIE = Buffer.from('cookie')
/** Locks that are held when the server is killed. */
const LOCKS = 20

/** Reads a status that has to be 0, and what follows. */
const ok = <R>(of: Codec<R>): Codec<R> => ({
  encode: () => undefined,
  decode(r) {
    assert.is(uint32.decode(r), 0)
    return of.decode(r)
  },
})

/** A client that locks bytes of one file, each by a process of its own. */
class Locker {
  readonly #rpc: RpcClient
  readonly #fh: Uint8Array
  readonly #name: string

  constructor(rpc: RpcClient, fh: Uint8Array, name: string) {
    this.#rpc = rpc
    this.#fh = fh
    this.#name = name
  }

  #alock(at: number) {
    const oh = Buffer.from(`${at}@${this.#name}`)
    const where = { l_offset: BigInt(at), l_len: 1n }
    return { caller_name: this.#name, fh: this.#fh, oh, svid: at, ...where }
  }

  async lock(at: number, reclaim = false): Promise<string> {
    const how = { block: false, exclusive: true, reclaim, state: 3 }
    const args = { cookie: COOKIE, alock: this.#alock(at), ...how }
    return statusName((await this.#rpc.call(NLM_PROG, 4, LOCK, lockargs, args, res)).status)
  }

  async unlock(at: number): Promise<string> {
    const args = { cookie: COOKIE, alock: this.#alock(at) }
    return statusName((await this.#rpc.call(NLM_PROG, 4, UNLOCK, unlockargs, args, res)).status)
  }

  async test(at: number): Promise<string> {
    const args = { cookie: COOKIE, exclusive: true, alock: this.#alock(at) }
    return statusName((await this.#rpc.call(NLM_PROG, 4, TEST, testargs, args, testres)).status)
  }
}

async function makeFile(rpc: RpcClient): Promise<Uint8Array> {
  const root = await rpc.call(MOUNT_PROGRAM, MOUNT_V3, MNT, string(64), '/', ok(mountres3_ok))
  const where = { dir: root.fhandle, name: Buffer.from('file') }
  const how = { mode: 'GUARDED' as const, attributes: { mode: 0o600 } }
  const args = { where, how }
  const made = ok(CREATE.resok)
  const { obj } = await rpc.call(NFS_PROGRAM, 3, NFS_CREATE, CREATE.args, args, made)
  return obj ?? new Uint8Array(0)
}

async function connect(port: number): Promise<RpcClient> {
  return RpcClient.connect({ transport: 'tcp', host: '127.0.0.1', port }, { credential: ROOT })
}

test('are in force after a kill, for those who reclaim them and nobody else', async () => {
  await withFolder(async (folder) => {
    const directory = join(folder, 'data')
    const how = { directory, checkpointLimits: {} }
    const servers = new Servers()
    try {
      const first = servers.take()
      const rpc = await connect((await first.serving(how)).port)
      const fh = await makeFile(rpc)
      const [alice, bob] = [new Locker(rpc, fh, 'alice'), new Locker(rpc, fh, 'bob')]
      for (let at = 0; at < LOCKS; at++) assert.is(await alice.lock(at), 'GRANTED')
      assert.is(await alice.unlock(0), 'GRANTED')
      assert.is(await bob.lock(LOCKS), 'GRANTED')
      await first.kill()
      await rpc.close()
      await afterwards(servers, how, fh)
    } finally {
      await servers.close()
    }
    await withStore(directory, async ({ store }) => {
      assert.equal((await checkStore(store, () => undefined)).problems, [])
    })
  })
})

async function afterwards(
  servers: Servers,
  how: { directory: string; checkpointLimits: object },
  fh: Uint8Array,
): Promise<void> {
  const second = servers.take()
  const rpc = await connect((await second.serving(how)).port)
  const [alice, bob] = [new Locker(rpc, fh, 'alice'), new Locker(rpc, fh, 'bob')]
  assert.is(await bob.lock(1), 'DENIED_GRACE_PERIOD')
  assert.is(await bob.test(1), 'DENIED_GRACE_PERIOD')
  assert.is(await bob.lock(1, true), 'DENIED', "alice's, though nobody has reclaimed it")
  for (let at = 1; at < LOCKS; at++) assert.is(await alice.lock(at, true), 'GRANTED')
  assert.is(await bob.lock(100), 'DENIED_GRACE_PERIOD', 'one lock is not reclaimed yet')
  assert.is(await bob.lock(LOCKS, true), 'GRANTED')
  // All is reclaimed: the grace period is over.
  assert.is(await bob.lock(100), 'GRANTED')
  assert.is(await bob.lock(1), 'DENIED')
  await rpc.close()
  assert.is(await second.stop(), 0)
}

test.run()
