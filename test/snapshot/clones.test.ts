/** Clones: made in an instant, and then datasets like any other. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { STEP_CHUNKS_MAX } from '../../src/fs/reclaim.ts'
import type { OpenDataset } from '../../src/snapshot/open-dataset.ts'
import { Restore } from '../../src/snapshot/restore.ts'
import { ownName, SCHEDULED_TAG } from '../../src/snapshot/retention.ts'
import type { Volume } from '../../src/volume.ts'
import {
  at,
  bytes,
  code,
  content,
  data,
  inFolder,
  link,
  mkdir,
  OWNER,
  open,
  refusal,
  remove,
  removeAll,
  rename,
  settled,
  snapshotTree,
  sound,
  treeOf,
  truncate,
  withVolume,
  write,
} from './clone-scene.ts'

const test = suite('snapshot/clones')

const UNCHANGED = {
  ...{ frequently: undefined, hourly: undefined, daily: undefined },
  ...{ weekly: undefined, monthly: undefined, yearly: undefined },
}

/** Small and large files, links, directories of several pages. */
function furnish(of: OpenDataset): void {
  mkdir(of, 'dir')
  mkdir(of, 'dir/below')
  write(of, 'small', data(100, 1))
  write(of, 'dir/blocks', data(50_000, 2))
  write(of, 'dir/below/chunks', data(2_500_000, 3))
  write(of, 'sparse', data(5000, 4), 3_000_000)
  link(of, 'dir/blocks', 'linked')
  for (let i = 0; i < 70; i++) write(of, `dir/below/f${i}`, data(10 + i, i))
}

/** Changes of every kind. */
function change(of: OpenDataset, seed: number): void {
  write(of, 'small', data(3000, seed))
  write(of, 'dir/below/chunks', data(9000, seed + 1), 1_040_000)
  truncate(of, 'sparse', 3_002_000)
  remove(of, 'linked')
  rename(of, 'dir/below/f3', 'moved')
  link(of, 'dir/below/f4', `linked-${seed}`)
  mkdir(of, `new-${seed}`)
  write(of, `new-${seed}/file`, data(20_000, seed))
  for (let i = 10; i < 50; i++) remove(of, `dir/below/f${i}`)
}

function furnished({ datasets }: Volume): OpenDataset {
  const of = datasets.create('origin', OWNER)
  furnish(of)
  of.snapshots.create('base')
  return of
}

test('a clone is there at once, takes no room, and is as the snapshot is', () =>
  withVolume(async (volume) => {
    const origin = furnished(volume)
    const before = await treeOf(origin)
    await settled(volume)
    const used = volume.store.spaceMap.usedBlocks
    change(origin, 7)
    const changed = await treeOf(origin)
    await settled(volume)
    const usedThen = volume.store.spaceMap.usedBlocks
    const clone = volume.datasets.clone(origin, 'base', 'copy')
    assert.equal(await treeOf(clone), before)
    assert.equal(clone.dataset.usage, origin.snapshots.get('base').referenced)
    assert.is(clone.dataset.accountAt(0).written, clone.dataset.usage.bytes)
    assert.ok(usedThen > used)
    assert.is(volume.store.spaceMap.usedBlocks, usedThen)
    await sound(volume)
    assert.equal(await treeOf(origin), changed)
  }))

test('making a clone writes as many records for 1,000 files as for 10', () =>
  withVolume(async (volume) => {
    const cost = async (files: number): Promise<number> => {
      const of = volume.datasets.create(`of${files}`, OWNER)
      for (let i = 0; i < files; i++) write(of, `f${i}`, data(5000, i))
      of.snapshots.create('base')
      await volume.store.flush()
      const before = volume.store.recordsLogged
      volume.datasets.clone(of, 'base', `copy${files}`)
      return volume.store.recordsLogged - before
    }
    const ten = await cost(10)
    assert.is(await cost(1000), ten)
    assert.ok(ten <= 8, `${ten} records`)
  }))

test('whatever changes in a clone changes nothing in its origin, and the other way round', () =>
  withVolume(async (volume) => {
    const origin = furnished(volume)
    const before = await treeOf(origin)
    const clone = volume.datasets.clone(origin, 'base', 'copy')
    change(clone, 11)
    const ofClone = await treeOf(clone)
    assert.equal(await treeOf(origin), before)
    assert.is.not(ofClone.join(), before.join())
    await settled(volume)
    await sound(volume)
    change(origin, 23)
    removeAll(origin)
    await settled(volume)
    assert.equal(await treeOf(clone), ofClone)
    assert.equal(await snapshotTree(origin, 'base'), before)
    await sound(volume)
  }))

