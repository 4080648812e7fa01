/** A backup whose disk fails, at each of its calls in turn; and one whose process is killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BACKUP_PHASES } from '../../src/backup/request.ts'
import type { Disk, DiskFile } from '../../src/store/disk.ts'
import { FsError } from '../../src/store/error.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import type { Volume } from '../../src/volume.ts'
import { Scene, withVolume, withVolumeOf } from '../check/scene.ts'
import { withTempDir } from '../control/tempdir.ts'
import { backUpTo, blocks, clientOf, contentIn, contentOf } from './scene.ts'

const test = suite('backup: faults')

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url))

/** The real disk, of which one call fails. */
class FailingDisk implements Disk {
  #left: number
  readonly #error: () => Error

  constructor(calls: number, error: () => Error) {
    this.#left = calls
    this.#error = error
  }

  /** Whether the failing call was reached. */
  get failed(): boolean {
    return this.#left < 0
  }

  #count(): void {
    if (this.#left-- === 0) throw this.#error()
  }

  async open(path: string): Promise<DiskFile> {
    this.#count()
    const file = await nodeDisk.open(path)
    const count = (): void => this.#count()
    return {
      read: (into, position) => file.read(into, position),
      readSync: (into, position) => file.readSync(into, position),
      close: () => file.close(),
      size: () => file.size(),
      async write(buffers, position) {
        count()
        await file.write(buffers, position)
      },
      writeSync(buffers, position) {
        count()
        file.writeSync(buffers, position)
      },
      async datasync() {
        count()
        await file.datasync()
      },
      async truncate(length) {
        count()
        await file.truncate(length)
      },
    }
  }

  async syncDirectory(path: string): Promise<void> {
    this.#count()
    await nodeDisk.syncDirectory(path)
  }

  space(path: string) {
    return nodeDisk.space(path)
  }
}

/** Another state of the store, with blocks in places that were others' before. */
async function change(volume: Volume, round: number): Promise<void> {
  const client = clientOf(volume)
  client.create(`round-${round}`)
  await client.write(`round-${round}`, 0, blocks(20, round + 1))
  if (client.has(`round-${round - 1}`)) client.remove(`round-${round - 1}`)
  volume.data.settleAll()
  for (let i = 0; i < 3; i++) await volume.store.checkpoint()
}

test('whichever call to the disk fails, it is the former or the new one, and the next completes', () =>
  withTempDir((folder) =>
    withVolume(async (volume) => {
      const directory = join(folder, 'backup')
      await new Scene(volume).build()
      await backUpTo(volume, directory)
      let former = await contentOf(volume)
      let round = 0
      for (let isOver = false; !isOver; round++) {
        await change(volume, round)
        const next = await contentOf(volume)
        const disk = new FailingDisk(round, () => new Error('EIO: planted'))
        const error = await backUpTo(volume, directory, { disk }).then(
          () => undefined,
          (reason: Error) => reason,
        )
        isOver = !disk.failed
        if (disk.failed) assert.match(error?.message ?? 'nothing', 'planted', `call ${round}`)
        const found = await contentIn(directory)
        const isNext = JSON.stringify(found) === JSON.stringify(next)
        if (!isNext) assert.equal(found, former, `call ${round}`)
        if (isOver) assert.ok(isNext)
        former = isNext ? next : former
        if (round % 4 === 3) {
          await backUpTo(volume, directory)
          assert.equal(await contentIn(directory), next, `after call ${round}`)
          former = next
        }
      }
      assert.ok(round > 15, `only ${round} calls`)
    }),
  ))

test('a full disk is told, the former backup stays, and later the same command goes on', () =>
  withTempDir((folder) =>
    withVolume(async (volume) => {
      const directory = join(folder, 'backup')
      await new Scene(volume).build()
      await backUpTo(volume, directory)
      const former = await contentOf(volume)
      const client = clientOf(volume)
      client.create('large')
      await client.write('large', 0, blocks(700, 3))
      const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
      const disk = new FailingDisk(8, () => full)
      const error = await backUpTo(volume, directory, { disk }).catch((reason) => reason)
      assert.ok(disk.failed)
      assert.instance(error, FsError)
      assert.is(error.code, 'NOSPC')
      assert.match(error.message, `there is no room for the backup in ${directory}`)
      assert.equal(await readdir(join(directory, 'next')), [], 'it has given its room back')
      assert.equal(await contentIn(directory), former)
      await backUpTo(volume, directory)
      assert.equal(await contentIn(directory), await contentOf(volume))
    }),
  ))

/** Backs up in a process of its own, which is killed in a phase. */
async function killed(store: string, directory: string, phase: string): Promise<void> {
  const args = [...process.execArgv, CHILD, store, directory, phase]
  const child = spawn(process.execPath, args, { stdio: 'inherit' })
  const [code, signal] = await once(child, 'exit')
  assert.equal([code, signal], [null, 'SIGKILL'], phase)
}

test('killed in any phase, the first time and later, the next run completes it', () =>
  withTempDir(async (folder) => {
    const [store, directory] = [join(folder, 'store'), join(folder, 'backup')]
    let former: Record<string, string> | undefined
    for (const [round, phase] of [...BACKUP_PHASES, ...BACKUP_PHASES].entries()) {
      if (round === BACKUP_PHASES.length) {
        await withVolumeOf(store, (volume) => backUpTo(volume, directory))
        former = await withVolumeOf(store, contentOf)
      }
      await withVolumeOf(store, async (volume) => {
        if (round === 0) await new Scene(volume).build()
        await change(volume, round)
      })
      await killed(store, directory, phase)
      if (former !== undefined) assert.equal(await contentIn(directory), former, phase)
      else {
        const opened = await contentIn(directory).catch((error: Error) => error.message)
        assert.match(String(opened), 'is a backup that was never completed', phase)
      }
    }
    await withVolumeOf(store, async (volume) => {
      await backUpTo(volume, directory)
      assert.equal(await contentIn(directory), await contentOf(volume))
    })
  }))

test.run()
