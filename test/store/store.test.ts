import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FsError } from '../../src/store/error.ts'
import { StoreError } from '../../src/store/format.ts'
import { chunkKey, nameKey } from '../../src/store/keys.ts'
import { BLOCK_BYTES, FileType, newChunk } from '../../src/store/records.ts'
import { REPLY_SLOT_BYTES } from '../../src/store/reply.ts'
import type { Store } from '../../src/store/store.ts'
import { crashed, openTestStore, withFolder, withStore } from './open-store.ts'

const test = suite('store/store')

const record = (ino: number) => ({ ino, type: FileType.REG, cookie: ino })
const put = (store: Store, name: string, ino: number) =>
  store.transact((tx) => tx.put(store.dataset.names, nameKey(1, Buffer.from(name)), record(ino)))
const get = (store: Store, name: string) =>
  store.dataset.names.get(nameKey(1, Buffer.from(name)))?.ino

async function thrown(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => assert.unreachable('nothing was thrown'),
    (error: Error) => error,
  ) as Promise<Error>
}

test('what was transacted is there at once, and after closing and opening', async () => {
  await withFolder(async (directory) => {
    await withStore(directory, async ({ store }) => {
      put(store, 'a', 5)
      assert.is(get(store, 'a'), 5)
    })
    await withStore(directory, async ({ store, recovered }) => {
      assert.is(get(store, 'a'), 5)
      assert.is(recovered, 0)
    })
  })
})

test('a transaction that throws has changed nothing', async () => {
  await withFolder(async (directory) => {
    await withStore(directory, async ({ store }) => {
      put(store, 'a', 5)
      const used = store.spaceMap.usedBlocks
      const undone: string[] = []
      assert.throws(
        () =>
          store.transact((tx) => {
            tx.put(store.dataset.names, nameKey(1, Buffer.from('a')), record(6))
            tx.put(store.dataset.names, nameKey(1, Buffer.from('b')), record(7))
            tx.delete(store.dataset.names, nameKey(1, Buffer.from('a')))
            tx.allocate(3)
            tx.onUndo(() => undone.push('first'))
            tx.onUndo(() => undone.push('second'))
            throw new FsError('NOSPC')
          }),
        (error: unknown) => error instanceof FsError && error.code === 'NOSPC',
      )
      assert.equal([get(store, 'a'), get(store, 'b')], [5, undefined])
      assert.is(store.spaceMap.usedBlocks, used)
      assert.equal(undone, ['second', 'first'])
    })
    await withStore(directory, async ({ store }) => {
      assert.equal([get(store, 'a'), get(store, 'b')], [5, undefined])
    })
  })
})

const CALL = { client: '192.0.2.1', xid: 1, prog: 100_003, vers: 3, proc: 9, checksum: 7 }

/** The replies that are kept, by their slots. */
async function repliesOf(directory: string): Promise<[slot: number, reply: string][]> {
  const found: [number, string][] = []
  await withStore(directory, async ({ store }) => {
    for (const { slot, results } of store.replies.all()) {
      found.push([slot, Buffer.from(results).toString()])
    }
  })
  return found
}

test('what is done together has its reply with it, whatever checkpoints come', async () => {
  await withFolder(async (directory) => {
    // Every change makes a checkpoint due.
    const limits = { dirtyRecordsMax: 0 }
    await withStore(
      directory,
      async ({ store }) => {
        for (let slot = 0; slot < 20; slot++) {
          const work = () => {
            put(store, `a${slot}`, 5)
            put(store, `b${slot}`, 6)
            return Buffer.from('made')
          }
          store.together(work, CALL, () => slot)
        }
        await store.flush()
      },
      { limits },
    )
    const made = Array.from({ length: 20 }, (_, slot) => [slot, 'made'])
    assert.equal(await repliesOf(directory), made)
  })
})

test('a slot is used again, and what fails leaves nothing in one', async () => {
  await withFolder(async (directory) => {
    await withStore(directory, async ({ store }) => {
      const keep = (slot: number, text: string) =>
        store.together(
          () => Buffer.from(text),
          CALL,
          () => slot,
        )
      keep(0, 'old ')
      keep(1, 'one ')
      await store.checkpoint()
      keep(0, 'new ')
      const failing = () => {
        throw new Error('it fails')
      }
      assert.throws(() => store.together(failing, CALL, () => 2), /it fails/)
      put(store, 'a', 5)
    })
    assert.equal(await repliesOf(directory), [
      [0, 'new '],
      [1, 'one '],
    ])
  })
})

