/** Backups: what is in them, what a second one copies, where they may go. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Disk } from '../../src/store/disk.ts'
import { FsError } from '../../src/store/error.ts'
import { StoreError } from '../../src/store/format.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import type { Volume } from '../../src/volume.ts'
import { Scene, withVolume, withVolumeOf } from '../check/scene.ts'
import { withTempDir } from '../control/tempdir.ts'
import { backUpTo, blocks, clientOf, contentIn, contentOf, recordsIn } from './scene.ts'

const test = suite('backup')

const BLOCK = 4096

/** A store with a past, and a folder in which there is room for backups. */
async function withScene(
  body: (volume: Volume, directory: string, store: string) => Promise<void>,
): Promise<void> {
  await withTempDir((folder) =>
    withVolume(async (volume, store) => {
      await new Scene(volume).build()
      await body(volume, join(folder, 'backup'), store)
    }),
  )
}

async function refusal(run: Promise<unknown>): Promise<Error> {
  const outcome = await run.then(
    () => new Error('it was not refused'),
    (error) => error as Error,
  )
  return outcome
}

test('a backup is a store with the same files and snapshots', () =>
  withScene(async (volume, directory) => {
    const content = await contentOf(volume)
    const { first, problems, copiedBytes, totalBytes } = await backUpTo(volume, directory)
    assert.is(first, true)
    assert.equal(problems, [])
    assert.is(copiedBytes, totalBytes)
    assert.is(totalBytes, volume.store.spaceMap.usedBlocks * BLOCK)
    assert.equal(await contentIn(directory), content)
    assert.not.ok((await readdir(directory)).some((name) => name === 'next' || name === 'ready'))
  }))

test('what clients were told is accepted is in it', () =>
  withScene(async (volume, directory) => {
    const client = clientOf(volume)
    client.create('new')
    await client.write('new', 0, blocks(3, 7))
    await backUpTo(volume, directory)
    assert.equal(await contentIn(directory), await contentOf(volume))
  }))

test('a second one copies what is new, and nothing where nothing is', () =>
  withScene(async (volume, directory) => {
    const client = clientOf(volume)
    client.create('large')
    await client.write('large', 0, blocks(600, 1))
    await backUpTo(volume, directory)
    const idle = await backUpTo(volume, directory)
    assert.equal([idle.first, idle.written, idle.deleted, idle.copiedBytes], [false, 0, 0, 0])
    await client.write('large', 300 * BLOCK, blocks(2, 2))
    const changed = await backUpTo(volume, directory)
    assert.is(changed.copiedBytes, 2 * BLOCK)
    assert.equal(await contentIn(directory), await contentOf(volume))
  }))

test('what a snapshot keeps, or a restore shares, is not copied again', () =>
  withScene(async (volume, directory) => {
    const client = clientOf(volume)
    client.create('large')
    await client.write('large', 0, blocks(600, 1))
    await backUpTo(volume, directory)
    volume.snapshots.create('third')
    await client.write('large', 0, blocks(1, 2))
    assert.is((await backUpTo(volume, directory)).copiedBytes, BLOCK)
    volume.datasets.clone(volume.datasets.root, 'third', 'copy')
    client.remove('large')
    const { copiedBytes, written, deleted } = await backUpTo(volume, directory)
    assert.is(copiedBytes, 0)
    assert.ok(written > 0 && deleted > 0)
    assert.equal(await contentIn(directory), await contentOf(volume))
  }))

test('a block that has the place of another one by now does not harm the former backup', () =>
  withScene(async (volume, directory) => {
    const client = clientOf(volume)
    for (let round = 0; round < 6; round++) {
      // The blocks of the file before last are free by now, and used again.
      client.create(`file-${round}`)
      await client.write(`file-${round}`, 0, blocks(200, round + 1))
      if (round > 0) client.remove(`file-${round - 1}`)
      volume.data.settleAll()
      for (let i = 0; i < 3; i++) await volume.store.checkpoint()
      const former = round === 0 ? undefined : await recordsIn(directory)
      const late = refusal(backUpTo(volume, directory, { disk: lateFailure }))
      assert.match((await late).message, 'enough')
      if (former !== undefined) assert.equal(await recordsIn(directory), former)
      await backUpTo(volume, directory)
      assert.equal(await contentIn(directory), await contentOf(volume))
    }
  }))

/** Fails when everything is there, and nothing counts yet. */
const lateFailure: Disk = {
  ...nodeDisk,
  async syncDirectory(path) {
    if (path.endsWith('next/meta')) throw new Error('enough')
    return nodeDisk.syncDirectory(path)
  },
}

