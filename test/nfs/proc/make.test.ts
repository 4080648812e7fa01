import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FileType } from '../../../src/fs/filesystem.ts'
import { type Args, as, bytes, Harness, type Resok } from '../harness.ts'

const test = suite('nfs/proc: CREATE, MKDIR, SYMLINK, MKNOD')

const NO_SPEC = { specdata1: 0, specdata2: 0 }
const where = (nfs: Harness, name = 'new') => ({ dir: nfs.root, name: bytes(name) })
const rootOf = (nfs: Harness) => nfs.fs.getattr(nfs.fs.root())

/** What all four answer: the new object, and its directory before and after. */
function assertMade(nfs: Harness, made: Resok<'MKDIR'>, before: ReturnType<typeof rootOf>): void {
  const id = nfs.handles.decode(made.obj ?? new Uint8Array(0))
  assert.equal(made.obj_attributes, nfs.fs.getattr(id))
  const { size, mtime, ctime } = before
  assert.equal(made.dir_wcc, { before: { size, mtime, ctime }, after: rootOf(nfs) })
  assert.is.not(ctime.nseconds, rootOf(nfs).ctime.nseconds)
}

test('CREATE makes a regular file with the attributes given', async () => {
  for (const mode of ['UNCHECKED', 'GUARDED'] as const) {
    const nfs = new Harness()
    const before = rootOf(nfs)
    const how = { mode, attributes: { mode: 0o100640 } }
    const made = await nfs.ok('CREATE', { where: where(nfs), how })
    assertMade(nfs, made, before)
    assert.is(made.obj_attributes?.type, FileType.REG)
    assert.is(made.obj_attributes?.mode, 0o640)
  }
})

test('CREATE of a name that is there: UNCHECKED answers it, GUARDED is EXIST', async () => {
  const nfs = new Harness()
  const unchecked = { mode: 'UNCHECKED', attributes: {} } as const
  const first = await nfs.ok('CREATE', { where: where(nfs), how: unchecked })
  const second = await nfs.ok('CREATE', { where: where(nfs), how: unchecked })
  assert.equal([...(second.obj ?? [])], [...(first.obj ?? [])])
  const guarded = { mode: 'GUARDED', attributes: {} } as const
  const { dir_wcc } = await nfs.fails(
    'CREATE',
    { where: where(nfs), how: guarded },
    'NFS3ERR_EXIST',
  )
  assert.equal(dir_wcc.after, rootOf(nfs))
  assert.equal(dir_wcc.before?.ctime, rootOf(nfs).ctime)
})

test('CREATE EXCLUSIVE again with its verifier answers the same file, with another EXIST', async () => {
  const nfs = new Harness()
  const how = { mode: 'EXCLUSIVE', verifier: bytes('verifier') } as const
  const first = await nfs.ok('CREATE', { where: where(nfs), how })
  const again = await nfs.ok('CREATE', { where: where(nfs), how })
  assert.equal([...(again.obj ?? [])], [...(first.obj ?? [])])
  const other = { mode: 'EXCLUSIVE', verifier: bytes('VERIFIER') } as const
  await nfs.fails('CREATE', { where: where(nfs), how: other }, 'NFS3ERR_EXIST')
})

test('MKDIR makes a directory', async () => {
  const nfs = new Harness()
  const before = rootOf(nfs)
  const made = await nfs.ok('MKDIR', { where: where(nfs), attributes: { mode: 0o1777 } })
  assertMade(nfs, made, before)
  assert.is(made.obj_attributes?.type, FileType.DIR)
  assert.is(made.obj_attributes?.mode, 0o1777)
})

test('SYMLINK makes a symbolic link with its target', async () => {
  const nfs = new Harness()
  const before = rootOf(nfs)
  const symlink = { symlink_attributes: {}, symlink_data: bytes('../a') }
  const made = await nfs.ok('SYMLINK', { where: where(nfs), symlink })
  assertMade(nfs, made, before)
  assert.is(made.obj_attributes?.type, FileType.LNK)
  const read = await nfs.ok('READLINK', { symlink: made.obj ?? new Uint8Array(0) })
  assert.is(Buffer.from(read.data).toString(), '../a')
})

