/** Has a server kill itself while it does what somebody asks of it. */
import type { Arming } from './points.ts'
import type { ServerProcess } from './server.ts'

/** How often it is asked before nobody believes any more that the point is ever reached. */
const ASKS_MAX = 3000

export class Trap {
  readonly #server: ServerProcess
  readonly #what: string
  readonly #arming: Arming
  #set = false
  #ready: Promise<void> = Promise.resolve()
  #asks = 0
  #miss: (error: Error) => void = () => undefined
  /** Rejects where the point is not reached. */
  readonly missed: Promise<never>

  constructor(server: ServerProcess, what: string, arming: Arming) {
    this.#server = server
    this.#what = what
    this.#arming = arming
    this.missed = new Promise((_, reject) => {
      this.#miss = reject
    })
    this.missed.catch(() => undefined)
  }

  /** Asks, in the order of the calls. The point counts until what it is set for is answered. */
  async around<T>(what: string, ask: () => Promise<T>): Promise<T> {
    if (what !== this.#what || this.#set) {
      await this.#ready
      return ask()
    }
    this.#set = true
    if (++this.#asks > ASKS_MAX) {
      this.#miss(new Error(`'${this.#arming.point}' is not reached in ${what}`))
    }
    this.#ready = this.#server.arm(this.#arming)
    await this.#ready
    try {
      return await ask()
    } finally {
      await this.#server.arm(undefined)
      this.#set = false
    }
  }
}
