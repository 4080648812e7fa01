import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Attributes, FileType, LINK_MAX } from '../../../src/fs/filesystem.ts'
import { as, bytes, Harness } from '../harness.ts'

const test = suite('nfs/proc: REMOVE, RMDIR, RENAME, LINK')

/** A server with a file `f` and a directory `d`. */
async function withTree() {
  const nfs = new Harness()
  const how = { mode: 'GUARDED', attributes: {} } as const
  const file = await nfs.ok('CREATE', { where: { dir: nfs.root, name: bytes('f') }, how })
  const dir = await nfs.ok('MKDIR', { where: { dir: nfs.root, name: bytes('d') }, attributes: {} })
  const none = new Uint8Array(0)
  return { nfs, file: file.obj ?? none, dir: dir.obj ?? none, in: inside(nfs.root) }
}

const inside = (dir: Uint8Array) => (name: string) => ({ dir, name: bytes(name) })
const rootOf = (nfs: Harness) => nfs.fs.getattr(nfs.fs.root())
const wcc = ({ size, mtime, ctime }: Attributes, after: Attributes) => ({
  before: { size, mtime, ctime },
  after,
})

test('REMOVE takes the name away, and RMDIR an empty directory', async () => {
  const { nfs, in: at } = await withTree()
  for (const [name, of] of [
    ['REMOVE', 'f'],
    ['RMDIR', 'd'],
  ] as const) {
    const before = rootOf(nfs)
    const { dir_wcc } = await nfs.ok(name, { object: at(of) })
    assert.equal(dir_wcc, wcc(before, rootOf(nfs)))
    await nfs.fails('LOOKUP', { what: at(of) }, 'NFS3ERR_NOENT')
  }
})

test('REMOVE and RMDIR fail with the directory unchanged', async () => {
  const { nfs, dir, in: at } = await withTree()
  await nfs.ok('MKDIR', { where: inside(dir)('sub'), attributes: {} })
  const same = { dir_wcc: wcc(rootOf(nfs), rootOf(nfs)) }
  assert.equal(await nfs.fails('REMOVE', { object: at('none') }, 'NFS3ERR_NOENT'), same)
  assert.equal(await nfs.fails('REMOVE', { object: at('d') }, 'NFS3ERR_ISDIR'), same)
  assert.equal(await nfs.fails('RMDIR', { object: at('none') }, 'NFS3ERR_NOENT'), same)
  assert.equal(await nfs.fails('RMDIR', { object: at('f') }, 'NFS3ERR_NOTDIR'), same)
  assert.equal(await nfs.fails('RMDIR', { object: at('d') }, 'NFS3ERR_NOTEMPTY'), same)
  assert.equal(await nfs.fails('RMDIR', { object: at('.') }, 'NFS3ERR_INVAL'), same)
  assert.equal(await nfs.fails('RMDIR', { object: at('..') }, 'NFS3ERR_EXIST'), same)
  nfs.credential = as(5)
  assert.equal(await nfs.fails('REMOVE', { object: at('f') }, 'NFS3ERR_ACCES'), same)
})

test('RENAME moves the name, and answers both directories before and after', async () => {
  const { nfs, dir, file, in: at } = await withTree()
  const to = nfs.handles.decode(dir)
  const [fromBefore, toBefore] = [rootOf(nfs), nfs.fs.getattr(to)]
  const result = await nfs.ok('RENAME', { from: at('f'), to: inside(dir)('g') })
  assert.equal(result.fromdir_wcc, wcc(fromBefore, rootOf(nfs)))
  assert.equal(result.todir_wcc, wcc(toBefore, nfs.fs.getattr(to)))
  const found = await nfs.ok('LOOKUP', { what: inside(dir)('g') })
  assert.equal([...found.object], [...file])
  await nfs.fails('LOOKUP', { what: at('f') }, 'NFS3ERR_NOENT')
})

test('RENAME fails with both directories unchanged', async () => {
  const { nfs, dir, in: at } = await withTree()
  const to = nfs.fs.getattr(nfs.handles.decode(dir))
  const names = { from: at('none'), to: inside(dir)('g') }
  assert.equal(await nfs.fails('RENAME', names, 'NFS3ERR_NOENT'), {
    fromdir_wcc: wcc(rootOf(nfs), rootOf(nfs)),
    todir_wcc: wcc(to, to),
  })
})

test('LINK gives the file another name, and answers its new attributes', async () => {
  const { nfs, dir, file } = await withTree()
  const to = nfs.handles.decode(dir)
  const before = nfs.fs.getattr(to)
  const result = await nfs.ok('LINK', { file, link: inside(dir)('g') })
  assert.equal(result.linkdir_wcc, wcc(before, nfs.fs.getattr(to)))
  assert.equal(result.file_attributes, nfs.fs.getattr(nfs.handles.decode(file)))
  assert.is(result.file_attributes?.nlink, 2)
  const found = await nfs.ok('LOOKUP', { what: inside(dir)('g') })
  assert.equal([...found.object], [...file])
})

test('LINK fails with the attributes of the file, and its directory unchanged', async () => {
  const { nfs, file, in: at } = await withTree()
  const id = nfs.handles.decode(file)
  const failed = () => ({
    file_attributes: nfs.fs.getattr(id),
    linkdir_wcc: wcc(rootOf(nfs), rootOf(nfs)),
  })
  assert.equal(await nfs.fails('LINK', { file, link: at('d') }, 'NFS3ERR_EXIST'), failed())
  const node = nfs.fs.node(id)
  node.attributes = { ...node.attributes, nlink: LINK_MAX }
  assert.equal(await nfs.fails('LINK', { file, link: at('g') }, 'NFS3ERR_MLINK'), failed())
  nfs.fs.faults.set('link', 'XDEV')
  assert.equal(await nfs.fails('LINK', { file, link: at('g') }, 'NFS3ERR_XDEV'), failed())
})

test('a second handle that is none leaves what the first one says', async () => {
  const { nfs, file, in: at } = await withTree()
  const bad = inside(file.subarray(1))('g')
  const nothing = { before: undefined, after: undefined }
  assert.equal(await nfs.fails('RENAME', { from: at('f'), to: bad }, 'NFS3ERR_BADHANDLE'), {
    fromdir_wcc: wcc(rootOf(nfs), rootOf(nfs)),
    todir_wcc: nothing,
  })
  assert.equal(await nfs.fails('LINK', { file, link: bad }, 'NFS3ERR_BADHANDLE'), {
    file_attributes: nfs.fs.getattr(nfs.handles.decode(file)),
    linkdir_wcc: nothing,
  })
  assert.is(rootOf(nfs).type, FileType.DIR)
})

test.run()
