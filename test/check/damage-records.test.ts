import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkStore } from '../../src/check/check.ts'
import { Kind, keyBytes } from '../../src/store/keys.ts'
import { REPLY_SLOT_BYTES } from '../../src/store/reply.ts'
import * as tables from '../../src/store/tables.ts'
import { Ino, rows, written } from './rows.ts'
import { withVolume } from './scene.ts'

const test = suite('check: damage of records and their versions')

const { DIR, ROOT, WIDE } = Ino
const { inodeSpec, nameSpec } = tables
const SCHEDULE = { frequently: 0, hourly: 24, daily: 7, weekly: 0, monthly: 0, yearly: 0 }

rows(test, 'records by themselves', [
  [
    'a byte of a record changed',
    async (scene) => {
      const key = Buffer.from(keyBytes(1, Kind.INODE, WIDE))
      const frozen = scene.volume.store.database.freeze()
      const sealed = Buffer.from(frozen.get(key) ?? [])
      await frozen.close()
      // The last byte of the mode: behind the birth and the type.
      sealed[11] = (sealed[11] ?? 0) ^ 1
      await scene.raw(key, sealed)
    },
    ['inode 1028 does not match its checksum'],
  ],
  [
    'a record cut short',
    (scene) => scene.raw(Buffer.from(keyBytes(1, Kind.ORPHAN, 5)), Buffer.alloc(6)),
    [
      'orphan 5 does not match its checksum',
      'orphan 5 cannot be decoded: 4 bytes wanted, 2 left at byte 0',
    ],
  ],
  [
    'a record of an unknown kind',
    (scene) => scene.raw(Buffer.from('000000015100000000000000ff', 'hex'), Buffer.alloc(8)),
    ['there is a record of unknown kind, with the key 000000015100000000000000ff'],
  ],
  [
    'a key that is too short',
    (scene) => scene.raw(Buffer.from('000000014900', 'hex'), Buffer.alloc(8)),
    ['there is a record of unknown kind, with the key 000000014900'],
  ],
  [
    'a record of a dataset that is not there',
    (scene) => scene.put(9, inodeSpec, 5, scene.get(1, inodeSpec, WIDE).value, 1),
    ['there is a record of unknown kind, with the key 00000009490000000000000005'],
  ],
  [
    'a record of an epoch to come',
    (scene) => scene.put(1, nameSpec, `${ROOT}/wide`, scene.get(1, nameSpec, '1/wide').value, 9),
    [
      "name 'wide' of directory 1 was written in epoch 9, which cannot be",
      "the root directory in snapshot 'first' and 1 later one: page 0 lists the name 'wide', but it has no record",
      "the root directory in snapshot 'first' and 1 later one: it counts 5 names, and has 4",
      "inode 1028 in snapshot 'first' and 1 later one: it has 0 names, and should have 1",
    ],
  ],
  [
    'a schedule that keeps more than one may',
    (scene) => scene.put(1, tables.scheduleSpec, 0, { ...SCHEDULE, daily: 10_001 }),
    ['the schedule keeps 10001 daily snapshots, which cannot be'],
  ],
  [
    'a second schedule of a dataset',
    (scene) => scene.put(1, tables.scheduleSpec, 1, SCHEDULE),
    ['there is a record of unknown kind, with the key 00000001520000000000000001'],
  ],
])

test('a kept reply', () =>
  withVolume(async ({ store }, folder) => {
    const call = { client: '192.0.2.1', xid: 1, prog: 100_003, vers: 3, proc: 9, checksum: 4 }
    for (const slot of [3, 16_383]) {
      store.together(
        () => new Uint8Array(8),
        call,
        () => slot,
      )
    }
    const problems = async () => (await checkStore(store, () => undefined)).problems
    assert.equal(await problems(), [])
    const path = join(folder, 'replies')
    const bytes = await readFile(path)
    // The xid.
    bytes[3 * REPLY_SLOT_BYTES + 19] = 2
    await writeFile(path, bytes)
    assert.equal(await problems(), ['kept reply 3 does not match its checksum'])
  }))

