/**
 * Named moments of a server, at one of which it kills itself: before a call to the disk, in the
 * midst of it, or behind it.
 *
 * The names are `FILE CALL WHEN`: what of the store's folder it is about (`log`, `blocks`,
 * `replies`, `format`, `database`, `folder`), what is done (`open`, `write`, `sync`, `truncate`),
 * and `before`, `half` (a write's first half is there, and no more of it) or `after`. What survives
 * a kill changes nowhere else: between two such moments there is only memory.
 */
import { basename, dirname } from 'node:path'
import type { Disk, DiskFile, OpenOptions } from '../../src/store/disk.ts'

/** The `nth` time that a point is reached, from now on. */
export interface Arming {
  readonly point: string
  readonly nth: number
}

export class Points {
  #armed: Arming | undefined
  #left = 0

  arm(armed: Arming | undefined): void {
    this.#armed = armed
    this.#left = armed?.nth ?? 0
  }

  isArmed(point: string): boolean {
    return this.#armed?.point === point
  }

  reach(point: string): void {
    if (this.isArmed(point) && --this.#left === 0) process.kill(process.pid, 'SIGKILL')
  }

  /** Does something to the disk, between its two points. */
  async around<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.reach(`${what} before`)
    const result = await work()
    this.reach(`${what} after`)
    return result
  }
}

/** What of the store's folder a path is. */
function kindOf(path: string): string {
  if (basename(dirname(path)) === 'blocks') return 'blocks'
  return basename(path).split('.')[0] ?? ''
}

class PointFile implements DiskFile {
  readonly #file: DiskFile
  readonly #kind: string
  readonly #points: Points

  constructor(file: DiskFile, kind: string, points: Points) {
    this.#file = file
    this.#kind = kind
    this.#points = points
  }

  read(into: Uint8Array, position: number): Promise<void> {
    return this.#file.read(into, position)
  }

  readSync(into: Uint8Array, position: number): void {
    this.#file.readSync(into, position)
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    const half = `${this.#kind} write half`
    await this.#points.around(`${this.#kind} write`, async () => {
      if (!this.#points.isArmed(half)) return this.#file.write(buffers, position)
      const bytes = Buffer.concat(buffers)
      const middle = bytes.length >> 1
      await this.#file.write([bytes.subarray(0, middle)], position)
      this.#points.reach(half)
      await this.#file.write([bytes.subarray(middle)], position + middle)
    })
  }

  writeSync(buffers: readonly Uint8Array[], position: number): void {
    this.#points.reach(`${this.#kind} write before`)
    this.#file.writeSync(buffers, position)
    this.#points.reach(`${this.#kind} write after`)
  }

  datasync(): Promise<void> {
    return this.#points.around(`${this.#kind} sync`, () => this.#file.datasync())
  }

  truncate(length: number): Promise<void> {
    return this.#points.around(`${this.#kind} truncate`, () => this.#file.truncate(length))
  }

  size(): Promise<number> {
    return this.#file.size()
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** A disk whose calls are points. */
export class PointDisk implements Disk {
  readonly #disk: Disk
  readonly #points: Points

  constructor(disk: Disk, points: Points) {
    this.#disk = disk
    this.#points = points
  }

  async open(path: string, options?: OpenOptions): Promise<DiskFile> {
    const kind = kindOf(path)
    const file = await this.#points.around(`${kind} open`, () => this.#disk.open(path, options))
    return new PointFile(file, kind, this.#points)
  }

  syncDirectory(path: string): Promise<void> {
    return this.#points.around('folder sync', () => this.#disk.syncDirectory(path))
  }

  space(path: string): { readonly total: number; readonly free: number } {
    return this.#disk.space(path)
  }
}
