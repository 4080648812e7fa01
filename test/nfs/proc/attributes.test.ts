import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Access, FILE_BYTES_MAX } from '../../../src/fs/filesystem.ts'
import { as, bytes, Harness } from '../harness.ts'

const test = suite('nfs/proc: GETATTR, SETATTR, ACCESS, FSSTAT, FSINFO, PATHCONF')

const NOTHING = {}

test('GETATTR answers the attributes', async () => {
  const nfs = new Harness()
  const { obj_attributes } = await nfs.ok('GETATTR', { object: nfs.root })
  assert.equal(obj_attributes, nfs.fs.getattr(nfs.fs.root()))
})

test('GETATTR of a file that is gone is STALE', async () => {
  const nfs = new Harness()
  const object = nfs.handle({ ...nfs.fs.root(), generation: 2 })
  assert.is(await nfs.fails('GETATTR', { object }, 'NFS3ERR_STALE'), undefined)
})

test('SETATTR sets what is given, leaves the rest, and answers both sides of the change', async () => {
  const nfs = new Harness()
  const before = nfs.fs.getattr(nfs.fs.root())
  const mtime = { seconds: 7, nseconds: 999_999_999 }
  const { obj_wcc } = await nfs.ok('SETATTR', {
    object: nfs.root,
    new_attributes: { mode: 0o700, mtime },
    guard: undefined,
  })
  const after = nfs.fs.getattr(nfs.fs.root())
  assert.is(after.mode, 0o700)
  assert.equal(after.mtime, mtime)
  assert.equal(after.atime, before.atime)
  assert.equal(obj_wcc.before, { size: before.size, mtime: before.mtime, ctime: before.ctime })
  assert.equal(obj_wcc.after, after)
})

test('SETATTR to the server time sets the time of the server', async () => {
  const nfs = new Harness()
  const { atime } = nfs.fs.getattr(nfs.fs.root())
  const new_attributes = { atime: 'now' } as const
  const { obj_wcc } = await nfs.ok('SETATTR', {
    object: nfs.root,
    new_attributes,
    guard: undefined,
  })
  assert.ok((obj_wcc.after?.atime.seconds ?? 0) > atime.seconds)
})

test('SETATTR with a mode that has type bits sets the permission bits alone', async () => {
  const nfs = new Harness()
  const new_attributes = { mode: 0o104755 }
  const { obj_wcc } = await nfs.ok('SETATTR', {
    object: nfs.root,
    new_attributes,
    guard: undefined,
  })
  assert.is(obj_wcc.after?.mode, 0o4755)
})

test('SETATTR with the right guard passes, with a nanosecond of difference it is NOT_SYNC', async () => {
  const nfs = new Harness()
  const { ctime, mode } = nfs.fs.getattr(nfs.fs.root())
  const change = { object: nfs.root, new_attributes: { mode: 0o711 } }
  const guard = { ...ctime, nseconds: ctime.nseconds + 1 }
  const { obj_wcc } = await nfs.fails('SETATTR', { ...change, guard }, 'NFS3ERR_NOT_SYNC')
  assert.is(obj_wcc.after?.mode, mode)
  await nfs.ok('SETATTR', { ...change, guard: ctime })
  assert.is(nfs.fs.getattr(nfs.fs.root()).mode, 0o711)
})

for (const field of ['atime', 'mtime'] as const) {
  test(`SETATTR with a whole second of nanoseconds in ${field} is INVAL`, async () => {
    const nfs = new Harness()
    const before = nfs.fs.getattr(nfs.fs.root())
    const new_attributes = { [field]: { seconds: 1, nseconds: 1_000_000_000 } }
    const args = { object: nfs.root, new_attributes, guard: undefined }
    await nfs.fails('SETATTR', args, 'NFS3ERR_INVAL')
    assert.equal(nfs.fs.getattr(nfs.fs.root()), before)
  })
}

test('SETATTR to a size beyond the largest file is FBIG, also beyond what a number counts', async () => {
  const nfs = new Harness()
  for (const size of [FILE_BYTES_MAX + 1, 2 ** 63]) {
    const args = { object: nfs.root, new_attributes: { size }, guard: undefined }
    await nfs.fails('SETATTR', args, 'NFS3ERR_FBIG')
  }
})

test('SETATTR by another than the owner is PERM', async () => {
  const nfs = new Harness()
  nfs.credential = as(5)
  const args = { object: nfs.root, new_attributes: { mode: 0 }, guard: undefined }
  const { obj_wcc } = await nfs.fails('SETATTR', args, 'NFS3ERR_PERM')
  assert.equal(obj_wcc.after, nfs.fs.getattr(nfs.fs.root()))
})

test('ACCESS grants those bits that were asked for, and answers the attributes', async () => {
  const nfs = new Harness()
  nfs.credential = as(5)
  const asked = Access.READ | Access.MODIFY | Access.LOOKUP
  const result = await nfs.ok('ACCESS', { object: nfs.root, access: asked })
  assert.is(result.access, Access.READ | Access.LOOKUP)
  assert.equal(result.obj_attributes, nfs.fs.getattr(nfs.fs.root()))
})

test('ACCESS never grants a bit that means nothing', async () => {
  const nfs = new Harness()
  const result = await nfs.ok('ACCESS', { object: nfs.root, access: 0xffff_ffff })
  assert.is(result.access, 0x3f)
})

