import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FileType } from '../../src/fs/filesystem.ts'
import { compareTime } from '../../src/store/time.ts'
import { bytes, type Client, fails, rejects, text } from '../fs/client.ts'
import { blocks, put, type Subject } from './harness.ts'
import { countsOf, pastClient, requireExact, rollBack } from './rolled-back.ts'
import { removeTree, sound } from './sound.ts'

const test = suite('snapshot/rollback')
const on = sound(test)

const MIB = 1024 * 1024
const read = async (client: Client, path: string) => text(await client.read(path, 0, 64))

/** What one change after a snapshot of a small tree takes to be undone. */
function change(
  name: string,
  apply: (client: Client) => unknown,
  expected: Partial<ReturnType<typeof countsOf>>,
): void {
  on(name, async (subject) => {
    const { client, snapshots } = subject
    await small(client)
    snapshots.create('s')
    await apply(client)
    const { created, replaced, attributes, moved, deleted } = countsOf(await rollBack(subject, 's'))
    const none = { created: 0, replaced: 0, attributes: 0, moved: 0, deleted: 0 }
    assert.equal({ created, replaced, attributes, moved, deleted }, { ...none, ...expected })
  })
}

/** Times are set, so that what moves them shows. */
async function small(client: Client): Promise<void> {
  for (const dir of ['d', 'd/sub', 'd/sub/deep', 'e', 'empty']) client.mkdir(dir)
  for (const name of ['a', 'b', 'd/f', 'd/sub/g', 'd/sub/deep/h']) {
    await put(client, name, 0, bytes(`this is ${name}`))
  }
  await put(client, 'large', 0, blocks(600, 1))
  await put(client, 'sparse', 4 * MIB, blocks(1, 2))
  client.link('a', 'd/a-too')
  client.symlink('link', 'd/f')
  client.fs.mknod(client.cred, ...client.split('pipe'), FileType.FIFO, NO_DEVICE, { mode: 0o600 })
  for (const path of ['', 'd', 'd/sub', 'e', 'a', 'b', 'large']) {
    client.set(path, { mtime: { seconds: 5, nseconds: 6 }, atime: { seconds: 7, nseconds: 8 } })
  }
}
const NO_DEVICE = { specdata1: 0, specdata2: 0 }

