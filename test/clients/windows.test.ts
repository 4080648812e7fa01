/**
 * What the Windows client (Client for NFS) sends, as bytes, and answered as it needs it. It asks
 * for old versions again and again, mounts a share by a name, is user -2 unless told otherwise,
 * reads directories by READDIR, and has names in the code page of its language.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PortRegistry } from '../../src/rpc/portmap-registry.ts'
import { ask } from '../rpc/portmap-wire.ts'
import { call, NONE, Reply, sys } from './bytes.ts'
import {
  ACCESS,
  at,
  Client,
  CREATE,
  DUMP,
  EXPORT,
  FSSTAT,
  GETATTR,
  LOOKUP,
  MKDIR,
  MNT,
  MOUNT,
  NFS,
  NULL,
  PATHCONF,
  PORTMAP,
  PROC_UNAVAIL,
  PROG_MISMATCH,
  READDIR,
  RENAME,
  SETATTR,
  UMNT,
  WRITE,
  withMode,
  ZERO8,
} from './nfs.ts'
import { type Line, openTcp, openUdp, withServing } from './serving.ts'

const test = suite('clients: Windows')

const [NOENT, ACCES] = [2, 13]
const MINUS_2 = 0xffff_fffe
const ANONYMOUS = sys(MINUS_2, MINUS_2, [], 'DESKTOP-1')

/** A server with the root as `\\HOST\data` too, and a directory in it that all may write to. */
async function withShare(
  use: (line: Line, open: Buffer, port: number) => Promise<void>,
  rules: { readonly squash?: 'all'; readonly anonuid?: number; readonly anongid?: number } = {},
) {
  await withServing(
    async (port) => {
      const line = await openTcp(port)
      const client = new Client(line, ANONYMOUS)
      const root = await client.mount('/data')
      // Whoever is squashed makes it where the root itself may be written to.
      const admin = new Client(line, sys(0, 0), 0x5000)
      if (rules.squash === undefined) {
        const made = await admin.nfs(MKDIR, [...at(root, 'open'), ...withMode(0o777)])
        assert.is(made.word(), 1)
        await use(line, made.opaque(), port)
      } else await use(line, root, port)
      await line.close()
    },
    { exports: { aliases: ['/data'], ...rules } },
  )
}

async function lookup(client: Client, dir: Uint8Array, name: string | Buffer, status = 0) {
  const reply = await client.nfs(LOOKUP, [dir, name], status)
  return status === 0 ? reply.opaque() : Buffer.alloc(0)
}

test('NFS version 2 is answered with the versions that there are, and so is MOUNT version 2', () =>
  withServing(async (port) => {
    const line = await openTcp(port)
    const client = new Client(line, NONE)
    for (const proc of [NULL, 1, 4, 17]) {
      assert.equal(await client.told([NFS, 2, proc]), [PROG_MISMATCH, 3, 3])
    }
    assert.equal(await client.told([MOUNT, 2, NULL]), [PROG_MISMATCH, 1, 3])
    assert.equal(await client.told([MOUNT, 1, NULL]), [0])
    // A handle of version 2 there is none: MNT of MOUNT version 1 is not served.
    assert.equal(await client.told([MOUNT, 1, MNT], '/'), [PROC_UNAVAIL])
    // The connection goes on.
    assert.equal(await client.told([NFS, 3, NULL]), [0])
    await line.close()
    const udp = await openUdp(port)
    assert.equal(await new Client(udp, NONE).told([MOUNT, 2, NULL]), [PROG_MISMATCH, 1, 3])
    await udp.close()
  }))

test('the portmapper tells the port of MOUNT 1 and 3, and NFS 3, by version 2 over UDP', () => {
  const registry = new PortRegistry()
  const [host, owner] = ['192.0.2.1', '']
  registry.serve([
    { prog: NFS, vers: 3, netid: 'tcp', host, port: 2049, owner },
    { prog: MOUNT, vers: 3, netid: 'udp', host, port: 2049, owner },
    { prog: MOUNT, vers: 1, netid: 'udp', host, port: 2049, owner },
  ])
  const caller = { address: '192.0.2.9', port: 900, local: false, transport: 'udp' } as const
  const getport = (prog: number, vers: number, protocol: number) => {
    const message = call(9, [PORTMAP, 2, 3], NONE, prog, vers, protocol, 0)
    const reply = new Reply(ask(registry, caller, message, host))
    return [reply.accepted(9), reply.word()]
  }
  const [TCP, UDP] = [6, 17]
  assert.equal(getport(MOUNT, 3, UDP), [0, 2049])
  assert.equal(getport(MOUNT, 1, UDP), [0, 2049])
  assert.equal(getport(NFS, 3, TCP), [0, 2049])
  // Without --udp there is no NFS over UDP, and it goes on with TCP.
  assert.equal(getport(NFS, 3, UDP), [0, 0])
})

test('shares are listed and mounted by a name, by who shows no credential', () =>
  withShare(async (line) => {
    const client = new Client(line, NONE, 0x900)
    for (const vers of [1, 3]) {
      const list = await client.ask([MOUNT, vers, EXPORT])
      const dirs: string[] = []
      while (list.word() === 1) {
        dirs.push(list.text())
        assert.is(list.word(), 0, 'everybody may mount it')
      }
      assert.equal(dirs, ['/', '/data'])
      assert.is(list.left, 0)
    }
    const named = await client.mount('/data')
    assert.equal(named, await client.mount('/'))
    const dump = await client.ask([MOUNT, 3, DUMP])
    const mounted: string[] = []
    while (dump.word() === 1) mounted.push(`${dump.text()} ${dump.text()}`)
    assert.equal(mounted, ['127.0.0.1 /data', '127.0.0.1 /'])
    await client.ask([MOUNT, 3, UMNT], '/data')
    await client.nfs(GETATTR, [named])
    await client.nfs(FSSTAT, [named])
  }))

