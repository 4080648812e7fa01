import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { exports3, mountlist, mountres3_ok } from '../../src/nfs/mount.ts'
import { MOUNTS_MAX, Mounts, type NumberedMount } from '../../src/nfs/mounts.ts'
import { XdrWriter } from '../../src/xdr/writer.ts'
import { bytes, Harness, REMOTE } from './harness.ts'

const test = suite('nfs/mount: RFC 1813 §5')

const MOUNT = 100_005
const NULL = 0
const MNT = 1
const DUMP = 2
const UMNT = 3
const UMNTALL = 4
const EXPORT = 5
const NOTHING = new Uint8Array(0)
const PROC_UNAVAIL = 3
const PROG_MISMATCH = 2

function dirpath(path: string): Uint8Array {
  const w = new XdrWriter()
  w.opaque(Buffer.from(path, 'latin1'))
  return w.finish()
}

/** MNT: the handle as text, or the status. */
async function mount(nfs: Harness, path: string): Promise<string | number> {
  const { stat, r } = await nfs.raw(MOUNT, 3, MNT, dirpath(path))
  assert.is(stat, 0)
  const status = r.uint32()
  if (status !== 0) {
    assert.is(r.remaining, 0)
    return status
  }
  const { fhandle, auth_flavors } = mountres3_ok.decode(r)
  assert.is(r.remaining, 0)
  assert.equal(auth_flavors, [1, 0])
  return text(fhandle)
}

async function dump(nfs: Harness, vers = 3): Promise<unknown> {
  const { r } = await nfs.raw(MOUNT, vers, DUMP, NOTHING)
  const entries = mountlist.decode(r)
  assert.is(r.remaining, 0)
  return entries.map(({ hostname, directory }) => `${hostname}:${directory}`)
}

const text = (handle: Uint8Array | undefined) => Buffer.from(handle ?? NOTHING).toString('hex')

/** `/a/b` and the file `/a/f`, below any exports. */
async function withTree(exports?: ConstructorParameters<typeof Harness>[0]) {
  const nfs = new Harness(exports)
  const root = { uid: 0, gid: 0, gids: [] }
  const a = nfs.fs.mkdir(root, nfs.fs.root(), bytes('a'), { mode: 0 })
  const b = nfs.fs.mkdir(root, a.id, Buffer.from('b\xe4', 'latin1'), {})
  nfs.fs.create(root, a.id, bytes('f'), { mode: 'GUARDED', attributes: {} })
  return { nfs, a: text(nfs.handle(a.id)), b: text(nfs.handle(b.id)) }
}

test('MNT of / gives the handle of the root', async () => {
  const nfs = new Harness()
  for (const path of ['/', '', '//', '/.', '/./']) {
    assert.is(await mount(nfs, path), text(nfs.root), path)
  }
})

test('MNT of a directory below walks there as root, byte for byte', async () => {
  const { nfs, a, b } = await withTree()
  assert.is(await mount(nfs, '/a'), a)
  assert.is(await mount(nfs, '/a/'), a)
  assert.is(await mount(nfs, 'a'), a)
  assert.is(await mount(nfs, '//a/./b\xe4//'), b)
})

test('MNT of what is not there, no directory, too long or above says so', async () => {
  const { nfs } = await withTree()
  assert.is(await mount(nfs, '/none'), 2)
  assert.is(await mount(nfs, '/a/f'), 20)
  assert.is(await mount(nfs, '/a/f/x'), 20)
  assert.is(await mount(nfs, `/${'x'.repeat(256)}`), 63)
  assert.is(await mount(nfs, '/a'.repeat(513)), 63)
  assert.is(await mount(nfs, '/a/..'), 22)
  assert.equal(await dump(nfs), [])
})

test('MNT of another file system error is an error of MOUNT', async () => {
  const { nfs } = await withTree()
  for (const [code, status] of [
    ['IO', 5],
    ['ACCES', 13],
    ['STALE', 10006],
  ] as const) {
    nfs.fs.faults.set('lookup', code)
    assert.is(await mount(nfs, '/a'), status)
  }
  nfs.fs.faults.set('lookup', new Error('a bug'))
  assert.is(await mount(nfs, '/a'), 10006)
  assert.is(nfs.reported.length, 1)
})

test('MNT by an alias, and of nothing that is not exported', async () => {
  const { nfs, a, b } = await withTree([{ path: '/a', aliases: ['/data', '/with/slash'] }])
  assert.is(await mount(nfs, '/data'), a)
  assert.is(await mount(nfs, '/data/b\xe4'), b)
  assert.is(await mount(nfs, '/with/slash'), a)
  assert.is(await mount(nfs, '/a'), a)
  assert.is(await mount(nfs, '/'), 2)
  assert.is(await mount(nfs, '/with'), 2)
})

test('MNT by who may not is ACCES', async () => {
  const { nfs } = await withTree([{ path: '/', clients: ['198.51.100.1'] }])
  assert.is(await mount(nfs, '/a'), 13)
  assert.is(await mount(nfs, '/none'), 13)
})

