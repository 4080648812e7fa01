import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Attributes, FileSystem } from '../../src/fs/filesystem.ts'
import type { ExportOptions } from '../../src/nfs/exports.ts'
import { NO_CHANGE } from '../../src/snapshot/notes.ts'
import { compareTime } from '../../src/store/time.ts'
import { fails } from '../fs/client.ts'
import { as, bytes, Harness, REMOTE } from '../nfs/harness.ts'
import { afterCrash, blocks, put, type Subject, withRestarts } from './harness.ts'
import { requireSound, sound } from './sound.ts'

const test = suite('snapshot/snapdir: MKDIR and RMDIR on the wire')

type Wire = Harness<FileSystem>

/** The subject, served; and where `.snapshots` of a directory is, as `mkdir` and `rmdir` name it. */
function serve({ fs, client }: Subject, exported: Partial<ExportOptions> = {}) {
  const nfs: Wire = new Harness<FileSystem>([{ path: '/', ...exported }], fs)
  const at = (path: string, name: string) => ({
    dir: nfs.handle(client.id(`${path}/.snapshots`)),
    name: Buffer.from(name),
  })
  const mkdir = (path: string, name: string) => ({ where: at(path, name), attributes: {} })
  const rmdir = (path: string, name: string) => ({ object: at(path, name) })
  return { nfs, at, mkdir, rmdir }
}

const wcc = ({ size, mtime, ctime }: Attributes, after: Attributes) => ({
  before: { size, mtime, ctime },
  after,
})
/** As the tests' client writes names. */
const latin1 = (name: string) => Buffer.from(name).toString('latin1')
const names = ({ snapshots }: Subject) => snapshots.list().map(({ name }) => name)

sound(test)('MKDIR makes a snapshot, and answers what LOOKUP finds', async (subject) => {
  const { client } = subject
  const { nfs, at, mkdir } = serve(subject)
  client.mkdir('d')
  await put(client, 'd/f', 0, blocks(2, 1))
  await nfs.fails('LOOKUP', { what: at('d', 'Ünï 1') }, 'NFS3ERR_NOENT')
  const before = client.stat('d/.snapshots')
  const { obj, obj_attributes, dir_wcc } = await nfs.ok('MKDIR', mkdir('d', 'Ünï 1'))
  assert.equal(dir_wcc, wcc(before, client.stat('d/.snapshots')))
  for (const time of ['mtime', 'ctime'] as const) {
    const moved = dir_wcc.after && compareTime(dir_wcc.after[time], before[time]) > 0
    assert.ok(moved, `a client that knows the directory looks at it again: ${time}`)
  }
  const found = await nfs.ok('LOOKUP', { what: at('d', 'Ünï 1') })
  assert.equal([obj, obj_attributes], [found.object, found.obj_attributes])
  assert.not.equal(obj_attributes?.fsid, before.fsid, 'a file system of its own')
  assert.is(obj_attributes?.fileid, client.stat('d').fileid)
  // It is one of everything, seen from every directory that there was.
  client.mkdir('later')
  assert.equal(names(subject), ['Ünï 1'])
  assert.equal(client.names('.snapshots'), ['Ünï 1'].map(latin1))
  assert.equal(client.names('later/.snapshots'), [])
  await nfs.fails('MKDIR', mkdir('later', 'Ünï 1'), 'NFS3ERR_EXIST')
})

sound(test)('RMDIR deletes one, and what only it held is freed', async (subject) => {
  const { client, snapshots } = subject
  const { nfs, at, mkdir, rmdir } = serve(subject)
  await put(client, 'f', 0, blocks(300, 1))
  const { obj = new Uint8Array(0) } = await nfs.ok('MKDIR', mkdir('', 's'))
  client.remove('f')
  subject.reclaim()
  const before = client.stat('.snapshots')
  const { dir_wcc } = await nfs.ok('RMDIR', rmdir('', 's'))
  assert.equal(dir_wcc, wcc(before, client.stat('.snapshots')))
  assert.ok(dir_wcc.after && compareTime(dir_wcc.after.ctime, before.ctime) > 0)
  await nfs.fails('LOOKUP', { what: at('', 's') }, 'NFS3ERR_NOENT')
  await nfs.fails('GETATTR', { object: obj }, 'NFS3ERR_STALE')
  await nfs.fails('RMDIR', rmdir('', 's'), 'NFS3ERR_NOENT')
  await nfs.ok('MKDIR', mkdir('', 's'))
  await snapshots.resume()
  assert.is(subject.used, 0)
})

