/** How much memory records may take, and when those that nobody uses are forgotten. */

/** What takes memory: a table. */
export interface Cached {
  readonly dataset: number
  /** Forgets the clean entries that were not used since the last call. */
  age(): void
}

/** Memory shared by all tables: half for what was used lately, half for what was used before. */
export class Cache {
  readonly #bytesMax: number
  #tables: Cached[] = []
  #young = 0
  /** How often the old half was forgotten. As long as it is the same, nothing has left memory. */
  ages = 0
  /** How many records were read from the database because somebody waited for them. */
  loads = 0
  readonly #onAge: (() => void)[] = []

  /** @param bytesMax about how much memory clean entries may take, in bytes */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  register(table: Cached): void {
    this.#tables.push(table)
  }

  /** @param forget runs whenever the old half is forgotten: what points to entries goes with it */
  onAge(forget: () => void): void {
    this.#onAge.push(forget)
  }

  /** A dataset is gone, and nobody asks its tables any more. */
  forget(dataset: number): void {
    this.#tables = this.#tables.filter((table) => table.dataset !== dataset)
  }

  /** Counts what came into a table; when the young half is full, the old half is forgotten. */
  grow(bytes: number): void {
    this.#young += bytes
    if (this.#young <= this.#bytesMax / 2) return
    this.#young = 0
    this.ages++
    for (const table of this.#tables) table.age()
    for (const forget of this.#onAge) forget()
  }
}
