import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Database } from '../../src/store/database.ts'
import { sealRecord } from '../../src/store/record.ts'
import { withFolder } from './open-store.ts'

const test = suite('store/database-batch')

const keyOf = (n: number): Buffer => Buffer.from(`\0\0\0\x01I${String(n).padStart(8, '0')}`)
const recordOf = (n: number): Buffer => Buffer.alloc(4 + (n % 300), n)

/** The records below `count`, by their numbers: undefined where there is none. */
function read(database: Database, count: number): (Uint8Array | undefined)[] {
  return Array.from({ length: count }, (_, n) => database.get(keyOf(n)))
}

async function withDatabase(
  body: (database: Database, reopen: () => Promise<Database>) => Promise<void>,
) {
  await withFolder(async (folder) => {
    let database = await Database.open(join(folder, 'database'))
    const reopen = async (): Promise<Database> => {
      await database.close()
      database = await Database.open(join(folder, 'database'))
      return database
    }
    await body(database, reopen)
    await database.close()
  })
}

test('records come from a buffer that is used again, and all of them arrive', async () => {
  await withDatabase(async (database, reopen) => {
    const key = Buffer.alloc(64)
    const sealed = Buffer.alloc(512)
    const batch = database.batch()
    for (let n = 0; n < 1000; n++) {
      const name = keyOf(n)
      const value = sealRecord(name, recordOf(n))
      key.set(name)
      sealed.set(value)
      batch.put(
        key.subarray(0, name.length),
        new Uint8Array(sealed.buffer, sealed.byteOffset, value.length),
      )
    }
    key.fill(0xff)
    sealed.fill(0xff)
    assert.is(batch.count, 1000)
    await batch.write()
    const expected = Array.from({ length: 1000 }, (_, n) => new Uint8Array(recordOf(n)))
    assert.equal(
      read(database, 1000).map((record) => record && new Uint8Array(record)),
      expected,
    )
    const again = read(await reopen(), 1000)
    assert.equal(
      again.map((record) => record && new Uint8Array(record)),
      expected,
    )
  })
})

test('deletions and puts take effect in their order, wherever they stand in a batch', async () => {
  await withDatabase(async (database) => {
    const put = (n: number) => ({ key: keyOf(n), value: sealRecord(keyOf(n), recordOf(n)) })
    const gone = (n: number) => ({ key: keyOf(n), value: undefined })
    await database.write([put(0), put(1), put(2)])
    await database.write([gone(0), put(3), gone(1), gone(3), put(1)])
    const there = read(database, 4).map((record) => record !== undefined)
    assert.equal(there, [false, true, true, false])
  })
})

test('a batch of one, of one deletion, and of nothing at all', async () => {
  await withDatabase(async (database) => {
    await database.write([])
    await database.write([{ key: keyOf(1), value: sealRecord(keyOf(1), recordOf(1)) }])
    assert.is.not(database.get(keyOf(1)), undefined)
    await database.write([{ key: keyOf(1), value: undefined }])
    assert.is(database.get(keyOf(1)), undefined)
  })
})

test.run()
