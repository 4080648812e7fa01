/**
 * Whether the system writes, or reads, at the speed of memory: it does while the page cache has
 * room for what is written, and has what is read. Then large pieces are best moved without leaving
 * the turn: on few processors, handing them to a thread and waking it takes as long as copying.
 *
 * It cannot be asked, so each large piece is timed. One that was slow has waited for the disk, and
 * the event loop with it: for a while the next ones go to a thread, and for longer each time that
 * the first one after it is slow again. So the loop waits for the disk a few times a minute.
 */

/** A piece is slow from so many milliseconds on: far longer than copying 4 MiB takes. */
const SLOW_MS = 15
/** How long nothing is tried after a slow piece, at first and at most, in milliseconds. */
const REST_MS_MIN = 1000
const REST_MS_MAX = 60_000

export class Promptness {
  readonly #now: (() => number) | undefined
  #restsUntil = Number.NEGATIVE_INFINITY
  #rest = REST_MS_MIN

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
    if (end - start < SLOW_MS) {
      this.#rest = REST_MS_MIN
      return
    }
    this.#restsUntil = end + this.#rest
    this.#rest = Math.min(REST_MS_MAX, this.#rest * 2)
  }
}