change('nothing: no safety snapshot either', () => undefined, {})
change('a file that came', (client) => put(client, 'd/new', 0, blocks(3, 1)), {
  ...{ deleted: 1, attributes: 1 },
})
change('a file that is gone', (client) => client.remove('d/f'), { created: 1, attributes: 1 })
change('content', (client) => put(client, 'b', 3, bytes('other')), { replaced: 1 })
change('the same bytes again', (client) => put(client, 'b', 0, bytes('this is b')), {
  attributes: 1,
})
change('a block of a large file', (client) => put(client, 'large', 300 * 4096, blocks(2, 9)), {
  replaced: 1,
})
change('a file that grew', (client) => put(client, 'large', 600 * 4096, blocks(900, 9)), {
  replaced: 1,
})
change('a file that was cut', (client) => client.set('large', { size: 5000 }), { replaced: 1 })
change('a file that was emptied', (client) => client.set('large', { size: 0 }), { replaced: 1 })
change(
  'a file that was emptied and written',
  async (client) => {
    client.set('large', { size: 0 })
    await put(client, 'large', 0, blocks(600, 3))
  },
  { replaced: 1 },
)
change('a file with a longer hole at its end', (client) => client.set('large', { size: 9 * MIB }), {
  replaced: 1,
})
change('a hole that was filled', (client) => put(client, 'sparse', 2 * MIB, blocks(1, 3)), {
  replaced: 1,
})
change(
  'holes and data that changed places',
  async (client) => {
    await put(client, 'sparse', 2 * MIB, blocks(1, 3))
    client.set('sparse', { size: 3 * MIB })
    client.set('sparse', { size: 4 * MIB + 4096 })
  },
  { replaced: 1 },
)
change('a small file that became large', (client) => put(client, 'b', 0, blocks(3, 3)), {
  replaced: 1,
})
change(
  'attributes',
  (client) => {
    client.set('b', { mode: 0o4711, uid: 7, gid: 8 })
    client.set('d/f', { atime: { seconds: 1, nseconds: 1 } })
    client.set('link', { mtime: { seconds: 1, nseconds: 1 } })
    client.set('pipe', { uid: 4 })
    client.set('empty', { mode: 0o700, gid: 8 })
  },
  { attributes: 5 },
)
change('attributes of the root', (client) => client.set('', { mode: 0o1777, uid: 7, gid: 8 }), {
  attributes: 1,
})
change('a file that was renamed', (client) => client.rename('b', 'c'), { moved: 1, attributes: 1 })
change('a file in another directory', (client) => client.rename('b', 'd/sub/c'), {
  ...{ moved: 1, attributes: 2 },
})
change('a directory that was renamed', (client) => client.rename('d', 'dd'), {
  ...{ moved: 1, attributes: 1 },
})
change(
  'a directory in another, its old parent gone',
  (client) => {
    client.rename('d/sub', 'e/sub')
    removeTree(client, 'd')
  },
  { created: 3, moved: 1, attributes: 2 },
)
change(
  'a file in the place of a directory',
  (client) => {
    removeTree(client, 'd')
    return put(client, 'd', 0, bytes('file'))
  },
  { created: 7, deleted: 1, attributes: 1 },
)
change(
  'a directory in the place of a file',
  (client) => {
    client.remove('b')
    client.mkdir('b')
    client.mkdir('b/more')
    return put(client, 'b/more/in', 0, bytes('in'))
  },
  { created: 1, deleted: 3, attributes: 1 },
)
change('a link that came', (client) => client.link('b', 'e/b'), { deleted: 1, attributes: 1 })
change('a link that is gone', (client) => client.remove('d/a-too'), { created: 1, attributes: 1 })
change(
  'all links gone',
  (client) => {
    client.remove('d/a-too')
    client.remove('a')
  },
  { created: 2, attributes: 2 },
)
change(
  'two links that are two files',
  async (client) => {
    client.remove('d/a-too')
    await put(client, 'd/a-too', 0, bytes('this is a'))
  },
  { created: 1, attributes: 1 },
)
change(
  'names that were swapped',
  (client) => {
    client.rename('a', 'x')
    client.rename('b', 'a')
    client.rename('x', 'b')
  },
  { created: 1, moved: 1, attributes: 1 },
)
change(
  'directories that were swapped',
  (client) => {
    client.rename('d', 'x')
    client.rename('e', 'd')
    client.rename('x', 'e')
  },
  { moved: 2, attributes: 1 },
)
change(
  'a directory in what was in it',
  (client) => {
    client.rename('d/sub', 's')
    client.rename('d', 's/d')
  },
  { moved: 2, attributes: 3 },
)
change(
  'a directory named as what was in it',
  (client) => {
    client.rename('d/sub', 'x')
    client.rename('d', 'x/d')
    client.rename('x', 'd')
  },
  { moved: 2, attributes: 3 },
)
change(
  'a symlink with another target',
  (client) => {
    client.remove('link')
    client.symlink('link', 'elsewhere')
  },
  { replaced: 1, attributes: 1 },
)
change(
  'a pipe that became a file',
  (client) => {
    client.remove('pipe')
    return put(client, 'pipe', 0, bytes('file'))
  },
  { created: 1, attributes: 1 },
)
change(
  'a new tree with an old file in it',
  async (client) => {
    client.mkdir('new')
    client.mkdir('new/more')
    client.rename('b', 'new/more/b')
    client.rename('d', 'new/d')
    await put(client, 'new/d/c', 0, bytes('c'))
  },
  { moved: 2, deleted: 3, attributes: 2 },
)
change(
  'everything gone',
  (client) => {
    for (const dir of ['d', 'e', 'empty']) removeTree(client, dir)
    for (const name of client.names('')) client.remove(name)
  },
  { created: 15, attributes: 1 },
)

