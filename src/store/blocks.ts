/**
 * File data: immutable blocks of 4096 bytes, found by number. Address 0 is a hole: its place in
 * the first file is never used. A block has no header; whoever refers to it keeps its checksum.
 *
 * Invariants:
 * - What is read from disk by `readBlocks` is verified before the caller sees it.
 * - What `sync` has resolved for is on stable storage. After any failed write or sync, none does.
 * - A block is used anew only after a checkpoint has covered that it was free (space.ts) and
 *   `idle` has told that nobody reads it still.
 */
import { strict as assert } from 'node:assert'
import type { RecordBuffers } from '../xdr/buffers.ts'
import { blocksIn, joined, releaseBlocks } from './block-buffers.ts'
import { BlockFiles, every, FILE_BLOCKS } from './blocks-files.ts'
import { WriteQueue } from './blocks-queue.ts'
import { bytesOf, consecutive, continues, part, type Run, verifyRuns } from './blocks-runs.ts'
import { WarmBlocks } from './blocks-warm.ts'
import type { Disk } from './disk.ts'
import { Promptness } from './promptness.ts'
import { BLOCK_BYTES } from './records.ts'

/** The most that `readBlocks` reads without leaving the turn, where it is warm. */
export const SYNC_READ_BYTES_MAX = 64 * 1024
/** The same while such reads are prompt: a READ, and the blocks that it covers in part. */
export const PROMPT_READ_BYTES_MAX = 2 ** 20 + 2 * BLOCK_BYTES
/** On average pieces of this size are read at once, however many: at most a chunk of them. */
const FRAGMENT_BYTES_MAX = 32 * 1024
/** The most that `write` writes without leaving the turn: a thread takes five times the CPU. */
const SYNC_WRITE_BYTES_MAX = 32 * 1024
/** The same while such writes are prompt: half a millisecond of copying. */
const PROMPT_WRITE_BYTES_MAX = 4 * 2 ** 20
/** How much of what was read or written lately is taken to be in the kernel's page cache. */
const WARM_BYTES = 2 * 2 ** 30

export interface BlockStoreOptions {
  /** Bytes read or written lately that count as warm. */
  readonly warmBytes?: number
  /** The most bytes that are written without leaving the turn, prompt or not. */
  readonly syncWriteBytesMax?: number
  /** Milliseconds since any time, to time large pieces. Without it they go to a thread. */
  readonly now?: () => number
  /** Names of the files that are there already. They are opened at once, as `readSync` needs. */
  readonly names?: readonly string[]
  /** To which pages of theirs go back once they are written. */
  readonly buffers?: RecordBuffers | undefined
}

export class BlockStore {
  readonly #files: BlockFiles
  readonly #queue: WriteQueue
  readonly #warm: WarmBlocks
  readonly #syncWriteBytesMax: number
  readonly #writes: Promptness
  readonly #reads: Promptness
  readonly #buffers: RecordBuffers | undefined
  readonly #reading = new Set<Promise<void>>()
  #syncing: Promise<void> = Promise.resolve()

