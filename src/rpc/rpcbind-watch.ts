/**
 * Looks after our registrations with the system's portmapper. As soon as this host's kernel mounts
 * something by NFS, its lock manager takes the place of ours there, and goes without giving it
 * back; the first lock may follow a few milliseconds later. So it is looked at once a second, and
 * every few milliseconds while a client of this host mounts.
 */
import type { SystemRegistrar } from './rpcbind-registrar.ts'

const CALM_MS = 1000
const HURRY_MS = 10
/** How many looks a hurry lasts: about five seconds. */
const HURRY_LOOKS = 300

export class RegistrationWatch {
  readonly #registrar: Pick<SystemRegistrar, 'renew'>
  readonly #after: (ms: number, run: () => void) => () => void
  #callOff: () => void
  #hurry = 0
  #looking = false
  #current: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(
    registrar: Pick<SystemRegistrar, 'renew'>,
    after: (ms: number, run: () => void) => () => void,
  ) {
    this.#registrar = registrar
    this.#after = after
    this.#callOff = after(CALM_MS, () => this.#look())
  }

  /** A client of this host mounts. */
  hurry(): void {
    this.#hurry = HURRY_LOOKS
    if (this.#looking || this.#stopped) return
    this.#callOff()
    this.#look()
  }

  /** Resolves when nothing is registered any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#callOff()
    await this.#current
  }

  #look(): void {
    this.#looking = true
    const settled = this.#hurry === 0
    if (!settled) this.#hurry--
    this.#current = this.#registrar
      .renew(settled)
      // The portmapper is not there: it may come back.
      .catch(() => undefined)
      .finally(() => {
        this.#looking = false
        if (this.#stopped) return
        this.#callOff = this.#after(this.#hurry > 0 ? HURRY_MS : CALM_MS, () => this.#look())
      })
  }
}
