/**
 * What the macOS client sends, as bytes, and answered as it needs it. It speaks version 3 from the
 * start, from ports that anybody may have; asks READDIRPLUS, and takes BAD_COOKIE for the end of a
 * directory; finds lock managers by rpcbind versions 3 and 4 alone, and locks by LOCK_MSG over UDP.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PortRegistry } from '../../src/rpc/portmap-registry.ts'
import { NlmHarness } from '../nfs/locks/nlm-harness.ts'
import { ask } from '../rpc/portmap-wire.ts'
import { call, encode, NONE, Reply, raw, sys } from './bytes.ts'
import {
  ACCESS,
  at,
  Client,
  COMMIT,
  CREATE,
  GETATTR,
  LOOKUP,
  MKDIR,
  NLM,
  PORTMAP,
  READ,
  READDIRPLUS,
  REMOVE,
  RENAME,
  SETATTR,
  WRITE,
  withMode,
} from './nfs.ts'
import { openTcp, openUdp, withServing } from './serving.ts'

const test = suite('clients: macOS')

const [NOENT, EXIST, TOOSMALL] = [2, 17, 10_005]
const RQUOTA = 100_011

/** The user who is logged in: staff, and the groups that come with it. */
const USER = sys(501, 20, [20, 12, 61, 79, 80, 81, 98, 701], 'mac.local')

/** A client of that user in a directory that it may write to. */
async function withUser(use: (client: Client, dir: Buffer, port: number) => Promise<void>) {
  await withServing(async (port) => {
    const line = await openTcp(port)
    const root = new Client(line, sys(0, 0), 0x1000)
    const top = await root.mount('/')
    const made = await root.nfs(MKDIR, [...at(top, 'home'), ...withMode(0o777)])
    assert.is(made.word(), 1)
    await use(new Client(line, USER, 0x2000), made.opaque(), port)
    await line.close()
  })
}

async function lookup(client: Client, dir: Uint8Array, name: string, status = 0) {
  const reply = await client.nfs(LOOKUP, at(dir, name), status)
  return status === 0 ? reply.opaque() : Buffer.alloc(0)
}

test('rpcbind versions 4 and 3 tell where MOUNT, NLM and NSM are over UDP, and NFS over TCP', () => {
  const registry = new PortRegistry()
  const host = '127.0.0.1'
  registry.serve([
    { prog: 100_003, vers: 3, netid: 'tcp', host, port: 2049, owner: '' },
    ...[100_005, NLM, 100_024].map((prog) => ({
      ...{ prog, vers: prog === 100_005 ? 3 : prog === NLM ? 4 : 1, netid: 'udp' as const },
      ...{ host, port: 2049, owner: '' },
    })),
  ])
  const caller = { address: host, port: 51_000, local: true, transport: 'udp' } as const
  for (const vers of [4, 3]) {
    for (const [prog, of, netid] of [
      [100_003, 3, 'tcp'],
      [100_005, 3, 'udp'],
      [NLM, 4, 'udp'],
      [100_024, 1, 'udp'],
    ] as const) {
      const getaddr = call(9, [PORTMAP, vers, 3], NONE, prog, of, netid, '127.0.0.1.0.111', '')
      const reply = new Reply(ask(registry, caller, getaddr))
      assert.equal([reply.accepted(9), reply.text()], [0, '127.0.0.1.8.1'])
      assert.is(reply.left, 0)
    }
  }
})

test('it mounts and works from a port above 1023', () =>
  withServing(async (port) => {
    const line = await openUdp(port)
    assert.ok(line.socket.address().port > 1023)
    // MOUNT goes over UDP, NFS over TCP.
    const root = await new Client(line).mount('/')
    await line.close()
    const tcp = await openTcp(port)
    const client = new Client(tcp)
    await client.create(root, 'made')
    const access = await client.nfs(ACCESS, [root, 0x3f])
    access.attributes()
    assert.is(access.word() & 0x1f, 0x1f)
    await tcp.close()
  }))

/** One page: its names, the last cookie, the verifier, and whether it is the end. */
async function page(client: Client, dir: Uint8Array, cookie: bigint, verifier: Uint8Array) {
  const counts = [1024, 4096]
  const reply = await client.nfs(READDIRPLUS, [dir, cookie, raw(verifier), ...counts])
  reply.attributes()
  const told = encode(reply.long())
  const names: string[] = []
  let last = cookie
  while (reply.word() === 1) {
    reply.skip(8)
    names.push(reply.text())
    last = reply.long()
    reply.attributes()
    if (reply.word() === 1) reply.opaque()
  }
  return { names, last, verifier: told, eof: reply.word() === 1 }
}

test('a listing goes on whatever is made and removed meanwhile, with any verifier', () =>
  withUser(async (client, dir) => {
    const made = Array.from({ length: 60 }, (_, i) => `Document ${i}.pages`)
    for (const name of made) await client.create(dir, name)
    const seen: string[] = []
    let [cookie, verifier, pages] = [0n, encode(0n), 0]
    for (let eof = false; !eof; pages++) {
      const got = await page(client, dir, cookie, verifier)
      seen.push(...got.names)
      cookie = got.last
      // It sends back what it was told; an older one must do as well.
      verifier = pages % 2 === 0 ? got.verifier : encode(0x1234_5678_9abc_def0n)
      eof = got.eof
      if (eof) break
      const removed = got.names.find((name) => name.startsWith('Doc')) ?? ''
      await client.nfs(REMOVE, at(dir, removed))
      await client.create(dir, `~${removed}`)
    }
    assert.ok(pages >= 2, `${pages} pages before the last`)
    assert.equal(
      seen.filter((name) => !name.startsWith('~')),
      ['.', '..', ...made],
    )
    assert.is(new Set(seen).size, seen.length)
    // No room for one entry is an error, and not an end.
    await client.nfs(READDIRPLUS, [dir, 0n, raw(encode(0n)), 16, 64], TOOSMALL)
  }))

