import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FsError } from '../../src/fs/error.ts'
import type { Freeing } from '../../src/snapshot/delete.ts'
import { NO_CHANGE } from '../../src/snapshot/notes.ts'
import { Kind } from '../../src/store/keys.ts'
import { UNMEASURED_LOOP } from '../../src/store/pace.ts'
import { BLOCK_BYTES, CHUNK_BYTES } from '../../src/store/records.ts'
import type { Store } from '../../src/store/store.ts'
import { fails, rejects } from '../fs/client.ts'
import { withFolder } from '../store/open-store.ts'
import { audit, countOf } from './audit.ts'
import {
  afterCrash,
  blocks,
  put,
  type Subject,
  WatchedDisk,
  withOpened,
  withRestarts,
} from './harness.ts'

const test = suite('snapshot/delete')

/** Files of one block each, of which the next snapshot holds no more than some. */
async function changeMany({ client }: Subject, seed: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await put(client, `f${i}`, 0, blocks(1, seed + i))
}

/** Snapshots a, b and c; b alone holds 2 blocks in each of 300 files, and one of 400 blocks. */
async function prepare(subject: Subject): Promise<number> {
  const { snapshots, client } = subject
  await changeMany(subject, 1, 300)
  snapshots.create('a')
  const base = subject.used
  await changeMany(subject, 2, 300)
  await put(client, 'large', 0, blocks(400, 3))
  snapshots.create('b')
  await changeMany(subject, 3, 300)
  client.set('large', { size: 0 })
  subject.reclaim()
  snapshots.create('c')
  assert.is(subject.used, base + 300 + 400 + 300)
  return base + 300
}

/** Lets a deletion do some of its steps and then stops it, as a server that is stopped does. */
async function deleteSome(subject: Subject, name: string, steps: number): Promise<void> {
  const deleting = subject.snapshots.delete(name)
  const { store } = subject
  const logged = store.recordsLogged
  while (store.recordsLogged < logged + steps * 300) await new Promise(setImmediate)
  await subject.snapshots.stop()
  await deleting
}

test('a deletion that is stopped half way goes on after a restart, and ends exact', () => {
  let expected = 0
  return withRestarts(
    async (subject) => {
      expected = await prepare(subject)
      await deleteSome(subject, 'b', 1)
      assert.ok(subject.used > expected, 'it was stopped before its end')
      assert.is(subject.snapshots.find('b'), undefined, 'nobody sees it any more')
    },
    async (subject) => {
      assert.is(subject.snapshots.find('b'), undefined)
      await subject.resume()
      assert.is(subject.used, expected)
      await audit(subject.store)
      assert.is(subject.store.dataset.snapshots.length, 2)
    },
    async (subject) => {
      for (const name of ['a', 'c']) await subject.snapshots.delete(name)
      assert.is(await countOf(subject.store, Kind.HISTORY), 0)
    },
  )
})

test('several deletions that are stopped at once go on after a restart', () =>
  withRestarts(
    async (subject) => {
      await prepare(subject)
      const deleted = ['a', 'b'].map((name) => subject.snapshots.delete(name))
      await subject.snapshots.stop()
      await Promise.all(deleted)
      assert.is(subject.store.dataset.snapshots.length, 3)
    },
    async (subject) => {
      const resumed = subject.resume()
      await subject.snapshots.stop()
      await resumed
      assert.is(subject.store.dataset.snapshots.length, 3, 'no step was done after the stop')
    },
    async (subject) => {
      await subject.resume()
      await subject.snapshots.delete('c')
      assert.is(subject.used, 300)
      await audit(subject.store)
    },
  ))

test('a crash between any two commits of a deletion loses nothing, and the next start ends it', () =>
  withFolder(async (directory) => {
    const disk = new WatchedDisk()
    let crashes = 0
    let store: Store | undefined
    // Each step is committed on its own.
    const loop = { ...UNMEASURED_LOOP, sleep: async () => store?.flush() }
    await withOpened(
      directory,
      async (subject) => {
        store = subject.store
        const expected = await prepare(subject)
        await subject.store.flush()
        disk.beforeCommit = () =>
          afterCrash(directory, async (recovered) => {
            crashes++
            await audit(recovered.store)
            await recovered.resume()
            const gone = recovered.snapshots.find('b') === undefined
            assert.is(recovered.used, gone ? expected : expected + 300 + 400)
            await audit(recovered.store)
            const { client } = recovered
            assert.is((await client.read('.snapshots/a/f7'))[0], 8)
            assert.is((await client.read('.snapshots/c/f7'))[0], 10)
          })
        await subject.snapshots.delete('b')
        disk.beforeCommit = async () => undefined
        assert.is(subject.used, expected)
      },
      { disk, loop },
    )
    assert.ok(crashes > 5, `${crashes} crashes`)
  }))

