/**
 * What every FileSystem has to do, whatever it is made of.
 *
 * `conformance` is for file systems that can change; `readingConformance` for any that shows the
 * tree that `populate` makes; `readOnlyConformance`, in a file of its own, for those that refuse
 * every change.
 */
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { Access, type FileId, type FileSystem, FileType } from '../../src/fs/filesystem.ts'
import { ALICE, BOB, bytes, Client, fails, ROOT, rejects, text } from './client.ts'
import { attributeConformance } from './conformance-attributes.ts'
import { dataConformance } from './conformance-data.ts'
import { namesConformance } from './conformance-names.ts'
import { permissionConformance } from './conformance-permissions.ts'
import { renameConformance } from './conformance-rename.ts'

export interface Subject {
  readonly fs: FileSystem
  /** Where the test works: an empty directory, or the one that `populate` filled. */
  readonly root: FileId
}
/** Runs a test on a file system of its own, and closes it whatever happens. */
export type WithSubject = (body: (subject: Subject) => Promise<void>) => Promise<void>

/** Names enough for a directory of several pages. */
const MANY = 150
const LARGE_BYTES = 3 * 1024 * 1024 + 77
const HOLE_BYTES = 5 * 1024 * 1024

/** Adds every case to `test`. @param withEmpty gives an empty directory that root owns */
export function conformance(test: Test, withEmpty: WithSubject): void {
  const withPopulated: WithSubject = (body) =>
    withEmpty(async (subject) => {
      await populate(subject)
      await body(subject)
    })
  readingConformance(test, withPopulated)
  namesConformance(test, withEmpty)
  renameConformance(test, withEmpty)
  attributeConformance(test, withEmpty)
  permissionConformance(test, withEmpty)
  dataConformance(test, withEmpty)
}

/** Bytes that show where they come from. */
export function pattern(length: number): Uint8Array {
  const data = new Uint8Array(length)
  for (let i = 0; i < length; i++) data[i] = (i * 7 + (i >> 8) * 13 + (i >> 16)) & 0xff
  return data
}

/** Makes the tree that `readingConformance` looks at. */
export async function populate({ fs, root }: Subject): Promise<void> {
  const client = new Client(fs, root)
  client.mkdir('dir', 0o750)
  client.mkdir('dir/sub', 0o755)
  client.mkdir('many')
  for (let i = 0; i < MANY; i++) client.create(`many/name ${i}`)
  for (let i = 0; i < MANY; i += 3) client.remove(`many/name ${i}`)
  client.create('dir/small', 0o640)
  await client.write('dir/small', 0, 'hello, world')
  client.create('dir/large', 0o600)
  await client.write('dir/large', 0, pattern(LARGE_BYTES).slice(0, 1024 * 1024))
  await client.write('dir/large', 1024 * 1024, pattern(LARGE_BYTES).slice(1024 * 1024))
  client.create('dir/sparse')
  await client.write('dir/sparse', HOLE_BYTES, 'end')
  client.create('dir/empty', 0o111)
  client.symlink('dir/link', '../many/name 1')
  client.link('dir/small', 'dir/sub/hard')
  client.fs.mknod(ROOT, root, bytes('fifo'), FileType.FIFO, NO_DEVICE, { mode: 0o644 })
  client.fs.mknod(ROOT, root, bytes('null'), FileType.CHR, { specdata1: 1, specdata2: 3 }, {})
  client.set('dir/small', { uid: ALICE.uid, gid: ALICE.gid, mtime: { seconds: 7, nseconds: 5 } })
}

const NO_DEVICE = { specdata1: 0, specdata2: 0 }

