/**
 * Keeps the event loop awake for a moment after a lone call.
 *
 * A client that sends one call at a time sends the next one microseconds after the last reply. If
 * the process sleeps meanwhile, waking it up costs more than the call itself, most of all on a
 * virtual machine. So the loop asks the kernel without waiting until nothing came for `ms`.
 *
 * An awake loop takes a processor from everything else, so that it sleeps at once as soon as
 * anything has to be waited for: the disk's threads would get their results to it later, not sooner.
 */
export class BusyPoll {
  readonly #ms: number
  readonly #now: () => number
  #until = 0
  #waiting = 0
  #polling = false
  readonly #poll = (): void => {
    this.#polling = this.#waiting === 0 && this.#now() < this.#until
    if (this.#polling) setImmediate(this.#poll)
  }

  /**
   * @param ms how long to stay awake after the last lone call; 0 sleeps at once
   * @param now a clock in milliseconds with fractions, as performance.now
   */
  constructor(ms: number, now: () => number) {
    this.#ms = ms
    this.#now = now
  }

  /** A call has come alone, and was answered at once. */
  touch(): void {
    if (this.#ms === 0 || this.#waiting > 0) return
    this.#until = this.#now() + this.#ms
    if (this.#polling) return
    this.#polling = true
    setImmediate(this.#poll)
  }

  /** A call waits for its answer. */
  hold(): void {
    this.#waiting++
  }

  /** It is answered. */
  release(): void {
    this.#waiting--
  }

  /** True while the loop is kept awake. */
  get polling(): boolean {
    return this.#polling
  }
}
