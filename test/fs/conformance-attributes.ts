/** SETATTR on any FileSystem. */
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { FileType } from '../../src/fs/filesystem.ts'
import { compareTime } from '../../src/store/time.ts'
import { ALICE, BOB, bytes, Client, fails, ROOT } from './client.ts'
import type { WithSubject } from './conformance.ts'

export function attributeConformance(test: Test, withEmpty: WithSubject): void {
  const on = (name: string, body: (client: Client) => Promise<void> | void) =>
    test(`attributes: ${name}`, () => withEmpty(async ({ fs, root }) => body(new Client(fs, root))))

  on('each change moves ctime, by a nanosecond at least', (client) => {
    client.create('f')
    for (let i = 0; i < 50; i++) {
      const before = client.stat('f').ctime
      client.set('f', { mode: 0o600 })
      assert.ok(compareTime(client.stat('f').ctime, before) > 0)
    }
  })

  on('a SETATTR of nothing changes nothing', (client) => {
    client.create('f')
    const before = client.stat('f')
    const change = client.fs.setattr(BOB, client.id('f'), {})
    assert.equal(change.after, before)
    assert.equal(client.stat('f'), before)
  })

  on('before and after come with the answer', (client) => {
    client.create('f')
    const { size, mtime, ctime } = client.stat('f')
    const change = client.fs.setattr(ROOT, client.id('f'), { size: 5 })
    assert.equal(change.before, { size, mtime, ctime })
    assert.equal(change.after, client.stat('f'))
    assert.is(change.after.size, 5)
  })

  on('a guard must be the ctime, to the nanosecond', async (client) => {
    const id = client.create('f')
    const { ctime } = client.stat('f')
    const late = { seconds: ctime.seconds, nseconds: (ctime.nseconds + 1) % 1_000_000_000 }
    fails('NOT_SYNC', () => client.fs.setattr(ROOT, id, { mode: 0o600 }, late))
    fails('NOT_SYNC', () => client.fs.setattr(ROOT, id, {}, late))
    assert.is(client.stat('f').mode, 0o644)
    client.fs.setattr(ROOT, id, { mode: 0o600 }, ctime)
    const { ctime: unwritten } = client.stat('f')
    await client.write('f', 0, 'a write moves it too')
    fails('NOT_SYNC', () => client.fs.setattr(ROOT, id, { mode: 0o640 }, unwritten))
    client.fs.setattr(ROOT, id, { mode: 0o640 }, client.stat('f').ctime)
  })

  on('only the owner and root change the mode', (client) => {
    client.create('f')
    client.set('f', { uid: ALICE.uid, gid: ALICE.gid })
    client.as(ALICE).set('f', { mode: 0o1604 })
    assert.is(client.stat('f').mode, 0o1604)
    fails('PERM', () => client.as(BOB).set('f', { mode: 0o777 }))
    client.set('f', { mode: 0o6755 })
    assert.is(client.stat('f').mode, 0o6755)
  })

  on('S_ISGID is for members of the group', (client) => {
    client.create('f')
    client.set('f', { uid: ALICE.uid, gid: BOB.gid })
    client.as(ALICE).set('f', { mode: 0o6755 })
    assert.is(client.stat('f').mode, 0o4755)
    client.as(ALICE).set('f', { gid: 2002 })
    client.as(ALICE).set('f', { mode: 0o2755 })
    assert.is(client.stat('f').mode, 0o2755)
  })

  on('the mode of a symlink is nobody’s to set', (client) => {
    const id = client.symlink('l', 't')
    const { ctime } = client.stat('l')
    client.fs.setattr(BOB, id, { mode: 0 })
    assert.is(client.stat('l').mode, 0o777)
    assert.equal(client.stat('l').ctime, ctime)
  })

  on('only root gives a file away; its owner chooses among his groups', (client) => {
    client.create('f')
    client.set('f', { uid: ALICE.uid, gid: ALICE.gid })
    const alice = client.as(ALICE)
    fails('PERM', () => alice.set('f', { uid: BOB.uid }))
    fails('PERM', () => alice.set('f', { gid: BOB.gid }))
    fails('PERM', () => client.as(BOB).set('f', { gid: BOB.gid }))
    fails('PERM', () => client.as(BOB).set('f', { uid: ALICE.uid }))
    alice.set('f', { uid: ALICE.uid, gid: 2002 })
    assert.is(client.stat('f').gid, 2002)
    client.set('f', { gid: BOB.gid })
    alice.set('f', { gid: BOB.gid })
    client.set('f', { uid: 0xffff_fffe, gid: 0xffff_fffe })
    assert.is(client.stat('f').uid, 0xffff_fffe)
  })

  on('a change of owner takes suid and sgid away, but not of directories', (client) => {
    client.mkdir('d')
    for (const name of ['f', 'd']) {
      if (name === 'f') client.create('f')
      client.set(name, { mode: 0o6555 })
      client.set(name, { uid: 5 })
    }
    assert.is(client.stat('f').mode, 0o555)
    assert.is(client.stat('d').mode, 0o6555)
    client.set('f', { mode: 0o6644 })
    client.set('f', { gid: 5 })
    assert.is(client.stat('f').mode, 0o2644, 'without S_IXGRP, S_ISGID is no privilege')
    client.set('f', { uid: 7, mode: 0o4755 })
    assert.is(client.stat('f').mode, 0o4755, 'a mode that comes along is meant so')
  })

  on('times: any for the owner, `now` for who may write', (client) => {
    client.create('f', 0o646)
    client.set('f', { uid: ALICE.uid })
    const past = { seconds: 1_000, nseconds: 999_999_999 }
    fails('PERM', () => client.as(BOB).set('f', { atime: past, mtime: past }))
    fails('PERM', () => client.as(BOB).set('f', { atime: 'now', mtime: past }))
    client.as(ALICE).set('f', { atime: past, mtime: { seconds: 0xffff_ffff, nseconds: 0 } })
    assert.equal(client.stat('f').atime, past)
    assert.is(client.stat('f').mtime.seconds, 0xffff_ffff)
    client.as(BOB).set('f', { atime: 'now', mtime: 'now' })
    assert.equal(client.stat('f').atime, client.stat('f').ctime)
    assert.equal(client.stat('f').mtime, client.stat('f').ctime)
    client.set('f', { mode: 0o644 })
    fails('ACCES', () => client.as(BOB).set('f', { atime: 'now', mtime: 'now' }))
    const { mtime } = client.stat('f')
    client.set('f', { atime: past })
    assert.equal(client.stat('f').mtime, mtime)
  })

  on('a size set to what it was still moves mtime', (client) => {
    client.create('f')
    client.set('f', { size: 7, mtime: { seconds: 5, nseconds: 0 } })
    assert.equal(client.stat('f').mtime, { seconds: 5, nseconds: 0 })
    client.set('f', { size: 7 })
    assert.equal(client.stat('f').mtime, client.stat('f').ctime)
  })

  on('a size is for regular files, and for who may write', (client) => {
    const { fs, start } = client
    client.create('f', 0o606)
    client.set('f', { uid: ALICE.uid, gid: BOB.gid })
    client.mkdir('d', 0o777)
    client.symlink('l', 't')
    fs.mknod(ROOT, start, bytes('p'), FileType.FIFO, { specdata1: 0, specdata2: 0 }, {})
    fails('ISDIR', () => client.set('d', { size: 0 }))
    fails('INVAL', () => client.set('l', { size: 0 }))
    fails('INVAL', () => client.set('p', { size: 0 }))
    fails('ACCES', () => client.as(BOB).set('f', { size: 0 }))
    fails('FBIG', () => client.set('f', { size: 2 ** 53 }))
    client.set('f', { mode: 0 })
    client.as(ALICE).set('f', { size: 10 })
    assert.is(client.stat('f').size, 10)
  })

  on('what fails changes nothing', (client) => {
    client.create('f')
    const before = client.stat('f')
    fails('PERM', () => client.as(ALICE).set('f', { mode: 0o777, atime: 'now' }))
    fails('ACCES', () => client.as(ALICE).set('f', { size: 5, mtime: 'now' }))
    assert.equal(client.stat('f'), before)
  })
}
