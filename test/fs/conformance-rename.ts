/** RENAME on any FileSystem. */
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { compareTime } from '../../src/store/time.ts'
import { ALICE, bytes, Client, fails, ROOT, text } from './client.ts'
import type { WithSubject } from './conformance.ts'

export function renameConformance(test: Test, withEmpty: WithSubject): void {
  const on = (name: string, body: (client: Client) => Promise<void> | void) =>
    test(`rename: ${name}`, () => withEmpty(async ({ fs, root }) => body(new Client(fs, root))))

  on('within a directory', async (client) => {
    const id = client.create('a')
    await client.write('a', 0, 'content')
    const before = client.stat('a')
    const dir = client.stat('')
    client.rename('a', 'b')
    assert.equal(client.names(''), ['b'])
    assert.equal(client.id('b'), id)
    assert.is(await client.readText('b'), 'content')
    assert.ok(compareTime(client.stat('b').ctime, before.ctime) > 0)
    assert.equal(client.stat('b').mtime, before.mtime)
    assert.ok(compareTime(client.stat('').mtime, dir.mtime) > 0)
    assert.ok(compareTime(client.stat('').ctime, dir.ctime) > 0)
  })

  on('to another directory, whose times move too', (client) => {
    client.mkdir('d')
    client.mkdir('e')
    const id = client.create('d/f')
    const { from, to } = client.fs.rename(
      ROOT,
      client.id('d'),
      bytes('f'),
      client.id('e'),
      bytes('g'),
    )
    assert.equal(client.names('d'), [])
    assert.equal(client.names('e'), ['g'])
    assert.equal(client.id('e/g'), id)
    assert.equal(from.after, client.stat('d'))
    assert.equal(to.after, client.stat('e'))
    assert.ok(compareTime(from.after.mtime, from.before.mtime) > 0)
    assert.ok(compareTime(to.after.mtime, to.before.mtime) > 0)
  })

  on('a directory to another one moves its `..` and the links', (client) => {
    client.mkdir('d')
    client.mkdir('e')
    client.mkdir('d/sub')
    client.create('d/sub/inside')
    client.rename('d/sub', 'e/sub')
    assert.is(client.stat('d').nlink, 2)
    assert.is(client.stat('e').nlink, 3)
    assert.equal(client.id('e/sub/..'), client.id('e'))
    assert.ok(client.has('e/sub/inside'))
  })

  on('over a file: its link is gone', async (client) => {
    const id = client.create('a')
    const gone = client.create('b')
    client.create('c')
    client.link('c', 'd')
    const before = client.stat('d')
    client.rename('a', 'b')
    assert.equal(client.id('b'), id)
    fails('STALE', () => client.fs.getattr(gone))
    client.rename('b', 'c')
    assert.is(client.stat('d').nlink, 1)
    assert.ok(compareTime(client.stat('d').ctime, before.ctime) > 0)
    assert.equal(client.names(''), ['c', 'd'])
  })

  on('over a name of the same file does nothing', (client) => {
    client.create('a')
    client.link('a', 'b')
    const dir = client.stat('')
    const file = client.stat('a')
    client.rename('a', 'b')
    client.rename('a', 'a')
    assert.equal(client.names(''), ['a', 'b'])
    assert.equal(client.stat(''), dir)
    assert.equal(client.stat('a'), file)
  })

  on('a directory over an empty one', (client) => {
    const id = client.mkdir('a')
    const gone = client.mkdir('b')
    client.mkdir('full')
    client.create('full/f')
    client.rename('a', 'b')
    assert.equal(client.id('b'), id)
    fails('STALE', () => client.fs.getattr(gone))
    assert.is(client.stat('').nlink, 4)
    fails('NOTEMPTY', () => client.rename('b', 'full'))
    client.mkdir('full/sub')
    client.rename('b', 'full/sub')
    assert.is(client.stat('full').nlink, 3)
    assert.is(client.stat('').nlink, 3)
  })

  on('a directory and something else do not replace each other', (client) => {
    client.mkdir('d')
    client.create('f')
    client.symlink('l', 'd')
    fails('ISDIR', () => client.rename('f', 'd'))
    fails('ISDIR', () => client.rename('l', 'd'))
    fails('NOTDIR', () => client.rename('d', 'f'))
    client.rename('l', 'f')
    assert.is(text(client.fs.readlink(ROOT, client.id('f'))), 'd')
  })

  on('a directory cannot move into itself', (client) => {
    client.mkdir('a')
    client.mkdir('a/b')
    client.mkdir('a/b/c')
    fails('INVAL', () => client.rename('a', 'a/x'))
    fails('INVAL', () => client.rename('a', 'a/b/c/x'))
    fails('INVAL', () => client.rename('a/b', 'a/b/c'))
    fails('NOTEMPTY', () => client.rename('a/b/c', 'a'))
    client.rename('a/b/c', 'c')
    client.rename('a', 'c/a')
    assert.ok(client.has('c/a/b'))
  })

  on('what is no name, or not there', (client) => {
    client.mkdir('d')
    client.create('f')
    for (const name of ['.', '..', '', 'a/b']) {
      const odd = bytes(name)
      const { fs, start } = client
      fails('INVAL', () => fs.rename(ROOT, start, odd, start, bytes('x')))
      fails('INVAL', () => fs.rename(ROOT, start, bytes('f'), start, odd))
    }
    fails('NOENT', () => client.rename('missing', 'x'))
    fails('NAMETOOLONG', () => client.rename('f', 'x'.repeat(256)))
    fails('NOTDIR', () =>
      client.fs.rename(ROOT, client.start, bytes('d'), client.id('f'), bytes('x')),
    )
  })

  on('needs permission in both directories', (client) => {
    client.set('', { mode: 0o777 })
    client.mkdir('mine', 0o777)
    client.mkdir('closed', 0o755)
    client.create('mine/f')
    client.create('closed/f')
    const alice = client.as(ALICE)
    fails('ACCES', () => alice.rename('mine/f', 'closed/g'))
    fails('ACCES', () => alice.rename('closed/f', 'mine/g'))
    alice.rename('mine/f', 'f')
  })

  on('a directory that gets another parent is written itself', (client) => {
    client.mkdir('a', 0o777)
    client.mkdir('b', 0o777)
    client.mkdir('a/sub', 0o755)
    const alice = client.as(ALICE)
    fails('ACCES', () => alice.rename('a/sub', 'b/sub'))
    alice.rename('a/sub', 'a/other')
    client.set('a/other', { uid: ALICE.uid })
    alice.rename('a/other', 'b/sub')
  })

  on('in a listing under way a file shows up once', (client) => {
    for (let i = 0; i < 100; i++) client.create(`f${i}`)
    const seen: string[] = []
    let cookie = 2
    for (let eof = false; !eof; ) {
      let room = 10
      eof = client.fs.readdir(ROOT, client.start, cookie, false, (entry) => {
        if (room-- === 0) return false
        cookie = entry.cookie
        seen.push(text(entry.name))
        return true
      }).eof
      for (const name of seen.slice(-10)) if (name.startsWith('f')) client.rename(name, `r${name}`)
    }
    assert.is(seen.length, 100)
    assert.is(client.names('').length, 100)
  })
}
