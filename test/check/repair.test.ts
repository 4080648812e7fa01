/** `check --repair`: each kind of planted damage, and what is left alone. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RepairReport } from '../../src/check/repair.ts'
import { StoreError } from '../../src/store/format.ts'
import { type Key, Kind, keyBytes } from '../../src/store/keys.ts'
import { sealRecord } from '../../src/store/record.ts'
import { FileType } from '../../src/store/records.ts'
import { REPLY_SLOT_BYTES } from '../../src/store/reply.ts'
import { decodeGroup, encodeGroup } from '../../src/store/space-group.ts'
import { inodeSpec, usageSpec } from '../../src/store/tables.ts'
import { repairVolume } from '../../src/volume.ts'
import { contentOf } from '../backup/scene.ts'
import { withTempDir } from '../control/tempdir.ts'
import { Ino } from './rows.ts'
import { Scene, withVolumeOf } from './scene.ts'

const test = suite('check: repair')

const GROUP_0 = Buffer.from(keyBytes(0, Kind.GROUP, 0))

function repair(directory: string): Promise<RepairReport> {
  const report = (): void => undefined
  return repairVolume({ directory, command: 'test', report }, () => undefined)
}

/** Plants something in a scene, and closes that. */
async function planted(
  directory: string,
  plant: (scene: Scene) => Promise<void>,
): Promise<Record<string, string>> {
  let content: Record<string, string> = {}
  await withVolumeOf(directory, async (volume) => {
    const scene = new Scene(volume)
    await scene.build()
    content = await contentOf(volume)
  })
  await withVolumeOf(directory, (volume) => plant(new Scene(volume)))
  return content
}

/** Damage that is repaired whole: by name, how it is planted, and what is done. */
function repaired(damage: string, plant: (scene: Scene) => Promise<void>, ...done: string[]): void {
  test(`repaired: ${damage}`, () =>
    withTempDir(async (directory) => {
      const content = await planted(directory, plant)
      const first = await repair(directory)
      assert.ok(first.found.length > 0, 'it was found')
      assert.equal(first.repaired, done)
      assert.equal(first.problems, [])
      assert.equal(await repair(directory), { found: [], repaired: [], problems: [] })
      assert.equal(await withVolumeOf(directory, contentOf), content)
    }))
}

/** The counts of the first group, changed. */
async function recount(scene: Scene, by: (counts: Uint16Array) => void): Promise<void> {
  const record = scene.volume.store.database.get(GROUP_0)
  assert.ok(record)
  const group = decodeGroup(0, record.subarray(4))
  by(group.counts)
  const body = encodeGroup(group, true)
  await scene.raw(GROUP_0, sealRecord(GROUP_0, Buffer.concat([Buffer.alloc(4), body])))
}

/** Flips a bit of a record as it is on the disk. */
async function flip(scene: Scene, key: Buffer, at: number): Promise<void> {
  const frozen = scene.volume.store.database.freeze()
  const sealed = Buffer.from(frozen.get(key) ?? Buffer.alloc(0))
  await frozen.close()
  sealed[at] = (sealed[at] ?? 0) ^ 4
  await scene.raw(key, sealed)
}

const change = (key: Key, by: object) => (scene: Scene) =>
  scene.change(inodeSpec, key, (inode) => ({ ...inode, ...by }))

const COUNTED = 'the references of group 0 were counted anew'

