import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BlockStore } from '../../src/store/blocks.ts'
import { BlockError, FILE_BLOCKS } from '../../src/store/blocks-files.ts'
import { checksum } from '../../src/store/checksum.ts'
import { MemoryDisk } from './memory-disk.ts'

const test = suite('blocks')

const BLOCK = 4096

async function withBlocks(
  body: (blocks: BlockStore, disk: MemoryDisk) => Promise<void>,
  disk = new MemoryDisk(),
): Promise<void> {
  const blocks = await BlockStore.open(disk, '/store/blocks', { syncWriteBytesMax: 0 })
  try {
    await body(blocks, disk)
  } finally {
    await blocks.close()
  }
}

/** Pages that can be told apart, each in a buffer of its own. */
function pages(count: number, seed = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => new Uint8Array(BLOCK).fill(((seed + i) % 251) | 1))
}

/** The arrays of a chunk whose blocks are consecutive. */
function chunk(address: number, of: readonly Uint8Array[]): [Float64Array, Uint32Array] {
  const addresses = Float64Array.from(of, (_, i) => address + i)
  return [addresses, Uint32Array.from(of, checksum)]
}

const same = (a: Uint8Array, b: Uint8Array): void => assert.is(Buffer.compare(a, b), 0)
const failureOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => new Error('it did not fail'),
    (error) => error,
  )
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const count = (disk: MemoryDisk, what: string): number =>
  disk.log.filter((line) => line.startsWith(what)).length

test('reads back what was written, by another process too', async () => {
  const disk = new MemoryDisk()
  const written = pages(100)
  await withBlocks(async (blocks) => {
    blocks.write(1000, written)
    await blocks.sync()
  }, disk)
  await withBlocks(async (blocks) => {
    const into = Buffer.alloc(100 * BLOCK)
    await blocks.readBlocks(...chunk(1000, written), 0, 100, into)
    same(into, Buffer.concat(written))
    await blocks.read(1010, 2, into, BLOCK)
    same(into.subarray(BLOCK, 3 * BLOCK), Buffer.concat(written.slice(10, 12)))
  }, disk)
})

test('blocks on both sides of the border of two files', async () => {
  const disk = new MemoryDisk()
  const written = pages(4)
  await withBlocks(async (blocks) => {
    blocks.write(FILE_BLOCKS - 2, written)
    await blocks.sync()
  }, disk)
  assert.equal([...disk.files.keys()].sort(), ['00000000', '00000001'])
  await withBlocks(async (blocks) => {
    const into = Buffer.alloc(4 * BLOCK)
    await blocks.readBlocks(...chunk(FILE_BLOCKS - 2, written), 0, 4, into)
    same(into, Buffer.concat(written))
    blocks.readSync(FILE_BLOCKS - 2, 4, into.fill(0))
    same(into, Buffer.concat(written))
  }, disk)
})

test('serves pages from memory until they are written', () =>
  withBlocks(async (blocks, disk) => {
    const release = disk.hold('write')
    const written = pages(70)
    blocks.write(60, written)
    const into = Buffer.alloc(70 * BLOCK)
    assert.is(blocks.readBlocks(...chunk(60, written), 0, 70, into), undefined)
    same(into, Buffer.concat(written))
    blocks.readSync(61, 1, into)
    same(into.subarray(0, BLOCK), written[1] ?? into)
    await blocks.read(128, 2, into)
    same(into.subarray(0, 2 * BLOCK), Buffer.concat(written.slice(68)))
    assert.is(count(disk, 'read'), 0)
    release()
    await blocks.settled()
  }))

test('mixes blocks on disk, blocks in memory and holes in one read', () =>
  withBlocks(async (blocks, disk) => {
    const [a, b, c] = pages(3) as [Uint8Array, Uint8Array, Uint8Array]
    blocks.write(10, [a])
    blocks.write(500, [c])
    await blocks.settled()
    const release = disk.hold('write')
    blocks.write(11, [b])
    const hole = new Uint8Array(BLOCK)
    const addresses = Float64Array.of(0, 10, 11, 0, 500)
    const checksums = Uint32Array.of(0, checksum(a), checksum(b), 0, checksum(c))
    const into = Buffer.alloc(6 * BLOCK, 'x')
    assert.is(blocks.readBlocks(addresses, checksums, 0, 5, into, 7), undefined)
    same(into.subarray(7, 7 + 5 * BLOCK), Buffer.concat([hole, a, b, hole, c]))
    assert.is(into.toString('latin1', 0, 8), 'xxxxxxx\0')
    assert.is(into[7 + 5 * BLOCK], 'x'.charCodeAt(0))
    assert.is(blocks.readBlocks(addresses, checksums, 2, 4, into), undefined)
    same(into.subarray(0, 2 * BLOCK), Buffer.concat([b, hole]))
    release()
  }))

