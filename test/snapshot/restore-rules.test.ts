import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RestoreSummary } from '../../src/snapshot/restore-request.ts'
import { bytes } from '../fs/client.ts'
import type { Subject } from './harness.ts'
import { removeTree, safeties, sound } from './sound.ts'

const test = suite('snapshot/restore: what is there already, and plans')
const on = sound(test)

const at = (seconds: number) => ({ seconds, nseconds: 0 })

const planOf = ({ plan }: RestoreSummary) =>
  plan.map(({ action, path, bytes: size }) => `${action} ${Buffer.from(path)} ${size}`).sort()

async function write({ client }: Subject, path: string, data: string, mtime: number) {
  if (!client.has(path)) client.create(path)
  await client.write(path, 0, data)
  client.set(path, { mtime: at(mtime) })
}

/** The same file older, newer, of the same age, and untouched; one that is gone; a folder. */
async function makeAges(subject: Subject): Promise<void> {
  const { client, snapshots } = subject
  client.mkdir('d')
  for (const name of ['older', 'newer', 'same', 'kept', 'gone']) {
    await write(subject, `d/${name}`, 'then', 1000)
  }
  client.set('d', { mode: 0o700, mtime: at(1000) })
  snapshots.create('s')
  await write(subject, 'd/older', 'now', 999)
  await write(subject, 'd/newer', 'now', 1001)
  await write(subject, 'd/same', 'now!', 1000)
  client.remove('d/gone')
  client.set('d', { mode: 0o755 })
}

on('if-newer restores what the snapshot has a newer version of', async (subject) => {
  const { client } = subject
  await makeAges(subject)
  const { files, unchanged, skipped } = await subject.restore('s', 'd', { overwrite: 'if-newer' })
  assert.equal([files, unchanged, skipped], [2, 1, 2])
  assert.is(await client.readText('d/older'), 'then')
  assert.is(await client.readText('d/newer'), 'nown')
  assert.is(await client.readText('d/same'), 'now!')
  assert.is(await client.readText('d/gone'), 'then')
  assert.is(client.stat('d').mode, 0o755, 'the folder has changed since')
})

on('if-newer gives a folder its attributes where it is newer in the snapshot', async (subject) => {
  const { client } = subject
  await makeAges(subject)
  client.set('d', { mtime: at(999) })
  await subject.restore('s', 'd', { overwrite: 'if-newer' })
  assert.is(client.stat('d').mode, 0o700)
})

on('keep-both puts the version of the snapshot beside what is there', async (subject) => {
  const { client } = subject
  await makeAges(subject)
  const summary = await subject.restore('s', 'd', { overwrite: 'keep-both' })
  assert.equal([summary.files, summary.unchanged, summary.skipped], [4, 1, 0])
  assert.equal(client.names('d').sort(), [
    ...['gone', 'kept', 'newer', 'newer.s', 'older', 'older.s', 'same', 'same.s'],
  ])
  assert.is(await client.readText('d/newer'), 'nown')
  assert.is(await client.readText('d/newer.s'), 'then')
  assert.is(client.stat('d').mode, 0o755)
  const again = await subject.restore('s', 'd', { overwrite: 'keep-both' })
  assert.equal([again.files, again.unchanged], [0, 5], 'a second run adds nothing')
})

on('keep-both counts on where the name is taken', async (subject) => {
  const { client } = subject
  await makeAges(subject)
  await write(subject, 'd/newer.s', 'mine', 5)
  client.mkdir('d/newer.s.2')
  await subject.restore('s', 'd/newer', { overwrite: 'keep-both' })
  assert.is(await client.readText('d/newer.s'), 'mine')
  assert.is(await client.readText('d/newer.s.3'), 'then')
})

on('keep-both: a folder for a file, a file for a folder, further names', async (subject) => {
  const { client, snapshots } = subject
  client.mkdir('folder')
  await write(subject, 'folder/in', 'in', 1)
  await write(subject, 'file', 'file', 1)
  await write(subject, 'one', 'one', 1)
  client.link('one', 'two')
  snapshots.create('s')
  client.remove('folder/in')
  client.rmdir('folder')
  client.create('folder')
  client.remove('file')
  client.mkdir('file')
  client.create('file/in')
  for (const name of ['one', 'two']) {
    client.remove(name)
    await write(subject, name, 'other', 1)
  }
  const { failed } = await subject.restore('s', '', { overwrite: 'keep-both' })
  assert.equal(failed, [])
  assert.is(await client.readText('folder.s/in'), 'in')
  assert.is(await client.readText('file.s'), 'file')
  assert.equal(client.id('one.s'), client.id('two.s'))
  assert.is(await client.readText('two'), 'other')
  const again = await subject.restore('s', '', { overwrite: 'keep-both' })
  assert.equal([again.files, again.directories, again.failed], [0, 0, []])
})

