/**
 * What the FreeBSD client sends, as bytes, and answered as it needs it: it asks rpcbind by all its
 * versions, mounts over UDP where it is told to, goes on in directories with cookies that it has
 * kept for long, and locks by plain calls of NLM version 4.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PortRegistry } from '../../src/rpc/portmap-registry.ts'
import { ask } from '../rpc/portmap-wire.ts'
import { withFolder } from '../store/open-store.ts'
import { call, encode, NONE, Reply, sys } from './bytes.ts'
import {
  at,
  Client,
  COMMIT,
  FSINFO,
  LOOKUP,
  MOUNT,
  NFS,
  NLM,
  NULL,
  PORTMAP,
  READ,
  READDIR,
  REMOVE,
  SETATTR,
  UMNT,
  WRITE,
  withMode,
  ZERO8,
} from './nfs.ts'
import { openTcp, openUdp, servingIn, withServing } from './serving.ts'

const test = suite('clients: FreeBSD')

const [ACCES, STALE] = [13, 70]
const KIB = 1024

test('rpcbind versions 2, 3 and 4 say the same', () => {
  const registry = new PortRegistry()
  const [host, owner, port] = ['192.0.2.1', '', 2049]
  registry.serve(
    (['tcp', 'udp'] as const).flatMap((netid) => [
      { prog: NFS, vers: 3, netid, host, port, owner },
      { prog: MOUNT, vers: 3, netid, host, port, owner },
    ]),
  )
  const caller = { address: '192.0.2.9', port: 900, local: false, transport: 'udp' } as const
  const from = (vers: number, ...args: (number | string)[]) => {
    const reply = new Reply(ask(registry, caller, call(5, [PORTMAP, vers, 3], NONE, ...args), host))
    assert.is(reply.accepted(5), 0)
    return reply
  }
  for (const prog of [NFS, MOUNT]) {
    for (const [netid, protocol] of [
      ['tcp', 6],
      ['udp', 17],
    ] as const) {
      assert.is(from(2, prog, 3, protocol, 0).word(), port)
      for (const vers of [3, 4]) {
        assert.is(from(vers, prog, 3, netid, '192.0.2.1.0.111', '').text(), '192.0.2.1.8.1')
      }
    }
  }
})

test('mounted over UDP (mntudp,udp) it reads and writes 32 KiB at a time', () =>
  withServing(
    async (port) => {
      const line = await openUdp(port)
      const client = new Client(line)
      assert.equal(await client.told([NFS, 3, NULL]), [0])
      const root = await client.mount('/')
      const info = await client.nfs(FSINFO, [root])
      info.attributes()
      const [rtmax = 0] = info.words(1)
      assert.is(rtmax, 32 * KIB)
      const file = await client.create(root, 'file')
      const data = Uint8Array.from({ length: rtmax }, (_, i) => (i * 31) >> 2)
      for (const offset of [0n, BigInt(rtmax)]) {
        const wrote = await client.nfs(WRITE, [file, offset, rtmax, 0, data])
        wrote.wcc()
        assert.equal(wrote.words(2), [rtmax, 0])
      }
      await client.nfs(COMMIT, [file, 0n, 0])
      const read = await client.nfs(READ, [file, BigInt(rtmax), rtmax])
      read.attributes()
      assert.equal(read.words(2), [rtmax, 1])
      assert.is(Buffer.compare(read.opaque(), data), 0)
      await client.ask([MOUNT, 3, UMNT], '/')
      await line.close()
    },
    { udp: true },
  ))

/** One page of READDIR: names with their cookies, and whether it is the last. */
async function page(client: Client, dir: Uint8Array, cookie: bigint, count: number) {
  const reply = await client.nfs(READDIR, [dir, cookie, ZERO8, count])
  reply.attributes()
  reply.skip(8)
  const entries: { name: string; cookie: bigint }[] = []
  while (reply.word() === 1) {
    reply.skip(8)
    entries.push({ name: reply.text(), cookie: reply.long() })
  }
  return { entries, eof: reply.word() === 1 }
}

