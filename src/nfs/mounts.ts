/** Who has mounted what: MOUNT's list, which clients show (`showmount -a`) and nothing relies on. */

export interface MountEntry {
  /** The client's address. */
  readonly hostname: string
  /** The path that it asked for, one character a byte. */
  readonly directory: string
}

/** Entries kept; one more drops the oldest, since clients often leave without a UMNT. */
export const MOUNTS_MAX = 1024

export class Mounts {
  readonly #entries = new Map<string, MountEntry>()
  readonly #onMount: (hostname: string) => void

  /** @param onMount is told who mounts */
  constructor(onMount: (hostname: string) => void = () => undefined) {
    this.#onMount = onMount
  }

  add(entry: MountEntry): void {
    this.#onMount(entry.hostname)
    const key = keyOf(entry)
    // Out first, so that a repeated mount becomes the newest.
    this.#entries.delete(key)
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < MOUNTS_MAX) break
      this.#entries.delete(oldest)
    }
    this.#entries.set(key, entry)
  }

  remove(entry: MountEntry): void {
    this.#entries.delete(keyOf(entry))
  }

  removeAll(hostname: string): void {
    for (const [key, entry] of this.#entries) {
      if (entry.hostname === hostname) this.#entries.delete(key)
    }
  }

  list(): readonly MountEntry[] {
    return [...this.#entries.values()]
  }
}

function keyOf({ hostname, directory }: MountEntry): string {
  return `${hostname}\0${directory}`
}
