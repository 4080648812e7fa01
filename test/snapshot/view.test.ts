import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Access, type FileId, FileType, StableHow } from '../../src/fs/filesystem.ts'
import { bytes, Client, fails, ROOT, rejects, text } from '../fs/client.ts'
import { populate, readingConformance, type WithSubject } from '../fs/conformance.ts'
import { readOnlyConformance } from '../fs/conformance-readonly.ts'
import { withFolder } from '../store/open-store.ts'
import { blocks, put, type Subject, withOpened, withRestarts } from './harness.ts'

const test = suite('snapshot/view')

const SNAPSHOT = '.snapshots/s'
const NO_DEVICE = { specdata1: 0, specdata2: 0 }

/** Removes everything, whatever it is. */
function removeAll(client: Client, path = ''): void {
  for (const name of client.names(path)) {
    const child = path === '' ? name : `${path}/${name}`
    if (client.stat(child).type === FileType.DIR) {
      removeAll(client, child)
      client.rmdir(child)
    } else {
      client.remove(child)
    }
  }
}

/** Changes all there is, and puts other things in the places of what it removes. */
async function changeAll(subject: Subject): Promise<void> {
  const { client } = subject
  client.set('', { mode: 0o700, uid: 7 })
  client.set('dir', { mode: 0o777 })
  client.set('dir/small', { mode: 0, uid: 3, size: 1 })
  await client.write('dir/large', 1000, 'other'.repeat(50_000))
  client.set('dir/large', { size: 2_000_000 })
  await client.write('dir/sparse', 0, 'no hole')
  client.rename('many', 'dir/few')
  for (const name of client.names('dir/few').slice(5)) client.remove(`dir/few/${name}`)
  removeAll(client)
  subject.reclaim()
  client.mkdir('dir')
  client.mkdir('dir/small')
  client.symlink('many', 'x')
  client.create('fifo')
}

/** The tree that `populate` makes, as a snapshot has it, after something happened to the live one. */
const populated =
  (happen: (subject: Subject) => Promise<void>): WithSubject =>
  (body) =>
    withFolder(async (directory) => {
      await withOpened(directory, async (subject) => {
        await populate(subject)
        subject.snapshots.create('s')
        await happen(subject)
      })
      await withOpened(directory, async ({ fs, client }) => {
        await body({ fs, root: client.id(SNAPSHOT) })
      })
    })

const untouched: WithSubject = (body) =>
  withRestarts(async (subject) => {
    await populate(subject)
    subject.snapshots.create('s')
    await body({ fs: subject.fs, root: subject.client.id(SNAPSHOT) })
  })

readingConformance(test, untouched)
readOnlyConformance(test, untouched)
readingConformance(test, populated(changeAll))
readOnlyConformance(
  test,
  populated(async ({ client }) => removeAll(client)),
)
readingConformance(
  test,
  populated(async (subject) => {
    // Further snapshots, of which one goes: versions of other epochs lie around this one's.
    subject.snapshots.create('later')
    await changeAll(subject)
    subject.snapshots.create('last')
    await subject.snapshots.delete('later')
  }),
)

/** All that can be seen of a tree: every attribute, every name with its cookie, every byte. */
async function manifest(client: Client, path = ''): Promise<unknown[]> {
  const all: unknown[] = [path, client.find(path)]
  for (const { name, fileid, cookie, found } of client.entries(path, 2)) {
    const child = `${path}/${text(name)}`
    const type = found?.attributes.type
    if (type === FileType.DIR) all.push(cookie, ...(await manifest(client, child)))
    else all.push(cookie, fileid, found, child)
    if (type === FileType.LNK) all.push(text(client.fs.readlink(ROOT, client.id(child))))
    if (type !== FileType.REG) continue
    const { size } = client.stat(child)
    for (let at = 0; at < size; at += 2 ** 20) all.push(Buffer.from(await client.read(child, at)))
  }
  return all
}

test('it is the same to the last bit after every change of the live tree, and a restart', () => {
  let before: unknown[] = []
  const seen = ({ fs, client }: Subject) => manifest(new Client(fs, client.id(SNAPSHOT)))
  return withRestarts(
    async (subject) => {
      await populate(subject)
      subject.snapshots.create('s')
      before = await seen(subject)
      await changeAll(subject)
      assert.equal(await seen(subject), before)
    },
    async (subject) => {
      assert.equal(await seen(subject), before)
      removeAll(subject.client)
      subject.snapshots.create('t')
      assert.equal(await seen(subject), before)
    },
    async (subject) => assert.equal(await seen(subject), before),
  )
})

test('the live tree is what the snapshot shows at first, but for its fsid', () =>
  withRestarts(async (subject) => {
    const { client, fs } = subject
    await populate(subject)
    subject.snapshots.create('s')
    const past = new Client(fs, client.id(SNAPSHOT))
    for (const path of ['', 'dir', 'dir/small', 'dir/large', 'dir/link', 'many', 'null']) {
      const { fsid } = past.stat(path)
      assert.not.equal(fsid, client.stat(path).fsid)
      assert.equal(past.stat(path), { ...client.stat(path), fsid })
      const { snapshot } = past.id(path)
      assert.ok(snapshot > 0)
      assert.equal(past.id(path), { ...client.id(path), snapshot })
    }
    assert.equal(past.names('many'), client.names('many'))
  }))

