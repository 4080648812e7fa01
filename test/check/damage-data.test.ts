import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Kind, keyBytes } from '../../src/store/keys.ts'
import { sealRecord } from '../../src/store/record.ts'
import { BLOCK_BYTES, newChunk } from '../../src/store/records.ts'
import { encodeGroup, GROUP_BLOCKS, newGroupBits } from '../../src/store/space-group.ts'
import { chunkSpec, inodeSpec, orphanSpec } from '../../src/store/tables.ts'
import { account, Ino, rows, written } from './rows.ts'
import { Scene, withVolume } from './scene.ts'

const test = suite('check: damage of contents and blocks')

const { DATA, FIRST_OF_MANY, WIDE } = Ino

/** Changes the reference counts of the first group. */
async function putCounts(
  scene: Scene,
  change: (counts: Uint16Array) => void,
  backed = true,
): Promise<void> {
  const { spaceMap } = scene.volume.store
  const counts = new Uint16Array(GROUP_BLOCKS).map((_, i) => spaceMap.refcount(i))
  change(counts)
  const group = { number: 0, counts, busy: newGroupBits(), recent: false }
  const key = Buffer.from(keyBytes(0, Kind.GROUP, 0))
  const record = Buffer.concat([Buffer.alloc(4), encodeGroup(group, backed)])
  await scene.raw(key, sealRecord(key, record))
}

rows(test, 'contents', [
  [
    'used',
    (scene) => scene.change(inodeSpec, DATA, (inode) => ({ ...inode, used: 4096 })),
    [
      account({ bytes: 12_288 }),
      "'dir/data' (inode 1027), also in 1 snapshot: its used is 4096, and its data takes 12288",
    ],
  ],
  [
    'used in a snapshot',
    (scene) => scene.changePast(inodeSpec, WIDE, 3, (inode) => ({ ...inode, used: 0 })),
    [
      "'wide' (inode 1028) in snapshot 'first' and 1 later one: its used is 0, and its data takes 12288",
    ],
  ],
  [
    'a size below the last block',
    (scene) => scene.change(inodeSpec, DATA, (inode) => ({ ...inode, size: 8192 })),
    ["'dir/data' (inode 1027), also in 1 snapshot: chunk 0 reaches beyond its end at byte 8192"],
  ],
  [
    'a size that ends inside the data',
    (scene) => scene.change(inodeSpec, DATA, (inode) => ({ ...inode, size: 9999 })),
    [
      "'dir/data' (inode 1027), also in 1 snapshot: behind its end at byte 9999 the block holds something else than zeros",
    ],
  ],
  [
    'one content of two files',
    (scene) =>
      scene.change(inodeSpec, FIRST_OF_MANY, (inode) => ({
        ...{ ...inode, content: DATA, size: 10_000, used: 12_288 },
      })),
    [
      account({ bytes: 32_768 }),
      "'dir/data' (inode 1027) in snapshot 'first': its content 1027 is that of inode 1031 too",
    ],
  ],
  [
    'a content of no file',
    (scene) => scene.put(1, chunkSpec, '3000/0', { ...newChunk(0), inline: new Uint8Array(5) }, 3),
    ["content 3000 is no file's, and nothing frees it", written('the root dataset', 4101, 4096)],
  ],
  [
    'a content that is to be freed',
    (scene) => scene.put(1, orphanSpec, DATA, { content: DATA, end: 3 }),
    ["'dir/data' (inode 1027), also in 1 snapshot: its content 1027 is to be freed"],
  ],
  [
    'bytes inside the second chunk',
    async (scene) => {
      const many = { ...newChunk(0), inline: new Uint8Array(5) }
      await scene.put(1, chunkSpec, `${DATA}/1`, many, 3)
    },
    [
      "'dir/data' (inode 1027): chunk 1 holds its bytes itself, which only the first may",
      "'dir/data' (inode 1027): chunk 1 reaches beyond its end at byte 10000",
      "'dir/data' (inode 1027): bitmap 0 of level 0 is wrong about chunk 1, which is there",
      "'dir/data' (inode 1027): its used is 12288, and its data takes 12293",
      written('the root dataset', 4101, 4096),
    ],
  ],
  [
    'a chunk that ends with a hole',
    (scene) =>
      scene.change(chunkSpec, `${DATA}/0`, (chunk) => ({
        ...{ ...chunk, address: Float64Array.of(...chunk.address, 0) },
        checksum: Uint32Array.of(...chunk.checksum, 0),
        birth: Uint32Array.of(...chunk.birth, 0),
      })),
    [
      "'dir/data' (inode 1027), also in 1 snapshot: chunk 0 does not end with a block",
      "'dir/data' (inode 1027), also in 1 snapshot: chunk 0 reaches beyond its end at byte 10000",
    ],
  ],
])