on('a dry run tells what becomes of each', async (subject) => {
  const { client, snapshots } = subject
  await small(client)
  snapshots.create('s')
  client.remove('d/f')
  client.rename('b', 'c')
  client.set('empty', { mode: 0o700 })
  await put(client, 'large', 0, blocks(1, 9))
  await put(client, 'e/new', 0, bytes('new'))
  const { plan } = await subject.rollback('s', true)
  const told = plan.map(({ action, path, bytes: size }) => `${action} ${text(path)} ${size}`)
  assert.equal(told.sort(), [
    ...['attributes  0', 'attributes d 0', 'attributes e 0', 'attributes empty 0'],
    ...['create d/f 11', 'delete e/new 0', 'move b 0', `replace large ${600 * 4096}`],
  ])
})

on('the safety snapshot leads back, and all snapshots stay', async (subject) => {
  const { client, snapshots } = subject
  await small(client)
  snapshots.create('s')
  removeTree(client, 'd')
  await put(client, 'new', 0, blocks(300, 4))
  snapshots.create('t')
  await put(client, 'new', 0, blocks(1, 5))
  const { safetySnapshot = '' } = await rollBack(subject, 's')
  assert.match(safetySnapshot, /^pre-rollback-\d{8}-\d{6}$/)
  assert.equal(
    snapshots.list().map(({ name }) => name),
    ['s', 't', safetySnapshot],
  )
  await rollBack(subject, safetySnapshot)
  await rollBack(subject, 't')
  await rollBack(subject, 's')
})

on('file ids stay, and clients see that something changed', async (subject) => {
  const { client, snapshots } = subject
  await small(client)
  snapshots.create('s')
  const ids = ['a', 'd/f', 'd/sub', 'large', 'b'].map((path) => client.find(path))
  await put(client, 'a', 0, bytes('changed!'))
  client.rename('d/f', 'e/ff')
  client.rename('d/sub', 'e/sub')
  client.set('large', { size: 0 })
  removeTree(client, 'd')
  client.remove('b')
  const before = ids.slice(0, 4).map(({ id }) => client.fs.getattr(id).ctime)
  fails('STALE', () => client.fs.getattr(ids.at(-1)?.id ?? client.start))
  await rollBack(subject, 's')
  for (const [i, path] of ['a', 'd/f', 'd/sub', 'large', 'b'].entries()) {
    assert.equal(client.id(path), ids[i]?.id, path)
    const then = before[i]
    if (then !== undefined) assert.ok(compareTime(client.stat(path).ctime, then) > 0, path)
  }
})

on('a file that took the name of one that is gone becomes it', async (subject) => {
  const { client, snapshots } = subject
  await small(client)
  snapshots.create('s')
  await put(client, 'b~', 0, bytes('saved as many programs do'))
  client.rename('b~', 'b')
  const open = client.id('b')
  await rollBack(subject, 's')
  assert.equal(client.id('b'), open)
  assert.is(await read(client, 'b'), 'this is b')
})

on('dirty data is in the safety snapshot, and gone from the file', async (subject) => {
  const { client, snapshots } = subject
  await small(client)
  snapshots.create('s')
  await client.write('b', 0, 'not yet stored')
  const { safetySnapshot = '' } = await subject.rollback('s')
  await requireExact(subject, 's')
  assert.is(await read(pastClient(subject, safetySnapshot), 'b'), 'not yet stored')
})

on('a quota does not stop it', async (subject) => {
  const { client, snapshots, store } = subject
  await small(client)
  snapshots.create('s')
  client.remove('large')
  removeTree(client, 'd')
  const quota = { bytes: 4096, inodes: 3 }
  store.transact((tx) => store.objsets.change(tx, store.dataset, { quota }))
  await rollBack(subject, 's')
  await rejects('DQUOT', () => client.create('one more'))
})

