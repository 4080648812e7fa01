import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FileType } from '../../src/fs/filesystem.ts'
import { CHUNK_BYTES } from '../../src/store/records.ts'
import { compareTime } from '../../src/store/time.ts'
import { bytes, type Client, fails, ROOT, text } from '../fs/client.ts'
import { blocks, put, type Subject } from './harness.ts'
import { kept, safeties, sound } from './sound.ts'

const test = suite('snapshot/restore: files')

const on = sound(test)

const OLD = { seconds: 5, nseconds: 6 }
const NO_DEVICE = { specdata1: 0, specdata2: 0 }

async function makeFile({ client }: Subject, path: string, data: string): Promise<void> {
  client.create(path)
  await client.write(path, 0, data)
  client.set(path, { mode: 0o4751, uid: 7, gid: 8, atime: { seconds: 3, nseconds: 4 }, mtime: OLD })
}

on('a changed file is what it was, under the number that it has', async (subject) => {
  const { client, fs, snapshots } = subject
  await makeFile(subject, 'f', 'before')
  const before = client.find('f')
  snapshots.create('s')
  await client.write('f', 0, 'AFTER and more')
  client.set('f', { mode: 0o600, uid: 0 })
  const changed = client.stat('f')
  const summary = await subject.restore('s', 'f')
  assert.is(await client.readText('f'), 'before')
  const after = client.find('f')
  assert.equal(after.id, before.id)
  assert.equal(kept(after.attributes), kept(before.attributes))
  assert.ok(compareTime(after.attributes.ctime, changed.ctime) > 0, 'caches must notice')
  assert.equal(fs.getattr(before.id), after.attributes)
  const { files, directories, bytes: shared, unchanged, skipped, failed } = summary
  assert.equal({ files, directories, shared }, { files: 1, directories: 0, shared: 6 })
  assert.equal({ unchanged, skipped, failed }, { unchanged: 0, skipped: 0, failed: [] })
})

on('a file that is gone comes back as a new one', async (subject) => {
  const { client, fs, snapshots } = subject
  client.mkdir('d')
  await makeFile(subject, 'd/f', 'before')
  const before = client.find('d/f')
  snapshots.create('s')
  client.remove('d/f')
  const dir = client.stat('d')
  await subject.restore('s', 'd/f')
  assert.is(await client.readText('d/f'), 'before')
  assert.equal(kept(client.stat('d/f')), kept(before.attributes))
  assert.is(client.stat('d/f').nlink, 1)
  fails('STALE', () => fs.getattr(before.id))
  assert.ok(compareTime(client.stat('d').mtime, dir.mtime) > 0)
})

on('data over it that is not stored yet goes', async (subject) => {
  const { client, snapshots, store } = subject
  await put(client, 'f', 0, blocks(3, 1))
  snapshots.create('s')
  await client.write('f', 0, blocks(2000, 2))
  await client.write('f', 9 * CHUNK_BYTES, 'far')
  await subject.restore('s', 'f')
  assert.is(Buffer.compare(await client.read('f'), blocks(3, 1)), 0)
  // In the safety snapshot it is.
  const [safety] = safeties(subject)
  assert.is(await client.stat(`.snapshots/${safety?.name}/f`).size, 9 * CHUNK_BYTES + 3)
  await snapshots.delete(safety?.name ?? '')
  subject.reclaim()
  assert.is(store.spaceMap.usedBlocks, 3)
})

on('data over it that is not stored yet goes, with no snapshot to go to', async (subject) => {
  const { client, snapshots, store } = subject
  await put(client, 'f', 0, blocks(3, 1))
  client.mkdir('d')
  snapshots.create('s')
  client.create('d/f')
  await subject.restore('s', 'f', { to: bytes('d'), overwrite: 'always' })
  const [safety] = safeties(subject)
  await snapshots.delete(safety?.name ?? '')
  await client.write('d/f', 0, blocks(2000, 2))
  await subject.restore('s', 'f', { to: bytes('d'), overwrite: 'always' })
  for (const { name } of safeties(subject)) await snapshots.delete(name)
  subject.reclaim()
  assert.is(store.spaceMap.usedBlocks, 3)
})