test('user -2 writes where everybody may, as itself, and nowhere else', () =>
  withShare(async (line, open) => {
    const client = new Client(line, ANONYMOUS, 0x100)
    const root = await client.mount('/data')
    await client.nfs(CREATE, [...at(root, 'no.txt'), 0, ...withMode(0o644)], ACCES)
    const access = await client.nfs(ACCESS, [root, 0x3f])
    access.attributes()
    // READ and LOOKUP: what the root's mode gives to others.
    assert.is(access.word(), 0x03)
    const file = await client.create(open, 'yes.txt', 0o755)
    const [, , , uid, gid] = (await client.nfs(GETATTR, [file])).words(5)
    assert.equal([uid, gid], [MINUS_2, MINUS_2])
    const wrote = await client.nfs(WRITE, [file, 0n, 5, 2, Buffer.from('hello')])
    wrote.wcc()
    assert.equal(wrote.words(2), [5, 2])
  }))

test('with --squash all and --anon it is somebody', () =>
  withShare(
    async (line, root) => {
      const client = new Client(line, ANONYMOUS, 0x100)
      // The root directory is of user 0 in this test, who is who all are.
      const file = await client.create(root, 'mine.txt')
      assert.equal((await client.nfs(GETATTR, [file])).words(5).slice(3), [0, 500])
      const shown = await new Client(line, NONE, 0x800).nfs(GETATTR, [file])
      assert.is(shown.word(), 1)
    },
    { squash: 'all', anonuid: 0, anongid: 500 },
  ))

test('`.` and `..` are names that can be looked up, in the root as well', () =>
  withShare(async (line, open) => {
    const client = new Client(line, ANONYMOUS, 0x100)
    const root = await client.mount('/data')
    assert.equal(await lookup(client, root, '.'), root)
    assert.equal(await lookup(client, root, '..'), root)
    assert.equal(await lookup(client, open, '.'), open)
    assert.equal(await lookup(client, open, '..'), root)
  }))

test('READDIR lists all of a directory, page by page, with the numbers that GETATTR has', () =>
  withShare(async (line, open) => {
    const client = new Client(line, ANONYMOUS, 0x100)
    const files = new Map<string, bigint>()
    for (let i = 0; i < 50; i++) {
      const attributes = await client.nfs(GETATTR, [await client.create(open, `FILE${i}.TXT`)])
      attributes.skip(5 * 4 + 4 * 8)
      files.set(`FILE${i}.TXT`, attributes.long())
    }
    const seen = new Map<string, bigint>()
    let cookie = 0n
    for (let eof = 0; eof === 0; ) {
      const reply = await client.nfs(READDIR, [open, cookie, ZERO8, 1024])
      reply.attributes()
      reply.skip(8)
      while (reply.word() === 1) {
        const fileid = reply.long()
        const name = reply.text()
        assert.not(seen.has(name), name)
        seen.set(name, fileid)
        cookie = reply.long()
      }
      eof = reply.word()
    }
    assert.ok(seen.delete('.') && seen.delete('..'))
    assert.equal([...seen], [...files])
  }))

test('names keep their case, and two that differ in it alone are two files', () =>
  withShare(async (line, open) => {
    const client = new Client(line, ANONYMOUS, 0x100)
    const conf = await client.nfs(PATHCONF, [open])
    conf.attributes()
    // linkmax, name_max, no_trunc, chown_restricted, case_insensitive, case_preserving
    assert.equal(conf.words(6).slice(1), [255, 1, 1, 0, 1])
    const lower = await client.create(open, 'report.txt')
    await lookup(client, open, 'REPORT.TXT', NOENT)
    // As Explorer renames where only the case changes.
    await client.nfs(RENAME, [...at(open, 'report.txt'), ...at(open, 'Report.txt')])
    assert.equal(await lookup(client, open, 'Report.txt'), lower)
    await lookup(client, open, 'report.txt', NOENT)
  }))

test('a name in a code page is bytes like any other', () =>
  withShare(async (line, open) => {
    const client = new Client(line, ANONYMOUS, 0x100)
    const ansi = Buffer.from('gr\u00fc\u00dfe.txt', 'latin1')
    const reply = await client.nfs(CREATE, [open, ansi, 0, ...withMode(0o644)])
    assert.is(reply.word(), 1)
    const file = reply.opaque()
    assert.equal(await lookup(client, open, ansi), file)
    await lookup(client, open, Buffer.from('gr\u00fc\u00dfe.txt', 'utf8'), NOENT)
  }))

test('a file that is there is made again UNCHECKED, cut to nothing, and given times', () =>
  withShare(async (line, open) => {
    const client = new Client(line, ANONYMOUS, 0x100)
    const file = await client.create(open, 'book.xls')
    await client.nfs(WRITE, [file, 0n, 3, 2, Buffer.from('abc')])
    const size0 = [0, 0, 0, 1, 0n, 0, 0] as const
    const again = await client.nfs(CREATE, [...at(open, 'book.xls'), 0, ...size0])
    assert.equal([again.word(), again.opaque()], [1, file])
    assert.is(again.attributes()?.size, 0n)
    // atime and mtime as the client has them, in steps of 100 ns.
    const times = [0, 0, 0, 0, 2, 1_700_000_000, 100, 2, 1_700_000_001, 1_234_500] as const
    await client.nfs(SETATTR, [file, ...times, 0])
    const attributes = await client.nfs(GETATTR, [file])
    attributes.skip(84 - 16)
    assert.equal(attributes.words(2), [1_700_000_001, 1_234_500])
  }))

test.run()