test('what MKDIR and RMDIR answered is there after a crash', () =>
  withRestarts(async (subject, directory) => {
    const { nfs, mkdir, rmdir } = serve(subject)
    for (const name of ['a', 'b', 'c']) await nfs.ok('MKDIR', mkdir('', name))
    subject.client.mkdir('d')
    await subject.snapshots.stop()
    await nfs.ok('RMDIR', rmdir('', 'b'))
    await afterCrash(directory, async (recovered) => {
      assert.equal(names(recovered), ['a', 'c'])
      await recovered.resume()
      assert.is(recovered.store.dataset.snapshots.length, 2)
      await requireSound(recovered)
    })
  }))

sound(test)('only root and the owner of the root directory may', async (subject) => {
  const { client, snapshots } = subject
  const { nfs, mkdir, rmdir } = serve(subject)
  client.mkdir('d', 0o777)
  client.set('d', { uid: 7 })
  snapshots.create('s')
  const look = () => ({ dir_wcc: wcc(client.stat('d/.snapshots'), client.stat('d/.snapshots')) })
  for (const credential of [as(7), as(8), { ...as(0), flavor: 'AUTH_NONE' as const }]) {
    nfs.credential = credential
    assert.equal(await nfs.fails('MKDIR', mkdir('d', 'n'), 'NFS3ERR_ACCES'), look())
    assert.equal(await nfs.fails('RMDIR', rmdir('d', 's'), 'NFS3ERR_ACCES'), look())
  }
  // Root of another machine is nobody here.
  Object.assign(nfs, { credential: as(0), caller: REMOTE })
  await nfs.fails('MKDIR', mkdir('d', 'n'), 'NFS3ERR_ACCES')
  client.set('', { uid: 7 })
  nfs.credential = as(7)
  await nfs.ok('MKDIR', mkdir('d', 'n'))
  await nfs.ok('RMDIR', rmdir('', 's'))
  assert.equal(names(subject), ['n'])
})

sound(test)('errors are those that a client can make sense of', async (subject) => {
  const { client, snapshots } = subject
  const { nfs, mkdir, rmdir } = serve(subject)
  client.mkdir('d')
  snapshots.create('s')
  client.mkdir('later')
  for (const [name, error] of [
    ['s', 'NFS3ERR_EXIST'],
    ['.', 'NFS3ERR_EXIST'],
    ['..', 'NFS3ERR_EXIST'],
    ['', 'NFS3ERR_INVAL'],
    ['a/b', 'NFS3ERR_INVAL'],
    ['a\n', 'NFS3ERR_INVAL'],
    ['x'.repeat(256), 'NFS3ERR_NAMETOOLONG'],
  ] as const) {
    await nfs.fails('MKDIR', mkdir('d', name), error)
  }
  const noText = { ...mkdir('d', 'x').where, name: bytes('x').fill(0xff) }
  await nfs.fails('MKDIR', { where: noText, attributes: {} }, 'NFS3ERR_INVAL')
  for (const [path, name, error] of [
    ['d', 'x', 'NFS3ERR_NOENT'],
    ['later', 's', 'NFS3ERR_NOENT'],
    ['d', '.', 'NFS3ERR_INVAL'],
    ['d', '..', 'NFS3ERR_EXIST'],
  ] as const) {
    await nfs.fails('RMDIR', rmdir(path, name), error)
  }
  const where = { dir: nfs.handle(client.id('.snapshots/s')), name: bytes('x') }
  await nfs.fails('MKDIR', { where, attributes: {} }, 'NFS3ERR_ROFS')
  await nfs.fails('RMDIR', { object: { ...where, name: bytes('d') } }, 'NFS3ERR_ROFS')
  await nfs.fails('REMOVE', rmdir('', 's'), 'NFS3ERR_ROFS')
  assert.equal(names(subject), ['s'])
})

sound(test)('a held snapshot, and one that is restored from, stay', async (subject) => {
  const { snapshots } = subject
  const { nfs, rmdir } = serve(subject)
  snapshots.create('s')
  snapshots.change('s', { ...NO_CHANGE, hold: 'h' })
  await nfs.fails('RMDIR', rmdir('', 's'), 'NFS3ERR_ACCES')
  snapshots.change('s', { ...NO_CHANGE, release: 'h' })
  await snapshots.hold(snapshots.get('s'), async () => {
    await nfs.fails('RMDIR', rmdir('', 's'), 'NFS3ERR_ACCES')
  })
  await nfs.ok('RMDIR', rmdir('', 's'))
  fails('NOENT', () => snapshots.get('s'))
})

sound(test)('an export that is read-only allows neither', async (subject) => {
  const { nfs, mkdir, rmdir } = serve(subject, { readOnly: true })
  subject.snapshots.create('s')
  await nfs.fails('MKDIR', mkdir('', 'n'), 'NFS3ERR_ROFS')
  await nfs.fails('RMDIR', rmdir('', 's'), 'NFS3ERR_ROFS')
  assert.equal(names(subject), ['s'])
})

test.run()