on('a restored file and the snapshot are independent from then on', async (subject) => {
  const { client, snapshots } = subject
  await put(client, 'f', 0, blocks(300, 1))
  await put(client, 'small', 0, bytes('small'))
  snapshots.create('s')
  client.mkdir('copy')
  await subject.restore('s', ['f', 'small'], { to: bytes('copy') })
  const before = subject.used
  await put(client, 'copy/f', 4096, blocks(2, 2))
  assert.is(subject.used, before + 2)
  await put(client, 'copy/small', 0, bytes('SMALL'))
  client.set('f', { size: 4096 * 200 })
  const past = '.snapshots/s'
  assert.is(Buffer.compare(await client.read(`${past}/f`, 0, 300 * 4096), blocks(256, 1)), 0)
  assert.is(await client.readText(`${past}/small`), 'small')
  assert.is(client.stat(`${past}/f`).size, 300 * 4096)
  await snapshots.delete('s')
  assert.is((await client.read('copy/f', 299 * 4096))[0], 1)
  assert.is((await client.read('copy/f', 4096))[0], 2)
  assert.is(subject.used, before + 2)
  client.remove('copy/f')
  subject.reclaim()
  assert.is(subject.used, 200)
})

on('holes stay holes, and what is inline stays so', async (subject) => {
  const { client, snapshots } = subject
  await put(client, 'sparse', 20 * CHUNK_BYTES, bytes('end'))
  await put(client, 'sparse', 2 * CHUNK_BYTES, blocks(2, 3))
  await put(client, 'inline', 0, bytes('x'))
  client.set('inline', { size: 5000 })
  client.create('empty')
  const paths = ['sparse', 'inline', 'empty']
  const before = paths.map((path) => kept(client.stat(path)))
  snapshots.create('s')
  const { used } = subject
  for (const path of paths) client.remove(path)
  await subject.restore('s', paths)
  assert.equal(
    paths.map((path) => kept(client.stat(path))),
    before,
  )
  assert.is(subject.used, used)
  assert.is(text(await client.read('sparse', 20 * CHUNK_BYTES - 2)), '\0\0end')
  assert.is((await client.read('inline'))[4999], 0)
})

on('symlinks and special files come back in place', async (subject) => {
  const { client, fs, snapshots, root } = subject
  const device = { specdata1: 1, specdata2: 3 }
  client.symlink('l', 'target')
  fs.mknod(ROOT, root, bytes('p'), FileType.FIFO, NO_DEVICE, { mode: 0o640 })
  fs.mknod(ROOT, root, bytes('c'), FileType.CHR, device, { mode: 0o600 })
  fs.mknod(ROOT, root, bytes('k'), FileType.SOCK, NO_DEVICE, {})
  const paths = ['l', 'p', 'c', 'k']
  const before = paths.map((path) => client.find(path))
  snapshots.create('s')
  client.remove('l')
  client.symlink('l', 'elsewhere')
  client.set('p', { mode: 0 })
  client.remove('c')
  client.create('c')
  client.remove('k')
  await subject.restore('s', paths)
  assert.equal(
    paths.map((path) => kept(client.stat(path))),
    before.map(({ attributes }) => kept(attributes)),
  )
  assert.is(text(fs.readlink(ROOT, client.id('l'))), 'target')
  assert.equal(client.id('p'), before[1]?.id)
  assert.equal(await subject.restore('s', paths), {
    ...{ files: 0, directories: 0, bytes: 0, unchanged: 4, skipped: 0, failed: [] },
    ...{ attributes: 0, deleted: 0, verified: 0, plan: [] },
    safetySnapshot: undefined,
  })
})

on('a lone file of the same type keeps its number; one of another type goes', async (subject) => {
  const { client, fs, snapshots } = subject
  await makeFile(subject, 'a', 'a then')
  await makeFile(subject, 'b', 'b then')
  snapshots.create('s')
  client.remove('a')
  const other = client.create('a')
  await client.write('a', 0, 'another')
  client.remove('b')
  client.symlink('b', 'x')
  await subject.restore('s', ['a', 'b'])
  assert.equal(client.id('a'), other)
  assert.is(await client.readText('a'), 'a then')
  assert.is(fs.getattr(other).uid, 7)
  assert.is(await client.readText('b'), 'b then')
})

on('a file with another name keeps its content there', async (subject) => {
  const { client, snapshots } = subject
  await makeFile(subject, 'f', 'then')
  snapshots.create('s')
  client.remove('f')
  await makeFile(subject, 'other', 'now')
  client.link('other', 'f')
  const other = client.id('other')
  await subject.restore('s', 'f')
  assert.is(await client.readText('f'), 'then')
  assert.is(await client.readText('other'), 'now')
  assert.equal(client.id('other'), other)
  assert.is(client.stat('other').nlink, 1)
  assert.is(client.stat('f').nlink, 1)
})