test('several deletions at once free what none of the left ones holds', () =>
  withRestarts(async (subject) => {
    const { snapshots, client, store } = subject
    const base = subject.used
    for (let i = 0; i < 8; i++) {
      await changeMany(subject, i, 40)
      await put(client, 'f', i * BLOCK_BYTES, blocks(1, i))
      snapshots.create(`s${i}`)
    }
    await Promise.all([1, 2, 5, 3, 7, 0].map((i) => snapshots.delete(`s${i}`)))
    assert.equal(
      snapshots.list().map(({ name }) => name),
      ['s4', 's6'],
    )
    await audit(store)
    // Of the files that are always rewritten: one block for each of s4, s6 and the live one.
    assert.is(subject.used, base + 3 * 40 + 8)
    await Promise.all(['s6', 's4'].map((name) => snapshots.delete(name)))
    assert.is(subject.used, base + 40 + 8)
    await audit(store)
  }))

test('snapshots made and files changed during a deletion are not harmed by it', () =>
  withRestarts(async (subject) => {
    const { snapshots, client, store } = subject
    await prepare(subject)
    let ended = false
    const deleting = snapshots.delete('b').finally(() => {
      ended = true
    })
    for (let i = 0; !ended || i < 5; i++) {
      await changeMany(subject, 50 + i, 20)
      snapshots.create(`n${i}`)
      assert.is((await client.read('.snapshots/a/f3'))[0], 4)
      await store.flush()
    }
    await deleting
    await audit(store)
    const made = snapshots.list().filter(({ name }) => name.startsWith('n'))
    for (const [i, { name }] of made.entries()) {
      assert.is((await client.read(`.snapshots/${name}/f3`))[0], 53 + i)
      assert.is((await client.read(`.snapshots/${name}/f200`))[0], 203)
    }
  }))

test('a deletion tells how far it is, and is over when it says so', () =>
  withRestarts(async (subject) => {
    const { snapshots } = subject
    const expected = await prepare(subject)
    const before = subject.used
    assert.is(snapshots.freeing, undefined)
    const seen: Freeing[] = []
    const deleting = snapshots.deleteAll([snapshots.get('b')])
    let ended = false
    void deleting.then(() => {
      ended = true
    })
    while (!ended) {
      if (snapshots.freeing !== undefined) seen.push(snapshots.freeing)
      await new Promise(setImmediate)
    }
    assert.is(await deleting, (before - expected) * BLOCK_BYTES)
    assert.is(snapshots.freeing, undefined)
    const last = seen.at(-1)
    assert.ok(last && last.total > 600 && last.versions === last.total)
    assert.equal([last.snapshots, last.bytes], [1, (before - expected) * BLOCK_BYTES])
    assert.ok(new Set(seen.map(({ versions }) => versions)).size > 4, 'it went in steps')
    for (const [at, { versions, bytes }] of seen.entries()) {
      assert.ok(versions >= (seen[at - 1]?.versions ?? 0) && bytes >= (seen[at - 1]?.bytes ?? 0))
    }
  }))

test('several are freed in one pass, and those that follow in the next one', () =>
  withRestarts(async (subject) => {
    const { snapshots, store } = subject
    for (let i = 0; i < 6; i++) {
      await changeMany(subject, i, 150)
      snapshots.create(`s${i}`)
    }
    await changeMany(subject, 9, 150)
    const remove = (...names: string[]) => snapshots.deleteAll(names.map((n) => snapshots.get(n)))
    const first = remove('s1', 's2', 's4')
    while (snapshots.freeing === undefined) await new Promise(setImmediate)
    assert.is(snapshots.freeing.snapshots, 3)
    const second = [remove('s0'), remove('s3')]
    assert.is(await first, 3 * 150 * BLOCK_BYTES)
    assert.equal(await Promise.all(second), [300 * BLOCK_BYTES, 300 * BLOCK_BYTES])
    await audit(store)
    assert.is(store.dataset.snapshots.length, 1)
  }))

