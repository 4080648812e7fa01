import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FileType } from '../../src/fs/filesystem.ts'
import { bytes, type Client, ROOT, text } from '../fs/client.ts'
import { blocks, put, type Subject } from './harness.ts'
import { kept, removeTree, safeties, sound } from './sound.ts'

const test = suite('snapshot/restore: trees')
const on = sound(test)

const OLD = { seconds: 5, nseconds: 6 }

/** A tree of all there is, with hard links within and one to the outside. */
async function makeTree({ client, fs }: Subject): Promise<void> {
  for (const dir of ['d', 'd/sub', 'd/sub/deep', 'd/many', 'd/empty']) client.mkdir(dir, 0o750)
  for (let i = 0; i < 100; i++) client.create(`d/many/${i}`)
  client.create('d/f', 0o4711)
  await client.write('d/f', 0, 'file')
  await put(client, 'd/sub/large', 5000, blocks(300, 1))
  client.link('d/sub/large', 'd/hard')
  client.link('d/f', 'd/sub/deep/hard')
  client.link('d/f', 'outside')
  client.symlink('d/l', 'f')
  const no = { specdata1: 0, specdata2: 0 }
  fs.mknod(ROOT, client.id('d'), bytes('fifo'), FileType.FIFO, no, { mode: 0o600 })
  client.set('d/sub', { uid: 3, gid: 4, atime: OLD, mtime: OLD })
  client.set('d', { mode: 0o1777, mtime: OLD })
}

/** Path, what comes back, and which paths are one file, for a whole tree. */
async function treeOf(client: Client, path: string): Promise<unknown> {
  const all = new Map<string, unknown>()
  const files = new Map<number, string>()
  const dirs = ['']
  for (const dir of dirs) {
    all.set(`${dir}/`, kept(client.stat(`${path}${dir}`)))
    for (const name of client.names(`${path}${dir}`).sort()) {
      const child = `${dir}/${name}`
      const attributes = client.stat(`${path}${child}`)
      const first = files.get(attributes.fileid) ?? child
      files.set(attributes.fileid, first)
      if (attributes.type === FileType.DIR) dirs.push(child)
      else all.set(child, [kept(attributes), first])
      if (attributes.type === FileType.LNK) {
        all.set(`${child} ->`, text(client.fs.readlink(ROOT, client.id(`${path}${child}`))))
      }
      if (attributes.type === FileType.REG) {
        for (let at = 0; at < attributes.size; at += 2 ** 20) {
          all.set(`${child} ${at}`, Buffer.from(await client.read(`${path}${child}`, at)))
        }
      }
    }
  }
  return [...all]
}

const past = '.snapshots/s/d'

on(
  'a tree that is gone comes back, with hard links within, attributes and times',
  async (subject) => {
    const { client, snapshots } = subject
    await makeTree(subject)
    snapshots.create('s')
    const expected = await treeOf(client, past)
    removeTree(client, 'd')
    const { files, directories, failed } = await subject.restore('s', 'd')
    assert.equal(await treeOf(client, 'd'), expected)
    assert.equal([files, directories, failed], [106, 5, []])
    assert.equal(client.id('outside'), client.id('d/f'), 'the same file as before')
    assert.is(client.stat('d/f').nlink, 3)
    assert.is(client.stat('d').nlink, 5)
  },
)

on('a tree that changed is what it was, and what came since stays', async (subject) => {
  const { client, snapshots } = subject
  await makeTree(subject)
  snapshots.create('s')
  const expected = await treeOf(client, past)
  const same = ['d', 'd/sub', 'd/f', 'd/many/7', 'd/sub/large'].map((path) => client.id(path))
  await client.write('d/f', 0, 'FILE')
  await client.write('d/sub/large', 77_777, 'other')
  client.set('d/sub', { mode: 0, uid: 0 })
  for (let i = 10; i < 90; i++) client.remove(`d/many/${i}`)
  client.remove('d/l')
  client.mkdir('d/l')
  client.rmdir('d/empty')
  client.create('d/empty')
  client.remove('d/hard')
  client.create('d/new')
  const { files, directories } = await subject.restore('s', 'd')
  client.remove('d/new')
  client.set('d', { mtime: OLD })
  assert.equal(await treeOf(client, 'd'), expected)
  assert.equal(
    ['d', 'd/sub', 'd/f', 'd/many/7', 'd/sub/large'].map((path) => client.id(path)),
    same,
  )
  // f, large, 80 of many, l, hard.
  assert.equal([files, directories], [84, 1])
  assert.is(client.stat('outside').nlink, 3)
})

