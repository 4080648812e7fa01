/**
 * What there is to look at in one directory: the names that only one of the trees has, or that
 * stand for another file there, and the files below it that changed in place. In the order of the
 * names' bytes.
 *
 * Of a directory that both trees have, only the pages that changed are compared. Cookies are never
 * used again, so names that came later are behind the older tree's next cookie.
 */
import { nextBit } from '../fs/bitmap.ts'
import type { Reader } from '../store/dataset.ts'
import { pageKey } from '../store/keys.ts'
import { type Inode, PAGE_COOKIES, type PageEntry } from '../store/records.ts'
import type { Interest, Trees } from './diff-interest.ts'
import type { Superseded } from './diff-scan.ts'
import { listAll } from './listing.ts'
import type { Pause } from './paths-of.ts'

/** A name of a directory, and what to look at there. */
export interface Item {
  readonly name: Uint8Array
  /** What it stood for in the older tree, where that is not what it stands for now. */
  removed?: number
  /** What it stands for in the newer tree, where that is not what it stood for. */
  added?: number
  /** A file or directory that has this name in the newer tree, and whose inode changed. */
  child?: number
}

/** A directory as both trees have it: as it is in one of them where it is in that one alone. */
export interface Pair {
  readonly ino: number
  readonly older: Inode | undefined
  readonly newer: Inode | undefined
}

export class DirectoryItems {
  readonly #trees: Trees
  readonly #superseded: Superseded
  readonly #interest: Interest
  readonly #pause: Pause

  constructor(trees: Trees, superseded: Superseded, interest: Interest, pause: Pause) {
    this.#trees = trees
    this.#superseded = superseded
    this.#interest = interest
    this.#pause = pause
  }

  /** All of them at once: memory for the changes of one directory, or for a new one's names. */
  async of(pair: Pair): Promise<readonly Item[]> {
    const items = new Map<string, Item>()
    const at = (name: Uint8Array): Item => {
      const key = Buffer.from(name).toString('latin1')
      const known = items.get(key)
      if (known !== undefined) return known
      const item = { name }
      items.set(key, item)
      return item
    }
    for (const entry of this.#gone(pair)) {
      at(entry.name).removed = entry.ino
      await this.#pause()
    }
    for (const entry of this.#came(pair)) {
      at(entry.name).added = entry.ino
      await this.#pause()
    }
    // A name that went and came back for the same file has another cookie, and nothing else.
    for (const [key, { added, removed }] of items) if (added === removed) items.delete(key)
    if (pair.newer !== undefined) {
      for (const ino of this.#interest.children(pair.ino)) {
        await this.#pause()
        const place = this.#interest.newerPlace(ino)
        if (place?.dir === pair.ino) at(place.name).child = ino
      }
    }
    return [...items].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item)
  }

  *#gone({ ino, older, newer }: Pair): Generator<PageEntry> {
    if (older === undefined) return
    if (newer === undefined) yield* listAll(this.#trees.older, ino, older)
    else yield* this.#changedPages(ino, older, newer, this.#trees.older, this.#trees.newer)
  }

  *#came({ ino, older, newer }: Pair): Generator<PageEntry> {
    if (newer === undefined) return
    if (older === undefined) yield* listAll(this.#trees.newer, ino, newer)
    else yield* this.#changedPages(ino, older, newer, this.#trees.newer, this.#trees.older)
  }

  /** Entries of the one tree that the other has not, or not so. */
  *#changedPages(
    ino: number,
    older: Inode,
    newer: Inode,
    one: Reader,
    other: Reader,
  ): Generator<PageEntry> {
    for (const number of this.#pages(ino, older, newer)) {
      const key = pageKey(ino, number)
      const page = other.pages.get(key)
      for (const entry of one.pages.get(key) ?? []) {
        const same = page?.find(({ cookie }) => cookie === entry.cookie)
        if (same === undefined || !sameEntry(same, entry)) yield entry
      }
    }
  }

  *#pages(ino: number, older: Inode, newer: Inode): Generator<number> {
    const known = this.#superseded.pages.get(ino) ?? []
    yield* known
    if (newer.nextCookie <= older.nextCookie) return
    const first = Math.floor(older.nextCookie / PAGE_COOKIES)
    const limit = Math.floor((newer.nextCookie - 1) / PAGE_COOKIES) + 1
    // The page of the next cookie may have had names before: then it is among the superseded.
    const isKnown = known.includes(first)
    for (
      let number = nextBit(this.#trees.newer, ino, isKnown ? first + 1 : first, limit);
      number !== undefined;
      number = nextBit(this.#trees.newer, ino, number + 1, limit)
    ) {
      yield number
    }
  }
}

function sameEntry(a: PageEntry, b: PageEntry): boolean {
  return a.ino === b.ino && Buffer.compare(a.name, b.name) === 0
}