test('a clone whose files are all removed has nothing left, and its origin all', () =>
  withVolume(async (volume) => {
    const origin = furnished(volume)
    await settled(volume)
    const used = volume.store.spaceMap.usedBlocks
    const before = await treeOf(origin)
    const clone = volume.datasets.clone(origin, 'base', 'copy')
    change(clone, 3)
    removeAll(clone)
    await settled(volume)
    assert.equal(await treeOf(clone), [])
    assert.is(clone.dataset.usage.inodes, 1)
    assert.is(volume.store.spaceMap.usedBlocks, used)
    assert.equal(await treeOf(origin), before)
    await sound(volume)
  }))

test('what a clone has removed stays so after a restart, from the log and from the database', () =>
  inFolder(async (directory) => {
    let expected: string[] = []
    await open(directory, async (volume) => {
      const origin = furnished(volume)
      const clone = volume.datasets.clone(origin, 'base', 'copy')
      change(clone, 5)
      await settled(volume)
      remove(clone, 'small')
      remove(clone, 'dir/below/chunks')
      expected = await treeOf(clone)
    })
    await open(directory, async (volume) => {
      const clone = volume.datasets.get('copy')
      assert.equal(await treeOf(clone), expected)
      assert.is(
        code(() => at(clone, 'small')),
        'NOENT',
      )
      await sound(volume)
    })
  }))

test('the snapshot of a clone, and the dataset it is of, cannot be deleted', () =>
  withVolume(async (volume) => {
    const { datasets } = volume
    const origin = furnished(volume)
    const clone = datasets.clone(origin, 'base', 'copy')
    const why = (body: () => unknown): string => {
      try {
        body()
      } catch (error) {
        return String(error)
      }
      return ''
    }
    const told = why(() => origin.snapshots.deleteAll([origin.snapshots.get('base')]))
    assert.match(told, /dataset 'copy' is a clone of it.*'zerofs-nfs dataset promote copy'/)
    assert.match(
      (await refusal(datasets.delete('origin', true)))?.message ?? '',
      /'copy' is a clone/,
    )
    clone.snapshots.create('s')
    await clone.snapshots.delete('s')
    origin.snapshots.create('other')
    await origin.snapshots.delete('other')
    await sound(volume)
  }))

test('a schedule keeps the snapshot of a clone', () =>
  withVolume(async ({ datasets }) => {
    const origin = datasets.create('origin', OWNER)
    const names = [1, 2, 3].map((day) => ownName('daily', Date.UTC(2026, 0, day)))
    for (const name of names) origin.snapshots.create(name, '', [SCHEDULED_TAG])
    origin.schedule.set({ ...UNCHANGED, daily: 1 })
    const clone = datasets.clone(origin, names[0] ?? '', 'copy')
    const kept = () => origin.schedule.judge().map(({ keep }) => keep)
    assert.equal(kept(), [true, false, true])
    assert.is(origin.schedule.judge()[0]?.why, "held: clone 'copy'")
    await origin.schedule.prune(() => undefined)
    assert.equal(
      origin.snapshots.list().map(({ name }) => name),
      [names[0], names[2]],
    )
    await datasets.promote(clone.name)
    assert.equal(kept(), [false, true])
  }))

test('snapshots of a clone are its own, and go in any order', async () => {
  for (const order of [
    ['one', 'two', 'three'],
    ['three', 'two', 'one'],
    ['two', 'one', 'three'],
  ]) {
    await withVolume(async (volume) => {
      const origin = furnished(volume)
      await settled(volume)
      const used = volume.store.spaceMap.usedBlocks
      const clone = volume.datasets.clone(origin, 'base', 'copy')
      const trees = new Map([['one', await treeOf(clone)]])
      clone.snapshots.create('one')
      change(clone, 5)
      trees.set('two', await treeOf(clone))
      clone.snapshots.create('two')
      write(clone, 'dir/below/chunks', data(700_000, 9), 300_000)
      trees.set('three', await treeOf(clone))
      clone.snapshots.create('three')
      removeAll(clone)
      await settled(volume)
      for (const name of order) {
        for (const [left, tree] of trees) assert.equal(await snapshotTree(clone, left), tree)
        await clone.snapshots.delete(name)
        trees.delete(name)
        await sound(volume)
      }
      await settled(volume)
      assert.is(volume.store.spaceMap.usedBlocks, used)
    })
  }
})

