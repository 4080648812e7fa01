/** Gives clients their turn while a check runs, and notices that it has to stop. */

/** Looks at records or blocks in one turn: a few milliseconds. */
const LOOKS_MAX = 250

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class Pace {
  readonly #requireGoingOn: () => void
  readonly #rest: () => Promise<void>
  #left = LOOKS_MAX

  /**
   * @param requireGoingOn throws where the store is about to be closed
   * @param rest gives others their turn, and more
   */
  constructor(requireGoingOn: () => void, rest: () => Promise<void> = nextTurn) {
    this.#requireGoingOn = requireGoingOn
    this.#rest = rest
  }

  /** To be called after so many more looks at records or blocks. @throws what stops the check */
  async step(looks: number): Promise<void> {
    this.#left -= looks
    if (this.#left > 0) return
    this.#left = LOOKS_MAX
    await this.#rest()
    this.#requireGoingOn()
  }
}