  private constructor(files: BlockFiles, options: BlockStoreOptions) {
    this.#files = files
    this.#queue = new WriteQueue(
      (address, buffers) => files.write(address, buffers),
      options.buffers,
    )
    this.#buffers = options.buffers
    this.#syncWriteBytesMax = options.syncWriteBytesMax ?? PROMPT_WRITE_BYTES_MAX
    this.#writes = new Promptness(options.now)
    this.#reads = new Promptness(options.now)
    this.#warm = new WarmBlocks((options.warmBytes ?? WARM_BYTES) / BLOCK_BYTES)
  }

  /** @param directory an existing one, for the files of blocks and nothing else */
  static async open(
    disk: Disk,
    directory: string,
    options: BlockStoreOptions = {},
  ): Promise<BlockStore> {
    const files = new BlockFiles(disk, directory)
    await files.openNamed(options.names ?? [])
    return new BlockStore(files, options)
  }

  /** Bytes given to `write` that are not written yet. */
  get queuedBytes(): number {
    return this.#queue.bytes
  }

  /**
   * Begins to write buffers of whole blocks to consecutive blocks. They must never change; until
   * they are written, readers get them from memory. A failure is told by `settled` and `sync`.
   */
  write(address: number, buffers: readonly Uint8Array[]): void {
    assert(address > 0, 'block 0 is a hole')
    const count = blocksIn(buffers)
    if (!this.#writeNow(address, count, buffers)) this.#queue.push(address, buffers)
    this.#warm.add(address, count)
  }

  /** Writes at once what is little, or prompt, unless it has to wait for something. */
  #writeNow(address: number, count: number, buffers: readonly Uint8Array[]): boolean {
    const bytes = count * BLOCK_BYTES
    const large = bytes > SYNC_WRITE_BYTES_MAX
    if (bytes > this.#syncWriteBytesMax || (large && !this.#writes.likely)) return false
    if ((address % FILE_BLOCKS) + count > FILE_BLOCKS) return false
    if (!this.#files.isReady(address) || this.#queue.touches(address, count)) return false
    try {
      const write = (): void => this.#files.writeSync(address, joined(buffers))
      if (large) this.#writes.time(write)
      else write()
    } catch (error) {
      this.#queue.fail(error)
    }
    releaseBlocks(buffers, this.#buffers)
    return true
  }

  /** All that was given to `write` is written, not yet synced. Rejects for ever after a failure. */
  settled(): Promise<void> {
    return this.#queue.settled()
  }

  /** Of what was given to `write` at most so many bytes are not written yet. Never rejects. */
  drained(bytes: number): Promise<void> {
    return this.#queue.drained(bytes)
  }

  /** All that was given to `write` is on stable storage. Rejects for ever after a failure. */
  sync(): Promise<void> {
    // One after the other: a sync that finds nothing touched must not overtake one under way.
    const synced = Promise.all([this.#queue.settled(), this.#syncing]).then(() => this.#flush())
    this.#syncing = synced.catch(() => undefined)
    return synced
  }

  async #flush(): Promise<void> {
    try {
      await this.#files.sync()
    } catch (error) {
      this.#queue.fail(error)
    }
    this.#queue.check()
  }

  /** Whether the blocks are in memory, ours or (most likely) the kernel's: `readSync` is cheap. */
  isWarm(address: number, count: number): boolean {
    if (!this.#warm.has(address, count)) return false
    return this.#files.isOpen(address) && this.#files.isOpen(address + count - 1)
  }

  /** Reads raw blocks without leaving the turn. They must be warm. */
  readSync(address: number, count: number, into: Uint8Array, at = 0): void {
    const runs = this.#fromMemory(consecutive(address, count), 0, count, into, at)
    for (const run of runs) this.#files.readSync(run.address, part(run, into, at))
  }

  /** Reads raw blocks. */
  read(address: number, count: number, into: Uint8Array, at = 0): Promise<void> {
    const runs = this.#fromMemory(consecutive(address, count), 0, count, into, at)
    return this.#track(this.#readRuns(runs, into, at))
  }

  /**
   * Reads blocks `from` to `to` (not included) of a chunk's arrays to byte `at` of `into`, and
   * verifies those that come from disk. Holes are zeros. Done at once where everything is in
   * memory, or little and warm; otherwise a promise, until which `into` belongs to this call.
   *
   * @throws BlockError at once or by rejection
   */
  readBlocks(
    addresses: Float64Array,
    checksums: Uint32Array,
    from: number,
    to: number,
    into: Uint8Array,
    at = 0,
  ): void | Promise<void> {
    const runs = this.#fromMemory(addresses, from, to, into, at)
    if (runs.length === 0) return
    const base = at - from * BLOCK_BYTES
    if (!this.#cheap(runs)) {
      const read = this.#readRuns(runs, into, base)
      return this.#track(read.then(() => verifyRuns(runs, checksums, into, base)))
    }
    this.#readNow(runs, into, base)
    verifyRuns(runs, checksums, into, base)
  }

  #readNow(runs: readonly Run[], into: Uint8Array, base: number): void {
    const read = (): void => {
      for (const run of runs) this.#files.readSync(run.address, part(run, into, base))
    }
    if (bytesOf(runs) > SYNC_READ_BYTES_MAX) this.#reads.time(read)
    else read()
  }

  /** Whether any read is under way. */
  get isRead(): boolean {
    return this.#reading.size > 0
  }

  /** Every read that has begun so far has ended: what it read may be freed and written over. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#reading)
  }

  /** Gives the room of a file, all of whose blocks are free, back to the host. */
  trimFile(index: number): Promise<void> {
    return this.#files.trim(index)
  }

  /** Waits for what is under way and closes the files, without a sync. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#queue.settled(), this.#syncing, ...this.#reading])
    await this.#files.close()
  }

  /** Copies holes and queued blocks to `into`; returns the rest. */
  #fromMemory(
    addresses: Float64Array,
    from: number,
    to: number,
    into: Uint8Array,
    at: number,
  ): Run[] {
    const runs: Run[] = []
    let last: Run | undefined
    for (let i = from; i < to; i++) {
      const address = addresses[i] ?? 0
      const page = this.#queue.bytes === 0 ? undefined : this.#queue.page(address)
      const position = at + (i - from) * BLOCK_BYTES
      if (page !== undefined) {
        into.set(page, position)
      } else if (address === 0) {
        into.fill(0, position, position + BLOCK_BYTES)
      } else if (last !== undefined && continues(last, i, address)) {
        last.count++
      } else {
        last = { index: i, address, count: 1 }
        runs.push(last)
      }
    }
    return runs
  }

  /** Whether to read at once: little, or prompt, or in pieces each of which is not worth a thread. */
  #cheap(runs: readonly Run[]): boolean {
    for (const { address, count } of runs) if (!this.isWarm(address, count)) return false
    const bytes = bytesOf(runs)
    if (bytes <= Math.max(SYNC_READ_BYTES_MAX, runs.length * FRAGMENT_BYTES_MAX)) return true
    return bytes <= PROMPT_READ_BYTES_MAX && this.#reads.likely
  }

  async #readRuns(runs: readonly Run[], into: Uint8Array, base: number): Promise<void> {
    await every(runs.map((run) => this.#files.read(run.address, part(run, into, base))))
    for (const { address, count } of runs) this.#warm.add(address, count)
  }

  #track(read: Promise<void>): Promise<void> {
    this.#reading.add(read)
    const ended = (): unknown => this.#reading.delete(read)
    read.then(ended, ended)
    return read
  }
}
