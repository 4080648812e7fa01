/** What a piece of work took: time, records, bytes written, and blocks of file data touched. */
import { readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Disk, DiskFile, OpenOptions } from '../src/store/disk.ts'
import { nodeDisk } from '../src/store/node-disk.ts'
import type { Volume } from '../src/volume.ts'
import { median } from './report.ts'

const BLOCKS_DIRECTORY = 'blocks'

/** The real disk, which counts the bytes of file data that are read and written. */
export class CountingDisk implements Disk {
  readBytes = 0
  writtenBytes = 0

  async open(path: string, options?: OpenOptions): Promise<DiskFile> {
    const file = await nodeDisk.open(path, options)
    return basename(dirname(path)) === BLOCKS_DIRECTORY ? this.#counted(file) : file
  }

  #counted(file: DiskFile): DiskFile {
    const sum = (buffers: readonly Uint8Array[]) => buffers.reduce((n, { length }) => n + length, 0)
    return {
      read: (into, position) => {
        this.readBytes += into.length
        return file.read(into, position)
      },
      readSync: (into, position) => {
        this.readBytes += into.length
        file.readSync(into, position)
      },
      write: (buffers, position) => {
        this.writtenBytes += sum(buffers)
        return file.write(buffers, position)
      },
      writeSync: (buffers, position) => {
        this.writtenBytes += sum(buffers)
        file.writeSync(buffers, position)
      },
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

export interface Cost {
  readonly ms: number
  /** Records written to the intent log. */
  readonly records: number
  /** Bytes that the process has written, those of the database included. */
  readonly written: number
  /** Bytes of file data that were read and written. */
  readonly dataRead: number
  readonly dataWritten: number
  /** Blocks in use afterwards, less those before. */
  readonly blocks: number
}

/** Bytes that this process has given to write(2) and its like. */
function writtenSoFar(): number {
  return Number(/^wchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
}

export class Meter {
  readonly #volume: Volume
  readonly #disk: CountingDisk

  constructor(volume: Volume, disk: CountingDisk) {
    this.#volume = volume
    this.#disk = disk
  }

  #now(): Cost {
    const { store } = this.#volume
    const { readBytes: dataRead, writtenBytes: dataWritten } = this.#disk
    const { usedBlocks: blocks } = store.spaceMap
    const counts = { records: store.recordsLogged, written: writtenSoFar() }
    return { ms: performance.now(), ...counts, dataRead, dataWritten, blocks }
  }

  /** @param work is done when it is on the disk */
  async cost(work: () => Promise<unknown>): Promise<Cost> {
    // What was there before is not to be paid for by this work.
    await this.#volume.store.checkpoint()
    const before = this.#now()
    await work()
    const after = this.#now()
    return each((field) => after[field] - before[field])
  }
}

const FIELDS = ['ms', 'records', 'written', 'dataRead', 'dataWritten', 'blocks'] as const

function each(value: (field: (typeof FIELDS)[number]) => number): Cost {
  return Object.fromEntries(FIELDS.map((field) => [field, value(field)])) as unknown as Cost
}

export function medianCost(costs: readonly Cost[]): Cost {
  return each((field) => median(costs.map((cost) => cost[field])))
}