test('MNT into a dataset that is not exported is ACCES', async () => {
  const { nfs } = await withTree()
  nfs.fs.root = () => ({ ...nfs.fs.node({ ino: 1, generation: 1 }).id, dataset: 2 })
  assert.is(await mount(nfs, '/'), 13)
})

test('DUMP lists who has mounted what; UMNT and UMNTALL take it away', async () => {
  const { nfs } = await withTree()
  await mount(nfs, '/')
  await mount(nfs, '/a')
  await mount(nfs, '/a')
  nfs.caller = REMOTE
  await mount(nfs, '/a')
  const all = ['127.0.0.1:/', '127.0.0.1:/a', '192.0.2.7:/a']
  assert.equal(await dump(nfs), all)
  assert.is((await nfs.raw(MOUNT, 3, UMNT, dirpath('/none'))).stat, 0)
  assert.equal(await dump(nfs), all)
  await nfs.raw(MOUNT, 3, UMNT, dirpath('/a'))
  assert.equal(await dump(nfs), ['127.0.0.1:/', '127.0.0.1:/a'])
  await mount(nfs, '/a')
  nfs.caller = { ...REMOTE, address: '127.0.0.1' }
  await nfs.raw(MOUNT, 1, UMNTALL, NOTHING)
  assert.equal(await dump(nfs, 1), ['192.0.2.7:/a'])
})

test('the list of mounts is bounded, and forgets the oldest', () => {
  const mounts = new Mounts()
  for (let i = 0; i <= MOUNTS_MAX; i++) mounts.add({ hostname: 'h', directory: `/${i}` })
  mounts.add({ hostname: 'h', directory: '/5' })
  const directories = mounts.list().map(({ directory }) => directory)
  assert.is(directories.length, MOUNTS_MAX)
  assert.is(directories[0], '/1')
  assert.is(directories.at(-1), '/5')
})

test('the list of mounts is kept as it changes, and goes on from what was kept', () => {
  const kept = new Map<number, string>()
  const journal = {
    change(dropped: readonly number[], added: NumberedMount | undefined) {
      for (const id of dropped) assert.ok(kept.delete(id), `${id} is there`)
      if (added !== undefined) kept.set(added.id, `${added.hostname}:${added.directory}`)
    },
  }
  const told = (mounts: Mounts) =>
    mounts.list().map(({ hostname, directory }) => `${hostname}:${directory}`)
  const mounts = new Mounts({ journal })
  for (const directory of ['/a', '/b', '/a', '/c']) mounts.add({ hostname: 'h', directory })
  mounts.add({ hostname: 'other', directory: '/a' })
  mounts.remove({ hostname: 'h', directory: '/none' })
  mounts.remove({ hostname: 'h', directory: '/b' })
  assert.equal(told(mounts), ['h:/a', 'h:/c', 'other:/a'])
  assert.equal([...kept.values()], told(mounts))
  const entries = [...kept].map(([id, text]) => {
    const [hostname = '', directory = ''] = text.split(':')
    return { id, hostname, directory }
  })
  const next = new Mounts({ journal, kept: entries })
  next.removeAll('h')
  for (let i = 0; i < MOUNTS_MAX; i++) next.add({ hostname: 'h', directory: `/${i}` })
  assert.is(kept.size, MOUNTS_MAX)
  assert.equal([...kept.values()], told(next))
  assert.not(told(next).includes('other:/a'))
})

test('EXPORT lists paths and aliases with their clients, in both versions', async () => {
  const nfs = new Harness([
    { path: '/', aliases: ['/data'], clients: ['127.0.0.1', '192.0.2.0/24'] },
    { path: '/b', dataset: 2 },
  ])
  const groups = [{ name: '127.0.0.1' }, { name: '192.0.2.0/24' }]
  for (const [vers, proc] of [
    [3, EXPORT],
    [1, EXPORT],
    [1, EXPORT + 1],
  ] as const) {
    const { r } = await nfs.raw(MOUNT, vers, proc, NOTHING)
    const listed = [
      { dir: '/', groups },
      { dir: '/data', groups },
      { dir: '/b', groups: [] },
    ]
    const names = (list: typeof listed) => list.map(({ dir }) => dir)
    const got = exports3.decode(r) as typeof listed
    assert.equal(names(got), names(listed))
    assert.equal(got, listed)
    assert.is(r.remaining, 0)
  }
})

test('version 1 has no MNT, version 2 is a mismatch, and NULL is there in both', async () => {
  const nfs = new Harness()
  assert.is((await nfs.raw(MOUNT, 1, MNT, dirpath('/'))).stat, PROC_UNAVAIL)
  assert.is((await nfs.raw(MOUNT, 3, 6, NOTHING)).stat, PROC_UNAVAIL)
  const { stat, r } = await nfs.raw(MOUNT, 2, NULL, NOTHING)
  assert.equal([stat, r.uint32(), r.uint32()], [PROG_MISMATCH, 1, 3])
  for (const vers of [1, 3]) assert.is((await nfs.raw(MOUNT, vers, NULL, NOTHING)).stat, 0)
})

test.run()
