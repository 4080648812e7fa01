/** How fast something goes, and how long it still takes. */
import { bar } from './progress.ts'
import { duration, size } from './text.ts'

/** Before so long, nothing can be said of the rate. */
const MEASURED_MS_MIN = 1000

export class Rate {
  #startedMs: number

  constructor(startedMs: number) {
    this.#startedMs = startedMs
  }

  /** Bytes a second, and the seconds that are left; undefined as long as that cannot be told. */
  #of(nowMs: number, done: number, total: number): { rate?: number; left?: number } {
    // What comes before anything is done does not count.
    if (done === 0) this.#startedMs = nowMs
    const ms = nowMs - this.#startedMs
    if (ms < MEASURED_MS_MIN || done === 0) return {}
    const rate = (done / ms) * 1000
    return { rate, left: Math.max(0, total - done) / rate }
  }

  /** `[####----]  20%  1.2 GiB of 6 GiB, 210 MiB/s, 23 s left` */
  text(nowMs: number, done: number, total: number): string {
    const { rate, left } = this.#of(nowMs, done, total)
    const fast = rate === undefined ? '' : `, ${size(Math.round(rate))}/s`
    const long = left === undefined ? '' : `, ${duration(Math.ceil(left))} left`
    return `${bar(done, total)}  ${size(done)} of ${size(total)}${fast}${long}`
  }

  json(nowMs: number, done: number, total: number) {
    const { rate = null, left = null } = this.#of(nowMs, done, total)
    return { bytesPerSecond: rate, secondsLeft: left }
  }
}