on('keep-both: two that would go to one name beside go to two', async (subject) => {
  const { client, snapshots } = subject
  for (const above of ['a', 'b', 'c']) {
    client.mkdir(above)
    client.mkdir(`${above}/folder`)
    await write(subject, `${above}/folder/in ${above}`, above, 1)
  }
  client.mkdir('a/folder.s')
  await write(subject, 'a/folder.s/own', 'own', 1)
  await write(subject, 'a/file', 'then', 1)
  await write(subject, 'a/file.s', 'own', 1)
  snapshots.create('s')
  removeTree(client, 'a')
  client.mkdir('a')
  for (const name of ['a/folder', 'a/file']) await write(subject, name, 'now', 2)
  client.mkdir('to')
  await write(subject, 'to/folder', 'now', 2)
  for (const files of [4, 0]) {
    const told = await subject.restore('s', 'a', { overwrite: 'keep-both' })
    assert.equal([told.files, told.failed], [files, []])
    assert.equal(client.names('a').sort(), [
      ...['file', 'file.s', 'file.s.2', 'folder', 'folder.s', 'folder.s.2'],
    ])
    assert.is(await client.readText('a/file.s'), 'own')
    assert.is(await client.readText('a/file.s.2'), 'then')
    assert.equal([client.names('a/folder.s'), client.names('a/folder.s.2')], [['own'], ['in a']])
    for (const path of ['a/folder', 'b/folder', 'c/folder']) {
      await subject.restore('s', path, { to: bytes('to'), overwrite: 'keep-both' })
    }
    assert.equal(client.names('to').sort(), ['folder', 'folder.s', 'folder.s.2', 'folder.s.3'])
    const inside = ['.s', '.s.2', '.s.3'].map((end) => client.names(`to/folder${end}`))
    assert.equal(inside, [['in b'], ['in a'], ['in c']])
  }
})

on('keep-both says where the name beside would be too long', async (subject) => {
  const { client, snapshots } = subject
  const name = 'n'.repeat(254)
  client.create(name)
  snapshots.create('s')
  client.set(name, { mode: 0 })
  const { failed } = await subject.restore('s', name, { overwrite: 'keep-both' })
  assert.match(failed[0]?.reason ?? '', /'\.s' added, has 256 bytes, and 255 is the most$/)
})

on('a dry run tells what would be done, and does nothing', async (subject) => {
  const { client, snapshots } = subject
  await makeAges(subject)
  client.mkdir('d/new')
  snapshots.create('t')
  client.rmdir('d/new')
  client.link('d/kept', 'd/kept too')
  const before = client.stat('d')
  const summary = await subject.restore('s', 'd', { dryRun: true })
  assert.equal(planOf(summary), [
    'attributes d 0',
    'create d/gone 4',
    'replace d/newer 4',
    'replace d/older 4',
    'replace d/same 4',
    'unchanged d/kept 0',
  ])
  const { files, bytes: size, unchanged, attributes } = summary
  assert.equal([files, size, unchanged, attributes], [4, 16, 1, 1])
  assert.equal(client.stat('d'), before)
  assert.is(await client.readText('d/older'), 'nown')
  assert.equal(safeties(subject), [])
  const done = await subject.restore('s', 'd')
  assert.equal([done.files, done.bytes, done.unchanged, done.attributes], [4, 16, 1, 1])
  assert.equal(done.plan, [])
})

on('a dry run of a tree that is gone, with further names', async (subject) => {
  const { client, snapshots } = subject
  client.mkdir('d')
  client.mkdir('d/e')
  await write(subject, 'd/e/f', 'data', 1)
  client.link('d/e/f', 'd/g')
  client.symlink('d/l', 'e')
  snapshots.create('s')
  for (const name of ['e/f', 'g', 'l']) client.remove(`d/${name}`)
  client.rmdir('d/e')
  client.rmdir('d')
  const planned = await subject.restore('s', 'd', { dryRun: true })
  assert.equal(planOf(planned), [
    ...['create d 0', 'create d/e 0', 'create d/e/f 4', 'create d/g 0', 'create d/l 0'],
  ])
  assert.not.ok(client.has('d'))
  const { files, directories, bytes: size } = await subject.restore('s', 'd')
  assert.equal([planned.files, planned.directories, planned.bytes], [files, directories, size])
})

