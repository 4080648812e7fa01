import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { nameKey } from '../../src/store/keys.ts'
import { FileType } from '../../src/store/records.ts'
import type { Store } from '../../src/store/store.ts'
import { withFolder, withStore } from '../store/open-store.ts'
import { heldLog } from './held-log.ts'

const test = suite('crash: while a checkpoint is under way')

const NAMES = ['before', 'changed', 'deleted', 'behind']

const key = (name: string) => nameKey(1, Buffer.from(name))
const record = (ino: number) => ({ ino, type: FileType.REG, cookie: ino })
const numbers = (store: Store) => NAMES.map((name) => store.dataset.names.get(key(name))?.ino)

test('it stores what was there at its cut, and nothing that is not committed yet', async () => {
  await withFolder(async (folder) => {
    const { disk, hold } = heldLog()
    const directory = join(folder, 'store')
    const copy = join(folder, 'copy')
    const change = async ({ store }: { store: Store }) => {
      store.transact((tx) => {
        for (const name of ['before', 'changed', 'deleted']) {
          tx.put(store.dataset.names, key(name), record(1))
        }
      })
      await store.flush()
      const checkpoint = store.checkpoint()
      // Behind the cut: its log entry is on its way for as long as the checkpoint takes.
      const release = hold()
      store.transact((tx) => {
        tx.put(store.dataset.names, key('changed'), record(2))
        tx.delete(store.dataset.names, key('deleted'))
        tx.put(store.dataset.names, key('behind'), record(2))
      })
      const committed = store.flush()
      await checkpoint
      await cp(directory, copy, { recursive: true })
      release()
      await committed
      assert.equal(numbers(store), [1, 2, undefined, 2])
    }
    await withStore(directory, change, { disk })
    await withStore(copy, async ({ store }) => assert.equal(numbers(store), [1, 1, 1, undefined]))
    await withStore(directory, async ({ store }) => {
      assert.equal(numbers(store), [1, 2, undefined, 2])
    })
  })
})

test.run()