test('a clone of a clone reads through both, and survives the changes of both', () =>
  withVolume(async (volume) => {
    const { datasets } = volume
    const origin = furnished(volume)
    const first = datasets.clone(origin, 'base', 'first')
    change(first, 5)
    const expected = await treeOf(first)
    first.snapshots.create('again')
    const second = datasets.clone(first, 'again', 'second')
    removeAll(first)
    removeAll(origin)
    await settled(volume)
    assert.equal(await treeOf(second), expected)
    await sound(volume)
    write(second, 'dir/below/chunks', data(600_000, 1), 5)
    remove(second, 'moved')
    await settled(volume)
    await sound(volume)
    removeAll(second)
    await settled(volume)
    await sound(volume)
  }))

test('deleting a clone frees what is its own, and lets its snapshot go', () =>
  withVolume(async (volume) => {
    const { datasets, store } = volume
    const origin = furnished(volume)
    const before = await treeOf(origin)
    await settled(volume)
    const used = store.spaceMap.usedBlocks
    const clone = datasets.clone(origin, 'base', 'copy')
    clone.snapshots.create('one')
    change(clone, 3)
    clone.snapshots.create('two')
    remove(clone, 'small')
    const deletion = datasets.delete('copy', true)
    await sound(volume)
    await deletion
    await settled(volume)
    assert.is(store.spaceMap.usedBlocks, used)
    assert.equal(await treeOf(origin), before)
    await sound(volume)
    await origin.snapshots.delete('base')
    await datasets.delete('origin', false)
    assert.is(store.spaceMap.usedBlocks, 0)
    await sound(volume)
  }))

test('a clone of the root dataset has only its own names', () =>
  withVolume(async (volume) => {
    const { datasets } = volume
    write(datasets.root, 'file', data(5000, 1))
    datasets.root.snapshots.create('base')
    const clone = datasets.clone(datasets.root, 'base', 'copy')
    write(clone, 'copy', data(10, 1))
    mkdir(clone, 'other')
    rename(clone, 'file', 'moved')
    assert.is((await treeOf(clone)).length, 3)
    assert.is((await content(datasets.root, at(datasets.root, 'file'))).length, 5000)
    await settled(volume)
    await sound(volume)
    await datasets.promote('copy')
    await datasets.root.snapshots.delete('base')
    await sound(volume)
  }))

test('a large file that a clone inherits goes in steps, at the pace that deletions have', () =>
  withVolume(async (volume) => {
    const { store, datasets } = volume
    const origin = datasets.create('origin', OWNER)
    const chunks = 3 * STEP_CHUNKS_MAX
    for (let i = 0; i < chunks; i++) write(origin, 'large', data(5000, i), i * 2 ** 20)
    origin.snapshots.create('base')
    const clone = datasets.clone(origin, 'base', 'copy')
    const before = await content(clone, at(clone, 'large'))
    clone.snapshots.create('one')
    await settled(volume)
    const rest = store.pace.rest.bind(store.pace)
    const resting: (() => void)[] = []
    store.pace.rest = () => new Promise((resolve) => void resting.push(resolve))
    remove(clone, 'large')
    let steps = 0
    for (; clone.reclaimer.pending > 0; steps++) {
      await store.flush()
      const { recordsLogged } = store
      assert.is(resting.length, 1, 'each step waits until clients have had their time')
      resting.pop()?.()
      await new Promise(setImmediate)
      await store.flush()
      // A chunk leaves a tombstone, and what the snapshot sees of it in three records.
      const records = store.recordsLogged - recordsLogged
      assert.ok(records <= 4 * STEP_CHUNKS_MAX + 10, `${records} records in one step`)
    }
    assert.ok(steps >= 3, `${steps} steps`)
    store.pace.rest = rest
    assert.equal(await content(clone, at(clone, '.snapshots/one/large')), before)
    assert.equal(await content(origin, at(origin, 'large')), before)
    await settled(volume)
    await sound(volume)
    await datasets.promote('copy')
    await sound(volume)
  }))

test('a restore inside a clone shares the blocks of its origin', () =>
  withVolume(async (volume) => {
    const origin = furnished(volume)
    const clone = volume.datasets.clone(origin, 'base', 'copy')
    const before = await content(clone, at(clone, 'dir/below/chunks'))
    clone.snapshots.create('one')
    remove(clone, 'dir/below/chunks')
    await settled(volume)
    const used = volume.store.spaceMap.usedBlocks
    const paths = [bytes('dir/below/chunks')]
    const how = { to: undefined, overwrite: 'if-changed' } as const
    const request = { snapshot: 'one', paths, ...how }
    await new Restore(clone.live, clone.snapshots, request, () => undefined).run()
    assert.equal(await content(clone, at(clone, 'dir/below/chunks')), before)
    assert.is(volume.store.spaceMap.usedBlocks, used)
    await sound(volume)
  }))

test.run()