test('MKNOD makes devices with their numbers, sockets and fifos without', async () => {
  const spec = { specdata1: 8, specdata2: 17 }
  for (const [type, rdev] of [
    [FileType.CHR, spec],
    [FileType.BLK, spec],
    [FileType.SOCK, NO_SPEC],
    [FileType.FIFO, NO_SPEC],
  ] as const) {
    const nfs = new Harness()
    const before = rootOf(nfs)
    const what = { type, attributes: { mode: 0o600 }, spec }
    const made = await nfs.ok('MKNOD', { where: where(nfs), what })
    assertMade(nfs, made, before)
    assert.is(made.obj_attributes?.type, type)
    assert.is(made.obj_attributes?.mode, 0o600)
    assert.equal(made.obj_attributes?.rdev, rdev)
  }
})

test('MKNOD of a file, a directory, a symlink or an unknown type is BADTYPE', async () => {
  const nfs = new Harness()
  for (const type of [0, FileType.REG, FileType.DIR, FileType.LNK, 8, 0xffff_ffff]) {
    const what = { type, attributes: {}, spec: NO_SPEC }
    const { dir_wcc } = await nfs.fails('MKNOD', { where: where(nfs), what }, 'NFS3ERR_BADTYPE')
    assert.equal(dir_wcc.after, rootOf(nfs))
  }
})

/** The four, each making `new` in a directory with some attributes. */
const making = {
  CREATE: (dir: Uint8Array, name: Uint8Array, set: object): Args<'CREATE'> => ({
    where: { dir, name },
    how: { mode: 'GUARDED', attributes: set },
  }),
  MKDIR: (dir: Uint8Array, name: Uint8Array, set: object): Args<'MKDIR'> => ({
    where: { dir, name },
    attributes: set,
  }),
  SYMLINK: (dir: Uint8Array, name: Uint8Array, set: object): Args<'SYMLINK'> => ({
    where: { dir, name },
    symlink: { symlink_attributes: set, symlink_data: bytes('t') },
  }),
  MKNOD: (dir: Uint8Array, name: Uint8Array, set: object): Args<'MKNOD'> => ({
    where: { dir, name },
    what: { type: FileType.FIFO, attributes: set, spec: NO_SPEC },
  }),
}

for (const name of Object.keys(making) as (keyof typeof making)[]) {
  const args = making[name]

  test(`${name} with a whole second of nanoseconds is INVAL and makes nothing`, async () => {
    const nfs = new Harness()
    const set = { mtime: { seconds: 0, nseconds: 1_000_000_000 } }
    await nfs.fails(name, args(nfs.root, bytes('new'), set), 'NFS3ERR_INVAL')
    await nfs.fails('LOOKUP', { what: where(nfs) }, 'NFS3ERR_NOENT')
  })

  test(`${name} of a name that is there is EXIST`, async () => {
    const nfs = new Harness()
    await nfs.ok(name, args(nfs.root, bytes('new'), {}))
    await nfs.fails(name, args(nfs.root, bytes('new'), {}), 'NFS3ERR_EXIST')
  })

  test(`${name} of a name of 256 bytes is NAMETOOLONG`, async () => {
    const nfs = new Harness()
    const long = new Uint8Array(256).fill(97)
    const { dir_wcc } = await nfs.fails(name, args(nfs.root, long, {}), 'NFS3ERR_NAMETOOLONG')
    assert.equal(dir_wcc.after, rootOf(nfs))
  })

  test(`${name} where the caller may not write is ACCES`, async () => {
    const nfs = new Harness()
    nfs.credential = as(5)
    const { dir_wcc } = await nfs.fails(name, args(nfs.root, bytes('new'), {}), 'NFS3ERR_ACCES')
    assert.equal(dir_wcc.after, rootOf(nfs))
  })

  test(`${name} in a file is NOTDIR`, async () => {
    const nfs = new Harness()
    const how = { mode: 'GUARDED', attributes: {} } as const
    const file = await nfs.ok('CREATE', { where: where(nfs, 'file'), how })
    const dir = file.obj ?? new Uint8Array(0)
    const { dir_wcc } = await nfs.fails(name, args(dir, bytes('new'), {}), 'NFS3ERR_NOTDIR')
    assert.equal(dir_wcc.after, file.obj_attributes)
  })
}

test.run()
