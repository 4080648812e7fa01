/** CREATE, MKDIR, SYMLINK, MKNOD, REMOVE, RMDIR and LINK on any FileSystem. */
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { FileType } from '../../src/fs/filesystem.ts'
import { compareTime } from '../../src/store/time.ts'
import { ALICE, bytes, Client, fails, ROOT, rejects, text } from './client.ts'
import type { WithSubject } from './conformance.ts'

const NO_DEVICE = { specdata1: 0, specdata2: 0 }
const VERIFIER = bytes('12345678')

export function namesConformance(test: Test, withEmpty: WithSubject): void {
  const on = (name: string, body: (client: Client) => Promise<void> | void) =>
    test(`names: ${name}`, () => withEmpty(async ({ fs, root }) => body(new Client(fs, root))))

  on('what was made has its attributes', (client) => {
    const { fs, start } = client
    client.set('', { mode: 0o777 })
    const made = fs.create(ALICE, start, bytes('f'), {
      mode: 'GUARDED',
      attributes: { mode: 0o640, size: 10, mtime: { seconds: 9, nseconds: 1 } },
    })
    assert.is(made.attributes.type, FileType.REG)
    assert.is(made.attributes.mode, 0o640)
    assert.is(made.attributes.uid, ALICE.uid)
    assert.is(made.attributes.gid, ALICE.gid)
    assert.is(made.attributes.size, 10)
    assert.is(made.attributes.nlink, 1)
    assert.equal(made.attributes.mtime, { seconds: 9, nseconds: 1 })
    assert.equal(client.stat('f'), made.attributes)
    assert.equal(client.id('f'), made.id)
  })

  on('only root chooses the owner of what he makes', (client) => {
    client.set('', { mode: 0o777 })
    const attributes = { mode: 0o600, uid: 5, gid: 6 }
    const how = { mode: 'GUARDED' as const, attributes }
    const mine = client.fs.create(ALICE, client.start, bytes('a'), how).attributes
    assert.equal([mine.uid, mine.gid], [ALICE.uid, ALICE.gid])
    const given = client.fs.create(ROOT, client.start, bytes('r'), how).attributes
    assert.equal([given.uid, given.gid], [5, 6])
  })

  on('the directory before and after comes with the answer', (client) => {
    const before = client.stat('')
    const { dir } = client.fs.mkdir(ROOT, client.start, bytes('d'), { mode: 0o755 })
    assert.equal(dir.before, { size: before.size, mtime: before.mtime, ctime: before.ctime })
    assert.equal(dir.after, client.stat(''))
    assert.is(dir.after.nlink, before.nlink + 1)
    assert.ok(compareTime(dir.after.ctime, before.ctime) > 0)
    assert.ok(compareTime(dir.after.mtime, before.mtime) > 0)
  })

  on('a name that is there is EXIST to all but UNCHECKED', (client) => {
    const { fs, start } = client
    client.create('f')
    client.mkdir('d')
    for (const name of ['f', 'd', '.', '..']) {
      const [dir, last] = [start, bytes(name)]
      fails('EXIST', () => fs.create(ROOT, dir, last, { mode: 'GUARDED', attributes: {} }))
      fails('EXIST', () => fs.create(ROOT, dir, last, { mode: 'EXCLUSIVE', verifier: VERIFIER }))
      fails('EXIST', () => fs.mkdir(ROOT, dir, last, {}))
      fails('EXIST', () => fs.symlink(ROOT, dir, last, bytes('t'), {}))
      fails('EXIST', () => fs.mknod(ROOT, dir, last, FileType.FIFO, NO_DEVICE, {}))
      fails('EXIST', () => fs.link(ROOT, client.id('f'), dir, last))
    }
    fails('EXIST', () => fs.create(ROOT, start, bytes('d'), { mode: 'UNCHECKED', attributes: {} }))
  })

  on('UNCHECKED takes a file that is there, and of the attributes the size', async (client) => {
    const { fs, start } = client
    client.create('f', 0o600)
    await client.write('f', 0, 'content')
    const attributes = { mode: 0o777, size: 3 }
    const made = fs.create(ROOT, start, bytes('f'), { mode: 'UNCHECKED', attributes })
    assert.is(made.attributes.mode, 0o600)
    assert.is(made.attributes.size, 3)
    assert.is(await client.readText('f'), 'con')
    const { before, after } = made.dir
    assert.equal(before.ctime, after.ctime)
  })

  on('EXCLUSIVE is sent again with its verifier, until the file is used', async (client) => {
    const { fs, start } = client
    const how = { mode: 'EXCLUSIVE' as const, verifier: VERIFIER }
    const received = VERIFIER.slice()
    const other = { mode: 'EXCLUSIVE' as const, verifier: bytes('abcdefgh') }
    const first = fs.create(ROOT, start, bytes('f'), { ...how, verifier: received })
    received.fill(0)
    assert.equal(fs.create(ROOT, start, bytes('f'), how).id, first.id)
    fails('EXIST', () => fs.create(ROOT, start, bytes('f'), other))
    client.set('f', { mode: 0o644 })
    fails('EXIST', () => fs.create(ROOT, start, bytes('f'), how))
    fs.create(ROOT, start, bytes('g'), how)
    await client.write('g', 0, 'used')
    fails('EXIST', () => fs.create(ROOT, start, bytes('g'), how))
  })

  on('names are bytes, and at most 255 of them', (client) => {
    const { fs, start } = client
    const odd = Uint8Array.from({ length: 255 }, (_, i) => (i + 1 === 0x2f ? 1 : i + 1))
    const { id } = fs.mkdir(ROOT, start, odd, {})
    odd[0] = 99
    const [entry] = client.entries('', 2)
    assert.is(entry?.name.length, 255)
    assert.is(entry?.name[0], 1, 'the name is a copy')
    assert.equal(fs.lookup(ROOT, start, entry?.name ?? odd).id, id)
    fails('NAMETOOLONG', () => fs.mkdir(ROOT, start, bytes('x'.repeat(256)), {}))
    for (const name of ['', 'a/b', 'a\0b']) {
      fails('INVAL', () => fs.mkdir(ROOT, start, bytes(name), {}))
      fails('INVAL', () => fs.remove(ROOT, start, bytes(name)))
    }
  })

  on('a symlink has its target, as its size too', (client) => {
    const { fs, start } = client
    client.symlink('l', 'some/where')
    assert.is(client.stat('l').size, 10)
    assert.is(client.stat('l').mode, 0o777)
    fails('NAMETOOLONG', () => fs.symlink(ROOT, start, bytes('m'), bytes('x'.repeat(4096)), {}))
    fails('INVAL', () => fs.symlink(ROOT, start, bytes('m'), bytes(''), {}))
  })

  on('special files, devices by root alone', (client) => {
    const { fs, start } = client
    client.set('', { mode: 0o777 })
    const device = { specdata1: 8, specdata2: 1 }
    for (const type of [FileType.SOCK, FileType.FIFO]) {
      fs.mknod(ALICE, start, bytes(`s${type}`), type, NO_DEVICE, { mode: 0o600 })
      assert.is(client.stat(`s${type}`).type, type)
    }
    for (const type of [FileType.BLK, FileType.CHR]) {
      fails('PERM', () => fs.mknod(ALICE, start, bytes('x'), type, device, {}))
      fs.mknod(ROOT, start, bytes(`d${type}`), type, device, { mode: 0o600 })
      assert.equal(client.stat(`d${type}`).rdev, device)
    }
    for (const type of [FileType.REG, FileType.DIR, FileType.LNK, 99 as FileType]) {
      fails('BADTYPE', () => fs.mknod(ROOT, start, bytes('x'), type, NO_DEVICE, {}))
    }
  })

  on('REMOVE takes a name away, and with the last one the file', (client) => {
    const id = client.create('f')
    client.link('f', 'g')
    const before = client.stat('g')
    client.remove('f')
    assert.equal(client.names(''), ['g'])
    assert.is(client.stat('g').nlink, 1)
    assert.ok(compareTime(client.stat('g').ctime, before.ctime) > 0)
    client.remove('g')
    fails('STALE', () => client.fs.getattr(id))
    fails('NOENT', () => client.remove('g'))
  })

  on('REMOVE is not for directories, RMDIR only for empty ones', (client) => {
    client.mkdir('d')
    client.mkdir('d/e')
    client.create('f')
    fails('ISDIR', () => client.remove('d'))
    fails('NOTDIR', () => client.rmdir('f'))
    fails('NOTEMPTY', () => client.rmdir('d'))
    fails('NOENT', () => client.rmdir('x'))
    fails('INVAL', () => client.rmdir('d/.'))
    fails('EXIST', () => client.rmdir('d/..'))
    fails('INVAL', () => client.remove('d/.'))
    fails('INVAL', () => client.remove('d/..'))
    client.rmdir('d/e')
    assert.is(client.stat('d').nlink, 2)
    const id = client.id('d')
    client.rmdir('d')
    fails('STALE', () => client.fs.getattr(id))
    fails('STALE', () => client.fs.mkdir(ROOT, id, bytes('x'), {}))
    assert.is(client.stat('').nlink, 2)
  })

  on('LINK gives a file one more name', async (client) => {
    client.create('f')
    client.mkdir('d')
    await client.write('f', 0, 'shared')
    const before = client.stat('f')
    const { attributes, dir } = client.fs.link(ROOT, client.id('f'), client.id('d'), bytes('g'))
    assert.is(attributes.nlink, 2)
    assert.ok(compareTime(attributes.ctime, before.ctime) > 0)
    assert.equal(dir.after, client.stat('d'))
    assert.is(await client.readText('d/g'), 'shared')
    fails('ISDIR', () => client.link('d', 'e'))
    fails('NOTDIR', () => client.fs.link(ROOT, client.id('f'), client.id('f'), bytes('x')))
  })

  on('symlinks and special files can be linked too', (client) => {
    client.symlink('l', 't')
    client.fs.mknod(ROOT, client.start, bytes('p'), FileType.FIFO, NO_DEVICE, {})
    client.link('l', 'l2')
    client.link('p', 'p2')
    assert.is(client.stat('l2').nlink, 2)
    assert.is(client.stat('p').nlink, 2)
    client.remove('l')
    assert.is(text(client.fs.readlink(ROOT, client.id('l2'))), 't')
  })

  on('a cookie is never given out twice', (client) => {
    for (let i = 0; i < 100; i++) client.create(`f${i}`)
    const last = client.entries('').at(-1)?.cookie ?? 0
    for (let i = 0; i < 100; i++) client.remove(`f${i}`)
    assert.equal(client.names(''), [])
    assert.is(client.entries('').length, 2)
    client.create('new')
    assert.ok((client.entries('').at(-1)?.cookie ?? 0) > last)
  })

  on('a listing under way misses nothing and repeats nothing', (client) => {
    for (let i = 0; i < 200; i++) client.create(`f${i}`)
    const seen: string[] = []
    let cookie = 2
    for (let eof = false; !eof; ) {
      let room = 7
      eof = client.fs.readdir(ROOT, client.start, cookie, false, (entry) => {
        if (room-- === 0) return false
        cookie = entry.cookie
        seen.push(text(entry.name))
        return true
      }).eof
      // What was listed goes; what is made comes at the end.
      for (const name of seen.slice(-3)) if (name.startsWith('f')) client.remove(name)
      if (seen.length < 60) client.create(`g${seen.length}`)
    }
    assert.is(new Set(seen).size, seen.length)
    for (let i = 0; i < 200; i++) assert.ok(seen.includes(`f${i}`), `f${i} was not listed`)
    for (const name of client.names('')) assert.ok(seen.includes(name), `${name} was not listed`)
  })

  on('a directory grows with its names, and its size shows it', (client) => {
    const empty = client.stat('').size
    for (let i = 0; i < 500; i++) client.create(`f${i}`)
    assert.ok(client.stat('').size > empty)
    for (let i = 0; i < 500; i++) client.remove(`f${i}`)
    assert.is(client.stat('').size, empty)
  })

  on('a file that is gone is stale for every call', async (client) => {
    const { fs } = client
    const id = client.create('f')
    await client.write('f', 0, 'dirty data goes with it')
    client.remove('f')
    fails('STALE', () => fs.setattr(ROOT, id, { mode: 0 }))
    fails('STALE', () => fs.access(ROOT, id, 1))
    fails('STALE', () => fs.link(ROOT, id, client.start, bytes('x')))
    fails('STALE', () => fs.commit(ROOT, id))
    await rejects('STALE', () => fs.read(ROOT, id, 0, 1))
    await rejects('STALE', () => fs.write(ROOT, id, 0, bytes('x'), 0))
  })
}
