/**
 * The files that the blocks lie in.
 *
 *   DIR/%08x   blocks FILE_BLOCKS * n and on, where n is the file's name: 4 GiB a file
 *
 * Block `address` lies in file floor(address / FILE_BLOCKS), at byte address % FILE_BLOCKS * 4096.
 * Files are opened when first needed and stay open: one descriptor for each 4 GiB of the store.
 */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import type { Disk, DiskFile } from './disk.ts'
import { FsError } from './error.ts'
import { BLOCK_BYTES } from './records.ts'

/** Blocks of one file: 4 GiB. */
export const FILE_BLOCKS = 2 ** 20

/** A block cannot be read, or is not what was written. */
export class BlockError extends FsError {
  readonly address: number
  constructor(address: number, problem: string) {
    const { index, position } = place(address)
    super('IO', `block ${address} (blocks/${fileName(index)}, byte ${position}) ${problem}`)
    this.name = 'BlockError'
    this.address = address
  }
}

interface OpenFile {
  readonly file: DiskFile
  /** Written since its last sync. */
  touched: boolean
  /** The truncation that writes have to wait for. */
  trimming: Promise<void> | undefined
}

export class BlockFiles {
  readonly #disk: Disk
  readonly #directory: string
  readonly #open = new Map<number, OpenFile>()
  readonly #opening = new Map<number, Promise<OpenFile>>()
  /** A file was opened, and so perhaps made, since the directory was synced. */
  #newNames = false

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  /** Opens files that are there, so that `readSync` finds them open. */
  async openNamed(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => this.#file(Number.parseInt(name, 16))))
  }

  /** Whether the block's file is open, as `readSync` needs it. */
  isOpen(address: number): boolean {
    return this.#open.has(place(address).index)
  }

  /** Writes buffers to consecutive blocks of one file. */
  async write(address: number, buffers: readonly Uint8Array[]): Promise<void> {
    const { index, position } = place(address)
    const opened = await this.#file(index)
    while (opened.trimming !== undefined) await opened.trimming
    await opened.file.write(buffers, position)
    // Set when the write has ended, not before: a sync may begin and end in between.
    opened.touched = true
  }

  /** Whether `writeSync` can write the block: its file is open, and not being truncated. */
  isReady(address: number): boolean {
    const opened = this.#open.get(place(address).index)
    return opened !== undefined && opened.trimming === undefined
  }

  /** As `write`, at once; the file must be ready for that. */
  writeSync(address: number, buffers: readonly Uint8Array[]): void {
    const { index, position } = place(address)
    const opened = this.#open.get(index)
    assert(opened !== undefined && opened.trimming === undefined, 'the file is not ready')
    opened.file.writeSync(buffers, position)
    opened.touched = true
  }

  /** Fills `into` from consecutive blocks of one file. @throws BlockError, by rejection */
  async read(address: number, into: Uint8Array): Promise<void> {
    const { index, position } = place(address)
    try {
      const { file } = await this.#file(index)
      await file.read(into, position)
    } catch (error) {
      throw unreadable(address, error)
    }
  }

  /** As `read`, at once; the file must be open. */
  readSync(address: number, into: Uint8Array): void {
    const { index, position } = place(address)
    const opened = this.#open.get(index)
    if (opened === undefined) throw new BlockError(address, 'is missing: so is its file')
    try {
      opened.file.readSync(into, position)
    } catch (error) {
      throw unreadable(address, error)
    }
  }

  /** Syncs every file written since its last sync, and the directory where names are new. */
  async sync(): Promise<void> {
    const syncs: Promise<void>[] = []
    for (const opened of this.#open.values()) {
      if (!opened.touched) continue
      opened.touched = false
      syncs.push(opened.file.datasync())
    }
    if (this.#newNames) {
      this.#newNames = false
      syncs.push(this.#disk.syncDirectory(this.#directory))
    }
    await every(syncs)
  }

  /** Truncates a file to nothing; writes to it that have not begun wait for that. */
  async trim(index: number): Promise<void> {
    // Without a turn in between, where the file is open: the next write must find it trimming.
    const opened = this.#open.get(index) ?? (await this.#file(index))
    const before = opened.trimming ?? Promise.resolve()
    const trimmed = before.then(() => opened.file.truncate(0))
    const ended = trimmed
      .catch(() => undefined)
      .then(() => {
        if (opened.trimming === ended) opened.trimming = undefined
      })
    opened.trimming = ended
    await trimmed
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#opening.values())
    const files = [...this.#open.values()]
    this.#open.clear()
    await every(files.map(({ file }) => file.close()))
  }

  async #file(index: number): Promise<OpenFile> {
    return this.#open.get(index) ?? this.#opening.get(index) ?? this.#begin(index)
  }

  #begin(index: number): Promise<OpenFile> {
    const opening = this.#disk
      .open(join(this.#directory, fileName(index)))
      .then((file) => {
        const opened: OpenFile = { file, touched: false, trimming: undefined }
        this.#open.set(index, opened)
        this.#newNames = true
        return opened
      })
      .finally(() => this.#opening.delete(index))
    this.#opening.set(index, opening)
    return opening
  }
}

/** Waits until all have ended, then throws the first failure: nothing goes on behind the caller. */
export async function every(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) {
    if (result.status === 'rejected') throw result.reason
  }
}

function place(address: number): { index: number; position: number } {
  const index = Math.floor(address / FILE_BLOCKS)
  return { index, position: (address - index * FILE_BLOCKS) * BLOCK_BYTES }
}

function fileName(index: number): string {
  return index.toString(16).padStart(8, '0')
}

function unreadable(address: number, error: unknown): BlockError {
  return new BlockError(address, `cannot be read: ${String(error)}`)
}