on(
  'a file changed outside of the tree stays as it is, and is another one from then on',
  async (subject) => {
    const { client, snapshots } = subject
    await makeTree(subject)
    snapshots.create('s')
    const expected = await treeOf(client, past)
    await client.write('outside', 0, 'OUTSIDE')
    const outside = client.id('outside')
    removeTree(client, 'd')
    await subject.restore('s', 'd')
    assert.equal(await treeOf(client, 'd'), expected)
    assert.is(client.stat('d/f').nlink, 2)
    assert.equal(client.id('outside'), outside)
    assert.is(await client.readText('outside'), 'OUTSIDE')
    assert.is(client.stat('outside').nlink, 1)
  },
)

on('names that were one file are one again, and those that were two are two', async (subject) => {
  const { client, snapshots } = subject
  client.mkdir('d')
  const make = async (path: string, data: string) => {
    client.create(path)
    await client.write(path, 0, data)
    client.set(path, { atime: OLD, mtime: OLD })
  }
  const relink = (from: string, to: string) => {
    client.remove(to)
    client.link(from, to)
  }
  await make('d/a', 'one')
  client.link('d/a', 'd/b')
  await make('d/c', 'two')
  await make('d/e', 'two')
  await make('d/i', 'two')
  await make('d/j', 'two')
  await make('d/g', 'g')
  await make('d/h', 'h')
  snapshots.create('s')
  const expected = await treeOf(client, past)
  client.remove('d/b')
  await make('d/b', 'one')
  relink('d/c', 'd/e')
  relink('d/j', 'd/i')
  relink('d/h', 'd/g')
  client.set('d', { mtime: client.stat(past).mtime })
  await subject.restore('s', 'd')
  assert.equal(await treeOf(client, 'd'), expected)
  const again = await subject.restore('s', 'd')
  assert.equal([again.files, again.unchanged, again.safetySnapshot], [0, 8, undefined])
})

on('--to puts a tree beside the live one, and makes no safety snapshot for it', async (subject) => {
  const { client, snapshots } = subject
  await makeTree(subject)
  snapshots.create('s')
  const expected = await treeOf(client, past)
  const live = await treeOf(client, 'd')
  await subject.restore('s', 'd', { to: bytes('copy') })
  assert.equal(await treeOf(client, 'copy'), expected)
  client.mkdir('x')
  await subject.restore('s', ['d', 'outside'], { to: bytes('x') })
  assert.equal(await treeOf(client, 'x/d'), expected)
  assert.is(await client.readText('x/outside'), 'file')
  await subject.restore('s', 'd', { to: bytes('never'), overwrite: 'never' })
  assert.equal(await treeOf(client, 'never'), expected)
  assert.equal(await treeOf(client, 'd'), live)
  assert.equal(safeties(subject), [])
})

on('the root directory comes back, in place and as a copy', async (subject) => {
  const { client, snapshots } = subject
  await makeTree(subject)
  client.set('', { mode: 0o711, uid: 5, mtime: OLD })
  snapshots.create('s')
  const expected = await treeOf(client, '.snapshots/s')
  removeTree(client, 'd')
  client.remove('outside')
  client.set('', { mode: 0o700, uid: 0 })
  await subject.restore('s', '')
  assert.equal(await treeOf(client, ''), expected)
  await subject.restore('s', '', { to: bytes('copy') })
  assert.equal(await treeOf(client, 'copy'), expected)
})

