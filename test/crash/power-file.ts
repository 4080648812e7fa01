/**
 * A file on a disk that loses power: what is read, what is on the platters for sure, and what may
 * be.
 *
 * Every write is pending from the moment it is asked for until a sync covers it: datasync does for
 * the writes that had ended when it began, O_DSYNC for its own. When the power goes, each unit of a
 * pending write is there or not, in any combination that the `Fate` chooses; later writes of a unit
 * win over earlier ones that are there. A truncation that is not there leaves nothing of what was
 * written behind it: the file's new size and blocks were in the same journal.
 */
import type { DiskFile } from '../../src/store/disk.ts'

/** Nothing smaller is written whole or not at all. */
export const SECTOR_BYTES = 512

type Sectors = Map<number, Uint8Array>

/** A file's contents: a sector that is missing is zeros. */
export interface Contents {
  readonly sectors: Sectors
  size: number
}

interface Pending {
  /** A truncation has no buffers: it cuts at `position`. */
  readonly data: Uint8Array | undefined
  readonly position: number
  done: boolean
}

/** Decides what of a pending write is there after the power went. */
export interface Fate {
  /** Whether a truncation is there. */
  truncation(): boolean
  /** Which of a write's sectors are there: `sectors` answers, one by one. */
  write(sectors: number): (sector: number) => boolean
}

/** How an operation is put off, and what is told of it. */
export interface PowerEvents {
  /** Something happens now: the power may go. */
  moment(what: 'write' | 'written' | 'sync' | 'synced' | 'truncate'): void
  /** Resolves a little later. */
  delay(): Promise<void>
}

export class PowerFile implements DiskFile {
  readonly #events: PowerEvents
  readonly #dsync: boolean
  readonly #now: Contents
  readonly #durable: Contents
  #pending: Pending[] = []

  constructor(events: PowerEvents, dsync: boolean, contents?: Contents) {
    this.#events = events
    this.#dsync = dsync
    this.#now = copy(contents)
    this.#durable = copy(contents)
  }

  async read(into: Uint8Array, position: number): Promise<void> {
    await this.#events.delay()
    this.readSync(into, position)
  }

  readSync(into: Uint8Array, position: number): void {
    for (let at = 0; at < into.length; ) {
      const from = (position + at) % SECTOR_BYTES
      const length = Math.min(SECTOR_BYTES - from, into.length - at)
      const sector = this.#now.sectors.get(Math.floor((position + at) / SECTOR_BYTES))
      if (sector === undefined) into.fill(0, at, at + length)
      else into.set(sector.subarray(from, from + length), at)
      at += length
    }
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    const pending = this.#begin(Buffer.concat(buffers), position)
    await this.#events.delay()
    this.#end(pending)
    if (this.#dsync) {
      await this.#events.delay()
      // With the size, which the write may have changed, goes the truncation before it.
      this.#settle((one) => one === pending || one.data === undefined)
    }
    this.#events.moment('written')
  }

  writeSync(buffers: readonly Uint8Array[], position: number): void {
    this.#end(this.#begin(Buffer.concat(buffers), position))
  }

  #begin(data: Uint8Array | undefined, position: number): Pending {
    if (position % SECTOR_BYTES !== 0 || (data?.length ?? 0) % SECTOR_BYTES !== 0) {
      throw new Error('the store writes whole sectors')
    }
    const pending = { data, position, done: false }
    this.#pending.push(pending)
    this.#events.moment(data === undefined ? 'truncate' : 'write')
    return pending
  }

  #end(pending: Pending): void {
    pending.done = true
    apply(this.#now, pending, () => true)
  }

  /** What of the pending is chosen is on the platters from now on. */
  #settle(chosen: (one: Pending) => boolean): void {
    const left: Pending[] = []
    for (const one of this.#pending) {
      if (chosen(one)) apply(this.#durable, one, () => true)
      else left.push(one)
    }
    this.#pending = left
  }

  async datasync(): Promise<void> {
    const covered = new Set(this.#pending.filter(({ done }) => done))
    this.#events.moment('sync')
    await this.#events.delay()
    this.#settle((one) => covered.has(one))
    this.#events.moment('synced')
  }

  async truncate(length: number): Promise<void> {
    const pending = this.#begin(undefined, length)
    await this.#events.delay()
    this.#end(pending)
  }

  async size(): Promise<number> {
    return this.#now.size
  }

  async close(): Promise<void> {}

  /** What is there when the power goes now. */
  after(fate: Fate): Contents {
    const contents = copy(this.#durable)
    for (const one of this.#pending) {
      if (one.data === undefined) {
        if (!fate.truncation()) break
        apply(contents, one, () => true)
      } else apply(contents, one, fate.write(one.data.length / SECTOR_BYTES))
    }
    return contents
  }
}

function copy(contents?: Contents): Contents {
  return { sectors: new Map(contents?.sectors), size: contents?.size ?? 0 }
}

function apply(to: Contents, { data, position }: Pending, there: (sector: number) => boolean) {
  const first = position / SECTOR_BYTES
  if (data === undefined) {
    for (const sector of to.sectors.keys()) if (sector >= first) to.sectors.delete(sector)
    to.size = position
    return
  }
  for (let i = 0; i * SECTOR_BYTES < data.length; i++) {
    if (!there(i)) continue
    to.sectors.set(first + i, data.subarray(i * SECTOR_BYTES, (i + 1) * SECTOR_BYTES))
    to.size = Math.max(to.size, position + (i + 1) * SECTOR_BYTES)
  }
}
