import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Disk } from '../../src/store/disk.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import { FileType } from '../../src/store/records.ts'
import type { Store } from '../../src/store/store.ts'
import { withFolder, withStore } from './open-store.ts'

const test = suite('store/commit')

/** The real disk, and how many bytes the writes to the intent log have, each when it begins. */
function watchedLog(): { disk: Disk; writes: number[] } {
  const writes: number[] = []
  const disk: Disk = {
    ...nodeDisk,
    async open(path, options) {
      const file = await nodeDisk.open(path, options)
      if (options?.dsync !== true) return file
      const write: typeof file.write = (buffers, position) => {
        writes.push(buffers.reduce((sum, { length }) => sum + length, 0))
        return file.write(buffers, position)
      }
      return new Proxy(file, {
        get: (of, name) => {
          if (name === 'write') return write
          const value: unknown = Reflect.get(of, name)
          return typeof value === 'function' ? value.bind(of) : value
        },
      })
    },
  }
  return { disk, writes }
}

/** Stores a symlink whose record takes about 4 KiB. */
function putLarge(store: Store, ino: number): void {
  const { dataset } = store
  const root = dataset.inodes.get(1)
  assert.ok(root)
  const target = new Uint8Array(4000).fill(ino)
  store.transact((tx) => {
    tx.put(dataset.inodes, ino, { ...root, type: FileType.LNK, target, parent: 1 })
  })
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('much that nobody waits for is committed, little is not', async () => {
  await withFolder(async (directory) => {
    const { disk, writes } = watchedLog()
    await withStore(
      directory,
      async ({ store }) => {
        writes.length = 0
        putLarge(store, 100)
        await nextTurn()
        assert.equal(writes, [])
        for (let ino = 101; ino < 700; ino++) putLarge(store, ino)
        await nextTurn()
        assert.is(writes.length, 1)
        assert.ok((writes[0] ?? 0) > 2_000_000, 'all of it')
      },
      { disk },
    )
  })
})

test.run()