on('a dry run tells what would fail, what would stay, and where it goes', async (subject) => {
  const { client } = subject
  await makeAges(subject)
  client.remove('d/same')
  client.mkdir('d/same')
  client.create('d/same/in')
  const plan = async (overwrite: 'if-changed' | 'never' | 'keep-both') =>
    subject.restore('s', 'd', { overwrite, dryRun: true })
  const { failed } = await plan('if-changed')
  assert.equal(
    failed.map(({ path }) => Buffer.from(path).toString()),
    ['d/same'],
  )
  assert.ok(planOf(await plan('never')).includes('skip d/same 0'))
  assert.ok(planOf(await plan('keep-both')).includes('create d/same.s 4'))
  const elsewhere = await subject.restore('s', 'd', { to: bytes('new'), dryRun: true })
  assert.ok(planOf(elsewhere).includes('create new/gone 4'))
  assert.not.ok(client.has('new'))
})

/** Files and folders by kind, in several folders. */
async function makeKinds(subject: Subject): Promise<void> {
  const { client, snapshots } = subject
  for (const dir of ['src', 'src/old', 'docs', 'docs/deep', 'empty']) client.mkdir(dir, 0o750)
  for (const dir of ['src', 'src/old', 'docs', 'docs/deep']) {
    for (const name of ['a.ts', 'b.js']) await write(subject, `${dir}/${name}`, 'data', 5)
  }
  client.set('src', { mtime: at(7) })
  snapshots.create('s')
}

const filesOf = ({ plan }: RestoreSummary) =>
  plan
    .filter(({ action }) => action === 'create')
    .map(({ path }) => Buffer.from(path).toString())
    .sort()

on('only what matches is restored, in folders that are made for it', async (subject) => {
  const { client } = subject
  await makeKinds(subject)
  const include = ['*.ts', '/docs/deep']
  const exclude = ['old']
  const to = bytes('new')
  const { files, directories } = await subject.restore('s', '', { to, include, exclude })
  assert.equal([files, directories], [4, 4])
  assert.equal(client.names('new').sort(), ['docs', 'src'])
  assert.equal(client.names('new/src'), ['a.ts'])
  assert.equal(client.names('new/docs').sort(), ['a.ts', 'deep'])
  assert.equal(client.names('new/docs/deep').sort(), ['a.ts', 'b.js'])
  const { mode, mtime } = client.stat('new/src')
  assert.equal([mode, mtime], [0o750, at(7)])
})

on('in place, folders that are not wanted themselves are left as they are', async (subject) => {
  const { client } = subject
  await makeKinds(subject)
  client.set('src', { mode: 0o700 })
  for (const name of ['a.ts', 'b.js']) client.remove(`src/${name}`)
  const { files, attributes } = await subject.restore('s', 'src', { include: ['/src/*.ts'] })
  assert.equal([files, attributes], [1, 0])
  assert.equal(client.names('src').sort(), ['a.ts', 'old'])
  assert.is(client.stat('src').mode, 0o700)
})

on('what is excluded stays as it is, with all below it', async (subject) => {
  const { client } = subject
  await makeKinds(subject)
  for (const dir of ['src', 'docs']) client.remove(`${dir}/a.ts`)
  client.remove('src/old/a.ts')
  const plan = (more: object) => subject.restore('s', '', { dryRun: true, ...more })
  assert.equal(filesOf(await plan({})), ['docs/a.ts', 'src/a.ts', 'src/old/a.ts'])
  assert.equal(filesOf(await plan({ exclude: ['old/'] })), ['docs/a.ts', 'src/a.ts'])
  assert.equal(filesOf(await plan({ exclude: ['/src'] })), ['docs/a.ts'])
  assert.equal(filesOf(await plan({ include: ['/src/old'] })), ['src/old/a.ts'])
  assert.equal(filesOf(await plan({ include: ['nothing'] })), [])
  const only = await subject.restore('s', 'src/old', { dryRun: true, exclude: ['/src'] })
  assert.equal([only.files, only.unchanged], [0, 0], 'patterns count for the paths as well')
})

on('patterns and --delete cannot go together', async (subject) => {
  subject.snapshots.create('s')
  assert.throws(() => subject.restore('s', '', { delete: true, include: ['*'] }), /be deleted/)
  assert.throws(() => subject.restore('s', '', { exclude: ['[a'] }), /a '\[' without its '\]'/)
})

test.run()