test('a document is saved as Finder and Office do it', () =>
  withUser(async (client, dir) => {
    const exclusive = (name: string, verifier: bigint, status = 0) =>
      client.nfs(CREATE, [...at(dir, name), 2, verifier], status)
    // The AppleDouble file beside it: made exclusively, and again after a lost reply.
    const first = await exclusive('._Letter.doc', 0xfeed_0001n)
    assert.is(first.word(), 1)
    const double = first.opaque()
    const second = await exclusive('._Letter.doc', 0xfeed_0001n)
    assert.equal([second.word(), second.opaque()], [1, double])
    await exclusive('._Letter.doc', 0xfeed_0002n, EXIST)
    await client.nfs(SETATTR, [double, 1, 0o644, 0, 0, 0, 1, 1, 0])
    // A few bytes in the middle of nothing.
    const wrote = await client.nfs(WRITE, [double, 4094n, 2, 0, Buffer.from('xy')])
    wrote.wcc()
    assert.is(wrote.word(), 2)
    wrote.word()
    const verifier = wrote.long()
    const committed = await client.nfs(COMMIT, [double, 0n, 0])
    committed.wcc()
    assert.is(committed.long(), verifier)
    const end = await client.nfs(READ, [double, 4096n, 512])
    end.attributes()
    assert.equal(end.words(2), [0, 1])
    // The new document takes the place of the old one.
    const old = await client.create(dir, 'Letter.doc')
    const fresh = await client.create(dir, 'Letter.doc.tmp')
    await client.nfs(RENAME, [...at(dir, 'Letter.doc.tmp'), ...at(dir, 'Letter.doc')])
    assert.equal(await lookup(client, dir, 'Letter.doc'), fresh)
    assert.not.equal(fresh, old)
  }))

test('a folder that was renamed, or whose parent was, is the same folder', () =>
  withUser(async (client, dir) => {
    const folder = async (where: Uint8Array, name: string) => {
      const reply = await client.nfs(MKDIR, [...at(where, name), ...withMode(0o755)])
      assert.is(reply.word(), 1)
      return reply.opaque()
    }
    const outer = await folder(dir, 'untitled folder')
    const inner = await folder(outer, 'inner')
    await client.nfs(RENAME, [...at(dir, 'untitled folder'), ...at(dir, 'Reports')])
    const made = await folder(inner, 'made')
    await folder(outer, 'more')
    assert.equal(await lookup(client, inner, 'made'), made)
    assert.is((await client.nfs(GETATTR, [inner])).word(), 2)
  }))

test('a name is the bytes that were sent: the two forms of é are two names', () =>
  withUser(async (client, dir) => {
    const [composed, decomposed] = ['caf\u00e9', 'cafe\u0301']
    const file = await client.create(dir, decomposed)
    assert.equal(await lookup(client, dir, decomposed), file)
    await lookup(client, dir, composed, NOENT)
  }))

test('a quota is asked for, and that there is none is an answer', () =>
  withUser(async (client) => {
    assert.equal(await client.told([RQUOTA, 1, 1], '/', 501), [0, 2])
  }))

/** nlm4_lockargs, as bytes. */
function lockArgs(cookie: string, fh: Uint8Array, svid: number, offset: bigint): Uint8Array {
  const owner = encode(svid, 0x0abc_def0)
  const alock = ['mac.local', fh, owner, svid, offset, 1n] as const
  return encode(cookie, 0, 1, ...alock, 0, 7)
}

test('LOCK_MSG has an empty reply, and LOCK_RES comes as a call; again the same when it is resent', async () => {
  const nlm = new NlmHarness()
  const fh = await nlm.file('f', 0o666)
  const [LOCK_MSG, UNLOCK_MSG, LOCK_RES, UNLOCK_RES] = [7, 9, 12, 14]
  const send = async (proc: number, args: Uint8Array) => {
    const { stat, r } = await nlm.raw(proc, args)
    assert.equal([stat, r.remaining], [0, 0])
  }
  const answers = () =>
    nlm.sent.splice(0).map(({ to, proc, body }) => {
      const reply = new Reply(body)
      return [to, proc, reply.text(), reply.word(), reply.left]
    })
  const mine = lockArgs('c1', fh, 501, 0n)
  await send(LOCK_MSG, mine)
  await send(LOCK_MSG, mine)
  const granted = ['127.0.0.1 v4', LOCK_RES, 'c1', 0, 0]
  assert.equal(answers(), [granted, granted])
  await send(LOCK_MSG, lockArgs('c2', fh, 502, 0n))
  assert.equal(answers(), [['127.0.0.1 v4', LOCK_RES, 'c2', 1, 0]])
  const unlock = encode('c3', 'mac.local', fh, encode(501, 0x0abc_def0), 501, 0n, 1n)
  await send(UNLOCK_MSG, unlock)
  assert.equal(answers(), [['127.0.0.1 v4', UNLOCK_RES, 'c3', 0, 0]])
  await send(LOCK_MSG, lockArgs('c4', fh, 502, 0n))
  assert.equal(answers(), [['127.0.0.1 v4', LOCK_RES, 'c4', 0, 0]])
})

test.run()
