import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { FsError } from '../../src/store/error.ts'
import { nameKey } from '../../src/store/keys.ts'
import { FileType } from '../../src/store/records.ts'
import type { Store } from '../../src/store/store.ts'
import { openTestStore, withFolder, withStore } from '../store/open-store.ts'
import { heldLog } from './held-log.ts'

const test = suite('crash: a disk that fails')

const put = (store: Store, name: string) =>
  store.transact((tx) => {
    const key = nameKey(1, Buffer.from(name))
    tx.put(store.dataset.names, key, { ino: 5, type: FileType.REG, cookie: 5 })
  })
const has = (store: Store, name: string) =>
  store.dataset.names.get(nameKey(1, Buffer.from(name))) !== undefined

test('what was transacted while a commit fails is not stored without what came before', async () => {
  await withFolder(async (directory) => {
    const reported: string[] = []
    const { disk, hold } = heldLog()
    const report = (message: string) => void reported.push(message)
    const { store } = await openTestStore(directory, { disk, report })
    put(store, 'stored')
    await store.flush()
    const verifier = Buffer.from(store.verifier)
    const release = hold()
    const outcomes: (FsError | undefined)[] = []
    put(store, 'failed')
    store.barrier((error) => void outcomes.push(error))
    // The commit of the first has begun; the second joins the group behind it.
    await new Promise(setImmediate)
    put(store, 'behind it')
    const behind = store.flush().catch((error: unknown) => outcomes.push(error as FsError))
    release(new Error('the disk does not answer'))
    await behind
    assert.equal(
      outcomes.map((error) => error?.code),
      ['IO', 'IO'],
    )
    assert.not.equal(Buffer.from(store.verifier), verifier)
    assert.throws(() => put(store, 'later'))
    await store.close()
    assert.is(reported.length, 1)
    await withStore(directory, async (opened) => {
      const names = ['stored', 'failed', 'behind it', 'later']
      const there = names.filter((name) => has(opened.store, name))
      assert.equal(there, ['stored'])
    })
  })
})

test.run()
