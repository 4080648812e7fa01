/** Clients that write as fast as they can while the disk takes nothing: what waits where. */
import { basename, dirname } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newFile, ROOT } from '../bench/tree.ts'
import { type FileId, StableHow } from '../src/fs/filesystem.ts'
import { planMemory } from '../src/memory.ts'
import type { Disk, DiskFile, OpenOptions } from '../src/store/disk.ts'
import { nodeDisk } from '../src/store/node-disk.ts'
import { Volume } from '../src/volume.ts'
import { withFolder } from './store/open-store.ts'

const test = suite('a slow disk')

const MIB = 2 ** 20
const CLIENTS = 4

/** A disk whose files of blocks take nothing while the gate is shut. */
class GatedDisk implements Disk {
  #opened: (() => void) | undefined
  #gate = Promise.resolve()

  shut(): void {
    this.#gate = new Promise((resolve) => {
      this.#opened = resolve
    })
  }

  /** Lets everything through. */
  release(): void {
    this.#opened?.()
  }

  async open(path: string, options?: OpenOptions): Promise<DiskFile> {
    const file = await nodeDisk.open(path, options)
    if (basename(dirname(path)) !== 'blocks') return file
    return {
      read: (into, position) => file.read(into, position),
      readSync: (into, position) => file.readSync(into, position),
      write: async (buffers, position) => {
        await this.#gate
        await file.write(buffers, position)
      },
      writeSync: (buffers, position) => file.writeSync(buffers, position),
      datasync: () => file.datasync(),
      truncate: (length) => file.truncate(length),
      size: () => file.size(),
      close: () => file.close(),
    }
  }

  syncDirectory(path: string): Promise<void> {
    return nodeDisk.syncDirectory(path)
  }

  space(path: string): { readonly total: number; readonly free: number } {
    return nodeDisk.space(path)
  }
}

/** Writes a MiB after the other, each once the one before is answered, until it is told to stop. */
class Writer {
  accepted = 0
  waiting = false
  stopped = false
  readonly #volume: Volume
  readonly #id: FileId

  constructor(volume: Volume, id: FileId) {
    this.#volume = volume
    this.#id = id
  }

  async run(): Promise<void> {
    while (!this.stopped) {
      const data = new Uint8Array(MIB).fill(this.accepted % 251)
      const { fs } = this.#volume
      const answer = fs.write(ROOT, this.#id, this.accepted * MIB, data, StableHow.UNSTABLE)
      this.accepted++
      this.waiting = answer instanceof Promise
      await answer
      this.waiting = false
      await nextTurn()
    }
  }
}

test('writers wait, each with one write; others read and change names meanwhile', () =>
  withFolder(async (directory) => {
    const disk = new GatedDisk()
    const report = (message: string, error: unknown) => assert.unreachable(`${message}: ${error}`)
    const volume = await Volume.open({ directory, create: true, command: 'test', report, disk })
    try {
      const { fs, store } = volume
      disk.shut()
      const ids = Array.from({ length: CLIENTS }, (_, i) => newFile(volume, `f${i}`))
      const writers = ids.map((id) => new Writer(volume, id))
      const running = Promise.all(writers.map((writer) => writer.run()))
      const most = planMemory().data.dirtyBytesHard + CLIENTS * MIB
      const kept = () => volume.data.dirtyBytes + store.blocks.queuedBytes
      while (!writers.every(({ waiting }) => waiting)) {
        assert.ok(kept() <= most, `${kept() / MIB} MiB are kept`)
        await nextTurn()
      }
      const accepted = writers.map((writer) => writer.accepted)
      // Others are served as ever: what they ask for waits for no data.
      const { id } = fs.mkdir(ROOT, fs.root(), Buffer.from('dir'), { mode: 0o755 })
      assert.is(fs.lookup(ROOT, fs.root(), Buffer.from('dir')).id.ino, id.ino)
      for (const [i, file] of ids.entries()) {
        assert.is(fs.getattr(file).size, (accepted[i] ?? 0) * MIB)
      }
      assert.equal(
        writers.map((writer) => writer.accepted),
        accepted,
        'nobody has gone on',
      )
      for (const writer of writers) writer.stopped = true
      disk.release()
      await running
      for (const file of ids) fs.commit(ROOT, file)
      await store.flush()
      assert.is(kept(), 0)
    } finally {
      disk.release()
      await volume.close()
    }
  }))

test.run()
