/**
 * Inode and content numbers: none is handed out twice, crashes included.
 *
 * The superblock says below which number all may be in use. That bound is raised by a lease at a
 * time, durably before the first number of the lease is handed out: replies that name a number may
 * leave before the transaction that used it is on disk.
 */
import { strict as assert } from 'node:assert'

/** Numbers set aside at a time; a new lease is written when half of them are used. */
const LEASE = 2 ** 20

/** Writes a new bound, and calls back when it is on disk. */
export type WriteLease = (end: number, done: () => void) => void

export class InoNumbers {
  readonly #write: WriteLease
  #next = 0
  #end = 0

  constructor(write: WriteLease) {
    this.#write = write
  }

  /** Where the numbers set aside end. */
  get end(): number {
    return this.#end
  }

  /** @param next the bound that the superblock has: the caller makes `end` the new one, durably */
  begin(next: number): void {
    this.#next = next
    this.#end = next + LEASE
  }

  take(): number {
    assert(this.#next < this.#end, 'inode numbers are leased faster than committed')
    if (this.#end - this.#next === LEASE / 2) setImmediate(() => this.#extend())
    return this.#next++
  }

  #extend(): void {
    const end = this.#end + LEASE
    this.#write(end, () => {
      this.#end = end
    })
  }
}
