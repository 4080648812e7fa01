import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { joined } from '../../src/snapshot/paths.ts'
import { directoryNames, hintedPlace, searchPlaces } from '../../src/snapshot/paths-of.ts'
import type { Reader } from '../../src/store/dataset.ts'
import { text } from '../fs/client.ts'
import { put, type Subject, withRestarts } from './harness.ts'

const test = suite('snapshot/paths-of')

const noPause = () => undefined

/** The path that a file's hint tells of. */
function hinted(reader: Reader, ino: number): string | undefined {
  const inode = reader.inodes.get(ino)
  const place = inode && hintedPlace(reader, ino, inode)
  const above = place && directoryNames(reader, 1, place.dir)
  return above && place && text(joined([...above, place.name]))
}

const now = ({ live, client }: Subject, path: string) => hinted(live.reader, client.id(path).ino)

test('what is made tells where it is, of every type', () =>
  withRestarts(async (subject) => {
    const { client, live } = subject
    client.mkdir('a')
    client.mkdir('a/b')
    client.create('a/b/file')
    client.symlink('a/b/link', 'nowhere')
    assert.equal(
      ['a', 'a/b', 'a/b/file', 'a/b/link'].map((path) => now(subject, path)),
      ['a', 'a/b', 'a/b/file', 'a/b/link'],
    )
    assert.equal(directoryNames(live.reader, 1, 1), [])
    assert.is(directoryNames(live.reader, 1, 77_777), undefined)
  }))

test('a rename takes the hint along: within a directory, to another, over a file', () =>
  withRestarts(async (subject) => {
    const { client } = subject
    client.mkdir('a')
    client.mkdir('b')
    for (const name of ['a/1', 'a/2', 'a/3', 'b/4', 'b/5']) client.create(name)
    client.mkdir('a/dir')
    for (const [from, to] of [
      ['a/1', 'a/renamed'],
      ['a/2', 'b/moved'],
      ['a/3', 'b/4'],
      ['b/moved', 'b/5'],
      ['a/dir', 'b/dir'],
    ] as const) {
      client.rename(from, to)
      assert.is(now(subject, to), to)
    }
  }))

test('the hint is the newest name; stale where that one is gone, until the tree is searched', () =>
  withRestarts(async (subject) => {
    const { client, live } = subject
    client.mkdir('d')
    client.create('first')
    client.link('first', 'd/second')
    assert.is(now(subject, 'first'), 'd/second')
    client.remove('d/second')
    assert.is(now(subject, 'first'), undefined)
    const { ino } = client.id('first')
    const found = await searchPlaces(live.reader, 1, new Set([ino, 99_999]), noPause)
    assert.equal([...found.keys()], [ino])
    assert.is(text(found.get(ino)?.name ?? new Uint8Array()), 'first')
  }))

test('a name that stands for another file now is no hint', () =>
  withRestarts(async (subject) => {
    const { client } = subject
    client.create('a')
    client.link('a', 'b')
    client.create('c')
    client.rename('c', 'b')
    assert.is(now(subject, 'a'), undefined)
    assert.is(now(subject, 'b'), 'b')
  }))

test('what is restored tells where it is: in place, elsewhere, as a link; a snapshot tells the old', () =>
  withRestarts(async (subject) => {
    const { client, snapshots, live } = subject
    client.mkdir('d')
    await put(client, 'd/a', 0, new Uint8Array(10))
    client.link('d/a', 'd/z')
    await put(client, 'd/changed', 0, new Uint8Array(10))
    const { ino } = client.id('d')
    snapshots.create('s')
    const past = live.dataset.at(snapshots.get('s').epoch)
    client.rename('d', 'e')
    assert.is(hinted(past, ino), 'd')
    await client.write('e/changed', 0, 'new')
    await subject.restore('s', 'd')
    await subject.restore('s', 'd', { to: new TextEncoder().encode('copy') })
    for (const path of ['d', 'd/changed', 'd/z', 'copy', 'copy/changed', 'copy/z', 'e']) {
      assert.is(now(subject, path), path)
    }
  }))

test.run()
