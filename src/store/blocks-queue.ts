/**
 * The writes that are on their way to the disk.
 *
 * Blocks wait in jobs, a job being consecutive blocks of one span of 512 KiB: larger writes cost
 * more on ext4, and leave large folios behind that make later small overwrites slow. A block that
 * comes right behind a job that has not begun joins it. Readers get waiting blocks from memory.
 *
 * Invariants:
 * - A job lies within one span, so each block is looked for in one place.
 * - Two jobs that share a block are never written at the same time; the later one ends later.
 * - After one failure nothing settles with success again: what the kernel did with the pages of a
 *   failed write or sync is unknown, and a second sync that succeeds proves nothing.
 */
import type { RecordBuffers } from '../xdr/buffers.ts'
import { blockOf, blocksIn, joined, releaseBlocks, sliceBlocks } from './block-buffers.ts'
import { BLOCK_BYTES } from './records.ts'

/** Blocks of a span: the most that one job writes. */
export const SPAN_BLOCKS = 128
/**
 * Jobs that are given to the system at once: more than libuv has threads (4 by default). A job that
 * has ended is followed by another when the event loop comes round, and its turns may be long.
 */
const CONCURRENT_JOBS_MAX = 16

interface Job {
  readonly span: number
  readonly address: number
  /** What is written from there on; grows until the job begins. */
  readonly buffers: Uint8Array[]
  /** How many blocks that is. */
  count: number
  readonly sequence: number
  begun: boolean
  next: Job | undefined
}

interface Waiter {
  /** Every job up to this one must have ended. */
  readonly sequence: number
  resolve(): void
  reject(error: Error): void
}

interface Drain {
  /** Bytes in the queue, at most. */
  readonly bytes: number
  resolve(): void
}

/** Writes the buffers, one behind the other, from block `address` on. */
export type PutBlocks = (address: number, buffers: readonly Uint8Array[]) => Promise<void>

export class WriteQueue {
  readonly #put: PutBlocks
  readonly #leases: RecordBuffers | undefined
  /** The jobs of each span that have not ended, oldest first. */
  readonly #spans = new Map<number, Job[]>()
  readonly #begun = new Set<Job>()
  readonly #waiters: Waiter[] = []
  #drains: Drain[] = []
  /** The jobs that have not begun, oldest first, linked by `next`. */
  #head: Job | undefined
  #tail: Job | undefined
  #sequence = 0
  #bytes = 0
  #failure: Error | undefined

  /** @param leases to which buffers of theirs go back once they are written */
  constructor(put: PutBlocks, leases?: RecordBuffers) {
    this.#put = put
    this.#leases = leases
  }

  /** Bytes that are not written yet. */
  get bytes(): number {
    return this.#bytes
  }

  push(address: number, buffers: readonly Uint8Array[]): void {
    const count = blocksIn(buffers)
    for (let from = 0; from < count; ) {
      const first = address + from
      const span = Math.floor(first / SPAN_BLOCKS)
      const to = Math.min(count, (span + 1) * SPAN_BLOCKS - address)
      this.#add(span, first, sliceBlocks(buffers, from, to), to - from)
      from = to
    }
    this.#bytes += count * BLOCK_BYTES
    this.#begin()
  }

  /** The newest contents of a block that is not written yet. */
  page(address: number): Uint8Array | undefined {
    const jobs = this.#spans.get(Math.floor(address / SPAN_BLOCKS))
    if (jobs === undefined) return undefined
    for (let i = jobs.length - 1; i >= 0; i--) {
      const job = jobs[i]
      const page = job && blockOf(job.buffers, address - job.address)
      if (page !== undefined) return page
    }
    return undefined
  }

  /** Whether any of the blocks is not written yet. */
  touches(address: number, count: number): boolean {
    if (this.#bytes === 0) return false
    for (let i = 0; i < count; i++) if (this.page(address + i) !== undefined) return true
    return false
  }

  /** Resolves when all that was pushed so far is written; rejects for ever after a failure. */
  settled(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ sequence: this.#sequence, resolve, reject })
      this.#notify()
    })
  }

  /** Resolves when at most so many bytes are not written yet; also where writes fail. */
  drained(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#drains.push({ bytes, resolve })
      this.#notify()
    })
  }

  /** From now on nothing settles with success; the first failure is the one that is told. */
  fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error))
  }

  /** @throws the first failure, if there was one */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  #add(span: number, address: number, buffers: readonly Uint8Array[], count: number): void {
    const jobs = this.#spans.get(span)
    const last = jobs?.at(-1)
    if (last !== undefined && !last.begun && last.address + last.count === address) {
      last.buffers.push(...buffers)
      last.count += count
      return
    }
    const sequence = ++this.#sequence
    const rest = { sequence, begun: false, next: undefined }
    const job: Job = { span, address, buffers: [...buffers], count, ...rest }
    if (jobs === undefined) this.#spans.set(span, [job])
    else jobs.push(job)
    if (this.#tail === undefined) this.#head = job
    else this.#tail.next = job
    this.#tail = job
  }

  #begin(): void {
    while (this.#head !== undefined && this.#begun.size < CONCURRENT_JOBS_MAX) {
      const job = this.#head
      if (this.#collides(job)) return
      this.#head = job.next
      if (this.#head === undefined) this.#tail = undefined
      job.next = undefined
      job.begun = true
      this.#begun.add(job)
      this.#put(job.address, joined(job.buffers)).then(
        () => this.#end(job),
        (error: unknown) => {
          this.fail(error)
          this.#end(job)
        },
      )
    }
  }

  /** An undone transaction's blocks may be written anew while their first write still runs. */
  #collides(job: Job): boolean {
    for (const other of this.#begun) {
      if (other.address < job.address + job.count && job.address < other.address + other.count) {
        return true
      }
    }
    return false
  }

  #end(job: Job): void {
    this.#begun.delete(job)
    const jobs = this.#spans.get(job.span)
    if (jobs !== undefined && jobs.length > 1) jobs.splice(jobs.indexOf(job), 1)
    else this.#spans.delete(job.span)
    this.#bytes -= job.count * BLOCK_BYTES
    releaseBlocks(job.buffers, this.#leases)
    this.#begin()
    this.#notify()
  }

  #notify(): void {
    this.#drains = this.#drains.filter(({ bytes, resolve }) => {
      if (this.#bytes <= bytes) resolve()
      return this.#bytes > bytes
    })
    let oldest = this.#head?.sequence ?? Number.POSITIVE_INFINITY
    for (const { sequence } of this.#begun) oldest = Math.min(oldest, sequence)
    while (this.#waiters[0] !== undefined && this.#waiters[0].sequence < oldest) {
      const waiter = this.#waiters.shift()
      if (this.#failure === undefined) waiter?.resolve()
      else waiter?.reject(this.#failure)
    }
  }
}
