/**
 * Keeps the event loop awake for a moment after each batch of calls.
 *
 * A client that sends one call at a time sends the next one microseconds after the last reply. If
 * the process sleeps meanwhile, waking it up costs more than the call itself, most of all on a
 * virtual machine. So the loop asks the kernel without waiting until nothing came for `ms`.
 */
export class BusyPoll {
  readonly #ms: number
  readonly #now: () => number
  #until = 0
  #polling = false
  readonly #poll = (): void => {
    this.#polling = this.#now() < this.#until
    if (this.#polling) setImmediate(this.#poll)
  }

  /**
   * @param ms how long to stay awake after the last call; 0 sleeps at once
   * @param now a clock in milliseconds with fractions, as performance.now
   */
  constructor(ms: number, now: () => number) {
    this.#ms = ms
    this.#now = now
  }

  /** A batch of calls has come. */
  touch(): void {
    if (this.#ms === 0) return
    this.#until = this.#now() + this.#ms
    if (this.#polling) return
    this.#polling = true
    setImmediate(this.#poll)
  }

  /** True while the loop is kept awake. */
  get polling(): boolean {
    return this.#polling
  }
}