rows(test, 'superblock, datasets and snapshots', [
  ['no superblock', (scene) => scene.delete(Kind.SUPERBLOCK, 0, 0), ['there is no superblock']],
  [
    'numbers that are not given out yet',
    (scene) => scene.change(tables.superblockSpec, 0, (value) => ({ ...value, nextIno: 1130 }), 0),
    [
      "'many/99' (inode 1130), also in 2 snapshots: its number is not given out yet",
      "'many/99' (inode 1130), also in 2 snapshots: its content number 1130 is not given out yet",
    ],
  ],
  [
    'a snapshot of the epoch that goes on',
    (scene) => scene.change(tables.snapshotSpec, 3, (value) => ({ ...value, epoch: 3 }), 0),
    [
      "snapshot 'second' (number 3) is of epoch 3, and its dataset in epoch 3",
      'the version of epochs 2 to 3 of inode 1024 is kept, though no snapshot sees it',
      'the version of epochs 2 to 3 of inode 1025 is kept, though no snapshot sees it',
      'the version of epochs 2 to 3 of inode 1030 is kept, though no snapshot sees it',
      'the version of epochs 2 to 3 of page 0 of directory 1024 is kept, though no snapshot sees it',
      written('the root dataset', 0, 4096),
      "snapshot 'second' has no account",
    ],
  ],
  [
    'an account of a snapshot',
    (scene) => scene.change(tables.usageSpec, 2, (value) => ({ ...value, inodes: 3, written: 17 })),
    [
      written("snapshot 'second'", 4096, 17),
      "snapshot 'second' refers to 107 inodes with 24576 bytes, and 3 with 24576 on its account",
    ],
  ],
  [
    'an account that nothing has',
    (scene) => scene.put(1, tables.usageSpec, 77, { bytes: 0, inodes: 0, written: 0 }),
    ['there is an account of no snapshot'],
  ],
  [
    'no account of the live files',
    (scene) => scene.delete(Kind.USAGE, 0),
    [
      'the root dataset has 107 inodes with 16384 bytes, and 0 with 0 on its account',
      written('the root dataset', 4096, 0),
    ],
  ],
  [
    'two snapshots of one name',
    (scene) => scene.change(tables.snapshotSpec, 3, (value) => ({ ...value, name: 'first' }), 0),
    ["snapshot 'first' (number 3) has the name of another one"],
  ],
  [
    'a snapshot that is held although it is being deleted',
    (scene) => {
      const notes = { deleting: true, holds: ['h', 'h'], tags: ['t', 't'] }
      return scene.change(tables.snapshotSpec, 3, (value) => ({ ...value, ...notes }), 0)
    },
    [
      "snapshot 'second' (number 3) is held, and being deleted",
      "snapshot 'second' (number 3) has a hold twice",
      "snapshot 'second' (number 3) has a tag twice",
    ],
  ],
  [
    'a snapshot of no dataset',
    (scene) =>
      scene.put(0, tables.snapshotSpec, 4, {
        ...{ dataset: 7, name: 'x', epoch: 1, deleting: false },
        ...{ comment: '', tags: [], holds: [] },
        created: { seconds: 0, nseconds: 0 },
        referenced: { bytes: 0, inodes: 0 },
      }),
    [
      "snapshot 'x' (number 4) has a number that is not given out yet",
      "snapshot 'x' (number 4) is of dataset 7, which is not there",
    ],
  ],
])

rows(test, 'history', [
  [
    'a version that is not there',
    (scene) => scene.delete(Kind.HISTORY, `N${DIR}/small@2`),
    [
      "the version of epochs 1 to 2 of name 'small' of directory 1024 is listed, but it is not there",
      "'dir' (inode 1024) in snapshot 'first': page 0 lists the name 'small', but it has no record",
      "'dir' (inode 1024) in snapshot 'first': it counts 3 names, and has 2",
      "inode 1026 in snapshot 'first': it has 0 names, and should have 1",
    ],
  ],
  [
    'a list that is not there',
    (scene) => scene.delete(Kind.VERSIONS, `N${DIR}/small`),
    [
      "the version until epoch 2 of name 'small' of directory 1024 is not in the list of its versions",
      "the index entry of the version of epochs 1 to 2 of name 'small' of directory 1024 is not in the list of its versions",
      "'dir' (inode 1024) in snapshot 'first': page 0 lists the name 'small', but it has no record",
    ],
  ],
  [
    'an index entry that is not there',
    (scene) => scene.delete(Kind.DEAD, `2/1/N${DIR}/small`),
    ["the version of epochs 1 to 2 of name 'small' of directory 1024 is not in the index"],
  ],
  [
    'an index entry too many',
    (scene) => scene.put(1, tables.deadSpec, `3/2/N${DIR}/small`, true),
    [
      "the index entry of the version of epochs 2 to 3 of name 'small' of directory 1024 is not in the list of its versions",
    ],
  ],
  [
    'a version that no snapshot sees',
    (scene) => scene.delete(Kind.SNAPSHOT, 2, 0),
    [
      ...[
        'chunk 0 of content 1026',
        'chunk 0 of content 1027',
        ...[1024, 1025, 1026, 1027, 1030, 1038].map((ino) => `inode ${ino}`),
        "name 'small' of directory 1024",
        "name '7' of directory 1030",
        'page 0 of directory 1024',
        'page 0 of directory 1030',
      ].map(
        (what) => `the version of epochs 1 to 2 of ${what} is kept, though no snapshot sees it`,
      ),
      written("snapshot 'second'", 28_678, 4096),
      'there is an account of no snapshot',
    ],
  ],
])

test.run()