on('directories above that are gone come back with their attributes', async (subject) => {
  const { client, snapshots } = subject
  for (const dir of ['a', 'a/b', 'a/b/c']) client.mkdir(dir, 0o700)
  client.set('a/b', { mode: 0o2755, uid: 3, gid: 4 })
  client.create('a/b/c/f')
  client.create('a/b/other')
  snapshots.create('s')
  removeTree(client, 'a')
  await subject.restore('s', 'a/b/c/f')
  assert.equal(client.names('a/b'), ['c'])
  assert.equal(client.names('a/b/c'), ['f'])
  const { mode, uid, gid } = client.stat('a/b')
  assert.equal([mode, uid, gid], [0o2755, 3, 4])
})

on('a tree of never: what is missing comes back, the rest is left alone', async (subject) => {
  const { client, snapshots } = subject
  await makeTree(subject)
  snapshots.create('s')
  await client.write('d/f', 0, 'FILE')
  client.set('d', { mode: 0o700 })
  removeTree(client, 'd/sub')
  client.create('d/sub')
  removeTree(client, 'd/many')
  const before = client.stat('d')
  const { skipped, files } = await subject.restore('s', 'd', { overwrite: 'never' })
  assert.is(await client.readText('d/f'), 'FILE')
  assert.is(client.stat('d/sub').type, FileType.REG)
  assert.is(client.stat('d').mode, before.mode)
  assert.equal(kept(client.stat('d/many')), kept(client.stat(`${past}/many`)))
  // f, l, fifo, hard, and sub, which is another thing now.
  assert.equal([files, skipped], [100, 5])
})

on('a directory that is not empty is not replaced by a file; an empty one is', async (subject) => {
  const { client, snapshots } = subject
  await makeTree(subject)
  snapshots.create('s')
  for (const path of ['d/f', 'd/l', 'd/hard']) {
    client.remove(path)
    client.mkdir(path)
  }
  client.create('d/f/inside')
  const first = await subject.restore('s', 'd')
  const reason = 'a directory that is not empty is in its place'
  assert.equal(first.failed, [{ path: Buffer.from('d/f'), reason }])
  assert.is(client.stat('d/l').type, FileType.LNK)
  assert.equal(client.id('d/hard'), client.id('d/sub/large'))
  assert.is(client.stat('d').nlink, 6)
  const { length } = safeties(subject)
  const again = await subject.restore('s', 'd/f')
  assert.equal(again.failed, [{ path: Buffer.from('d/f'), reason }])
  assert.is(safeties(subject).length, length, 'nothing has changed')
  client.remove('d/f/inside')
  assert.equal((await subject.restore('s', 'd')).failed, [])
})

on('a file in the place of a directory goes, with data that is not stored yet', async (subject) => {
  const { client, snapshots } = subject
  client.mkdir('d')
  client.create('d/f')
  snapshots.create('s')
  const { used } = subject
  removeTree(client, 'd')
  client.create('d')
  await client.write('d', 0, blocks(1000, 1))
  const { safetySnapshot = '' } = await subject.restore('s', 'd')
  assert.equal(client.names('d'), ['f'])
  assert.is(client.stat(`.snapshots/${safetySnapshot}/d`).size, 1000 * 4096)
  await snapshots.delete(safetySnapshot)
  subject.reclaim()
  assert.is(subject.used, used)
})

on(
  'a safety snapshot is made when something changes, once, and undoes the restore',
  async (subject) => {
    const { client, snapshots } = subject
    await makeTree(subject)
    snapshots.create('s')
    assert.is((await subject.restore('s', 'd')).safetySnapshot, undefined)
    assert.equal(safeties(subject), [])
    await client.write('d/f', 0, 'FILE')
    client.remove('d/hard')
    const { safetySnapshot = '' } = await subject.restore('s', ['d', 'outside'])
    assert.match(safetySnapshot, /^pre-restore-\d{8}-\d{6}$/)
    assert.is(safeties(subject).length, 1)
    const undo = `.snapshots/${safetySnapshot}/d`
    const { safetySnapshot: second = '' } = await subject.restore(safetySnapshot, 'd')
    client.remove('d/hard')
    client.set('d', { mtime: client.stat(undo).mtime })
    assert.equal(await treeOf(client, 'd'), await treeOf(client, undo))
    assert.is(await client.readText('d/f'), 'FILE')
    assert.is.not(second, safetySnapshot)
  },
)

test.run()