test('deletions and reuse of the store go on beside it, and are not in it', () =>
  withScene(async (volume, directory) => {
    const client = clientOf(volume)
    client.create('large')
    await client.write('large', 0, blocks(2000, 1))
    volume.data.settleAll()
    const content = await contentOf(volume)
    let ms = 0
    const meanwhile = async (): Promise<void> => {
      ms = Number.MAX_SAFE_INTEGER
      client.remove('large')
      client.create('fresh')
      for (let round = 0; round < 6; round++) {
        await client.write('fresh', round * 2 ** 21, blocks(500, 100 + round))
        volume.data.settleAll()
        await volume.store.checkpoint()
      }
    }
    const host = { now: () => ms, sleep: meanwhile }
    await backUpTo(volume, directory, host, 1)
    assert.ok(ms > 0, 'it rested')
    assert.equal(await contentIn(directory), content)
    // What was held is at hand again.
    const { freeBlocks } = volume.store.spaceMap
    for (let i = 0; i < 3; i++) await volume.store.checkpoint()
    assert.ok(volume.store.spaceMap.freeBlocks > freeBlocks)
    assert.is(volume.store.spaceMap.limboBlocks, 0)
  }))

test('a backup that is served is one no more', () =>
  withScene(async (volume, directory) => {
    await backUpTo(volume, directory)
    await withVolumeOf(directory, async (served) => {
      clientOf(served).create('precious')
      const busy = await refusal(backUpTo(volume, directory))
      assert.instance(busy, FsError)
    })
    const { message } = await refusal(backUpTo(volume, directory))
    assert.match(message, 'is a store of its own, and no backup (or was served')
    await withVolumeOf(directory, async (served) => {
      assert.ok(clientOf(served).has('precious'))
    })
  }))

test('while somebody has it open, nothing is written to it', () =>
  withScene(async (volume, directory) => {
    await backUpTo(volume, directory)
    const look = async (): Promise<void> => {
      const busy = await refusal(backUpTo(volume, directory))
      assert.instance(busy, StoreError)
      assert.is((busy as StoreError).code, 'BUSY')
    }
    await withVolumeOf(directory, look, false)
    await backUpTo(volume, directory)
  }))

test('folders that cannot be one are refused, and left alone', () =>
  withScene(async (volume, directory, store) => {
    const refused = async (to: string, why: string): Promise<void> => {
      const error = await refusal(backUpTo(volume, to))
      assert.instance(error, FsError, to)
      assert.match(error.message, why)
    }
    await refused(store, 'lie in one another')
    await refused(join(store, 'deep', 'inside'), 'lie in one another')
    await refused(join(store, '..'), 'lie in one another')
    await mkdir(directory)
    await writeFile(join(directory, 'letter.txt'), 'dear')
    await refused(directory, "is not empty, and no backup (it holds 'letter.txt')")
    assert.is(await readFile(join(directory, 'letter.txt'), 'utf8'), 'dear')
    const others = `${directory}-of-another`
    await withVolume((another) => backUpTo(another, others))
    const former = await recordsIn(others)
    await refused(others, 'is a backup of another store')
    assert.equal(await recordsIn(others), former)
  }))

test('two into one folder at a time: the second is refused', () =>
  withScene(async (volume, directory) => {
    const [one, other] = await Promise.allSettled([
      backUpTo(volume, directory),
      backUpTo(volume, directory),
    ])
    const refused = [one, other].flatMap((result) =>
      result.status === 'rejected' ? [String(result.reason)] : [],
    )
    assert.is(refused.length, 1)
    assert.match(refused[0] ?? '', 'a backup into')
    assert.equal(await contentIn(directory), await contentOf(volume))
  }))

test('damaged data is named by path, and all else is in the backup', () =>
  withScene(async (volume, directory, store) => {
    const client = clientOf(volume)
    client.mkdir('deep')
    client.create('deep/file')
    await client.write('deep/file', 0, blocks(3, 9))
    volume.data.settleAll()
    await volume.store.checkpoint()
    const path = join(store, 'blocks', '00000000')
    const bytes = await readFile(path)
    const at = bytes.indexOf(blocks(3, 9).subarray(BLOCK, 2 * BLOCK))
    assert.ok(at > 0)
    bytes[at + 100] = (bytes[at + 100] ?? 0) ^ 1
    await writeFile(path, bytes)
    const { problems } = await backUpTo(volume, directory)
    assert.is(problems.length, 1)
    assert.match(
      problems[0] ?? '',
      /^'deep\/file' \(inode \d+\).*: bytes 4096 to 8191 are damaged:/,
    )
    await withVolumeOf(
      directory,
      async (copy) => {
        assert.equal(await clientOf(copy).read('/dir/data'), await client.read('/dir/data'))
        assert.equal(await clientOf(copy).read('/wide'), await client.read('/wide'))
        const sound = await clientOf(copy).read('deep/file', 0, BLOCK)
        assert.is(Buffer.compare(sound, blocks(1, 9)), 0)
      },
      false,
    )
  }))

test.run()
