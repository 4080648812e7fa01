/** Who has mounted what: MOUNT's list, which clients show (`showmount -a`) and nothing relies on. */

export interface MountEntry {
  /** The client's address. */
  readonly hostname: string
  /** The path that it asked for, one character a byte. */
  readonly directory: string
}

/** An entry with its number: the higher, the newer. */
export interface NumberedMount extends MountEntry {
  readonly id: number
}

/** Where the list outlives the process. It never throws. */
export interface MountJournal {
  change(dropped: readonly number[], added: NumberedMount | undefined): void
}

export interface MountsOptions {
  /** Is told who mounts. */
  readonly onMount?: (hostname: string) => void
  readonly journal?: MountJournal
  /** What the journal has from earlier, oldest first. */
  readonly kept?: readonly NumberedMount[]
}

/** Entries kept; one more drops the oldest, since clients often leave without a UMNT. */
export const MOUNTS_MAX = 1024

export class Mounts {
  readonly #entries = new Map<string, NumberedMount>()
  readonly #options: MountsOptions
  #nextId = 1

  constructor(options: MountsOptions = {}) {
    this.#options = options
    for (const one of options.kept ?? []) {
      this.#entries.set(keyOf(one), one)
      this.#nextId = one.id + 1
    }
  }

  add({ hostname, directory }: MountEntry): void {
    this.#options.onMount?.(hostname)
    const one = { id: this.#nextId++, hostname, directory }
    const key = keyOf(one)
    const before = this.#entries.get(key)
    const dropped = before === undefined ? [] : [before]
    // Out first, so that a repeated mount becomes the newest.
    this.#entries.delete(key)
    for (const [other, oldest] of this.#entries) {
      if (this.#entries.size < MOUNTS_MAX) break
      this.#entries.delete(other)
      dropped.push(oldest)
    }
    this.#entries.set(key, one)
    this.#options.journal?.change(numbersOf(dropped), one)
  }

  remove(entry: MountEntry): void {
    const found = this.#entries.get(keyOf(entry))
    if (found !== undefined) this.#drop([found])
  }

  removeAll(hostname: string): void {
    const all = [...this.#entries.values()].filter((entry) => entry.hostname === hostname)
    if (all.length > 0) this.#drop(all)
  }

  list(): readonly MountEntry[] {
    return [...this.#entries.values()]
  }

  #drop(entries: readonly NumberedMount[]): void {
    for (const one of entries) this.#entries.delete(keyOf(one))
    this.#options.journal?.change(numbersOf(entries), undefined)
  }
}

function keyOf({ hostname, directory }: MountEntry): string {
  return `${hostname}\0${directory}`
}

function numbersOf(entries: readonly NumberedMount[]): number[] {
  return entries.map(({ id }) => id)
}
