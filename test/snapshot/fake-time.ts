/** A wall clock and timers that stand still until they are moved, for schedulers. */

interface Timer {
  readonly at: number
  readonly run: () => void
}

export class FakeTime {
  /** Milliseconds that have passed, as a monotonic clock tells them: timers go by it. */
  #passed = 0
  /** What the wall clock is ahead of it. */
  #ahead: number
  readonly #timers = new Set<Timer>()

  constructor(at: string) {
    this.#ahead = Date.parse(at)
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#timers.size
  }

  readonly nowMs = (): number => this.#passed + this.#ahead

  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.#passed + ms, run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Sets the wall clock, as somebody may; no time passes by it. */
  set(at: string): void {
    this.#ahead = Date.parse(at) - this.#passed
  }

  /** Lets time pass, and everything happen that waited for it. */
  pass(ms: number): void {
    const end = this.#passed + ms
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next)
      this.#passed = Math.max(this.#passed, next.at)
      next.run()
    }
    this.#passed = end
  }

  passUntil(at: string): void {
    this.pass(Date.parse(at) - this.nowMs())
  }

  #next(end: number): Timer | undefined {
    const due = [...this.#timers].filter(({ at }) => at <= end)
    return due.sort((a, b) => a.at - b.at)[0]
  }
}
