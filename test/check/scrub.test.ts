/** A scrub: beside clients, one at a time, with a result that is kept. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Scrub } from '../../src/check/scrub.ts'
import type { Volume } from '../../src/volume.ts'
import { blocks, clientOf } from '../backup/scene.ts'
import { withTempDir } from '../control/tempdir.ts'
import { Scene, withVolume, withVolumeOf } from './scene.ts'

const test = suite('scrub')

/** Flips one bit of a block that holds these bytes. */
async function rot(volume: Volume, folder: string, block: Uint8Array): Promise<void> {
  volume.data.settleAll()
  await volume.store.checkpoint()
  const path = join(folder, 'blocks', '00000000')
  const bytes = await readFile(path)
  const at = bytes.indexOf(block)
  assert.ok(at > 0, 'the block is there')
  bytes[at + 99] = (bytes[at + 99] ?? 0) ^ 8
  await writeFile(path, bytes)
}

test('of a sound store it finds nothing, and tells so after a restart, too', () =>
  withTempDir(async (directory) => {
    const made = await withVolumeOf(directory, async (volume) => {
      await new Scene(volume).build()
      assert.equal(await volume.scrub.status(), {
        ...{ running: undefined, last: undefined, failure: undefined },
      })
      await volume.scrub.start()
      const { last, running, failure } = await volume.scrub.status()
      assert.equal([running, failure], [undefined, undefined])
      assert.equal([last?.problemCount, last?.problems, last?.snapshots], [0, [], 2])
      return last
    })
    await withVolumeOf(directory, async (volume) => {
      assert.equal((await volume.scrub.status()).last, made)
    })
  }))

test('damaged files are named by path, and by the snapshots that have them', () =>
  withVolume(async (volume, folder) => {
    const client = clientOf(volume)
    for (const dir of ['home', 'home/amy']) client.mkdir(dir)
    client.create('home/amy/letter')
    await client.write('home/amy/letter', 0, blocks(2, 5))
    client.create('live')
    await client.write('live', 0, blocks(2, 6))
    volume.snapshots.create('monday')
    client.remove('home/amy/letter')
    await rot(volume, folder, blocks(2, 5).subarray(4096))
    await rot(volume, folder, blocks(1, 6))
    await volume.scrub.start()
    const { last } = await volume.scrub.status()
    assert.is(last?.problemCount, 2)
    const told = last?.problems.toSorted().join('\n') ?? ''
    assert.match(
      told,
      /^'home\/amy\/letter' \(inode \d+\) in snapshot 'monday': bytes 4096 to 8191/,
    )
    assert.match(told, /\n'live' \(inode \d+\).*: bytes 0 to 4095 are damaged: block \d+ \(blocks/)
  }))

test('it tells how far it is, and a second start is the same one', () =>
  withVolume(async (volume) => {
    const client = clientOf(volume)
    client.create('large')
    await client.write('large', 0, blocks(600, 1))
    volume.data.settleAll()
    const seen: number[] = []
    const host = volume.backupHost
    const scrub: Scrub = new Scrub({
      ...host,
      requireGoingOn: () => void seen.push(0),
    })
    const first = scrub.start()
    assert.is(scrub.start(), first)
    const { running } = await scrub.status()
    assert.is(running?.done, 'begun')
    await first
    assert.ok(seen.length > 0)
    assert.is((await scrub.status()).last?.blocks, 600)
  }))

test('one that is stopped leaves the result of the one before', () =>
  withVolume(async (volume) => {
    await new Scene(volume).build()
    await volume.scrub.start()
    const { last } = await volume.scrub.status()
    const running = volume.scrub.start()
    await volume.scrub.stop()
    await running
    assert.equal(await volume.scrub.status(), {
      running: undefined,
      last,
      failure: 'it was stopped',
    })
    await volume.scrub.start()
    assert.is((await volume.scrub.status()).failure, undefined)
  }))

test('it rests for the time that it took, as the pace tells', () =>
  withVolume(async (volume) => {
    await new Scene(volume).build()
    const rests: number[] = []
    let ms = 0
    Object.assign(volume.store.pace, {
      worked: (took: number) => rests.push(took),
      rest: async () => undefined,
    })
    const now = () => {
      ms += 10
      return ms
    }
    const scrub = new Scrub({ ...volume.backupHost, now })
    await scrub.start()
    assert.is((await scrub.status()).failure, undefined)
    assert.ok(rests.length > 0)
    assert.ok(rests.every((took) => took === 10))
  }))

test.run()