rows(test, 'blocks and their counts', [
  [
    'a block counted too often',
    (scene) => putCounts(scene, (counts) => counts.fill(2, 1, 2)),
    ['block 1 has 1 reference, and the space map counts 2'],
  ],
  [
    'a block that is counted, and that nothing has',
    (scene) => putCounts(scene, (counts) => counts.fill(1, 700, 703)),
    ['blocks 700 to 702 have 0 references, and the space map counts 1'],
  ],
  [
    'a group marked as without room',
    (scene) => putCounts(scene, () => undefined, false),
    ['group 0 has blocks in use, and is marked as without room'],
  ],
  [
    'all agree, but not with what the running store has counted',
    async (scene) => {
      const lost = scene.get(1, chunkSpec, `${WIDE}/0`).value.address[1] ?? 0
      await scene.delete(Kind.CHUNK, `${WIDE}/0`)
      await scene.change(inodeSpec, WIDE, (inode) => ({ ...inode, used: 0 }))
      await putCounts(scene, (counts) => counts.fill(0, lost, lost + 1))
    },
    [
      account({ bytes: 16_384 }),
      written('the root dataset', 0, 4096),
      '7 blocks are in use, and the store has counted 8',
    ],
  ],
  [
    'no counts',
    (scene) => scene.delete(Kind.GROUP, 0, 0),
    [
      "'dir/data' (inode 1027) in snapshot 'first': bytes 0 to 4095 are damaged: block 1 lies beyond the blocks that there are",
      "'dir/data' (inode 1027), also in 2 snapshots: bytes 4096 to 8191 are damaged: block 2 lies beyond the blocks that there are",
      "'dir/data' (inode 1027), also in 2 snapshots: bytes 8192 to 12287 are damaged: block 3 lies beyond the blocks that there are",
      "'dir/data' (inode 1027), also in 1 snapshot: bytes 0 to 4095 are damaged: block 7 lies beyond the blocks that there are",
      "'wide' (inode 1028) in snapshot 'first' and 1 later one: bytes 4096 to 8191 are damaged: block 4 lies beyond the blocks that there are",
      "'wide' (inode 1028): bytes 4096 to 8191 are damaged: block 8 lies beyond the blocks that there are",
      "'wide' (inode 1028) in snapshot 'first' and 1 later one: bytes 1048576 to 1052671 are damaged: block 5 lies beyond the blocks that there are",
      "'wide' (inode 1028) in snapshot 'first' and 1 later one: bytes 1052672 to 1056767 are damaged: block 6 lies beyond the blocks that there are",
      'blocks 1 to 8 have 1 reference, and the space map counts 0',
    ],
  ],
  [
    'a block that nothing counts',
    (scene) =>
      scene.change(chunkSpec, `${WIDE}/0`, (chunk) => ({
        ...chunk,
        address: chunk.address.map((address) => (address === 0 ? 0 : 500_000)),
      })),
    [
      "'wide' (inode 1028): bytes 4096 to 8191 are damaged: block 500000 lies beyond the blocks that there are",
      'block 8 has 0 references, and the space map counts 1',
      'block 500000 has 1 reference, and the space map counts 0',
    ],
  ],
  [
    'a checksum of a block',
    (scene) =>
      scene.change(chunkSpec, `${WIDE}/0`, (chunk) => ({
        ...chunk,
        checksum: chunk.checksum.map(() => 5),
      })),
    [
      "'wide' (inode 1028): bytes 4096 to 8191 are damaged: block 8 (blocks/00000000, byte 32768) does not match its checksum",
    ],
  ],
])

test('damage in the files of blocks is told by path, byte and snapshot', async () => {
  await withVolume(async (volume, folder) => {
    const scene = new Scene(volume)
    await scene.build()
    const file = await open(join(folder, 'blocks', '00000000'), 'r+')
    // Block 1 is the first of /dir/data as the first snapshot sees it, block 2 the next one for ever.
    await file.write(Buffer.from('x'), 0, 1, BLOCK_BYTES + 77)
    await file.write(Buffer.from('x'), 0, 1, 2 * BLOCK_BYTES)
    const first = 'block 1 (blocks/00000000, byte 4096) does not match its checksum'
    const second = 'block 2 (blocks/00000000, byte 8192) does not match its checksum'
    assert.equal(await scene.problems(), [
      `'dir/data' (inode 1027) in snapshot 'first': bytes 0 to 4095 are damaged: ${first}`,
      `'dir/data' (inode 1027), also in 2 snapshots: bytes 4096 to 8191 are damaged: ${second}`,
    ])
    await file.write(Buffer.alloc(1, 1), 0, 1, BLOCK_BYTES + 77)
    await file.write(Buffer.alloc(1, 1), 0, 1, 2 * BLOCK_BYTES)
    assert.equal(await scene.problems(), [])
    await file.truncate(8 * BLOCK_BYTES)
    await file.close()
    const last = 'block 8 (blocks/00000000, byte 32768) does not match its checksum'
    assert.equal(await scene.problems(), [
      `'wide' (inode 1028): bytes 4096 to 8191 are damaged: ${last}`,
    ])
  })
})

test.run()
