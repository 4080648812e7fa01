import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Absence } from '../../src/store/absence.ts'
import { nameKey } from '../../src/store/keys.ts'
import { FileType } from '../../src/store/records.ts'
import { withFolder, withStore } from './open-store.ts'

const test = suite('store/absence')

test('only keys of new owners are absent, until they are noted', () => {
  const absence = new Absence()
  assert.not(absence.has(1, 'N', '100/a'), 'nothing is known before the start')
  absence.begin(100)
  assert.not(absence.has(1, 'N', '99/a'))
  assert.ok(absence.has(1, 'N', '100/a'))
  assert.ok(absence.has(1, 'X', '123456789012/0/5'))
  absence.note(1, 'N', '100/a')
  assert.not(absence.has(1, 'N', '100/a'))
  assert.ok(absence.has(1, 'P', '100/a'))
  assert.ok(absence.has(2, 'N', '100/a'))
  assert.ok(absence.has(1, 'N', '100/b'))
})

test('nothing that was noted is ever absent, and nearly everything else is', () => {
  const absence = new Absence()
  absence.begin(1000)
  const keyOf = (n: number): string => `${1000 + (n % 700)}/name-${n}`
  for (let n = 0; n < 100_000; n++) absence.note(1, 'N', keyOf(n))
  let unsure = 0
  for (let n = 0; n < 100_000; n++) {
    if (absence.has(1, 'N', keyOf(n))) assert.unreachable(`${keyOf(n)} was noted`)
    if (!absence.has(1, 'N', keyOf(n + 100_000))) unsure++
  }
  assert.ok(unsure < 1000, `${unsure} of 100,000 had to be looked for`)
})

test('when too many were noted, only owners above all of them are new', () => {
  const absence = new Absence(3)
  absence.begin(10)
  for (const key of ['12/a', '15/a', '11/a', '13/a']) absence.note(1, 'N', key)
  assert.not(absence.has(1, 'N', '15/b'))
  assert.ok(absence.has(1, 'N', '16/b'))
  absence.note(1, 'N', '16/b')
  assert.not(absence.has(1, 'N', '16/b'))
})

test('a record that was stored is found when it is in the database alone', async () => {
  await withFolder(async (directory) => {
    const record = (ino: number) => ({ ino, type: FileType.REG, cookie: ino })
    const names = Array.from({ length: 300 }, (_, n) => Buffer.from(`name-${n}`))
    // A cache so small that it forgets every record that a checkpoint has written.
    await withStore(
      directory,
      async ({ store }) => {
        const dir = store.newIno()
        const { dataset } = store
        for (const [n, name] of names.entries()) {
          assert.is(dataset.names.get(nameKey(dir, name)), undefined)
          store.transact((tx) => tx.put(dataset.names, nameKey(dir, name), record(n)))
          if (n % 50 === 49) await store.checkpoint()
        }
        await store.checkpoint()
        for (const [n, name] of names.entries()) {
          assert.equal(dataset.names.get(nameKey(dir, name)), record(n))
        }
      },
      { cacheBytesMax: 1 },
    )
  })
})

test('what a start found in the store is looked for, under the newest number too', async () => {
  await withFolder(async (directory) => {
    const record = { ino: 7, type: FileType.REG, cookie: 3 }
    const key = await withStore(directory, async ({ store }) => {
      const name = nameKey(store.newIno(), Buffer.from('a'))
      store.transact((tx) => tx.put(store.dataset.names, name, record))
      return name
    })
    await withStore(directory, async ({ store }) => {
      assert.equal(store.dataset.names.get(key), record)
    })
  })
})

test.run()
