import { suite } from 'uvu'
import { Kind } from '../../src/store/keys.ts'
import { FileType } from '../../src/store/records.ts'
import { bitmapSpec, inodeSpec, nameSpec, pageSpec } from '../../src/store/tables.ts'
import { account, Ino, rows } from './rows.ts'

const test = suite('check: damage of names, directories and inodes')

const { DATA, DIR, FIRST_OF_MANY, LINK, MANY, ROOT, SUB, WIDE } = Ino

rows(test, 'names and pages', [
  [
    'a name without its record',
    (scene) => scene.delete(Kind.NAME, `${DIR}/data`),
    [
      "'dir' (inode 1024), also in 2 snapshots: page 0 lists the name 'data', but it has no record",
      "'dir' (inode 1024) in snapshot 'first': it counts 3 names, and has 2",
      "'dir' (inode 1024): it counts 2 names, and has 1",
      "'other' (inode 1027) in snapshot 'first': it has 1 name, and should have 2",
    ],
  ],
  [
    'a name of another inode than its page says',
    (scene) => scene.change(nameSpec, `${ROOT}/symlink`, (name) => ({ ...name, ino: WIDE })),
    [
      "the root directory, also in 2 snapshots: page 0 lists the name 'symlink', but its record says something else",
      "'wide' (inode 1028) in snapshot 'first' and 1 later one: its type is 1, and a name of it says 5",
      "'wide' (inode 1028) in snapshot 'first' and 1 later one: it has 2 names, and should have 1",
      'inode 1029, also in 2 snapshots: it has 0 names, and should have 1',
    ],
  ],
  [
    'a name that its page lacks',
    (scene) => scene.change(pageSpec, `${MANY}/0`, (page) => page.slice(1)),
    [
      "'many' (inode 1030), also in 1 snapshot: page 0 does not list the name '0', which has a record",
    ],
  ],
  [
    'a name that its page lacks in a snapshot',
    (scene) => scene.changePast(pageSpec, `${MANY}/3`, 3, (page) => page.slice(1)),
    [
      "'many' (inode 1030) in snapshot 'first' and 1 later one: page 3 does not list the name '93', which has a record",
    ],
  ],
  [
    'a page in disorder',
    (scene) => scene.change(pageSpec, `${MANY}/1`, (page) => page.toReversed()),
    ["'many' (inode 1030), also in 2 snapshots: cookie 62 is in the wrong place in page 1"],
  ],
  [
    'a page without entries',
    (scene) => scene.put(1, pageSpec, `${MANY}/9`, [], 3),
    [
      "'many' (inode 1030): page 9 is empty",
      "'many' (inode 1030): bitmap 0 of level 0 is wrong about page 9, which is there",
    ],
  ],
  [
    'a page that is missing',
    (scene) => scene.delete(Kind.PAGE, `${MANY}/1`),
    [
      "'many' (inode 1030), also in 2 snapshots: bitmap 0 of level 0 is wrong about page 1, which is not there",
      "'many' (inode 1030), also in 2 snapshots: page 1 does not list the name '29', which has a record, nor 31 others",
    ],
  ],
  [
    'a name that cannot be',
    async (scene) => {
      const name = scene.get(1, nameSpec, `${ROOT}/wide`).value
      await scene.delete(Kind.NAME, `${ROOT}/wide`)
      await scene.put(1, nameSpec, `${ROOT}/w/e`, name, 1)
    },
    [
      "the root directory, also in 2 snapshots: page 0 lists the name 'wide', but it has no record",
      "the root directory, also in 2 snapshots: page 0 does not list the name 'w/e', which has a record",
    ],
  ],
])