repaired(
  'a block that is counted too often, and space that nobody has',
  (scene) =>
    recount(scene, (counts) => {
      counts[3] = 7
      counts[1000] = 1
    }),
  COUNTED,
)
repaired(
  'a block that is counted too seldom',
  (scene) => recount(scene, (c) => c.fill(0, 3, 5)),
  COUNTED,
)
repaired('a group whose record is damaged', (scene) => flip(scene, GROUP_0, 9), COUNTED)
repaired('a group whose record is missing', (scene) => scene.raw(GROUP_0, undefined), COUNTED)
repaired(
  'the used bytes of a file, and with them the account',
  change(Ino.WIDE, { used: 4096 * 77 }),
  `inode ${Ino.WIDE}: its used is now 4096`,
)
repaired(
  'the link count of a file',
  change(Ino.DATA, { nlink: 5 }),
  `inode ${Ino.DATA}: its nlink is now 2`,
)
repaired(
  'how many names a directory counts',
  change(Ino.MANY, { entries: 3 }),
  `inode ${Ino.MANY}: it counts 100 names now`,
)
repaired(
  'the link count of a directory',
  change(Ino.MANY, { nlink: 12 }),
  `inode ${Ino.MANY}: its nlink is now 3`,
)
repaired(
  'the account of the files',
  (scene) => scene.change(usageSpec, 0, (account) => ({ ...account, bytes: 1, inodes: 3 })),
  'the account of the root dataset now says 107 inodes with 16384 bytes',
)
repaired(
  'what an account says was written',
  (scene) => scene.change(usageSpec, 0, (account) => ({ ...account, written: 12_345 })),
  'the account of the root dataset now says that 4096 bytes were written',
)

test('repaired: a kept reply that is damaged', () =>
  withTempDir(async (directory) => {
    await planted(directory, async () => undefined)
    const path = join(directory, 'replies')
    const slot = Buffer.alloc(REPLY_SLOT_BYTES, 1)
    await writeFile(path, Buffer.concat([slot, slot]))
    const { found, repaired: done, problems } = await repair(directory)
    assert.is(found.length, 2)
    assert.equal(problems, [])
    assert.equal(done, [
      'kept reply 0, which cannot be read, was forgotten',
      'kept reply 1, which cannot be read, was forgotten',
    ])
    assert.equal(await repair(directory), { found: [], repaired: [], problems: [] })
    assert.equal((await readFile(path)).subarray(0, 1024), Buffer.alloc(1024))
  }))

test('where a record is damaged, no space is taken for free, and no counter is touched', () =>
  withTempDir(async (directory) => {
    await planted(directory, async (scene) => {
      await recount(scene, (counts) => {
        counts[1000] = 1
      })
      await change(Ino.DATA, { nlink: 5 })(scene)
      await flip(scene, Buffer.from(keyBytes(1, Kind.NAME, `${Ino.MANY}/9`)), 8)
    })
    const { found, repaired: done, problems } = await repair(directory)
    assert.equal(done, [])
    assert.equal(problems, found)
    assert.ok(problems.some((text) => text.startsWith("name '9' of directory")))
    assert.ok(problems.some((text) => text.startsWith('block 1000 has 0 references')))
  }))

test('... but a block that somebody has is not given away', () =>
  withTempDir(async (directory) => {
    await planted(directory, async (scene) => {
      await recount(scene, (counts) => {
        counts[3] = 0
      })
      await flip(scene, Buffer.from(keyBytes(1, Kind.NAME, `${Ino.MANY}/9`)), 8)
    })
    const { repaired: done, problems } = await repair(directory)
    assert.equal(done, [COUNTED])
    assert.not.ok(problems.some((text) => text.startsWith('block 3 ')))
    assert.equal((await repair(directory)).repaired, [])
  }))

test('what nothing else tells is left as it is: types, contents, cookies, lost names', () =>
  withTempDir(async (directory) => {
    await planted(directory, async (scene) => {
      await change(Ino.DATA, { type: FileType.FIFO })(scene)
      await change(Ino.MANY, { nextCookie: 3 })(scene)
      await scene.delete(Kind.NAME, `${Ino.MANY}/11`)
    })
    const { found, repaired: done, problems } = await repair(directory)
    assert.ok(found.length > 2)
    assert.equal(done, [])
    assert.equal(problems, found)
  }))

test('a store that somebody has open is refused', () =>
  withTempDir(async (directory) => {
    await withVolumeOf(directory, async () => {
      const error = await repair(directory).catch((reason) => reason)
      assert.instance(error, StoreError)
      assert.is(error.code, 'BUSY')
    })
  }))

test.run()
