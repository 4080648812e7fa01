import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BlockStore } from '../../src/store/blocks.ts'
import { FILE_BLOCKS } from '../../src/store/blocks-files.ts'
import { MemoryDisk } from './memory-disk.ts'

const test = suite('blocks-queue')

const BLOCK = 4096

async function withBlocks(
  body: (blocks: BlockStore, disk: MemoryDisk) => Promise<void>,
): Promise<void> {
  const disk = new MemoryDisk()
  const blocks = await BlockStore.open(disk, '/store/blocks', { syncWriteBytesMax: 0 })
  try {
    await body(blocks, disk)
  } finally {
    await blocks.close()
  }
}

function pages(count: number, fill = 1): Uint8Array[] {
  return Array.from({ length: count }, () => new Uint8Array(BLOCK).fill(fill))
}

/** Pages that lie side by side in one buffer. */
function adjacent(count: number): Uint8Array[] {
  const bytes = new Uint8Array(count * BLOCK).fill(1)
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * BLOCK, (i + 1) * BLOCK))
}

const messageOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'it did not fail',
    (error) => error.message,
  )
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const only = (disk: MemoryDisk, what: string): string[] =>
  disk.log.filter((line) => line.startsWith(what))

test('writes at most 512 KiB at once, in spans that are aligned', () =>
  withBlocks(async (blocks, disk) => {
    blocks.write(64, adjacent(320))
    await blocks.settled()
    assert.equal(only(disk, 'write'), [
      `write 00000000 ${64 * BLOCK}@${64 * BLOCK}`,
      `write 00000000 ${128 * BLOCK}@${128 * BLOCK}`,
      `write 00000000 ${128 * BLOCK}@${256 * BLOCK}`,
    ])
  }))

test('has at most sixteen writes under way', () =>
  withBlocks(async (blocks, disk) => {
    await blocks.read(1, 1, Buffer.alloc(BLOCK))
    disk.activeMax = 0
    blocks.write(1, pages(3000))
    blocks.write(5000, pages(1))
    await blocks.settled()
    assert.is(disk.activeMax, 16)
  }))

test('blocks that follow a job which has not begun join it', () =>
  withBlocks(async (blocks, disk) => {
    const release = disk.hold('write')
    for (let i = 1; i <= 16; i++) blocks.write(i * 1000, pages(1))
    await turn()
    for (let address = 126; address < 131; address++) blocks.write(address, pages(1))
    blocks.write(4001, pages(1))
    blocks.write(4003, pages(1))
    release()
    await blocks.settled()
    const at = (lengths: number[], address: number) =>
      `write 00000000 ${lengths.join('+')}@${address * BLOCK}`
    assert.equal(only(disk, 'write').slice(16), [
      at([BLOCK, BLOCK], 126),
      at([BLOCK, BLOCK, BLOCK], 128),
      at([BLOCK], 4001),
      at([BLOCK], 4003),
    ])
  }))

test('counts the bytes that are not written yet', () =>
  withBlocks(async (blocks, disk) => {
    const release = disk.hold('write')
    blocks.write(1, pages(300))
    assert.is(blocks.queuedBytes, 300 * BLOCK)
    blocks.write(1000, pages(2))
    assert.is(blocks.queuedBytes, 302 * BLOCK)
    release()
    await blocks.settled()
    assert.is(blocks.queuedBytes, 0)
  }))

test('of two writes of one block the later one stays, and is what readers see', () =>
  withBlocks(async (blocks, disk) => {
    const release = disk.hold('write')
    blocks.write(10, pages(3, 1))
    await turn()
    blocks.write(11, pages(1, 2))
    await turn()
    assert.is(only(disk, 'write').length, 1, 'the second waits for the first')
    const into = Buffer.alloc(3 * BLOCK)
    blocks.readSync(10, 3, into)
    assert.equal([into[0], into[BLOCK], into[2 * BLOCK]], [1, 2, 1])
    release()
    await blocks.settled()
    blocks.readSync(10, 3, into.fill(0))
    assert.equal([into[0], into[BLOCK], into[2 * BLOCK]], [1, 2, 1])
  }))