test('where one of several cannot be deleted, none is', () =>
  withRestarts(async (subject) => {
    const { snapshots } = subject
    for (const name of ['a', 'b', 'c']) snapshots.create(name)
    snapshots.change('b', { ...NO_CHANGE, hold: 'h' })
    fails('ACCES', () => snapshots.deleteAll(snapshots.list()))
    assert.is(snapshots.list().length, 3)
    snapshots.change('b', { ...NO_CHANGE, release: 'h' })
    snapshots.deleteInBackground(snapshots.list())
    assert.equal(snapshots.list(), [], 'they are gone before they are freed')
    await snapshots.resume()
    assert.equal(subject.store.dataset.snapshots, [])
  }))

test('what waits in the background when snapshots come and go is freed in the end', () =>
  withRestarts(async (subject) => {
    const { snapshots, client, store, reclaimer } = subject
    const base = subject.used
    reclaimer.stop()
    await put(client, 'f', 0, blocks(600, 1))
    snapshots.create('a')
    await put(client, 'f', 0, blocks(100, 2))
    client.remove('f')
    snapshots.create('b')
    assert.ok(reclaimer.pending > 0, 'the file waits to be freed')
    await snapshots.delete('a')
    await audit(store)
    snapshots.create('c')
    subject.reclaim()
    assert.is(subject.used, base)
    await audit(store)
    for (const name of ['b', 'c']) await snapshots.delete(name)
    assert.is(await countOf(store, Kind.HISTORY), 0)
  }))

test('an orphan that a snapshot holds is freed with the snapshot', () =>
  withRestarts(
    async (subject) => {
      const { snapshots, client, reclaimer } = subject
      reclaimer.stop()
      await put(client, 'f', 0, blocks(600, 1))
      snapshots.create('a')
      client.remove('f')
      snapshots.create('b')
    },
    async (subject) => {
      assert.is(subject.used, 600)
      await subject.resume()
      assert.is(subject.used, 600)
      await audit(subject.store)
      const { client, snapshots, store } = subject
      assert.is((await client.read('.snapshots/a/f', 599 * BLOCK_BYTES)).length, BLOCK_BYTES)
      await snapshots.delete('b')
      assert.is(subject.used, 600)
      await snapshots.delete('a')
      assert.is(subject.used, 0)
      await audit(store)
    },
  ))

test('a restore keeps its snapshot from being deleted', () =>
  withRestarts(async ({ snapshots }) => {
    const ends: (() => void)[] = []
    const work = () => new Promise<void>((resolve) => ends.push(resolve))
    const snapshot = snapshots.create('a')
    const held = [snapshots.hold(snapshot, work), snapshots.hold(snapshot, work)]
    for (const [i, end] of ends.entries()) {
      await rejects('ACCES', () => snapshots.delete('a'))
      end()
      await held[i]
    }
    await rejects('IO', () => snapshots.hold(snapshot, () => Promise.reject(new FsError('IO'))))
    await snapshots.delete('a')
    fails('NOENT', () => snapshots.get('a'))
  }))

test('a tree that is all gone leaves nothing once its snapshots are', () =>
  withRestarts(async (subject) => {
    const { snapshots, client, store } = subject
    for (let round = 0; round < 3; round++) {
      client.mkdir('d')
      for (let i = 0; i < 70; i++) client.create(`d/f${i}`)
      await client.write('d/f1', 0, 'inline')
      await put(client, 'd/f2', 3 * CHUNK_BYTES, blocks(2, 1))
      client.link('d/f2', 'd/hard')
      client.symlink('d/l', 'f1')
      snapshots.create(`full ${round}`)
      for (const name of client.names('d').slice(round)) client.remove(`d/${name}`)
      snapshots.create(`less ${round}`)
      for (const name of client.names('d')) client.remove(`d/${name}`)
      client.rmdir('d')
    }
    subject.reclaim()
    assert.ok(subject.used > 0)
    for (const i of [1, 0, 2]) {
      await snapshots.delete(`full ${i}`)
      await snapshots.delete(`less ${i}`)
      await audit(store)
    }
    assert.is(subject.used, 0)
    const kinds = [Kind.HISTORY, Kind.VERSIONS, Kind.DEAD, Kind.ORPHAN, Kind.SNAPSHOT]
    const data = [Kind.NAME, Kind.PAGE, Kind.BITMAP, Kind.CHUNK]
    for (const kind of [...kinds, ...data]) assert.is(await countOf(store, kind), 0, kind)
    assert.is(await countOf(store, Kind.INODE), 1, 'the root directory')
  }))

test.run()