test('reads at once what is little and warm, by way of a promise what is cold or large', async () => {
  const disk = new MemoryDisk()
  const written = pages(64)
  await withBlocks(async (blocks) => {
    blocks.write(1, written)
    await blocks.settled()
    assert.ok(blocks.isWarm(1, 64))
    const into = Buffer.alloc(64 * BLOCK)
    assert.is(blocks.readBlocks(...chunk(1, written), 0, 16, into), undefined)
    assert.instance(blocks.readBlocks(...chunk(1, written), 0, 17, into), Promise)
  }, disk)
  await withBlocks(async (blocks) => {
    assert.not(blocks.isWarm(1, 1))
    const into = Buffer.alloc(BLOCK)
    const cold = blocks.readBlocks(...chunk(1, written), 3, 4, into)
    assert.instance(cold, Promise)
    await cold
    assert.ok(blocks.isWarm(4, 1))
    assert.not(blocks.isWarm(4, 2))
    assert.is(blocks.readBlocks(...chunk(1, written), 3, 4, into), undefined)
    same(into, written[3] ?? into)
  }, disk)
})

test('finds one wrong byte on disk, and names the block, its file and its place', () =>
  withBlocks(async (blocks, disk) => {
    const written = pages(40)
    blocks.write(FILE_BLOCKS + 7, written)
    await blocks.settled()
    disk.damage('00000001', 20 * BLOCK + 4095)
    const into = Buffer.alloc(40 * BLOCK)
    const [addresses, checksums] = chunk(FILE_BLOCKS + 7, written)
    const error = await failureOf(
      Promise.resolve(blocks.readBlocks(addresses, checksums, 0, 40, into)),
    )
    assert.instance(error, BlockError)
    assert.is((error as BlockError).code, 'IO')
    const message = 'block 1048596 (blocks/00000001, byte 81920) does not match its checksum'
    assert.is(error.message, message)
    assert.throws(() => blocks.readBlocks(addresses, checksums, 10, 15, into), message)
    assert.is(blocks.readBlocks(addresses, checksums, 14, 20, into), undefined)
  }))

test('a block that was never written, or is gone, does not read as zeros', () =>
  withBlocks(async (blocks) => {
    const [addresses, checksums] = chunk(99, pages(1))
    const read = blocks.readBlocks(addresses, checksums, 0, 1, Buffer.alloc(BLOCK))
    assert.match((await failureOf(Promise.resolve(read))).message, 'block 99 ')
  }))

test('files that are there already are open from the start; one that is missing is told', async () => {
  const disk = new MemoryDisk()
  const written = pages(1)
  await withBlocks(async (blocks) => {
    blocks.write(FILE_BLOCKS, written)
    await blocks.sync()
  }, disk)
  const blocks = await BlockStore.open(disk, '/store/blocks', { names: [...disk.files.keys()] })
  const into = Buffer.alloc(BLOCK)
  blocks.readSync(FILE_BLOCKS, 1, into)
  same(into, written[0] ?? into)
  assert.throws(() => blocks.readSync(5, 1, into), /block 5 .* is missing/)
  await blocks.close()
})

test('names the block that the disk cannot read', () =>
  withBlocks(async (blocks, disk) => {
    const written = pages(2)
    blocks.write(50, written)
    await blocks.settled()
    const into = Buffer.alloc(2 * BLOCK)
    disk.fail('read', 'EIO')
    assert.throws(() => blocks.readBlocks(...chunk(50, written), 0, 2, into), /block 50 .*EIO/)
    disk.fail('read', 'EIO')
    const error = await failureOf(blocks.read(51, 1, into))
    assert.instance(error, BlockError)
    assert.match(error.message, 'byte 208896) cannot be read: Error: EIO')
  }))