test('a cookie is good after changes and a restart: nothing is missed or told twice', () =>
  withFolder(async (directory) => {
    const made = Array.from({ length: 40 }, (_, i) => `file-${i}`)
    const serve = <T>(use: (client: Client) => Promise<T>, xid: number) =>
      servingIn(directory, async (port) => {
        const line = await openTcp(port)
        const done = await use(new Client(line, sys(0, 0), xid))
        await line.close()
        return done
      })
    const before = await serve(async (client) => {
      const dir = await client.mount('/')
      for (const name of made) await client.create(dir, name)
      const { entries, eof } = await page(client, dir, 0n, 512)
      assert.not(eof)
      // What was listed goes, the entry that the cookie is of too, and others come.
      for (const { name } of entries.slice(2)) await client.nfs(REMOVE, at(dir, name))
      await client.create(dir, 'later')
      return { dir, entries }
    }, 0x100)
    const after = await serve(async (client) => {
      const names: string[] = []
      let cookie = before.entries.at(-1)?.cookie ?? 0n
      for (let eof = false; !eof; ) {
        const got = await page(client, before.dir, cookie, 512)
        names.push(...got.entries.map(({ name }) => name))
        cookie = got.entries.at(-1)?.cookie ?? cookie
        eof = got.eof
      }
      return names
    }, 0x10000)
    const first = before.entries.map(({ name }) => name)
    assert.equal([...first, ...after], ['.', '..', ...made, 'later'])
  }))

test('16 groups are believed, and 17 are no credential', () =>
  withServing(async (port) => {
    const line = await openTcp(port)
    const root = new Client(line)
    const dir = await root.mount('/')
    const file = await root.create(dir, 'file', 0o640)
    await root.nfs(SETATTR, [file, 0, 0, 1, 2016, 0, 0, 0, 0])
    const groups = Array.from({ length: 17 }, (_, i) => 2001 + i)
    const user = (...gids: number[]) => new Client(line, sys(1000, 1000, gids), 0x4000)
    const read = await user(...groups.slice(0, 16)).nfs(READ, [file, 0n, 1])
    read.attributes()
    assert.equal(read.words(2), [0, 1])
    await user(...groups.slice(0, 15)).nfs(READ, [file, 0n, 1], ACCES)
    const message = call(7, [NFS, 3, READ], sys(1000, 1000, groups), file, 0n, 1)
    const [MSG_DENIED, AUTH_ERROR, AUTH_BADCRED] = [1, 1, 1]
    const reply = new Reply(await line.call(message))
    assert.equal(reply.words(5), [7, 1, MSG_DENIED, AUTH_ERROR, AUTH_BADCRED])
    await line.close()
  }))

test('locks by plain calls of NLM version 4', () =>
  withServing(async (port) => {
    const line = await openTcp(port)
    const client = new Client(line)
    const file = await client.create(await client.mount('/'), 'file')
    const alock = (svid: number) => ['freebsd', file, encode(svid), svid, 0n, 0n] as const
    const lock = async (svid: number) => {
      const args = ['c', 0, 1, ...alock(svid), 0, 3] as const
      const reply = await client.ask([NLM, 4, 2], ...args)
      return [reply.text(), reply.word()]
    }
    const [GRANTED, DENIED] = [0, 1]
    assert.equal(await lock(1), ['c', GRANTED])
    assert.equal(await lock(2), ['c', DENIED])
    const told = await client.ask([NLM, 4, 1], 'c', 1, ...alock(2))
    assert.equal([told.text(), told.word(), told.word(), told.word()], ['c', DENIED, 1, 1])
    const unlocked = await client.ask([NLM, 4, 4], 'c', ...alock(1))
    assert.equal([unlocked.text(), unlocked.word()], ['c', GRANTED])
    assert.equal(await lock(2), ['c', GRANTED])
    await line.close()
  }))

test('a handle of what is gone is STALE, so that it looks the name up anew', () =>
  withServing(async (port) => {
    const line = await openTcp(port)
    const client = new Client(line)
    const dir = await client.mount('/')
    const file = await client.create(dir, 'file')
    await client.nfs(REMOVE, at(dir, 'file'))
    await client.nfs(READ, [file, 0n, 1], STALE)
    await client.nfs(SETATTR, [file, ...withMode(0o600), 0], STALE)
    await client.create(dir, 'file')
    const found = await client.nfs(LOOKUP, at(dir, 'file'))
    assert.not.equal(found.opaque(), file)
    await line.close()
  }))

test.run()
