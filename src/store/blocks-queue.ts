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
import { BLOCK_BYTES } from './records.ts'

/** Blocks of a span: the most that one job writes. */
export const SPAN_BLOCKS = 128
/** Jobs that are written at once: as many as libuv has threads by default. */
const CONCURRENT_JOBS_MAX = 4

interface Job {
  readonly span: number
  readonly address: number
  readonly pages: Uint8Array[]
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

/** Writes the buffers, one behind the other, from block `address` on. */
export type PutBlocks = (address: number, buffers: readonly Uint8Array[]) => Promise<void>

export class WriteQueue {
  readonly #put: PutBlocks
  readonly #buffers: RecordBuffers | undefined
  /** The jobs of each span that have not ended, oldest first. */
  readonly #spans = new Map<number, Job[]>()
  readonly #begun = new Set<Job>()
  readonly #waiters: Waiter[] = []
  /** The jobs that have not begun, oldest first, linked by `next`. */
  #head: Job | undefined
  #tail: Job | undefined
  #sequence = 0
  #bytes = 0
  #failure: Error | undefined

  /** @param buffers to which pages of theirs go back once they are written */
  constructor(put: PutBlocks, buffers?: RecordBuffers) {
    this.#put = put
    this.#buffers = buffers
  }

  /** Bytes that are not written yet. */
  get bytes(): number {
    return this.#bytes
  }

  push(address: number, pages: readonly Uint8Array[]): void {
    for (let from = 0; from < pages.length; ) {
      const first = address + from
      const span = Math.floor(first / SPAN_BLOCKS)
      const to = Math.min(pages.length, (span + 1) * SPAN_BLOCKS - address)
      this.#add(span, first, pages.slice(from, to))
      from = to
    }
    this.#bytes += pages.length * BLOCK_BYTES
    this.#begin()
  }

  /** The newest contents of a block that is not written yet. */
  page(address: number): Uint8Array | undefined {
    const jobs = this.#spans.get(Math.floor(address / SPAN_BLOCKS))
    if (jobs === undefined) return undefined
    for (let i = jobs.length - 1; i >= 0; i--) {
      const job = jobs[i]
      const page = job?.pages[address - job.address]
      if (page !== undefined) return page
    }
    return undefined
  }

  /** Resolves when all that was pushed so far is written; rejects for ever after a failure. */
  settled(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ sequence: this.#sequence, resolve, reject })
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

  #add(span: number, address: number, pages: Uint8Array[]): void {
    const jobs = this.#spans.get(span)
    const last = jobs?.at(-1)
    if (last !== undefined && !last.begun && last.address + last.pages.length === address) {
      last.pages.push(...pages)
      return
    }
    this.#sequence++
    const job = { span, address, pages, sequence: this.#sequence, begun: false, next: undefined }
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
      this.#put(job.address, joined(job.pages)).then(
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
      if (
        other.address < job.address + job.pages.length &&
        job.address < other.address + other.pages.length
      ) {
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
    this.#bytes -= job.pages.length * BLOCK_BYTES
    this.#buffers?.releaseAll(job.pages)
    this.#begin()
    this.#notify()
  }

  #notify(): void {
    let oldest = this.#head?.sequence ?? Number.POSITIVE_INFINITY
    for (const { sequence } of this.#begun) oldest = Math.min(oldest, sequence)
    while (this.#waiters[0] !== undefined && this.#waiters[0].sequence < oldest) {
      const waiter = this.#waiters.shift()
      if (this.#failure === undefined) waiter?.resolve()
      else waiter?.reject(this.#failure)
    }
  }
}

/** The pages as few buffers as possible: views that lie side by side in memory become one. */
export function joined(pages: readonly Uint8Array[]): Uint8Array[] {
  const buffers: Uint8Array[] = []
  let last: Uint8Array | undefined
  let end = 0
  for (const page of pages) {
    if (last !== undefined && page.buffer === last.buffer && page.byteOffset === end) {
      last = new Uint8Array(last.buffer, last.byteOffset, last.length + page.length)
      buffers[buffers.length - 1] = last
    } else {
      last = page
      buffers.push(page)
    }
    end = page.byteOffset + page.length
  }
  return buffers
}