test('a read that fails in one part ends only when its other parts have ended', () =>
  withBlocks(async (blocks, disk) => {
    const release = disk.hold('read')
    disk.fail('read', 'EIO')
    let ended = false
    const into = Buffer.alloc(2 * BLOCK)
    const checksums = new Uint32Array(2)
    const read = blocks.readBlocks(Float64Array.of(5, 9), checksums, 0, 2, into)
    const failed = failureOf(Promise.resolve(read)).finally(() => {
      ended = true
    })
    await turn()
    assert.is(disk.active, 2)
    assert.not(ended)
    release()
    await failed
    assert.is(disk.active, 0)
  }))

test('idle waits for the reads that have begun', () =>
  withBlocks(async (blocks, disk) => {
    await blocks.idle()
    const release = disk.hold('read')
    const read = blocks.read(5, 1, Buffer.alloc(BLOCK))
    let idle = false
    const waited = blocks.idle().then(() => {
      idle = true
    })
    await turn()
    assert.not(idle)
    release()
    await read
    await waited
  }))

test('gives the room of a file back, and lets later writes wait for that', () =>
  withBlocks(async (blocks, disk) => {
    blocks.write(1, pages(3))
    await blocks.settled()
    const release = disk.hold('truncate')
    const trimmed = blocks.trimFile(0)
    const later = pages(1, 77)
    blocks.write(2, later)
    await turn()
    assert.is(count(disk, 'write'), 1)
    release()
    await trimmed
    await blocks.settled()
    assert.is(disk.files.get('00000000')?.sectors.size, 1)
    const into = Buffer.alloc(BLOCK)
    assert.is(blocks.readBlocks(...chunk(2, later), 0, 1, into), undefined)
    same(into, later[0] ?? into)
  }))

test('a truncation that fails is told, and holds nothing up', () =>
  withBlocks(async (blocks, disk) => {
    disk.fail('truncate', 'EIO')
    assert.is((await failureOf(blocks.trimFile(0))).message, 'EIO')
    blocks.write(2, pages(1))
    await blocks.sync()
  }))

test('moves large pieces at once while that is prompt, with a thread after a slow one', async () => {
  const disk = new MemoryDisk()
  let [now, slow] = [0, 0]
  const options = {
    names: ['00000000'],
    now: () => {
      now += slow
      return now
    },
  }
  const blocks = await BlockStore.open(disk, '/store/blocks', options)
  const written = pages(256)
  const into = Buffer.alloc(256 * BLOCK)
  const read = (): unknown => blocks.readBlocks(...chunk(1, written), 0, 256, into.fill(0))
  blocks.write(1, written)
  assert.is(blocks.queuedBytes, 0)
  assert.is(read(), undefined)
  same(into, Buffer.concat(written))
  slow = 20
  blocks.write(1000, written)
  assert.is(blocks.queuedBytes, 0)
  assert.is(read(), undefined)
  slow = 0
  blocks.write(2000, written)
  assert.is(blocks.queuedBytes, 256 * BLOCK)
  const later = read()
  assert.instance(later, Promise)
  await later
  same(into, Buffer.concat(written))
  now += 1000
  blocks.write(3000, written)
  assert.is(count(disk, 'writeSync'), 3)
  assert.is(read(), undefined)
  await blocks.sync()
  assert.is(count(disk, 'datasync'), 1)
  await blocks.close()
})

test('a large piece that fails at once fails every sync', async () => {
  const disk = new MemoryDisk()
  const options = { names: ['00000000'], now: () => 0 }
  const blocks = await BlockStore.open(disk, '/store/blocks', options)
  disk.fail('write', 'no room')
  blocks.write(1, pages(256))
  assert.is((await failureOf(blocks.sync())).message, 'no room')
  await blocks.close()
})

test('close waits for writes and reads, and closes every file', async () => {
  const disk = new MemoryDisk()
  const blocks = await BlockStore.open(disk, '/store/blocks')
  blocks.write(1, pages(300))
  blocks.write(FILE_BLOCKS, pages(1))
  const read = blocks.read(2 * FILE_BLOCKS, 1, Buffer.alloc(BLOCK))
  await blocks.close()
  await read
  assert.is(count(disk, 'close'), 3)
  assert.is(disk.files.get('00000000')?.sectors.size, 300)
})

test('refuses block 0, and pages of another size', () =>
  withBlocks(async (blocks) => {
    assert.throws(() => blocks.write(0, pages(1)))
    assert.throws(() => blocks.write(1, [new Uint8Array(100)]))
  }))

test.run()