test('drained waits until little enough is left, also where writing fails', () =>
  withBlocks(async (blocks, disk) => {
    const release = disk.hold('write')
    blocks.write(1, adjacent(100))
    blocks.write(1000, adjacent(50))
    const seen: number[] = []
    const waits = [150, 149, 0].map(async (left) => {
      await blocks.drained(left * BLOCK)
      seen.push(left)
      assert.ok(blocks.queuedBytes <= left * BLOCK)
    })
    await turn()
    assert.equal(seen, [150])
    release()
    await Promise.all(waits)
    assert.equal(seen, [150, 149, 0])
    disk.fail('write', 'no write')
    blocks.write(1, adjacent(100))
    await blocks.drained(0)
    assert.match(await messageOf(blocks.settled()), /no write/)
  }))

test('settled waits for what was written before the call, not for what comes after', () =>
  withBlocks(async (blocks, disk) => {
    let settled = false
    const first = disk.hold('write')
    blocks.write(1, pages(1))
    const before = blocks.settled().then(() => {
      settled = true
    })
    await turn()
    assert.not(settled)
    const second = disk.hold('write')
    blocks.write(100, pages(1))
    await turn()
    first()
    await before
    assert.is(blocks.queuedBytes, BLOCK)
    second()
  }))

test('sync syncs the files that were written, once, and the directory when a file is new', () =>
  withBlocks(async (blocks, disk) => {
    blocks.write(1, pages(2))
    blocks.write(FILE_BLOCKS * 2, pages(1))
    await blocks.sync()
    const syncs = () => only(disk, 'datasync').concat(only(disk, 'syncDirectory'))
    const both = ['datasync 00000000', 'datasync 00000002', 'syncDirectory /store/blocks']
    assert.equal(syncs().sort(), both)
    await blocks.sync()
    assert.is(syncs().length, 3)
    blocks.write(3, pages(1))
    await blocks.sync()
    assert.is(syncs().length, 4)
    assert.is(syncs()[2], 'datasync 00000000')
  }))

test('sync begins when the writes have ended', () =>
  withBlocks(async (blocks, disk) => {
    const release = disk.hold('write')
    blocks.write(1, pages(1))
    const synced = blocks.sync()
    await turn()
    assert.is(only(disk, 'datasync').length, 0)
    release()
    await synced
    assert.is(only(disk, 'datasync').length, 1)
  }))

test('a sync with nothing to do does not overtake the one under way', () =>
  withBlocks(async (blocks, disk) => {
    const release = disk.hold('datasync')
    blocks.write(1, pages(1))
    await blocks.settled()
    const first = blocks.sync()
    await turn()
    let done = false
    const second = blocks.sync().then(() => {
      done = true
    })
    await turn()
    assert.not(done)
    release()
    await first
    await second
  }))

test('after a failed write nothing settles or syncs with success again', () =>
  withBlocks(async (blocks, disk) => {
    disk.fail('write', 'disk full')
    blocks.write(1, pages(1))
    assert.is(await messageOf(blocks.settled()), 'disk full')
    blocks.write(2, pages(1))
    assert.is(await messageOf(blocks.settled()), 'disk full')
    assert.is(await messageOf(blocks.sync()), 'disk full')
    assert.is(await messageOf(blocks.sync()), 'disk full')
    assert.is(only(disk, 'datasync').length, 0)
    assert.is(blocks.queuedBytes, 0)
  }))

test('after a failed sync nothing syncs with success again', () =>
  withBlocks(async (blocks, disk) => {
    blocks.write(1, pages(1))
    disk.fail('datasync', 'lost')
    assert.is(await messageOf(blocks.sync()), 'lost')
    assert.is(await messageOf(blocks.sync()), 'lost')
    blocks.write(2, pages(1))
    assert.is(await messageOf(blocks.settled()), 'lost')
  }))