test('each snapshot has an fsid of its own, never used again', () => {
  const fsids = new Set<number>()
  const look = ({ client, snapshots }: Subject, name: string) => {
    snapshots.create(name)
    fsids.add(client.stat(`.snapshots/${name}`).fsid)
  }
  return withRestarts(
    async (subject) => {
      fsids.add(subject.client.stat('').fsid)
      look(subject, 'a')
      look(subject, 'b')
      await subject.snapshots.delete('b')
    },
    async (subject) => {
      look(subject, 'b')
      await subject.snapshots.delete('b')
      look(subject, 'b')
      assert.is(fsids.size, 5)
      for (const fsid of fsids) assert.ok(Number.isSafeInteger(fsid) && fsid > 0)
    },
  )
})

test('handles stay valid over restarts, and are stale once the snapshot is deleted', () => {
  const ids: FileId[] = []
  return withRestarts(
    async (subject) => {
      const { client, snapshots } = subject
      client.mkdir('d')
      await put(client, 'd/f', 0, blocks(300, 1))
      snapshots.create('s')
      for (const path of ['', '/d', '/d/f']) ids.push(client.id(`${SNAPSHOT}${path}`))
      removeAll(client)
    },
    async ({ fs, snapshots }) => {
      const [root, d, f] = ids as [FileId, FileId, FileId]
      assert.is(fs.getattr(root).type, FileType.DIR)
      assert.equal(fs.lookup(ROOT, d, bytes('f')).id, f)
      const { data } = await fs.read(ROOT, f, 299 * 4096, 4096)
      assert.is(Buffer.compare(data, blocks(1, 1)), 0)
      const deleted = snapshots.delete('s')
      for (const id of ids) fails('STALE', () => fs.getattr(id))
      fails('STALE', () => fs.lookup(ROOT, root, bytes('d')))
      fails('STALE', () => fs.readdir(ROOT, root, 0, true, () => true))
      fails('STALE', () => fs.access(ROOT, f, Access.READ))
      fails('STALE', () => fs.statfs(root))
      fails('STALE', () => fs.commit(ROOT, f))
      await rejects('STALE', async () => fs.read(ROOT, f, 0, 10))
      fails('STALE', () => fs.mkdir(ROOT, d, bytes('x'), {}))
      await deleted
      for (const id of ids) fails('STALE', () => fs.getattr(id))
    },
    async ({ fs, snapshots }) => {
      snapshots.create('s')
      for (const id of ids) fails('STALE', () => fs.getattr(id))
    },
  )
})

test('a handle of what the snapshot has not is stale in it', () =>
  withRestarts(async ({ client, fs, snapshots }) => {
    const gone = client.create('gone')
    client.remove('gone')
    snapshots.create('s')
    const late = client.create('late')
    const { snapshot } = client.id(SNAPSHOT)
    for (const id of [gone, late]) fails('STALE', () => fs.getattr({ ...id, snapshot }))
    fails('STALE', () => fs.getattr({ ...late, snapshot: snapshot + 1 }))
    fails('NOENT', () => client.id(`${SNAPSHOT}/late`))
  }))

test('nothing can be linked or renamed between the live tree and a snapshot', () =>
  withRestarts(async ({ client, fs, snapshots, root }) => {
    client.create('f')
    snapshots.create('s')
    const past = client.id(SNAPSHOT)
    const f = bytes('f')
    fails('XDEV', () => fs.link(ROOT, client.id(`${SNAPSHOT}/f`), root, bytes('g')))
    fails('ROFS', () => fs.link(ROOT, client.id('f'), past, bytes('g')))
    fails('ROFS', () => fs.rename(ROOT, root, f, past, bytes('g')))
    fails('ROFS', () => fs.rename(ROOT, past, f, root, bytes('g')))
    assert.equal(client.names(''), ['f'])
  }))

test('a name that is reserved in the live tree can be made nowhere in a snapshot either', () =>
  withRestarts(async ({ client, fs, snapshots }) => {
    snapshots.create('s')
    const past = client.id(SNAPSHOT)
    const name = bytes('.snapshots')
    fails('ROFS', () => fs.mkdir(ROOT, past, name, {}))
    fails('ROFS', () => fs.mknod(ROOT, past, name, FileType.FIFO, NO_DEVICE, {}))
    fails('ROFS', () => fs.remove(ROOT, past, name))
    await rejects('ROFS', async () => fs.write(ROOT, past, 0, bytes('x'), StableHow.UNSTABLE))
    fails('NOENT', () => client.id(`${SNAPSHOT}/.snapshots`))
  }))

test('no space is free in a snapshot', () =>
  withRestarts(async ({ client, fs, snapshots }) => {
    snapshots.create('s')
    const { fbytes, abytes, ffiles, afiles } = fs.statfs(client.id(SNAPSHOT))
    assert.equal([fbytes, abytes, ffiles, afiles], [0, 0, 0, 0])
  }))

test('more snapshots than views are kept are read in turn', () =>
  withRestarts(async ({ client, snapshots }) => {
    for (let i = 0; i < 40; i++) {
      await put(client, 'f', 0, bytes(`state ${i}`))
      snapshots.create(`s${i}`)
    }
    for (let i = 0; i < 80; i++) {
      const at = (i * 17) % 40
      assert.is(await client.readText(`.snapshots/s${at}/f`), `state ${at}`)
    }
  }))

test.run()
