/** The records of a clone: what it has itself, what it reads in its origin, and tombstones. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { makeClone } from '../../src/snapshot/clones.ts'
import { Snapshots } from '../../src/snapshot/snapshots.ts'
import type { Dataset } from '../../src/store/dataset.ts'
import { type Key, Kind, keyBytes, nameKey } from '../../src/store/keys.ts'
import { FileType, type NameRecord, NO_USAGE } from '../../src/store/records.ts'
import type { Store } from '../../src/store/store.ts'
import { crashed, withFolder, withStore } from './open-store.ts'

const test = suite('store/clone')

const named = (ino: number): NameRecord => ({ ino, type: FileType.REG, cookie: ino })
const key = (name: string): string => nameKey(1, Buffer.from(name))

const put = (store: Store, { names }: Dataset, name: string, ino: number): void =>
  store.transact((tx) => tx.put(names, key(name), named(ino)))
const remove = (store: Store, { names }: Dataset, name: string): void =>
  store.transact((tx) => tx.delete(names, key(name)))
const inoOf = ({ names }: Dataset, name: string): number | undefined => names.get(key(name))?.ino

function cloneOf(store: Store, origin: Dataset, name: string): Dataset {
  const snapshot = new Snapshots(store, origin, () => undefined).create(`of ${name}`)
  const about = { name, quota: NO_USAGE }
  return store.transact((tx) => makeClone(tx, store, origin, snapshot, about))
}

/** The bytes of a name's record in the database, as many as there are. */
function stored(store: Store, { id }: Dataset, name: Key): number | undefined {
  return store.database.get(Buffer.from(keyBytes(id, Kind.NAME, key(String(name)))))?.length
}

const inStore = (body: (store: Store, directory: string) => Promise<void>): Promise<void> =>
  withFolder((directory) => withStore(directory, ({ store }) => body(store, directory)))

test('what a clone has no record of is as it was in its origin', () =>
  inStore(async (store) => {
    const { dataset } = store
    for (const [i, name] of ['a', 'b', 'c'].entries()) put(store, dataset, name, 10 + i)
    const clone = cloneOf(store, dataset, 'clone')
    put(store, dataset, 'a', 20)
    remove(store, dataset, 'b')
    put(store, dataset, 'd', 21)
    assert.equal(
      ['a', 'b', 'c', 'd'].map((name) => inoOf(clone, name)),
      [10, 11, 12, undefined],
    )
    assert.is(clone.names.entry(key('a')).birth, clone.epoch)
    assert.is(clone.epoch, 2)
    put(store, clone, 'c', 30)
    assert.equal([inoOf(clone, 'c'), inoOf(dataset, 'c')], [30, 12])
    await store.checkpoint()
    assert.is(stored(store, clone, 'a'), undefined)
  }))

test('only what hides a record of the origin leaves a tombstone', () =>
  inStore(async (store) => {
    const { dataset } = store
    put(store, dataset, 'there', 10)
    put(store, dataset, 'gone', 11)
    const clone = cloneOf(store, dataset, 'clone')
    put(store, clone, 'own', 12)
    await store.checkpoint()
    for (const name of ['there', 'own']) remove(store, clone, name)
    remove(store, dataset, 'gone')
    await store.checkpoint()
    assert.is(stored(store, clone, 'there'), 4, 'a birth alone')
    assert.is(stored(store, clone, 'own'), undefined)
    assert.is(stored(store, dataset, 'gone'), undefined)
    assert.equal([inoOf(clone, 'there'), inoOf(dataset, 'there')], [undefined, 10])
    put(store, clone, 'there', 13)
    assert.is(inoOf(clone, 'there'), 13)
    remove(store, clone, 'there')
    await store.checkpoint()
    assert.is(stored(store, clone, 'there'), 4)
  }))

test('a transaction that fails leaves what the origin has in sight', () =>
  inStore(async (store) => {
    put(store, store.dataset, 'a', 10)
    const clone = cloneOf(store, store.dataset, 'clone')
    const failing = () =>
      store.transact((tx) => {
        tx.delete(clone.names, key('a'))
        throw new Error('wanted')
      })
    assert.throws(failing, 'wanted')
    assert.is(inoOf(clone, 'a'), 10)
    await store.checkpoint()
    assert.is(stored(store, clone, 'a'), undefined)
  }))

test('a tombstone comes back from the log, and from the database', () =>
  inStore(async (store, directory) => {
    const { dataset } = store
    for (const [i, name] of ['a', 'b', 'c'].entries()) put(store, dataset, name, 10 + i)
    const clone = cloneOf(store, dataset, 'clone')
    remove(store, clone, 'a')
    await store.checkpoint()
    remove(store, clone, 'b')
    put(store, clone, 'new', 20)
    await store.flush()
    await crashed(directory, (copy) =>
      withStore(copy, async ({ store: again, recovered }) => {
        assert.ok(recovered > 0)
        const found = again.objsets.get(clone.id)
        assert.equal(
          ['a', 'b', 'c', 'new'].map((name) => inoOf(found, name)),
          [undefined, undefined, 12, 20],
        )
        assert.is(inoOf(again.dataset, 'b'), 11)
        assert.is(stored(again, found, 'b'), 4)
      }),
    )
  }))

test('history of a clone is its own: what it changes is kept for its snapshots', () =>
  inStore(async (store) => {
    put(store, store.dataset, 'a', 10)
    put(store, store.dataset, 'b', 11)
    const clone = cloneOf(store, store.dataset, 'clone')
    put(store, clone, 'a', 20)
    const snapshot = new Snapshots(store, clone, () => undefined).create('one')
    put(store, clone, 'a', 30)
    remove(store, clone, 'b')
    const past = clone.at(snapshot.epoch)
    assert.equal([past.names.get(key('a'))?.ino, past.names.get(key('b'))?.ino], [20, 11])
    assert.equal([inoOf(clone, 'a'), inoOf(clone, 'b')], [30, undefined])
    assert.equal([inoOf(store.dataset, 'a'), inoOf(store.dataset, 'b')], [10, 11])
    const again = cloneOf(store, clone, 'again')
    assert.equal([inoOf(again, 'a'), inoOf(again, 'b')], [30, undefined])
  }))

test.run()
