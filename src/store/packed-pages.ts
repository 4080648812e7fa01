/**
 * What protocols have made of pages of directories, to be sent again.
 *
 * Where nothing has changed, a listing with attributes is the same bytes again. But to make them it
 * looks at a dozen places of memory for each entry, most of which are in no processor's cache. So
 * what was made of a page is kept, and with it everything that it was made of:
 *
 *   page · inodes as clients see them -> packed
 *
 * Invariants:
 * - Records are never changed, only replaced. So what is kept is true exactly as long as the page,
 *   and each inode, is the very one that it was made of; nobody has to tell that something changed.
 * - Nothing is kept beyond the cache: when that forgets its old half, all of this goes.
 */

import type { Cache } from './cache.ts'
import type { Inode, Page } from './records.ts'
import type { Entry } from './table.ts'

/** About how much memory it may take, in bytes: 150,000 entries with short names. */
const PACKED_BYTES_MAX = 32 * 1024 * 1024
/** About what a page takes beside its packed bytes: two arrays, an object, its place in the Map. */
const PAGE_BYTES = 800

/** What was made of one page. */
export interface PackedPage {
  readonly page: Page
  /** Of each name, in their order: the inode's entry, and the inode as clients see it. */
  readonly entries: readonly Entry<Inode>[]
  readonly seen: readonly Inode[]
  /** Who has made it, and understands it. */
  readonly owner: object
  readonly packed: { readonly length: number }
}

export class PackedPages {
  readonly #bytesMax: number
  /** The one used last at the end. */
  readonly #pages = new Map<Entry<Page>, PackedPage>()
  #bytes = 0

  /** @param cache the one that the entries are in */
  constructor(cache: Pick<Cache, 'onAge'>, bytesMax: number = PACKED_BYTES_MAX) {
    this.#bytesMax = bytesMax
    cache.onAge(() => {
      this.#pages.clear()
      this.#bytes = 0
    })
  }

  /** About how much memory it takes, in bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * What is kept of a page, where it is still true.
   *
   * @param current the inode as clients see it, with what is not in the store yet
   */
  find(
    entry: Entry<Page>,
    owner: object,
    current: (ino: number, inode: Inode) => Inode,
  ): PackedPage | undefined {
    const kept = this.#pages.get(entry)
    if (kept === undefined || kept.owner !== owner || kept.page !== entry.value) return undefined
    const { page, entries, seen } = kept
    for (let i = 0; i < entries.length; i++) {
      const inode = entries[i]?.value
      if (inode === undefined || current(page[i]?.ino ?? 0, inode) !== seen[i]) return undefined
    }
    this.#pages.delete(entry)
    this.#pages.set(entry, kept)
    return kept
  }

  /** Keeps what was made of a page, in place of what was made of it before. */
  keep(entry: Entry<Page>, made: PackedPage): void {
    this.#forget(entry)
    this.#pages.set(entry, made)
    this.#bytes += costOf(made)
    for (const oldest of this.#pages.keys()) {
      if (this.#bytes <= this.#bytesMax) break
      this.#forget(oldest)
    }
  }

  #forget(entry: Entry<Page>): void {
    const kept = this.#pages.get(entry)
    if (kept === undefined) return
    this.#pages.delete(entry)
    this.#bytes -= costOf(kept)
  }
}

function costOf({ packed }: PackedPage): number {
  return packed.length + PAGE_BYTES
}
