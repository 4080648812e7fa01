import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Access, type FileId, FileType, StableHow } from '../../src/fs/filesystem.ts'
import { compareTime } from '../../src/store/time.ts'
import { ALICE, BOB, bytes, type Client, fails, ROOT, rejects, text } from '../fs/client.ts'
import { type Subject, withRestarts } from './harness.ts'

const test = suite('snapshot/snapdir')

const NAME = bytes('.snapshots')
const NO_DEVICE = { specdata1: 0, specdata2: 0 }

/** A tree of which some directories came and went between snapshots `1`, `2` and `3`. */
async function grown(subject: Subject): Promise<void> {
  const { client, snapshots } = subject
  client.mkdir('old')
  snapshots.create('1')
  client.mkdir('new')
  client.mkdir('gone')
  client.mkdir('old/inner')
  snapshots.create('2')
  client.rmdir('gone')
  client.rename('new', 'moved')
  client.mkdir('new')
  snapshots.create('3')
  client.mkdir('newest')
}

test('every directory has one, with the snapshots in which that directory existed', () =>
  withRestarts(async (subject) => {
    await grown(subject)
    const { client } = subject
    const listed = (path: string) => client.names(`${path}/.snapshots`)
    assert.equal(listed(''), ['1', '2', '3'])
    assert.equal(listed('old'), ['1', '2', '3'])
    assert.equal(listed('old/inner'), ['2', '3'])
    assert.equal(listed('moved'), ['2', '3'])
    assert.equal(listed('new'), ['3'])
    assert.equal(listed('newest'), [])
    fails('NOENT', () => client.id('new/.snapshots/2'))
    fails('NOENT', () => client.id('newest/.snapshots/3'))
    assert.equal(client.names('old/.snapshots/1'), [])
    assert.equal(client.names('old/.snapshots/2'), ['inner'])
    assert.is(client.stat('moved/.snapshots/2').fileid, client.stat('moved').fileid)
    // What went is found by way of the directory above.
    assert.equal(client.names('.snapshots/2/gone'), [])
    assert.equal(client.names('.snapshots/2'), ['old', 'new', 'gone'])
  }))

test('only a directory has one', () =>
  withRestarts(async ({ client, fs, root }) => {
    const f = client.create('f')
    client.symlink('l', '.')
    fails('NOTDIR', () => fs.lookup(ROOT, f, NAME))
    fails('NOTDIR', () => client.id('l/.snapshots'))
    fails('STALE', () => fs.lookup(ROOT, { ...root, generation: 77 }, NAME))
  }))

test('it is found by name and never listed', () =>
  withRestarts(async ({ client, snapshots }) => {
    snapshots.create('s')
    client.create('f')
    assert.equal(
      client.entries('').map(({ name }) => text(name)),
      ['.', '..', 'f'],
    )
    assert.ok(client.has('.snapshots'))
    client.remove('f')
    client.mkdir('d')
    client.id('d/.snapshots')
    client.rmdir('d')
  }))

test('whoever may search a directory may look at its past', () =>
  withRestarts(async ({ client, fs, snapshots }) => {
    client.mkdir('open', 0o711)
    client.mkdir('closed', 0o700)
    snapshots.create('s')
    const bob = client.as(BOB)
    fails('ACCES', () => fs.lookup(BOB, client.id('closed'), NAME))
    assert.is(bob.stat('open/.snapshots/s').mode, 0o711)
    assert.equal(bob.names('open/.snapshots'), ['s'])
    // What the directory itself forbade at that time stays forbidden.
    fails('ACCES', () => bob.names('open/.snapshots/s'))
    client.set('open', { mode: 0o755 })
    fails('ACCES', () => bob.names('open/.snapshots/s'))
  }))

test('its attributes are those of a directory that nobody can write', () =>
  withRestarts(async ({ client, fs, snapshots }) => {
    client.mkdir('d', 0o700)
    client.set('d', { uid: ALICE.uid, gid: ALICE.gid })
    const { created } = snapshots.create('s')
    const d = client.stat('d')
    const { id, attributes } = client.find('d/.snapshots')
    const { type, mode, nlink, uid, gid, fsid, fileid, mtime } = attributes
    assert.equal(
      { type, mode, nlink, uid, gid, fsid },
      { type: FileType.DIR, mode: 0o555, nlink: 2, uid: d.uid, gid: d.gid, fsid: d.fsid },
    )
    assert.not.equal(fileid, d.fileid)
    assert.ok(Number.isSafeInteger(fileid))
    assert.equal(mtime, created)
    const { READ, LOOKUP } = Access
    for (const cred of [ALICE, BOB]) assert.is(fs.access(cred, id, 0x3f), READ | LOOKUP)
    const { MODIFY, EXTEND, DELETE } = Access
    assert.is(fs.access(ROOT, id, 0x3f), READ | LOOKUP | MODIFY | EXTEND | DELETE)
    assert.is(fs.access(ROOT, id, EXTEND), EXTEND)
  }))