export function readingConformance(test: Test, withPopulated: WithSubject): void {
  const on = (name: string, body: (client: Client) => Promise<void> | void) =>
    test(`reading: ${name}`, () =>
      withPopulated(async ({ fs, root }) => body(new Client(fs, root))))

  on('attributes are complete', (client) => {
    const small = client.stat('dir/small')
    assert.is(small.type, FileType.REG)
    assert.is(small.mode, 0o640)
    assert.is(small.nlink, 2)
    assert.is(small.uid, ALICE.uid)
    assert.is(small.gid, ALICE.gid)
    assert.is(small.size, 12)
    assert.equal(small.mtime, { seconds: 7, nseconds: 5 })
    assert.ok(small.ctime.seconds > 0)
    assert.is(client.stat('dir').nlink, 3)
    assert.equal(client.stat('null').rdev, { specdata1: 1, specdata2: 3 })
    assert.is(client.stat('null').type, FileType.CHR)
    assert.is(client.stat('fifo').type, FileType.FIFO)
    assert.is(client.stat('dir/link').type, FileType.LNK)
  })

  on('all names of a hard link show one file', (client) => {
    assert.equal(client.find('dir/small').attributes, client.find('dir/sub/hard').attributes)
    assert.equal(client.id('dir/small'), client.id('dir/sub/hard'))
  })

  on('every file has a number of its own, and all have the same fsid', (client) => {
    const paths = ['', 'dir', 'dir/sub', 'dir/small', 'dir/large', 'fifo', 'null', 'many']
    const all = paths.map((path) => client.stat(path))
    assert.is(new Set(all.map(({ fileid }) => fileid)).size, paths.length)
    assert.is(new Set(all.map(({ fsid }) => fsid)).size, 1)
  })

  on('LOOKUP finds names, `.` and `..`, and shows the directory too', (client) => {
    const { fs, cred } = client
    const dir = client.find('dir')
    const found = fs.lookup(cred, dir.id, bytes('small'))
    assert.equal(found.dirAttributes, dir.attributes)
    assert.equal(found.attributes, client.stat('dir/small'))
    assert.equal(fs.lookup(cred, dir.id, bytes('.')).id, dir.id)
    assert.equal(client.id('dir/sub/..'), dir.id)
  })

  on('LOOKUP refuses what is no name', ({ fs, cred, start }) => {
    fails('NOENT', () => fs.lookup(cred, start, bytes('missing')))
    fails('INVAL', () => fs.lookup(cred, start, bytes('')))
    fails('INVAL', () => fs.lookup(cred, start, bytes('a/b')))
    fails('INVAL', () => fs.lookup(cred, start, bytes('a\0b')))
    fails('NAMETOOLONG', () => fs.lookup(cred, start, bytes('x'.repeat(256))))
    fails('NOTDIR', () => fs.lookup(cred, new Client(fs, start).id('fifo'), bytes('x')))
  })

  on('LOOKUP needs search permission', (client) => {
    fails('ACCES', () => client.as(BOB).find('dir/small'))
    assert.is(client.as(BOB).stat('many').type, FileType.DIR)
  })

  on('a handle whose generation is another is stale', ({ fs, start }) => {
    fails('STALE', () => fs.getattr({ ...start, generation: start.generation ^ 1 }))
    fails('STALE', () => fs.getattr({ ...start, ino: 2 ** 40 }))
  })

  on('READDIR lists every name once, in the order of cookies', (client) => {
    const entries = client.entries('many')
    const expected = Array.from({ length: MANY }, (_, i) => i).filter((i) => i % 3 !== 0)
    assert.equal(entries.map(({ name }) => text(name)).slice(0, 2), ['.', '..'])
    assert.equal(
      client.names('many'),
      expected.map((i) => `name ${i}`),
    )
    const cookies = entries.map(({ cookie }) => cookie)
    assert.equal(
      cookies,
      [...new Set(cookies)].sort((a, b) => a - b),
    )
    assert.ok(cookies.every((cookie) => cookie > 0))
  })

  on('READDIR goes on behind any cookie', (client) => {
    const all = client.entries('many')
    for (const [at, { cookie }] of all.entries()) {
      const rest = client.entries('many', cookie).map(({ name }) => text(name))
      assert.equal(
        rest,
        all.slice(at + 1).map(({ name }) => text(name)),
      )
    }
  })

  on('READDIR stops where an entry does not fit, and says whether it was the last', (client) => {
    const dir = client.id('dir')
    const total = client.entries('dir').length
    for (let room = 0; room <= total; room++) {
      let taken = 0
      const { eof } = client.fs.readdir(ROOT, dir, 0, false, () => taken++ < room)
      assert.is(eof, room >= total, `with room for ${room} of ${total}`)
    }
  })

  on('READDIRPLUS answers what LOOKUP answers', (client) => {
    for (const { name, fileid, found } of client.entries('dir')) {
      const { id, attributes } = client.find(`dir/${text(name)}`)
      assert.is(fileid, attributes.fileid)
      assert.equal(found, { id, attributes })
    }
    for (const { found } of client.entries('dir', 0, false)) assert.is(found, undefined)
  })

  on('READDIR needs read permission, and a directory', (client) => {
    fails('ACCES', () => client.as(BOB).fs.readdir(BOB, client.id('dir'), 0, false, () => true))
    fails('NOTDIR', () => client.fs.readdir(ROOT, client.id('fifo'), 0, false, () => true))
  })

  on('READLINK answers the target, and only of a symlink', (client) => {
    assert.is(text(client.fs.readlink(ROOT, client.id('dir/link'))), '../many/name 1')
    fails('INVAL', () => client.fs.readlink(ROOT, client.id('dir/small')))
    fails('INVAL', () => client.fs.readlink(ROOT, client.id('dir')))
  })

  on('READ answers all bytes of a file, and where it ends', async (client) => {
    assert.is(await client.readText('dir/small'), 'hello, world')
    assert.is(await client.readText('dir/empty'), '')
    const whole = pattern(LARGE_BYTES)
    const piece = 100_003
    for (let offset = 0; offset < LARGE_BYTES; offset += piece) {
      const result = await client.fs.read(ROOT, client.id('dir/large'), offset, piece)
      assert.is(Buffer.compare(result.data, whole.subarray(offset, offset + piece)), 0)
      assert.is(result.eof, offset + piece >= LARGE_BYTES)
      result.release?.()
    }
  })

  on('READ at and beyond the end answers nothing', async (client) => {
    for (const offset of [12, 13, 2 ** 40]) {
      const result = await client.fs.read(ROOT, client.id('dir/small'), offset, 10)
      assert.is(result.data.length, 0)
      assert.is(result.eof, true)
      assert.is(result.attributes.size, 12)
    }
  })

  on('READ of a hole answers zeros, and the hole takes no space', async (client) => {
    const data = await client.read('dir/sparse', HOLE_BYTES - 8)
    assert.is(text(data), '\0\0\0\0\0\0\0\0end')
    const { size, used } = client.stat('dir/sparse')
    assert.is(size, HOLE_BYTES + 3)
    assert.ok(used > 0 && used < 65_536, `${used} bytes used`)
  })

  on('READ of what is no regular file', async (client) => {
    await rejects('ISDIR', () => client.read('dir'))
    await rejects('INVAL', () => client.read('fifo'))
    await rejects('INVAL', () => client.read('dir/link'))
  })

  on('READ needs permission to read or to execute, or ownership', async (client) => {
    const { fs } = client
    await rejects('ACCES', () => fs.read(BOB, client.id('dir/small'), 0, 10))
    await fs.read(ALICE, client.id('dir/small'), 0, 10)
    await fs.read(BOB, client.id('dir/empty'), 0, 10)
  })

  on('ACCESS grants what the bits say for reading', (client) => {
    const { fs } = client
    const reading = Access.READ | Access.LOOKUP | Access.EXECUTE
    assert.is(fs.access(BOB, client.id('dir'), reading), 0)
    assert.is(fs.access(BOB, client.id('many'), reading), Access.READ | Access.LOOKUP)
    assert.is(fs.access(ALICE, client.id('dir/small'), reading), Access.READ)
    assert.is(fs.access(BOB, client.id('dir/empty'), reading), Access.EXECUTE)
    assert.is(fs.access(ROOT, client.id('dir/empty'), reading), Access.READ | Access.EXECUTE)
    assert.is(fs.access(ROOT, client.id('dir/large'), reading), Access.READ)
  })

  on('FSSTAT counts', ({ fs, start }) => {
    const { tbytes, fbytes, abytes, tfiles, ffiles, afiles } = fs.statfs(start)
    assert.ok(tbytes >= fbytes && fbytes >= abytes && abytes >= 0)
    assert.ok(tfiles >= ffiles && ffiles >= afiles && afiles >= 0)
  })
}
