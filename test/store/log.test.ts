import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { IntentLog } from '../../src/store/log.ts'
import { LogEntryBuilder, readLogEntry } from '../../src/store/log-entry.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'

const test = suite('store/log')
const id = Buffer.alloc(16, 0xab)

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'zerofs-log-'))
  try {
    await body(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function withLog<T>(
  folder: string,
  body: (log: IntentLog) => Promise<T>,
  secret = id,
): Promise<T> {
  const log = await IntentLog.open(nodeDisk, folder, secret)
  try {
    return await body(log)
  } finally {
    await log.close()
  }
}

async function replayed(log: IntentLog, from: number): Promise<string[]> {
  const payloads: string[] = []
  await log.replay(from, async (payload) => {
    payloads.push(payload.toString())
  })
  return payloads
}

async function damage(folder: string, file: string, position: number): Promise<void> {
  const handle = await open(join(folder, file), 'r+')
  const byte = Buffer.alloc(1)
  await handle.read(byte, 0, 1, position)
  byte[0] = (byte[0] ?? 0) ^ 1
  await handle.write(byte, 0, 1, position)
  await handle.close()
}

test('entries come back in order, from any number on, across both files', async () => {
  await withFolder(async (folder) => {
    await withLog(folder, async (log) => {
      await log.append(1, [Buffer.from('a'), Buffer.from('b')])
      await log.append(2, [Buffer.alloc(5000, 'c')])
      log.turn()
      await log.append(3, [Buffer.from('d')])
    })
    await withLog(folder, async (log) => {
      assert.equal(await replayed(log, 0), ['ab', 'c'.repeat(5000), 'd'])
      assert.equal(await replayed(log, 2), ['d'])
      assert.equal(await replayed(log, 3), [])
    })
  })
})

test('what an earlier turn left in a file is not replayed', async () => {
  await withFolder(async (folder) => {
    await withLog(folder, async (log) => {
      for (let seq = 1; seq <= 4; seq++) await log.append(seq, [Buffer.from(`old ${seq}`)])
      log.turn()
      await log.append(5, [Buffer.from('five')])
      log.turn()
      await log.append(6, [Buffer.from('six')])
    })
    await withLog(folder, async (log) => assert.equal(await replayed(log, 4), ['five', 'six']))
  })
})

test('a torn last entry is dropped, wherever it is torn', async () => {
  for (const position of [0, 5, 12, 20, 33, 40]) {
    await withFolder(async (folder) => {
      await withLog(folder, async (log) => {
        await log.append(1, [Buffer.from('whole')])
        await log.append(2, [Buffer.from('torn entry')])
      })
      await damage(folder, 'log.0', 4096 + position)
      await withLog(folder, async (log) => assert.equal(await replayed(log, 0), ['whole']))
    })
  }
})

test('a damaged entry that is not the last is refused, in the same file and across files', async () => {
  for (const [turn, position] of [false, true].flatMap((turn) =>
    [0, 12, 37].map((at) => [turn, at] as const),
  )) {
    await withFolder(async (folder) => {
      await withLog(folder, async (log) => {
        await log.append(1, [Buffer.from('one')])
        await log.append(2, [Buffer.from('two')])
        if (turn) log.turn()
        await log.append(3, [Buffer.from('three')])
      })
      await damage(folder, 'log.0', 4096 + position)
      await withLog(folder, async (log) => {
        const error = await replayed(log, 0).then(
          () => undefined,
          (thrown: Error) => thrown,
        )
        assert.match(error?.message ?? '', /entry 2 is damaged or missing, entry 3 is not/)
      })
    })
  }
})

test('entries of another store, or forged by who does not know the id, are not replayed', async () => {
  await withFolder(async (folder) => {
    await withLog(folder, (log) => log.append(1, [Buffer.from('x')]), Buffer.alloc(16, 1))
    await withLog(folder, async (log) => assert.equal(await replayed(log, 0), []))
  })
})

test('an entry keeps its items in their order', () => {
  const builder = new LogEntryBuilder(8)
  const page = Buffer.alloc(4096, 7)
  builder.put(Buffer.from('key'), Buffer.from('value'))
  builder.delta(2 ** 40, 256, -1)
  builder.blocks(9, [page, page])
  builder.reply(16_383, Buffer.from('record'))
  builder.delete(Buffer.from('gone'))
  const items: string[] = []
  readLogEntry(Buffer.concat(builder.pieces()), {
    put: (key, value) => items.push(`put ${key} ${value}`),
    delete: (key) => items.push(`delete ${key}`),
    delta: (address, count, by) => items.push(`delta ${address} ${count} ${by}`),
    blocks: (address, data) => items.push(`blocks ${address} ${data.length} ${data[8191]}`),
    reply: (slot, record) => items.push(`reply ${slot} ${record}`),
  })
  assert.equal(items, [
    'put key value',
    'delta 1099511627776 256 -1',
    'blocks 9 8192 7',
    'reply 16383 record',
    'delete gone',
  ])
})

test.run()
