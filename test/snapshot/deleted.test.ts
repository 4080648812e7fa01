import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Deleted } from '../../src/snapshot/deleted.ts'
import { listAll } from '../../src/snapshot/listing.ts'
import type { Reader } from '../../src/store/dataset.ts'
import { FileType } from '../../src/store/records.ts'
import { bytes, rejects, text } from '../fs/client.ts'
import { Random } from '../model/random.ts'
import { changeSomething } from './diff-random.ts'
import { put, type Subject, withRestarts } from './harness.ts'

const test = suite('snapshot/deleted')

/** `path files/size snapshot`, and `> now` where it moved. */
async function deletedIn({ live, snapshots }: Subject, path: string, all = false) {
  const found: string[] = []
  for await (const entry of new Deleted(live, snapshots, { path: bytes(path), all }).entries()) {
    const { files, size, snapshot, isElsewhere, now } = entry
    const moved = isElsewhere ? ` > ${now === undefined ? '?' : text(now)}` : ''
    found.push(`${text(entry.path)} ${files}/${size} ${snapshot}${moved}`)
  }
  return found
}

/** A tree that loses something after each of the snapshots `a`, `b` and `c`. */
async function lost({ client, snapshots }: Subject): Promise<void> {
  for (const path of ['d', 'd/sub', 'd/sub/deep', 'kept', 'kept/below']) client.mkdir(path)
  for (const path of ['d/1', 'd/2', 'd/sub/3', 'd/sub/deep/4', 'kept/5', 'kept/below/6']) {
    await put(client, path, 0, bytes(path))
  }
  snapshots.create('a')
  client.remove('d/sub/3')
  client.remove('kept/below/6')
  snapshots.create('b')
  for (const path of ['d/1', 'd/2', 'd/sub/deep/4']) client.remove(path)
  for (const path of ['d/sub/deep', 'd/sub']) client.rmdir(path)
  client.create('d/new')
  snapshots.create('c')
  client.remove('d/new')
  client.rename('kept/5', 'moved')
}

test('tells what is gone with the newest snapshot that has it; a directory as one line', () =>
  withRestarts(async (subject) => {
    await lost(subject)
    assert.equal(await deletedIn(subject, ''), [
      'd/1 1/3 b',
      'd/2 1/3 b',
      'd/new 1/0 c',
      'd/sub 1/12 b',
      'kept/below/6 1/12 a',
    ])
    assert.equal(await deletedIn(subject, 'kept/below'), ['kept/below/6 1/12 a'])
  }))

test('with all of it: files of directories that are gone, also older ones, and what moved', () =>
  withRestarts(async (subject) => {
    await lost(subject)
    assert.equal(await deletedIn(subject, '', true), [
      'd/1 1/3 b',
      'd/2 1/3 b',
      'd/new 1/0 c',
      'd/sub 1/12 b',
      'd/sub/3 1/7 a',
      'd/sub/deep 1/12 b',
      'd/sub/deep/4 1/12 b',
      'kept/5 1/6 c > moved',
      'kept/below/6 1/12 a',
    ])
  }))

test('looks into a directory that is gone itself, and one that is another one now', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    await lost(subject)
    client.rmdir('d')
    assert.equal((await deletedIn(subject, 'd')).length, 4)
    assert.equal(await deletedIn(subject, ''), ['d 1/0 c', 'kept/below/6 1/12 a'])
    client.mkdir('d')
    client.create('d/1')
    assert.equal(await deletedIn(subject, 'd'), ['d/2 1/3 b', 'd/new 1/0 c', 'd/sub 1/12 b'])
    snapshots.create('e')
    client.remove('d/1')
    client.rmdir('d')
    client.create('d')
    assert.equal(await deletedIn(subject, ''), ['d 1/0 e', 'kept/below/6 1/12 a'])
  }))

test('what was restored is not gone, nor what a deleted snapshot had', () =>
  withRestarts(async (subject) => {
    await lost(subject)
    await subject.restore('b', 'd')
    assert.equal(await deletedIn(subject, 'd'), ['d/new 1/0 c', 'd/sub/3 1/7 a'])
    await subject.snapshots.delete('c')
    const [first] = await deletedIn(subject, 'd')
    assert.is(first, 'd/sub/3 1/7 a')
  }))

interface Tree {
  readonly inos: Map<string, number>
  readonly directories: Set<string>
}

/** All paths of a tree; a directory's before those below it. */
function treeOf(reader: Reader): Tree {
  const tree = { inos: new Map<string, number>(), directories: new Set<string>() }
  const visit = (ino: number, path: string): void => {
    const inode = reader.inodes.get(ino)
    if (inode?.type !== FileType.DIR) return
    tree.directories.add(path)
    for (const entry of [...listAll(reader, ino, inode)]) {
      const below = path === '' ? text(entry.name) : `${path}/${text(entry.name)}`
      tree.inos.set(below, entry.ino)
      visit(entry.ino, below)
    }
  }
  visit(1, '')
  return tree
}

/** `path snapshot`, from a comparison of everything with everything. */
function expected({ live, snapshots }: Subject, all: boolean): string[] {
  const now = treeOf(live.dataset)
  const alive = new Set(now.inos.values())
  const pasts = [...snapshots.list()].reverse().map(({ name, epoch }) => {
    return { name, ...treeOf(live.dataset.at(epoch)) }
  })
  const found: string[] = []
  const visited = new Set([''])
  const paths = [...new Set(pasts.flatMap(({ inos }) => [...inos.keys()]))]
  for (const path of paths.sort((a, b) => a.split('/').length - b.split('/').length)) {
    if (!visited.has(path.slice(0, Math.max(0, path.lastIndexOf('/'))))) continue
    if (now.directories.has(path)) {
      visited.add(path)
      continue
    }
    const past = pasts.find(({ inos, directories }) => {
      const ino = inos.get(path)
      if (ino === undefined || (!all && alive.has(ino))) return false
      return !now.inos.has(path) || directories.has(path)
    })
    if (past === undefined) continue
    found.push(`${path} ${past.name}`)
    const moved = past.directories.has(path) && alive.has(past.inos.get(path) ?? 0)
    if (all && !moved) visited.add(path)
  }
  return found.sort()
}

for (let seed = 1; seed <= 8; seed++) {
  test(`tells what comparing everything tells (seed ${seed})`, () =>
    withRestarts(async (subject) => {
      const random = new Random(seed)
      for (let round = 0; round < 8; round++) {
        for (let step = 0; step < 20; step++) await changeSomething(subject, random)
        if (round < 7) subject.snapshots.create(`s${round}`)
      }
      for (const all of [false, true]) {
        const told = await deletedIn(subject, '', all)
        assert.equal(
          told.map((line) => line.replace(/ \d+\/\d+ (s\d).*/, ' $1')).sort(),
          expected(subject, all),
        )
        assert.ok(told.length > 0)
      }
    }))
}

test('a directory that no snapshot has, and a file', () =>
  withRestarts(async (subject) => {
    await lost(subject)
    await rejects('NOENT', () => deletedIn(subject, 'never'))
    await rejects('NOTDIR', () => deletedIn(subject, 'kept/5'))
  }))

test.run()