test('after a crash an operation and its reply are both there, or neither', async () => {
  await withFolder(async (directory) => {
    await withStore(directory, async ({ store }) => {
      const make = (slot: number) =>
        store.together(
          () => {
            put(store, `file ${slot}`, slot + 10)
            return Buffer.from(`made ${slot}`)
          },
          CALL,
          () => slot,
        )
      // In the file and in the log, in the log alone, and in neither.
      make(1)
      await store.checkpoint()
      make(2)
      await store.flush()
      make(3)
      await crashed(directory, async (copy) => {
        await withStore(copy, async ({ store: found }) => {
          const files = [1, 2, 3].map((n) => get(found, `file ${n}`))
          assert.equal(files, [11, 12, undefined])
        })
        // Once more: recovery has brought all of it into the file.
        assert.equal(await repliesOf(copy), [
          [1, 'made 1'],
          [2, 'made 2'],
        ])
      })
    })
  })
})

test('a store without the file of replies, or with a damaged one, opens and says so', async () => {
  await withFolder(async (directory) => {
    await withStore(directory, async ({ store }) => {
      for (let slot = 0; slot < 3; slot++) {
        store.together(
          () => Buffer.from('made'),
          { ...CALL, xid: slot },
          () => slot,
        )
      }
    })
    const path = join(directory, 'replies')
    const bytes = await readFile(path)
    // The last byte of the results of slot 1.
    const at = REPLY_SLOT_BYTES + 36 + CALL.client.length + 3
    bytes[at] = (bytes[at] ?? 0) ^ 1
    await writeFile(path, bytes)
    const reports: string[] = []
    const report = (message: string, error: unknown) => reports.push(`${message}: ${error}`)
    const slotsOf = async () => {
      const slots: number[] = []
      const read = async ({ store }: { store: Store }) => {
        slots.push(...store.replies.all().map(({ slot }) => slot))
      }
      await withStore(directory, read, { report })
      return slots
    }
    assert.equal(await slotsOf(), [0, 2])
    assert.equal(reports, [
      'kept replies are damaged; their calls, should they come again, are run again: ' +
        'StoreError: slots that do not match their checksums: 1',
    ])
    await rm(path)
    assert.equal([await slotsOf(), reports.length], [[], 1])
  })
})

test('after a crash everything that a barrier covered is there', async () => {
  await withFolder(async (directory) => {
    await withStore(directory, async ({ store }) => {
      for (let i = 0; i < 500; i++) put(store, `file ${i}`, i + 10)
      store.transact((tx) => tx.delete(store.dataset.names, nameKey(1, Buffer.from('file 7'))))
      await store.flush()
      await crashed(directory, (copy) =>
        withStore(copy, async ({ store: recovered, recovered: count }) => {
          assert.ok(count >= 500)
          for (let i = 0; i < 500; i++) {
            assert.is(get(recovered, `file ${i}`), i === 7 ? undefined : i + 10)
          }
        }),
      )
    })
  })
})

test('file data that a barrier covered is there after a crash, little and much of it', async () => {
  for (const pages of [1, 200]) {
    await withFolder(async (directory) => {
      await withStore(directory, async ({ store }) => {
        const page = (i: number) => new Uint8Array(BLOCK_BYTES).fill(i + 1)
        store.transact((tx) => {
          const chunk = newChunk(pages)
          let slot = 0
          for (const { address, count } of tx.allocate(pages)) {
            const run = Array.from({ length: count }, (_, i) => page(slot + i))
            tx.write(address, run)
            for (let i = 0; i < count; i++) chunk.address[slot++] = address + i
          }
          tx.put(store.dataset.chunks, chunkKey(50, 0), chunk)
        })
        await store.flush()
        await crashed(directory, (copy) =>
          withStore(copy, async ({ store: recovered }) => {
            const chunk = recovered.dataset.chunks.get(chunkKey(50, 0))
            assert.is(recovered.spaceMap.usedBlocks, pages)
            for (let i = 0; i < pages; i++) {
              const into = new Uint8Array(BLOCK_BYTES)
              await recovered.blocks.read(chunk?.address[i] ?? 0, 1, into)
              assert.equal(into, page(i))
            }
          }),
        )
      })
    })
  }
})