test('mtime and ctime move when a snapshot is made and when one is deleted', () =>
  withRestarts(async ({ client, snapshots }) => {
    client.mkdir('d')
    const seen = [client.stat('d/.snapshots')]
    const moves = () => {
      const now = client.stat('d/.snapshots')
      const last = seen.at(-1)
      assert.ok(last && compareTime(now.mtime, last.mtime) > 0, 'mtime')
      assert.ok(last && compareTime(now.ctime, last.ctime) > 0, 'ctime')
      seen.push(now)
    }
    snapshots.create('a')
    moves()
    snapshots.create('b')
    moves()
    const deleted = snapshots.delete('a')
    moves()
    await deleted
    client.create('d/f')
    const { mtime } = client.stat('d/.snapshots')
    client.create('d/g')
    assert.equal(client.stat('d/.snapshots').mtime, mtime, 'other changes are none of its own')
  }))

test('every failed LOOKUP moves its ctime, so that a new snapshot is seen at once', () =>
  withRestarts(async ({ client, fs, snapshots }) => {
    const { id, attributes: before } = client.find('.snapshots')
    for (const name of ['s', 's', 'other']) {
      const { ctime } = fs.getattr(id)
      fails('NOENT', () => fs.lookup(ROOT, id, bytes(name)))
      assert.ok(compareTime(fs.getattr(id).ctime, ctime) > 0)
    }
    snapshots.create('s')
    const { dirAttributes } = fs.lookup(ROOT, id, bytes('s'))
    assert.ok(compareTime(dirAttributes.ctime, before.ctime) > 0)
    assert.equal(fs.lookup(ROOT, id, bytes('s')).dirAttributes.ctime, dirAttributes.ctime)
  }))

test('LOOKUP finds `.`, `..` and snapshots', () =>
  withRestarts(async ({ client, fs, snapshots }) => {
    client.mkdir('d')
    snapshots.create('Ünï')
    const { id, attributes, dirAttributes } = fs.lookup(ROOT, client.id('d'), NAME)
    assert.equal(dirAttributes, client.stat('d'))
    assert.equal(fs.lookup(ROOT, id, bytes('.')), { id, attributes, dirAttributes: attributes })
    assert.equal(fs.lookup(ROOT, id, bytes('..')).id, client.id('d'))
    const past = fs.lookup(ROOT, id, Buffer.from('Ünï'))
    assert.is(past.attributes.fileid, client.stat('d').fileid)
    assert.equal(past.attributes, fs.getattr(past.id))
    fails('NOENT', () => fs.lookup(ROOT, id, Buffer.from('Ünï', 'latin1')))
    snapshots.create('\ufffd')
    fails('NOENT', () => fs.lookup(ROOT, id, bytes('\xff')))
    fails('NOENT', () => fs.lookup(ROOT, id, NAME))
    fails('NAMETOOLONG', () => fs.lookup(ROOT, id, bytes('x'.repeat(256))))
    // `..` of a directory in a snapshot is the one above it there.
    const above = fs.lookup(ROOT, past.id, bytes('..'))
    assert.equal(above.id, client.id('.snapshots/Ünï'.replace('Ünï', text(Buffer.from('Ünï')))))
  }))

test('READDIR goes on behind any cookie, whatever was made and deleted meanwhile', () =>
  withRestarts(
    async (subject) => {
      const { client, snapshots } = subject
      for (let i = 0; i < 20; i++) snapshots.create(`s${i}`)
      const all = client.entries('.snapshots')
      assert.equal(
        all.map(({ name }) => text(name)),
        ['.', '..', ...Array.from({ length: 20 }, (_, i) => `s${i}`)],
      )
      for (const [at, { cookie }] of all.entries()) {
        assert.equal(client.entries('.snapshots', cookie), all.slice(at + 1))
      }
      for (const i of [3, 7, 8]) await snapshots.delete(`s${i}`)
    },
    async ({ client, fs, snapshots }) => {
      const { cookie = 0 } =
        client.entries('.snapshots').find(({ name }) => text(name) === 's6') ?? {}
      snapshots.create('new')
      const rest = client.entries('.snapshots', cookie).map(({ name }) => text(name))
      assert.equal(rest, [...Array.from({ length: 11 }, (_, i) => `s${i + 9}`), 'new'])
      const id = client.id('.snapshots')
      for (let room = 0; room <= 20; room++) {
        let taken = 0
        const { eof } = fs.readdir(ROOT, id, 0, false, () => taken++ < room)
        assert.is(eof, room >= 20)
      }
    },
  ))

