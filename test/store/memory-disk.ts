/** A disk in memory that tests can hold back, make fail, damage and look into. */
import type { Disk, DiskFile } from '../../src/store/disk.ts'

type Operation = 'open' | 'read' | 'write' | 'datasync' | 'truncate' | 'syncDirectory' | 'close'

const SECTOR = 4096

export class MemoryDisk implements Disk {
  readonly files = new Map<string, MemoryFile>()
  /** What was asked of the disk, in order: `write 00000000 4096+4096@8192`. */
  readonly log: string[] = []
  readonly #gates = new Map<Operation, Promise<void>>()
  readonly #failures = new Map<Operation, Error>()
  /** Operations that have begun and not ended, and the most there were. */
  active = 0
  activeMax = 0

  /** Lets no such operation end until the function returned is called. */
  hold(operation: Operation): () => void {
    let release = (): void => undefined
    this.#gates.set(
      operation,
      new Promise((resolve) => {
        release = resolve
      }),
    )
    return () => {
      this.#gates.delete(operation)
      release()
    }
  }

  /** The next such operation fails. */
  fail(operation: Operation, message: string): void {
    this.#failures.set(operation, new Error(message))
  }

  /** @throws the failure that was asked for */
  check(operation: Operation): void {
    const failure = this.#failures.get(operation)
    this.#failures.delete(operation)
    if (failure !== undefined) throw failure
  }

  async run(operation: Operation, detail: string, effect: () => void): Promise<void> {
    this.log.push(`${operation} ${detail}`)
    this.active++
    this.activeMax = Math.max(this.activeMax, this.active)
    try {
      await this.#gates.get(operation)
      this.check(operation)
      effect()
    } finally {
      this.active--
    }
  }

  async open(path: string): Promise<DiskFile> {
    const name = path.slice(path.lastIndexOf('/') + 1)
    const file = this.files.get(name) ?? new MemoryFile(this, name)
    await this.run('open', name, () => this.files.set(name, file))
    return file
  }

  syncDirectory(path: string): Promise<void> {
    return this.run('syncDirectory', path, () => undefined)
  }

  space(): { total: number; free: number } {
    return { total: 2 ** 40, free: 2 ** 40 }
  }

  /** Changes one byte on the disk. */
  damage(name: string, position: number): void {
    const sector = this.files.get(name)?.sectors.get(Math.floor(position / SECTOR))
    if (sector === undefined) throw new Error(`nothing to damage at ${position}`)
    sector[position % SECTOR] = (sector[position % SECTOR] ?? 0) ^ 1
  }
}

class MemoryFile implements DiskFile {
  readonly sectors = new Map<number, Uint8Array>()
  readonly #disk: MemoryDisk
  readonly #name: string

  constructor(disk: MemoryDisk, name: string) {
    this.#disk = disk
    this.#name = name
  }

  read(into: Uint8Array, position: number): Promise<void> {
    const detail = `${this.#name} ${into.length}@${position}`
    return this.#disk.run('read', detail, () => this.#copy(into, position))
  }

  readSync(into: Uint8Array, position: number): void {
    this.#disk.log.push(`readSync ${this.#name} ${into.length}@${position}`)
    this.#disk.check('read')
    this.#copy(into, position)
  }

  #copy(into: Uint8Array, position: number): void {
    into.fill(0)
    for (let at = 0; at < into.length; at += SECTOR) {
      const sector = this.sectors.get((position + at) / SECTOR)
      if (sector !== undefined) into.set(sector, at)
    }
  }

  write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    const lengths = buffers.map((buffer) => buffer.length).join('+')
    const effect = (): void => this.#put(buffers, position)
    return this.#disk.run('write', `${this.#name} ${lengths}@${position}`, effect)
  }

  writeSync(buffers: readonly Uint8Array[], position: number): void {
    const lengths = buffers.map((buffer) => buffer.length).join('+')
    this.#disk.log.push(`writeSync ${this.#name} ${lengths}@${position}`)
    this.#disk.check('write')
    this.#put(buffers, position)
  }

  #put(buffers: readonly Uint8Array[], position: number): void {
    const bytes = Buffer.concat(buffers)
    for (let at = 0; at < bytes.length; at += SECTOR) {
      this.sectors.set((position + at) / SECTOR, bytes.subarray(at, at + SECTOR))
    }
  }

  datasync(): Promise<void> {
    return this.#disk.run('datasync', this.#name, () => undefined)
  }

  truncate(length: number): Promise<void> {
    return this.#disk.run('truncate', `${this.#name} ${length}`, () => this.sectors.clear())
  }

  async size(): Promise<number> {
    return (Math.max(-1, ...this.sectors.keys()) + 1) * SECTOR
  }

  close(): Promise<void> {
    return this.#disk.run('close', this.#name, () => undefined)
  }
}
