/** Promotion: a clone becomes independent of the snapshot that it was made of. */

import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { OpenDataset } from '../../src/snapshot/open-dataset.ts'
import type { Volume } from '../../src/volume.ts'
import {
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
import { WatchedDisk } from './harness.ts'

const test = suite('snapshot/promote')

const FILES = 260

function furnished({ datasets }: Volume): OpenDataset {
  const of = datasets.create('origin', OWNER)
  mkdir(of, 'dir')
  for (let i = 0; i < FILES; i++) write(of, `dir/f${i}`, data(i % 3 === 0 ? 9000 : 50, i))
  write(of, 'large', data(3_500_000, 1))
  write(of, 'sparse', data(5000, 4), 3_000_000)
  link(of, 'large', 'linked')
  of.snapshots.create('base')
  return of
}

/** A clone with two snapshots of its own, and changes before, between and after them. */
function changedClone({ datasets }: Volume, origin: OpenDataset): OpenDataset {
  const clone = datasets.clone(origin, 'base', 'copy')
  write(clone, 'large', data(10_000, 9), 1_000_000)
  clone.snapshots.create('one')
  write(clone, 'large', data(10_000, 8), 1_004_096)
  for (let i = 0; i < 100; i++) remove(clone, `dir/f${i}`)
  rename(clone, 'dir/f200', 'moved')
  clone.snapshots.create('two')
  truncate(clone, 'large', 1_500_000)
  remove(clone, 'sparse')
  write(clone, 'new', data(30_000, 3))
  return clone
}

async function trees(clone: OpenDataset): Promise<string[][]> {
  const past = clone.snapshots.list().map(({ name }) => snapshotTree(clone, name))
  return [await treeOf(clone), ...(await Promise.all(past))]
}

test('a promoted clone is as it was, needs nothing any more, and can lose everything', () =>
  withVolume(async (volume) => {
    const { datasets, store } = volume
    const origin = furnished(volume)
    const clone = changedClone(volume, origin)
    const before = await trees(clone)
    await settled(volume)
    await sound(volume)
    await datasets.promote('copy')
    assert.is(clone.dataset.record.origin, undefined)
    assert.is(clone.dataset.record.tombstones, false)
    assert.equal(await trees(clone), before)
    await sound(volume)
    await origin.snapshots.delete('base')
    await sound(volume)
    await datasets.delete('origin', false)
    await sound(volume)
    assert.equal(await trees(clone), before)
    await clone.snapshots.delete('one')
    await sound(volume)
    removeAll(clone)
    await clone.snapshots.delete('two')
    await settled(volume)
    assert.is(store.spaceMap.usedBlocks, 0)
    await sound(volume)
  }))

test('clients go on while a clone is promoted', () =>
  withVolume(async (volume) => {
    const { datasets, store } = volume
    const origin = furnished(volume)
    const clone = changedClone(volume, origin)
    const before = await treeOf(origin)
    let ended = false
    const promotion = datasets.promote('copy').finally(() => {
      ended = true
    })
    const progress: number[] = []
    for (let i = 100; !ended; i++) {
      for (const { dataset, done, total } of datasets.promotions) {
        assert.is(dataset, 'copy')
        assert.ok(done <= total, `${done} of ${total}`)
        progress.push(done)
      }
      if (i < 190) remove(clone, `dir/f${i}`)
      write(clone, `dir/f${250 + (i % 40)}`, data(8192, i), (i % 5) * 4096)
      if (i === 110) clone.snapshots.create('three')
      if (i === 130) void clone.snapshots.delete('one')
      await new Promise(setImmediate)
    }
    await promotion
    assert.ok(progress.length > 2)
    assert.equal(
      progress,
      [...progress].sort((a, b) => a - b),
    )
    assert.equal(await treeOf(origin), before)
    await settled(volume)
    await sound(volume)
    await datasets.delete('origin', true)
    await sound(volume)
    await datasets.delete('copy', true)
    assert.is(store.spaceMap.usedBlocks, 0)
    await sound(volume)
  }))

test('a promotion that a crash has interrupted goes on with the next start', () =>
  inFolder(async (folder) => {
    const directory = join(folder, 'store')
    const disk = new WatchedDisk()
    const copies: string[] = []
    const before = await open(
      directory,
      async (volume) => {
        const { datasets } = volume
        const clone = changedClone(volume, furnished(volume))
        await settled(volume)
        // A crash is just before a commit, of which there is one after each step here.
        let commits = 0
        disk.beforeCommit = async () => {
          if (commits++ % 3 !== 1 || copies.length === 5) return
          const copy = join(folder, `${copies.length}`)
          await cp(directory, copy, { recursive: true })
          copies.push(copy)
        }
        const all = await trees(clone)
        let ended = false
        const promotion = datasets.promote('copy').finally(() => {
          ended = true
        })
        while (!ended) {
          await volume.store.flush()
          await new Promise(setImmediate)
        }
        await promotion
        disk.beforeCommit = async () => undefined
        return all
      },
      disk,
    )
    assert.ok(copies.length > 1, `${copies.length} crashes`)
    for (const copy of copies) {
      await open(copy, async (volume) => {
        const { datasets } = volume
        await sound(volume)
        const clone = datasets.get('copy')
        assert.equal(await trees(clone), before)
        while (datasets.promotions.length > 0) await new Promise(setImmediate)
        assert.equal(await trees(clone), before)
        await sound(volume)
        if (clone.dataset.record.origin === undefined) await datasets.delete('origin', true)
        await sound(volume)
      })
    }
  }))

test('a clone that is deleted while it is promoted is freed', () =>
  withVolume(async (volume) => {
    const { datasets, store } = volume
    const origin = furnished(volume)
    await settled(volume)
    const used = store.spaceMap.usedBlocks
    changedClone(volume, origin)
    const promotion = datasets.promote('copy')
    for (let i = 0; i < 30; i++) await new Promise(setImmediate)
    assert.is(datasets.promotions.length, 1)
    await datasets.delete('copy', true)
    await promotion
    assert.is(store.spaceMap.usedBlocks, used)
    await sound(volume)
    await origin.snapshots.delete('base')
  }))

test('clones of clones are promoted in any order', async () => {
  for (const order of [
    ['first', 'second'],
    ['second', 'first'],
  ]) {
    await withVolume(async (volume) => {
      const { datasets, store } = volume
      const origin = furnished(volume)
      const first = datasets.clone(origin, 'base', 'first')
      write(first, 'large', data(10_000, 9), 1_000_000)
      remove(first, 'dir/f1')
      first.snapshots.create('again')
      const second = datasets.clone(first, 'again', 'second')
      write(second, 'large', data(10_000, 3), 2_000_000)
      remove(second, 'dir/f2')
      remove(first, 'large')
      const before = [await treeOf(first), await treeOf(second)]
      for (const name of order) {
        await datasets.promote(name)
        assert.equal([await treeOf(first), await treeOf(second)], before)
        await sound(volume)
      }
      await datasets.delete('origin', true)
      await sound(volume)
      await datasets.delete('first', true)
      assert.equal(await treeOf(second), before[1])
      await sound(volume)
      await datasets.delete('second', true)
      assert.is(store.spaceMap.usedBlocks, 0)
    })
  }
})

test('what is no clone cannot be promoted', () =>
  withVolume(async ({ datasets }) => {
    datasets.create('plain', OWNER)
    assert.match((await refusal(datasets.promote('plain')))?.message ?? '', /is no clone/)
    assert.is((await refusal(datasets.promote('none')))?.code, 'NOENT')
  }))

test('what was being restored or freed when the snapshot was made is none of the clone', () =>
  withVolume(async (volume) => {
    const { datasets, store } = volume
    const origin = datasets.create('origin', OWNER)
    write(origin, 'gone', data(3_000_000, 1))
    write(origin, 'kept', data(2_000_000, 1))
    datasets.settleAll()
    // Removed, and its chunks not freed yet: that takes later turns.
    remove(origin, 'gone')
    origin.snapshots.create('base')
    datasets.clone(origin, 'base', 'copy')
    await sound(volume)
    await settled(volume)
    await sound(volume)
    await datasets.promote('copy')
    await sound(volume)
    await datasets.delete('origin', true)
    await sound(volume)
    await datasets.delete('copy', true)
    assert.is(store.spaceMap.usedBlocks, 0)
  }))

test.run()
