import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Versions } from '../../src/snapshot/versions.ts'
import { bytes, rejects } from '../fs/client.ts'
import { blocks, put, type Subject, withRestarts } from './harness.ts'

const test = suite('snapshot/versions')

/** `size: now snapshots`, for each version. */
async function versionsOf({ live, snapshots }: Subject, path: string): Promise<string[]> {
  const found: string[] = []
  for await (const version of new Versions(live, snapshots, bytes(path)).entries()) {
    const names = [...(version.isNow ? ['now'] : []), ...version.snapshots]
    assert.is(version.snapshotCount, version.snapshots.length)
    found.push(`${version.size}: ${names.join(' ')}`)
  }
  return found
}

test('snapshots with one content are one version, whatever its dates; the newest comes first', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    snapshots.create('before')
    await put(client, 'f', 0, blocks(300, 1))
    snapshots.create('a')
    client.set('f', { mtime: { seconds: 5, nseconds: 0 }, mode: 0o600 })
    snapshots.create('b')
    await put(client, 'f', 5000, bytes('x'))
    snapshots.create('c')
    await put(client, 'f', 5000, bytes('y'))
    snapshots.create('d')
    client.remove('f')
    snapshots.create('none')
    await put(client, 'f', 0, blocks(300, 1))
    const size = 300 * 4096
    assert.equal(await versionsOf(subject, 'f'), [`${size}: now b a`, `${size}: d`, `${size}: c`])
  }))

test('what is only in memory yet counts as now', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    await put(client, 'f', 0, bytes('one'))
    snapshots.create('a')
    await client.write('f', 0, 'two')
    assert.equal(await versionsOf(subject, 'f'), ['3: now', '3: a'])
  }))

test('a restored version is the old one again; a deleted file has its versions still', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    client.mkdir('d')
    await put(client, 'd/f', 0, bytes('one'))
    snapshots.create('a')
    await put(client, 'd/f', 0, bytes('longer'))
    snapshots.create('b')
    await subject.restore('a', 'd/f')
    const [restored, other] = await versionsOf(subject, 'd/f')
    assert.match(restored ?? '', /^3: now a$/)
    assert.match(other ?? '', /^6: pre-restore-\S+ b$/)
    client.remove('d/f')
    client.rmdir('d')
    await snapshots.delete('a')
    assert.is((await versionsOf(subject, 'd/f')).length, 1)
  }))

test('symlinks are told apart by where they point, directories are none', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    client.symlink('f', 'a')
    client.mkdir('d')
    snapshots.create('a')
    client.remove('f')
    client.symlink('f', 'b')
    assert.equal(await versionsOf(subject, 'f'), ['1: now', '1: a'])
    await rejects('ISDIR', () => versionsOf(subject, 'd'))
    await rejects('NOENT', () => versionsOf(subject, 'd/never'))
    await rejects('NOENT', () => versionsOf(subject, 'f/below'))
  }))

test.run()