test('a checkpoint while transactions go on loses none and brings none early', async () => {
  await withFolder(async (directory) => {
    await withStore(directory, async ({ store }) => {
      for (let i = 0; i < 3000; i++) put(store, `file ${i}`, 10)
      const checkpoint = store.checkpoint()
      for (let round = 0; round < 50; round++) {
        for (let i = 0; i < 100; i++) put(store, `file ${round * 50 + i}`, 11 + round)
        await new Promise((resolve) => setImmediate(resolve))
      }
      await checkpoint
      const expected = Array.from({ length: 3000 }, (_, i) => get(store, `file ${i}`))
      await store.flush()
      await crashed(directory, (copy) =>
        withStore(copy, async ({ store: recovered }) => {
          const found = expected.map((_, i) => get(recovered, `file ${i}`))
          assert.equal(found, expected)
        }),
      )
    })
  })
})

test('a cache that is far too small changes nothing but speed', async () => {
  await withFolder(async (directory) => {
    const options = { cacheBytesMax: 1000 }
    await withStore(
      directory,
      async ({ store }) => {
        for (let i = 0; i < 2000; i++) {
          put(store, `file ${i % 700}`, i)
          if (i % 100 === 99) await store.checkpoint()
          assert.is(get(store, `file ${(i * 7) % 700}`) === undefined, (i * 7) % 700 > i)
        }
        for (let i = 0; i < 700; i++)
          assert.is(get(store, `file ${i}`) ?? 0, i < 600 ? 1400 + i : 700 + i)
      },
      options,
    )
  })
})

test('barriers call back in the same turn where nothing is outstanding', async () => {
  await withFolder(async (directory) => {
    await withStore(directory, async ({ store }) => {
      await store.flush()
      let called = false
      store.barrier(() => {
        called = true
      })
      assert.ok(called)
    })
  })
})

test('inode numbers are never handed out twice, across closing and crashes', async () => {
  await withFolder(async (directory) => {
    const seen = new Set<number>()
    const take = (store: Store) => {
      for (let i = 0; i < 10; i++) seen.add(store.newIno())
    }
    await withStore(directory, async ({ store }) => {
      take(store)
      await crashed(directory, (copy) => withStore(copy, async ({ store: next }) => take(next)))
    })
    await withStore(directory, async ({ store }) => {
      take(store)
      assert.ok(store.generation > 1)
    })
    // The copy and the folder itself went separate ways from the same state.
    assert.is(seen.size, 20)
  })
})

test('a second opening is refused by the name of the process that has the store', async () => {
  await withFolder(async (directory) => {
    await withStore(directory, async () => {
      const error = await thrown(openTestStore(directory))
      assert.instance(error, StoreError)
      assert.match(error.message, `is in use by process ${process.pid} (test)`)
    })
  })
})

test('an unknown format, a foreign folder and a missing part are refused with a sentence', async () => {
  await withFolder(async (directory) => {
    await writeFile(join(directory, 'letter.txt'), 'x')
    assert.match((await thrown(openTestStore(directory))).message, /not empty.*'letter.txt'/)
    await rm(join(directory, 'letter.txt'))
    await withStore(directory, async () => undefined)
    const format = await readFile(join(directory, 'format'), 'utf8')
    await writeFile(join(directory, 'format'), 'zerofs-nfs 99\n')
    assert.match((await thrown(openTestStore(directory))).message, /"zerofs-nfs 99".*a newer/)
    await writeFile(join(directory, 'format'), 'zerofs-nfs 1\n')
    assert.match((await thrown(openTestStore(directory))).message, /"zerofs-nfs 1".*that made it/)
    await writeFile(join(directory, 'format'), format)
    await rm(join(directory, 'meta'), { recursive: true })
    assert.match((await thrown(openTestStore(directory))).message, /no superblock|missing/)
  })
})

test.run()
