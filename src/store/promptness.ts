/**
 * Whether the system writes, or reads, at the speed of memory: it does while the page cache has
 * room for what is written, and has what is read. Then large pieces are best moved without leaving
 * the turn: on few processors, handing them to a thread takes as long as copying them.
 *
 * It cannot be asked, so each large piece is timed. One that was slow has waited for the disk, and
 * the event loop with it: for several times as long the next ones go to a thread. So the loop waits
 * for the disk a small part of the time at most.
 */

/** A piece is slow from so many milliseconds on: far longer than copying 4 MiB takes. */
const SLOW_MS = 15
/** Nothing is tried after a slow piece for so many times as long as it took. */
const REST_RATIO = 8

export class Promptness {
  readonly #now: (() => number) | undefined
  #restsUntil = Number.NEGATIVE_INFINITY

  /** @param now milliseconds since any time, with fractions; without it nothing is likely prompt */
  constructor(now: (() => number) | undefined) {
    this.#now = now
  }

  /** Whether a large piece is worth a try. */
  get likely(): boolean {
    return this.#now !== undefined && this.#now() >= this.#restsUntil
  }

  /** Moves a large piece, and takes note of how long that takes. */
  time(move: () => void): void {
    const start = this.#now?.() ?? 0
    try {
      move()
    } finally {
      this.#took(start, this.#now?.() ?? 0)
    }
  }

  #took(start: number, end: number): void {
    if (end - start >= SLOW_MS) this.#restsUntil = end + (end - start) * REST_RATIO
  }
}
