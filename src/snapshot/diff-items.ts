/**
 * What there is to look at in one directory: the names that only one of the trees has, or that
 * stand for another file there, and the files below it that changed in place. In the order of the
 * names' bytes.
 */
import type { Inode, PageEntry } from '../store/records.ts'
import type { Interest, Trees } from './diff-interest.ts'
import { changedEntries } from './diff-pages.ts'
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
    else yield* changedEntries(this.#trees, this.#superseded, { ino, older, newer }, 'older')
  }

  *#came({ ino, older, newer }: Pair): Generator<PageEntry> {
    if (newer === undefined) return
    if (older === undefined) yield* listAll(this.#trees.newer, ino, newer)
    else yield* changedEntries(this.#trees, this.#superseded, { ino, older, newer }, 'newer')
  }
}