test('ACCESS grants no change in a read-only export', async () => {
  const nfs = new Harness([{ path: '/', readOnly: true }])
  const result = await nfs.ok('ACCESS', { object: nfs.root, access: 0x3f })
  assert.is(result.access, Access.READ | Access.LOOKUP | Access.EXECUTE)
})

test('FSSTAT answers what the file system says, good for no time', async () => {
  const nfs = new Harness()
  const { obj_attributes, ...rest } = await nfs.ok('FSSTAT', { fsroot: nfs.root })
  assert.equal(obj_attributes, nfs.fs.getattr(nfs.fs.root()))
  assert.equal(rest, { ...nfs.fs.statfs(), invarsec: 0 })
})

test('FSINFO tells the limits', async () => {
  const nfs = new Harness()
  const { obj_attributes, ...rest } = await nfs.ok('FSINFO', { fsroot: nfs.root })
  assert.equal(obj_attributes, nfs.fs.getattr(nfs.fs.root()))
  const MiB = 1024 * 1024
  assert.equal(rest, {
    ...{ rtmax: MiB, rtpref: MiB, rtmult: 4096, wtmax: MiB, wtpref: MiB, wtmult: 4096 },
    dtpref: 65_536,
    maxfilesize: 2 ** 53 - 1,
    time_delta: { seconds: 0, nseconds: 1 },
    properties: 0x1b,
  })
})

test('PATHCONF tells the rules for names', async () => {
  const nfs = new Harness()
  const { obj_attributes, ...rest } = await nfs.ok('PATHCONF', { object: nfs.root })
  assert.equal(obj_attributes, nfs.fs.getattr(nfs.fs.root()))
  assert.equal(rest, {
    ...{ linkmax: 65_000, name_max: 255, no_trunc: true, chown_restricted: true },
    ...{ case_insensitive: false, case_preserving: true },
  })
})

test('a file that vanished has no attributes in the failure', async () => {
  const nfs = new Harness()
  const gone = nfs.handle({ ...nfs.fs.root(), ino: 999 })
  const stale = 'NFS3ERR_STALE'
  const none = { obj_attributes: undefined }
  assert.equal(await nfs.fails('ACCESS', { object: gone, access: 1 }, stale), none)
  assert.equal(await nfs.fails('FSINFO', { fsroot: gone }, stale), none)
  assert.equal(await nfs.fails('PATHCONF', { object: gone }, stale), none)
  const args = { object: gone, new_attributes: NOTHING, guard: undefined }
  const { obj_wcc } = await nfs.fails('SETATTR', args, stale)
  assert.equal(obj_wcc, { before: undefined, after: undefined })
})

test('LOOKUP answers the object and its directory', async () => {
  const nfs = new Harness()
  const made = await nfs.ok('MKDIR', { where: { dir: nfs.root, name: bytes('d') }, attributes: {} })
  const found = await nfs.ok('LOOKUP', { what: { dir: nfs.root, name: bytes('d') } })
  assert.equal([...found.object], [...(made.obj ?? [])])
  assert.equal(found.obj_attributes, made.obj_attributes)
  assert.equal(found.dir_attributes, nfs.fs.getattr(nfs.fs.root()))
})

test('LOOKUP of . and .. finds the directory and its parent', async () => {
  const nfs = new Harness()
  const made = await nfs.ok('MKDIR', { where: { dir: nfs.root, name: bytes('d') }, attributes: {} })
  const dir = made.obj ?? new Uint8Array(0)
  const self = await nfs.ok('LOOKUP', { what: { dir, name: bytes('.') } })
  const parent = await nfs.ok('LOOKUP', { what: { dir, name: bytes('..') } })
  assert.equal([...self.object], [...dir])
  assert.equal([...parent.object], [...nfs.root])
})

test('LOOKUP fails with the attributes of the directory', async () => {
  const nfs = new Harness()
  const dir_attributes = nfs.fs.getattr(nfs.fs.root())
  const what = { dir: nfs.root, name: bytes('none') }
  assert.equal(await nfs.fails('LOOKUP', { what }, 'NFS3ERR_NOENT'), { dir_attributes })
  const long = { dir: nfs.root, name: new Uint8Array(256).fill(97) }
  assert.equal(await nfs.fails('LOOKUP', { what: long }, 'NFS3ERR_NAMETOOLONG'), { dir_attributes })
})

test('READLINK answers the target, byte for byte, and of anything else INVAL', async () => {
  const nfs = new Harness()
  const symlink_data = Uint8Array.of(0x2f, 0xe4, 0xff, 0x2e)
  const symlink = { symlink_attributes: {}, symlink_data }
  const made = await nfs.ok('SYMLINK', { where: { dir: nfs.root, name: bytes('l') }, symlink })
  const read = await nfs.ok('READLINK', { symlink: made.obj ?? new Uint8Array(0) })
  assert.equal([...read.data], [...symlink_data])
  assert.equal(read.symlink_attributes, made.obj_attributes)
  const failed = await nfs.fails('READLINK', { symlink: nfs.root }, 'NFS3ERR_INVAL')
  assert.equal(failed, { symlink_attributes: nfs.fs.getattr(nfs.fs.root()) })
})

test.run()
