/** Lets many work, or nobody: for snapshots whose contents shall be known exactly. */
export class Gate {
  #inside = 0
  #closed: Promise<void> | undefined
  #emptied: () => void = () => undefined

  /** Runs `work` while the gate is open. */
  async through<T>(work: () => Promise<T>): Promise<T> {
    while (this.#closed !== undefined) await this.#closed
    this.#inside++
    try {
      return await work()
    } finally {
      this.#inside--
      if (this.#inside === 0) this.#emptied()
    }
  }

  /** Runs `work` while nobody is inside. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    let open = (): void => undefined
    this.#closed = new Promise((resolve) => {
      open = resolve
    })
    try {
      if (this.#inside > 0) {
        await new Promise<void>((resolve) => {
          this.#emptied = resolve
        })
      }
      return await work()
    } finally {
      this.#closed = undefined
      open()
    }
  }
}
