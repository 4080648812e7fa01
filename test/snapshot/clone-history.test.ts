/** What is told of the past of a clone: diff, versions, deleted; and `.snapshots` in it. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Deleted } from '../../src/snapshot/deleted.ts'
import { Diff } from '../../src/snapshot/diff.ts'
import type { OpenDataset } from '../../src/snapshot/open-dataset.ts'
import { Versions } from '../../src/snapshot/versions.ts'
import {
  at,
  bytes,
  code,
  data,
  link,
  listing,
  mkdir,
  OWNER,
  ROOT,
  remove,
  rename,
  sound,
  withVolume,
  write,
} from './clone-scene.ts'

const test = suite('snapshot/clone-history')

async function diff(of: OpenDataset, from: string, to?: string): Promise<string[]> {
  const found: string[] = []
  for await (const entry of new Diff(of.live, of.snapshots, { from, to }).entries()) {
    const { kind, path, from: before } = entry
    const source = before === undefined ? '' : ` from ${Buffer.from(before)}`
    found.push(`${kind} ${Buffer.from(path)}${source}`)
  }
  return found.sort()
}

function furnish(of: OpenDataset): void {
  mkdir(of, 'dir')
  mkdir(of, 'dir/below')
  for (let i = 0; i < 40; i++) write(of, `dir/below/f${i}`, data(100 + i, i))
  write(of, 'large', data(1_500_000, 1))
  write(of, 'other', data(9000, 2))
  link(of, 'other', 'dir/linked')
}

function change(of: OpenDataset): void {
  write(of, 'large', data(5000, 9), 1_200_000)
  rename(of, 'dir/below/f3', 'moved')
  remove(of, 'dir/below/f5')
  write(of, 'dir/below/f50', data(10, 1))
  remove(of, 'dir/linked')
  mkdir(of, 'dir/new')
}

test('diff tells the same of a clone as of a dataset that was made by itself', () =>
  withVolume(async (volume) => {
    const { datasets } = volume
    const plain = datasets.create('plain', OWNER)
    furnish(plain)
    plain.snapshots.create('base')
    const clone = datasets.clone(plain, 'base', 'copy')
    for (const of of [plain, clone]) {
      of.snapshots.create('one')
      change(of)
      of.snapshots.create('two')
      write(of, 'moved', data(10, 3))
      remove(of, 'other')
    }
    const told = await diff(plain, 'one')
    assert.ok(told.length > 6, told.join())
    assert.equal(await diff(clone, 'one'), told)
    assert.equal(await diff(clone, 'one', 'two'), await diff(plain, 'one', 'two'))
    assert.equal(await diff(clone, 'two', 'one'), await diff(plain, 'two', 'one'))
    await datasets.promote('copy')
    assert.equal(await diff(clone, 'one'), told)
    assert.equal(await diff(clone, 'two'), await diff(plain, 'two'))
    await sound(volume)
  }))

test('versions and deleted files of a clone are those of its own snapshots', () =>
  withVolume(async (volume) => {
    const { datasets } = volume
    furnish(datasets.root)
    datasets.root.snapshots.create('base')
    const clone = datasets.clone(datasets.root, 'base', 'copy')
    clone.snapshots.create('one')
    change(clone)
    const versions: string[] = []
    for await (const one of new Versions(clone.live, clone.snapshots, bytes('large')).entries()) {
      versions.push(`${one.snapshots.join()} ${one.isNow}`)
    }
    assert.equal(versions.sort(), [' true', 'one false'])
    const gone: string[] = []
    const request = { path: bytes(''), all: true }
    for await (const { path } of new Deleted(clone.live, clone.snapshots, request).entries()) {
      gone.push(Buffer.from(path).toString())
    }
    assert.equal(gone.sort(), ['dir/below/f3', 'dir/below/f5', 'dir/linked'])
  }))

test('`.snapshots` of a clone shows its own, and what a clone needs is not removed there', () =>
  withVolume(async (volume) => {
    const { datasets } = volume
    furnish(datasets.root)
    const { fs } = datasets.root
    const snapdir = at(datasets.root, '.snapshots')
    fs.mkdir(ROOT, snapdir, bytes('base'), {})
    const clone = datasets.clone(datasets.root, 'base', 'copy')
    assert.equal(listing(clone, at(clone, '.snapshots')), [])
    clone.fs.mkdir(ROOT, at(clone, '.snapshots'), bytes('mine'), {})
    assert.equal(listing(clone, at(clone, '.snapshots/mine/dir')), ['below', 'linked'])
    assert.is(
      code(() => fs.rmdir(ROOT, snapdir, bytes('base'))),
      'ACCES',
    )
    assert.equal(listing(datasets.root, snapdir), ['base'])
  }))

test.run()
