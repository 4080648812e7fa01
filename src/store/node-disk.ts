/**
 * The real disk: `Disk` over node:fs. Callbacks are promisified here by hand, since FileHandle
 * costs about twice as much a call.
 */
import {
  close,
  constants,
  fdatasync,
  fstat,
  fsync,
  ftruncate,
  open,
  read,
  readSync,
  statfsSync,
  write,
  writeSync,
  writev,
  writevSync,
} from 'node:fs'
import type { Disk, DiskFile, OpenOptions } from './disk.ts'

/** Only the server's own user may read what clients keep. */
const FILE_MODE = 0o600

/**
 * The most that is written by one call that does not leave the turn. Larger ones cost more on ext4,
 * and leave large folios behind that make later small overwrites slow.
 */
const PIECE_BYTES = 512 * 1024

class NodeFile implements DiskFile {
  readonly #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  async read(into: Uint8Array, position: number): Promise<void> {
    let at = 0
    while (at < into.length) {
      const bytes = await this.#readSome(into, at, position + at)
      if (bytes === 0) break
      at += bytes
    }
    into.fill(0, at)
  }

  #readSome(into: Uint8Array, at: number, position: number): Promise<number> {
    return new Promise((resolve, reject) =>
      read(this.#fd, into, at, into.length - at, position, answer(resolve, reject)),
    )
  }

  readSync(into: Uint8Array, position: number): void {
    let at = 0
    while (at < into.length) {
      const bytes = readSync(this.#fd, into, at, into.length - at, position + at)
      if (bytes === 0) break
      at += bytes
    }
    into.fill(0, at)
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    let rest = buffers.filter((buffer) => buffer.length > 0)
    for (let at = position; rest.length > 0; ) {
      const bytes = await this.#writeSome(rest, at)
      if (bytes === 0) throw new Error(`nothing could be written at byte ${at}`)
      at += bytes
      rest = without(rest, bytes)
    }
  }

  #writeSome(buffers: readonly Uint8Array[], position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const done = answer(resolve, reject)
      const [first, second] = buffers
      if (first === undefined) resolve(0)
      else if (second === undefined) write(this.#fd, first, 0, first.length, position, done)
      else writev(this.#fd, buffers, position, done)
    })
  }

  writeSync(buffers: readonly Uint8Array[], position: number): void {
    let rest = buffers.filter((buffer) => buffer.length > 0)
    for (let at = position; rest.length > 0; ) {
      const bytes = this.#writeSomeSync(rest, at)
      if (bytes === 0) throw new Error(`nothing could be written at byte ${at}`)
      at += bytes
      rest = without(rest, bytes)
    }
  }

  #writeSomeSync(buffers: readonly Uint8Array[], position: number): number {
    const piece = leading(buffers, PIECE_BYTES)
    const [first, second] = piece
    if (first === undefined || second !== undefined) return writevSync(this.#fd, piece, position)
    return writeSync(this.#fd, first, 0, first.length, position)
  }

  datasync(): Promise<void> {
    return new Promise((resolve, reject) => fdatasync(this.#fd, settle(resolve, reject)))
  }

  truncate(length: number): Promise<void> {
    return new Promise((resolve, reject) => ftruncate(this.#fd, length, settle(resolve, reject)))
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) =>
      fstat(this.#fd, (error, stats) => (error === null ? resolve(stats.size) : reject(error))),
    )
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => close(this.#fd, settle(resolve, reject)))
  }
}

export const nodeDisk: Disk = {
  async open(path: string, options: OpenOptions = {}): Promise<DiskFile> {
    const flags = constants.O_RDWR | constants.O_CREAT
    return new NodeFile(
      await openFd(path, options.dsync === true ? flags | constants.O_DSYNC : flags),
    )
  },

  async syncDirectory(path: string): Promise<void> {
    const fd = await openFd(path, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      await new Promise<void>((resolve, reject) => fsync(fd, settle(resolve, reject)))
    } finally {
      await new NodeFile(fd).close()
    }
  },

  space(path: string): { total: number; free: number } {
    const { bsize, blocks, bavail } = statfsSync(path)
    return { total: bsize * blocks, free: bsize * bavail }
  },
}

function openFd(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) =>
    open(path, flags, FILE_MODE, (error, fd) => (error === null ? resolve(fd) : reject(error))),
  )
}

/** A callback that hands its result on. */
function answer(resolve: (bytes: number) => void, reject: (error: Error) => void) {
  return (error: Error | null, bytes: number): void =>
    error === null ? resolve(bytes) : reject(error)
}

/** A callback that has no result. */
function settle(resolve: () => void, reject: (error: Error) => void) {
  return (error: Error | null): void => (error === null ? resolve() : reject(error))
}

/** What is left of `buffers` once their first `bytes` are gone. */
export function without(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes
  for (const [i, buffer] of buffers.entries()) {
    if (skip < buffer.length) return [buffer.subarray(skip), ...buffers.slice(i + 1)]
    skip -= buffer.length
  }
  return []
}

/** The first buffers, `bytes` of them at most. */
export function leading(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const piece: Uint8Array[] = []
  let left = bytes
  for (const buffer of buffers) {
    if (left === 0) break
    const part = buffer.length > left ? buffer.subarray(0, left) : buffer
    piece.push(part)
    left -= part.length
  }
  return piece
}
