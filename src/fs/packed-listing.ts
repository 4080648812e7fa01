/**
 * Listings with attributes, page by page, out of what was packed before (store/packed-pages.ts).
 * Only of live directories: those of snapshots are listed too rarely.
 */
import type { Dataset } from '../store/dataset.ts'
import type { Page } from '../store/records.ts'
import type { Packing } from './filesystem.ts'
import type { Inodes } from './inodes.ts'

export class PackedListing {
  readonly #dataset: Dataset
  readonly #inodes: Inodes
  readonly #current: Inodes['current']

  constructor(dataset: Dataset, inodes: Inodes) {
    this.#dataset = dataset
    this.#inodes = inodes
    this.#current = (ino, inode) => inodes.current(ino, inode)
  }

  /**
   * Has the entries of a page behind `cookie` taken.
   *
   * @param key the page's
   * @returns whether all were
   */
  list(page: Page, key: string, cookie: number, packing: Packing): boolean {
    let from = 0
    while (from < page.length && (page[from]?.cookie ?? 0) <= cookie) from++
    return from === page.length || this.#take(page, key, from, packing) === page.length - from
  }

  #take(page: Page, key: string, from: number, packing: Packing): number {
    const { memory, pages } = this.#dataset
    const entry = pages.entry(key)
    const kept = memory.packed.find(entry, packing.owner, this.#current)
    if (kept !== undefined) return packing.take(kept.packed, from)
    const entries = page.map(({ ino }) => this.#dataset.inodes.entry(ino))
    const seen = page.map(({ ino }) => this.#current(ino, this.#inodes.at(ino)))
    const packed = packing.pack(
      page.map(({ ino, name, cookie }) => {
        return { fileid: ino, name, cookie, found: this.#inodes.found(ino, this.#inodes.at(ino)) }
      }),
    )
    memory.packed.keep(entry, { page, entries, seen, owner: packing.owner, packed })
    return packing.take(packed, from)
  }
}