on('the same file under further names is restored under all of them', async (subject) => {
  const { client, snapshots } = subject
  await makeFile(subject, 'f', 'then')
  snapshots.create('s')
  client.link('f', 'further')
  await client.write('f', 0, 'now!')
  await subject.restore('s', 'f')
  assert.equal(client.id('further'), client.id('f'))
  assert.is(await client.readText('further'), 'then')
  assert.is(client.stat('f').nlink, 2)
})

on('--to: beside it, into a directory, and over a file', async (subject) => {
  const { client, snapshots } = subject
  client.mkdir('d')
  await makeFile(subject, 'f', 'then')
  snapshots.create('s')
  await client.write('f', 0, 'now!')
  const before = client.stat('f')
  await subject.restore('s', 'f', { to: bytes('new') })
  await subject.restore('s', 'f', { to: bytes('d') })
  assert.is(await client.readText('new'), 'then')
  assert.is(await client.readText('d/f'), 'then')
  assert.equal(kept(client.stat('new')), kept(client.stat('.snapshots/s/f')))
  assert.equal(client.stat('f'), before)
  assert.equal(safeties(subject), [], 'nothing has changed that was there')
  await client.write('new', 0, 'NEW!')
  const { safetySnapshot } = await subject.restore('s', 'f', { to: bytes('new') })
  assert.is(await client.readText('new'), 'then')
  assert.is(await client.readText(`.snapshots/${safetySnapshot}/new`), 'NEW!')
  await subject.restore('s', 'f', { to: bytes('') })
  assert.is(await client.readText('f'), 'then')
})

on(
  'overwrite: never leaves what is there, always restores what did not change',
  async (subject) => {
    const { client, snapshots } = subject
    await makeFile(subject, 'f', 'then')
    await makeFile(subject, 'gone', 'gone')
    snapshots.create('s')
    const same = client.find('f')
    const restore = async (overwrite: 'never' | 'if-changed' | 'always') => {
      const { files, unchanged, skipped, safetySnapshot } = await subject.restore('s', 'f', {
        overwrite,
      })
      return [files, unchanged, skipped, safetySnapshot !== undefined]
    }
    assert.equal(await restore('never'), [0, 0, 1, false])
    assert.equal(await restore('if-changed'), [0, 1, 0, false])
    assert.equal(client.find('f'), same)
    assert.equal(await restore('always'), [1, 0, 0, true])
    assert.ok(compareTime(client.stat('f').ctime, same.attributes.ctime) > 0)
    await client.write('f', 0, 'now!')
    assert.equal(await restore('never'), [0, 0, 1, false])
    assert.is(await client.readText('f'), 'now!')
    assert.equal(await restore('if-changed'), [1, 0, 0, true])
    client.remove('gone')
    const { files } = await subject.restore('s', ['f', 'gone'], { overwrite: 'never' })
    assert.is(files, 1)
    assert.is(await client.readText('gone'), 'gone')
  },
)

on('what makes a file another: content, mode, owner, mtime; not atime', async (subject) => {
  const { client, snapshots } = subject
  await makeFile(subject, 'f', 'then')
  await put(client, 'big', 0, blocks(300, 1))
  client.set('big', { mtime: OLD })
  snapshots.create('s')
  const mtime = OLD
  const changes: [string, (client: Client) => unknown][] = [
    ['f', () => client.set('f', { mode: 0o4750 })],
    ['f', () => client.set('f', { uid: 9, mode: 0o4751 })],
    ['f', () => client.set('f', { gid: 9, mode: 0o4751 })],
    ['f', () => client.set('f', { mtime: { seconds: 5, nseconds: 7 } })],
    ['f', () => client.write('f', 0, 'THEN').then(() => client.set('f', { mtime }))],
    ['f', () => client.set('f', { size: 9, mtime })],
    ['f', () => client.write('f', 0, 'then')],
    ['big', () => put(client, 'big', 70_000, bytes('x')).then(() => client.set('big', { mtime }))],
    ['big', () => client.set('big', { size: 299 * 4096, mtime })],
  ]
  for (const [path, change] of changes) {
    await change(client)
    const first = await subject.restore('s', path)
    assert.is(first.files, 1, String(change))
    assert.equal(kept(client.stat(path)), kept(client.stat(`.snapshots/s/${path}`)))
    assert.is((await subject.restore('s', path)).unchanged, 1)
  }
  client.set('f', { atime: 'now' })
  assert.is((await subject.restore('s', 'f')).unchanged, 1)
})

test.run()
