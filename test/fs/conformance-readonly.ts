/** A FileSystem that refuses every change, with the tree that `populate` made. */
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { Access, FileType, StableHow } from '../../src/fs/filesystem.ts'
import { ALICE, bytes, Client, fails, ROOT, rejects } from './client.ts'
import type { WithSubject } from './conformance.ts'

const CHANGES = Access.MODIFY | Access.EXTEND | Access.DELETE

export function readOnlyConformance(test: Test, withPopulated: WithSubject): void {
  const on = (name: string, body: (client: Client) => Promise<void> | void) =>
    test(`read-only: ${name}`, () =>
      withPopulated(async ({ fs, root }) => body(new Client(fs, root))))

  on('every change is ROFS, to root too, and changes nothing', async (client) => {
    const { fs } = client
    const dir = client.id('dir')
    const file = client.id('dir/small')
    const paths = ['', 'dir', 'dir/sub', 'dir/small', 'dir/large', 'many']
    const look = () => [paths.map((path) => client.stat(path)), client.entries('dir')]
    const before = look()
    const rdev = { specdata1: 0, specdata2: 0 }
    const name = bytes('new')
    const changes: (() => unknown)[] = [
      () => fs.setattr(ROOT, file, { mode: 0o777 }),
      () => fs.setattr(ROOT, file, { size: 0 }),
      () => fs.create(ROOT, dir, name, { mode: 'GUARDED', attributes: {} }),
      () => fs.create(ROOT, dir, name, { mode: 'EXCLUSIVE', verifier: bytes('12345678') }),
      () => fs.create(ROOT, dir, bytes('small'), { mode: 'UNCHECKED', attributes: { size: 0 } }),
      () => fs.mkdir(ROOT, dir, name, {}),
      () => fs.symlink(ROOT, dir, name, bytes('target'), {}),
      () => fs.mknod(ROOT, dir, name, FileType.FIFO, rdev, {}),
      () => fs.remove(ROOT, dir, bytes('small')),
      () => fs.rmdir(ROOT, dir, bytes('sub')),
      () => fs.rename(ROOT, dir, bytes('small'), dir, name),
      () => fs.link(ROOT, file, dir, name),
    ]
    for (const change of changes) fails('ROFS', change)
    for (const stable of [StableHow.UNSTABLE, StableHow.FILE_SYNC]) {
      await rejects('ROFS', () => fs.write(ROOT, file, 0, bytes('x'), stable))
    }
    assert.equal(look(), before)
    assert.is(await client.readText('dir/small'), 'hello, world')
  })

  on('ACCESS grants no change to anybody', (client) => {
    for (const path of ['', 'dir', 'dir/sub', 'dir/small', 'dir/large', 'many', 'fifo']) {
      for (const cred of [ROOT, ALICE]) {
        assert.is(client.fs.access(cred, client.id(path), CHANGES), 0, path)
      }
    }
  })

  on('COMMIT and a barrier have nothing to wait for, and succeed', async (client) => {
    const { after } = client.fs.commit(ROOT, client.id('dir/small'))
    assert.equal(after, client.stat('dir/small'))
    assert.is(await new Promise((resolve) => client.fs.barrier(resolve)), undefined)
  })
}
