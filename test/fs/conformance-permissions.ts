/** Who may do what, on any FileSystem that can change. */
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { Access, type Cred, FileType } from '../../src/fs/filesystem.ts'
import { ALICE, BOB, bytes, Client, fails, ROOT, rejects } from './client.ts'
import type { WithSubject } from './conformance.ts'

const { READ, LOOKUP, MODIFY, EXTEND, DELETE, EXECUTE } = Access
const ALL = READ | LOOKUP | MODIFY | EXTEND | DELETE | EXECUTE
/** ALICE is in its group by her list of groups alone. */
const GROUP = 2002

export function permissionConformance(test: Test, withEmpty: WithSubject): void {
  const on = (name: string, body: (client: Client) => Promise<void> | void) =>
    test(`permissions: ${name}`, () =>
      withEmpty(async ({ fs, root }) => body(new Client(fs, root))))

  on('ACCESS of a file says what each class of users has', (client) => {
    const id = client.create('f')
    const write = MODIFY | EXTEND
    const owner: Cred = { uid: 7, gid: 7, gids: [GROUP] }
    for (let bits = 0; bits < 8; bits++) {
      const expected = (bits & 4 ? READ : 0) | (bits & 2 ? write : 0) | (bits & 1 ? EXECUTE : 0)
      client.set('f', { uid: 7, gid: GROUP })
      client.set('f', { mode: bits << 6 })
      assert.is(client.fs.access(owner, id, ALL), expected, `owner ${bits}`)
      assert.is(client.fs.access(ALICE, id, ALL), 0)
      client.set('f', { mode: bits << 3 })
      assert.is(client.fs.access(ALICE, id, ALL), expected, `group ${bits}`)
      assert.is(client.fs.access(owner, id, ALL), 0, 'the owner is not asked for his group')
      client.set('f', { mode: bits })
      assert.is(client.fs.access(BOB, id, ALL), expected, `other ${bits}`)
      assert.is(client.fs.access(ALICE, id, ALL), 0)
      const everything = READ | write | (bits & 1 ? EXECUTE : 0)
      assert.is(client.fs.access(ROOT, id, ALL), everything, `root ${bits}`)
    }
  })

  on('ACCESS of a directory: names change where it may be written and searched', (client) => {
    const id = client.mkdir('d')
    const names = MODIFY | EXTEND | DELETE
    const expected = [0, LOOKUP, 0, LOOKUP | names, READ, READ | LOOKUP, READ]
    for (const [bits, granted] of [...expected, READ | LOOKUP | names].entries()) {
      client.set('d', { mode: bits })
      assert.is(client.fs.access(BOB, id, ALL), granted, `other ${bits}`)
      assert.is(client.fs.access(ROOT, id, ALL), READ | LOOKUP | names)
    }
  })

  on('ACCESS answers only what it was asked', (client) => {
    const id = client.create('f', 0o777)
    assert.is(client.fs.access(BOB, id, READ), READ)
    assert.is(client.fs.access(BOB, id, LOOKUP | DELETE), 0)
    assert.is(client.fs.access(BOB, id, 0), 0)
  })

  on('the owner reads and writes whatever the mode, the others do not', async (client) => {
    const id = client.create('f')
    client.set('f', { uid: ALICE.uid, mode: 0 })
    await client.fs.write(ALICE, id, 0, bytes('mine'), 0)
    await client.fs.read(ALICE, id, 0, 4)
    assert.is(client.fs.access(ALICE, id, ALL), 0)
    await rejects('ACCES', () => client.fs.write(BOB, id, 0, bytes('not'), 0))
    await rejects('ACCES', () => client.fs.read(BOB, id, 0, 4))
  })

  on('names of a directory change for who may write and search it', (client) => {
    client.mkdir('d')
    client.create('d/f')
    client.mkdir('d/e')
    const { fs } = client
    const dir = client.id('d')
    const file = client.id('d/f')
    const changes: (() => unknown)[] = [
      () => fs.create(BOB, dir, bytes('x'), { mode: 'GUARDED', attributes: {} }),
      () => fs.mkdir(BOB, dir, bytes('x'), {}),
      () => fs.symlink(BOB, dir, bytes('x'), bytes('t'), {}),
      () => fs.mknod(BOB, dir, bytes('x'), FileType.FIFO, { specdata1: 0, specdata2: 0 }, {}),
      () => fs.link(BOB, file, dir, bytes('x')),
      () => fs.remove(BOB, dir, bytes('f')),
      () => fs.rmdir(BOB, dir, bytes('e')),
      () => fs.rename(BOB, dir, bytes('f'), dir, bytes('x')),
    ]
    for (const mode of [0o770, 0o771, 0o772, 0o775]) {
      client.set('d', { mode })
      for (const change of changes) fails('ACCES', change)
    }
    assert.equal(client.names('d'), ['f', 'e'])
  })

  on('EXIST comes before ACCES, as Linux has it', (client) => {
    client.mkdir('d', 0o755)
    client.create('d/f')
    fails('EXIST', () => client.as(BOB).mkdir('d/f'))
    fails('ACCES', () => client.as(BOB).mkdir('d/g'))
    fails('NOENT', () => client.as(BOB).remove('d/g'))
  })

  on('a sticky directory’s names belong to the owners of file and directory', (client) => {
    for (const dirOwner of [0, ALICE.uid]) {
      for (const fileOwner of [0, ALICE.uid, BOB.uid]) {
        const allowed = dirOwner === ALICE.uid || fileOwner === ALICE.uid
        const attempt = (action: () => void) => (allowed ? action() : fails('PERM', action))
        const alice = client.as(ALICE)
        client.mkdir('s')
        client.set('s', { mode: 0o1777, uid: dirOwner })
        for (const name of ['a', 'b', 'c']) {
          client.create(`s/${name}`)
          client.set(`s/${name}`, { uid: fileOwner })
        }
        client.mkdir('s/d')
        client.set('s/d', { uid: fileOwner })
        alice.create('s/own')
        attempt(() => alice.remove('s/a'))
        attempt(() => alice.rename('s/b', 's/x'))
        attempt(() => alice.rename('s/own', 's/c'))
        attempt(() => alice.rmdir('s/d'))
        for (const name of client.names('s')) {
          if (name === 'd') client.rmdir('s/d')
          else client.remove(`s/${name}`)
        }
        client.rmdir('s')
      }
    }
  })

  on('READDIRPLUS tells of files only what a LOOKUP would', (client) => {
    client.mkdir('d', 0o744)
    client.create('d/f')
    for (const entry of client.as(BOB).entries('d')) assert.is(entry.found, undefined)
    client.set('d', { mode: 0o745 })
    for (const entry of client.as(BOB).entries('d')) assert.ok(entry.found)
  })

  on('a setgid directory hands its group down, and itself to directories', (client) => {
    client.mkdir('d')
    client.set('d', { gid: GROUP, mode: 0o2777 })
    client.as(BOB).create('d/f', 0o644)
    client.as(BOB).mkdir('d/e', 0o755)
    client.as(BOB).symlink('d/l', 't')
    for (const name of ['f', 'e', 'l']) assert.is(client.stat(`d/${name}`).gid, GROUP)
    assert.is(client.stat('d/f').mode, 0o644)
    assert.is(client.stat('d/e').mode, 0o2755)
    client.as(BOB).create('d/g', 0o2755)
    assert.is(client.stat('d/g').mode, 0o755, 'S_ISGID is for members of the group')
  })
}