test('READDIR shows the numbers that LOOKUP answers', () =>
  withRestarts(async ({ client, fs, snapshots }) => {
    client.mkdir('d')
    snapshots.create('a')
    const id = client.id('d/.snapshots')
    for (const { name, fileid } of client.entries('d/.snapshots')) {
      assert.is(fs.lookup(ROOT, id, name).attributes.fileid, fileid, text(name))
    }
  }))

test('the name is reserved: nothing can be made, linked, renamed or removed under it', () =>
  withRestarts(async ({ client, fs, root, snapshots }) => {
    snapshots.create('s')
    const f = client.create('f')
    client.mkdir('d')
    const before = client.entries('')
    const made: (() => unknown)[] = [
      () => fs.create(ROOT, root, NAME, { mode: 'GUARDED', attributes: {} }),
      () => fs.create(ROOT, root, NAME, { mode: 'UNCHECKED', attributes: {} }),
      () => fs.create(ROOT, root, NAME, { mode: 'EXCLUSIVE', verifier: bytes('12345678') }),
      () => fs.mkdir(ROOT, root, NAME, {}),
      () => fs.symlink(ROOT, root, NAME, bytes('x'), {}),
      () => fs.mknod(ROOT, root, NAME, FileType.FIFO, NO_DEVICE, {}),
      () => fs.link(ROOT, f, root, NAME),
      () => fs.rename(ROOT, root, bytes('f'), root, NAME),
      () => fs.rename(ROOT, root, bytes('f'), client.id('d'), NAME),
    ]
    for (const action of made) fails('EXIST', action)
    const gone: (() => unknown)[] = [
      () => fs.remove(ROOT, root, NAME),
      () => fs.rmdir(ROOT, root, NAME),
      () => fs.rename(ROOT, root, NAME, root, bytes('x')),
    ]
    for (const action of gone) fails('ACCES', action)
    assert.equal(client.entries(''), before)
    client.create('.snapshots2')
    client.create('.snapshot')
  }))

test('nothing in it can be changed but by MKDIR and RMDIR', () =>
  withRestarts(async ({ client, fs, root, snapshots }) => {
    snapshots.create('s')
    const f = client.create('f')
    const id = client.id('.snapshots')
    const name = bytes('new')
    const changes: (() => unknown)[] = [
      () => fs.setattr(ROOT, id, { mode: 0o777 }),
      () => fs.create(ROOT, id, name, { mode: 'GUARDED', attributes: {} }),
      () => fs.symlink(ROOT, id, name, bytes('x'), {}),
      () => fs.mknod(ROOT, id, name, FileType.FIFO, NO_DEVICE, {}),
      () => fs.link(ROOT, f, id, name),
      () => fs.remove(ROOT, id, bytes('s')),
      () => fs.rename(ROOT, id, bytes('s'), root, name),
      () => fs.rename(ROOT, root, bytes('f'), id, name),
    ]
    for (const change of changes) fails('ROFS', change)
    await rejects('ROFS', async () => fs.write(ROOT, id, 0, name, StableHow.UNSTABLE))
    await rejects('ISDIR', async () => fs.read(ROOT, id, 0, 10))
    fails('INVAL', () => fs.readlink(ROOT, id))
    fails('XDEV', () => fs.link(ROOT, id, root, name))
    assert.equal(client.names('.snapshots'), ['s'])
    assert.ok(fs.statfs(id).tbytes > 0)
  }))

test('its handle goes with its directory, and outlives a restart', () => {
  const ids: FileId[] = []
  const look = (client: Client) => {
    for (const path of ['d', 'e']) ids.push(client.id(`${path}/.snapshots`))
  }
  return withRestarts(
    async ({ client, snapshots }) => {
      client.mkdir('d')
      client.mkdir('e')
      snapshots.create('s')
      look(client)
    },
    async ({ client, fs }) => {
      const [d, e] = ids as [FileId, FileId]
      assert.is(fs.lookup(ROOT, d, bytes('s')).attributes.fileid, d.ino)
      client.rmdir('d')
      fails('STALE', () => fs.getattr(d))
      fails('STALE', () => fs.lookup(ROOT, d, bytes('s')))
      fails('STALE', () => fs.readdir(ROOT, d, 0, false, () => true))
      fails('STALE', () => fs.statfs(d))
      fails('STALE', () => fs.setattr(ROOT, d, { mode: 0 }))
      fs.getattr(e)
    },
  )
})

test.run()