rows(test, 'directories', [
  [
    'too many entries counted',
    (scene) => scene.change(inodeSpec, DIR, (inode) => ({ ...inode, entries: 3 })),
    ["'dir' (inode 1024): it counts 3 names, and has 2"],
  ],
  [
    'entries counted wrong in a snapshot',
    (scene) => scene.changePast(inodeSpec, DIR, 2, (inode) => ({ ...inode, entries: 9 })),
    ["'dir' (inode 1024) in snapshot 'first': it counts 9 names, and has 3"],
  ],
  [
    'a next cookie that is in use',
    (scene) => scene.change(inodeSpec, MANY, (inode) => ({ ...inode, nextCookie: 103 })),
    ["'many' (inode 1030): its next cookie is 103, and cookie 103 is in use"],
  ],
  [
    'a next cookie that went back',
    (scene) => scene.changePast(inodeSpec, DIR, 2, (inode) => ({ ...inode, nextCookie: 99 })),
    ["'dir' (inode 1024) in snapshot 'second': its next cookie is 7, and was 99 before"],
  ],
  [
    'nlink of a directory',
    (scene) => scene.change(inodeSpec, ROOT, (inode) => ({ ...inode, nlink: 5 })),
    ['the root directory, also in 2 snapshots: its nlink is 5, and it has 2 directories in it'],
  ],
  [
    'the parent of a directory',
    (scene) => scene.change(inodeSpec, SUB, (inode) => ({ ...inode, parent: ROOT })),
    ["'many/sub' (inode 1025): its parent is inode 1, and should be 1030"],
  ],
  [
    'the cookie of the name of a directory',
    (scene) => scene.change(inodeSpec, SUB, (inode) => ({ ...inode, cookie: 99 })),
    ["'many/sub' (inode 1025): it says that its name has cookie 99, which has cookie 103"],
  ],
  [
    'a ring of directories',
    (scene) => scene.change(inodeSpec, MANY, (inode) => ({ ...inode, parent: SUB })),
    [
      "'many/sub' (inode 1025): it cannot be reached from the root directory",
      "'many' (inode 1030): its parent is inode 1025, and should be 1",
      "'many' (inode 1030): it cannot be reached from the root directory",
    ],
  ],
])

rows(test, 'bitmaps', [
  [
    'no bitmap',
    (scene) => scene.delete(Kind.BITMAP, `${MANY}/0/0`),
    [
      "'many' (inode 1030), also in 2 snapshots: bitmap 0 of level 0 is wrong about page 0, which is there, and about 3 others",
    ],
  ],
  [
    'a bit too many',
    (scene) => scene.change(bitmapSpec, `${MANY}/0/0`, (bits) => bits.with(5, 1)),
    [
      "'many' (inode 1030), also in 2 snapshots: bitmap 0 of level 0 is wrong about page 40, which is not there",
    ],
  ],
  [
    'a bit too few in a snapshot',
    (scene) => scene.changePast(bitmapSpec, `${WIDE}/0/0`, 3, (bits) => bits.with(0, 0).with(1, 4)),
    [
      "'wide' (inode 1028) in snapshot 'first' and 1 later one: bitmap 0 of level 0 is wrong about chunk 1, which is there, and about 1 other",
    ],
  ],
  [
    'a bitmap of a higher level',
    (scene) => scene.put(1, bitmapSpec, `${MANY}/1/0`, new Uint8Array(64).with(0, 2), 3),
    [
      "'many' (inode 1030): bitmap 0 of level 1 is wrong about bitmap 1 of level 0, which is not there",
    ],
  ],
])

rows(test, 'inodes and their names', [
  [
    'an inode that is missing',
    (scene) => scene.delete(Kind.INODE, LINK),
    [
      account({ inodes: 106 }),
      "'symlink' (inode 1029), also in 2 snapshots: it has a name, but there is no inode",
    ],
  ],
  [
    'an inode without a name',
    (scene) => scene.put(1, inodeSpec, 2000, scene.get(1, inodeSpec, LINK).value, 3),
    [account({ inodes: 108 }), 'inode 2000: it has 0 names, and should have 1'],
  ],
  [
    'nlink of a file',
    (scene) => scene.change(inodeSpec, DATA, (inode) => ({ ...inode, nlink: 3 })),
    ["'dir/data' (inode 1027), also in 1 snapshot: it has 2 names, and should have 3"],
  ],
  [
    'nlink of a file in a snapshot',
    (scene) => scene.changePast(inodeSpec, DATA, 2, (inode) => ({ ...inode, nlink: 1 })),
    ["'dir/data' (inode 1027) in snapshot 'first': it has 2 names, and should have 1"],
  ],
  [
    'another type than the name says',
    (scene) =>
      scene.change(inodeSpec, FIRST_OF_MANY, (inode) => ({ ...inode, type: FileType.SOCK })),
    ["'many/0' (inode 1031), also in 2 snapshots: its type is 6, and a name of it says 1"],
  ],
  [
    'attributes that cannot be',
    (scene) =>
      scene.change(inodeSpec, FIRST_OF_MANY, (inode) => ({
        ...{ ...inode, mode: 0o170644, generation: 77 },
        mtime: { seconds: 1, nseconds: 1e9 },
      })),
    [
      "'many/0' (inode 1031), also in 2 snapshots: it has generation 77 after 1 start",
      "'many/0' (inode 1031), also in 2 snapshots: its mode is 170644",
      "'many/0' (inode 1031), also in 2 snapshots: a time of it has 1000000000 nanoseconds",
    ],
  ],
  [
    'a target of another length',
    (scene) => scene.change(inodeSpec, LINK, (inode) => ({ ...inode, size: 7 })),
    ["'symlink' (inode 1029), also in 2 snapshots: its target has 6 bytes, and its size is 7"],
  ],
])

test.run()