on('a snapshot that is not there, and two at a time', async (subject) => {
  const { client, snapshots } = subject
  await rejects('NOENT', async () => subject.rollback('none'))
  snapshots.create('s')
  client.create('new')
  const first = subject.rollback('s')
  await rejects('ACCES', () => subject.rollback('s'))
  await rejects('ACCES', async () => snapshots.delete('s'))
  await first
  await requireExact(subject, 's')
})

/** A tree in which everything changes. */
async function upheaval({ client, snapshots }: Subject): Promise<void> {
  for (let dir = 0; dir < 4; dir++) {
    client.mkdir(`d${dir}`)
    for (let i = 0; i < 64; i++) await put(client, `d${dir}/${i}`, 0, bytes(`${dir} ${i}`))
  }
  snapshots.create('s')
  removeTree(client, 'd0')
  client.rename('d1', 'd0')
  for (let i = 0; i < 64; i++) await put(client, `d2/${i}`, 0, bytes('other'))
  for (let i = 0; i < 64; i++) client.rename(`d3/${i}`, `d2/from-${i}`)
  client.rmdir('d3')
  for (let i = 0; i < 64; i++) client.create(`d3-${i}`)
}

on('what clients make meanwhile stays', async (subject) => {
  const { client } = subject
  await upheaval(subject)
  let made = false
  const summary = await subject.rollback('s', false, ({ phase }) => {
    if (made || phase !== 'restore') return
    made = true
    client.create('meanwhile')
    client.create('d2/meanwhile')
  })
  assert.ok(made)
  assert.equal(summary.failed, [])
  assert.ok(client.has('meanwhile') && client.has('d2/meanwhile'))
  client.remove('meanwhile')
  client.remove('d2/meanwhile')
  await rollBack(subject, 's')
})

on('what clients write into a file before its turn is gone, wherever it is', async (subject) => {
  const { client, snapshots } = subject
  for (let i = 0; i < 64; i++) client.create(`${i}`)
  for (const name of ['large', 'other']) await put(client, name, 0, blocks(1500, 1))
  snapshots.create('s')
  for (let i = 0; i < 64; i++) client.remove(`${i}`)
  await put(client, 'large', 4096, blocks(1, 2))
  client.set('other', { mode: 0o600 })
  let late = false
  await subject.rollback('s', false, ({ phase }) => {
    if (late || phase !== 'restore') return
    late = true
    for (const name of ['large', 'other']) void client.write(name, 5 * MIB, blocks(2, 3))
    client.fs.commit(client.cred, client.id('other'))
  })
  assert.ok(late)
  await requireExact(subject, 's')
})

on('what clients put into a new directory meanwhile keeps it there', async (subject) => {
  const { client, snapshots } = subject
  for (let i = 0; i < 64; i++) client.create(`${i}`)
  snapshots.create('s')
  client.mkdir('new')
  for (let i = 0; i < 64; i++) client.remove(`${i}`)
  let made = false
  const { failed } = await subject.rollback('s', false, ({ phase }) => {
    if (made || phase !== 'restore') return
    made = true
    client.create('new/meanwhile')
  })
  assert.ok(client.has('new/meanwhile') && client.has('63'))
  const told = failed.map(({ path, reason }) => `${text(path)}: ${reason}`)
  assert.equal(told, ['new: a directory has something in it that came meanwhile'])
  await rollBack(subject, 's')
})

on('what clients undo or destroy meanwhile makes entries fail, and no more', async (subject) => {
  const { client } = subject
  await upheaval(subject)
  let steps = 0
  await subject.rollback('s', false, ({ phase }) => {
    if (phase !== 'restore') return
    steps++
    if (steps === 2 && client.has('d0')) removeTree(client, 'd0')
    if (steps === 4 && client.has('d3')) client.rename('d3', 'd2/taken')
    if (steps === 6) client.set('d2/1', { size: 0 })
  })
  assert.ok(steps > 6)
  await rollBack(subject, 's')
})

test.run()