test('a sync that waits behind a failing one fails too', () =>
  withBlocks(async (blocks, disk) => {
    const release = disk.hold('datasync')
    blocks.write(1, pages(1))
    await blocks.settled()
    const first = messageOf(blocks.sync())
    await turn()
    const second = messageOf(blocks.sync())
    disk.fail('datasync', 'lost')
    release()
    assert.equal(await Promise.all([first, second]), ['lost', 'lost'])
  }))

test('after a failed sync of the directory nothing syncs with success again', () =>
  withBlocks(async (blocks, disk) => {
    blocks.write(1, pages(1))
    disk.fail('syncDirectory', 'lost')
    assert.is(await messageOf(blocks.sync()), 'lost')
    assert.is(await messageOf(blocks.sync()), 'lost')
  }))

test('a file that cannot be opened fails the write, and is tried again by the next', () =>
  withBlocks(async (blocks, disk) => {
    disk.fail('open', 'too many files')
    const into = Buffer.alloc(BLOCK)
    assert.match(await messageOf(blocks.read(1, 1, into)), 'too many files')
    await blocks.read(1, 1, into)
    disk.fail('open', 'too many files')
    blocks.write(FILE_BLOCKS, pages(1))
    assert.is(await messageOf(blocks.settled()), 'too many files')
  }))

test('a failure that nobody waits for yet harms nobody but those who ask', () =>
  withBlocks(async (blocks, disk) => {
    disk.fail('write', 'disk full')
    blocks.write(1, pages(1))
    await turn()
    await turn()
    assert.is(await messageOf(blocks.sync()), 'disk full')
  }))

async function withSyncWrites(
  body: (blocks: BlockStore, disk: MemoryDisk) => Promise<void>,
): Promise<void> {
  const disk = new MemoryDisk()
  const blocks = await BlockStore.open(disk, '/store/blocks', { names: ['00000000'] })
  try {
    await body(blocks, disk)
  } finally {
    await blocks.close()
  }
}

test('writes up to 32 KiB to an open file at once, and syncs them', () =>
  withSyncWrites(async (blocks, disk) => {
    blocks.write(5, adjacent(8))
    assert.equal(only(disk, 'write'), [`writeSync 00000000 ${8 * BLOCK}@${5 * BLOCK}`])
    assert.is(blocks.queuedBytes, 0)
    blocks.write(20, adjacent(9))
    blocks.write(FILE_BLOCKS - 1, pages(2))
    assert.is(only(disk, 'writeSync').length, 1)
    await blocks.sync()
    assert.equal(only(disk, 'datasync'), ['datasync 00000000', 'datasync 00000001'])
    blocks.write(5, pages(1))
    await blocks.sync()
    assert.is(only(disk, 'datasync').length, 3)
  }))

test('does not write at once before an earlier write of the block, nor before a truncation', () =>
  withSyncWrites(async (blocks, disk) => {
    const release = disk.hold('write')
    blocks.write(10, pages(9, 1))
    blocks.write(17, pages(2, 2))
    blocks.write(19, pages(1, 3))
    release()
    await blocks.settled()
    const into = Buffer.alloc(10 * BLOCK)
    blocks.readSync(10, 10, into)
    assert.equal(
      [6, 7, 8, 9].map((i) => into[i * BLOCK]),
      [1, 2, 2, 3],
    )
    assert.is(only(disk, 'writeSync').length, 1)
    const trimmed = blocks.trimFile(0)
    blocks.write(13, pages(1, 4))
    await trimmed
    await blocks.settled()
    blocks.readSync(13, 2, into)
    assert.equal([into[0], into[BLOCK]], [4, 0])
  }))

test('after a failed write at once nothing settles or syncs with success again', () =>
  withSyncWrites(async (blocks, disk) => {
    disk.fail('write', 'disk full')
    blocks.write(5, pages(1))
    assert.is(await messageOf(blocks.settled()), 'disk full')
    assert.is(await messageOf(blocks.sync()), 'disk full')
  }))

test.run()
