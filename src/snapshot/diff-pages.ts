/**
 * The names of one directory that changed between two trees that both have it.
 *
 * Only the pages that changed are compared. Cookies are never used again, so names that came later
 * are behind the older tree's next cookie.
 */
import { nextBit } from '../fs/bitmap.ts'
import type { Reader } from '../store/dataset.ts'
import { pageKey } from '../store/keys.ts'
import { type Inode, PAGE_COOKIES, type PageEntry } from '../store/records.ts'
import type { Trees } from './diff-interest.ts'
import type { Superseded } from './diff-scan.ts'

/** A directory as it is in both trees. */
export interface CommonDirectory {
  readonly ino: number
  readonly older: Inode
  readonly newer: Inode
}

/**
 * Entries of the one tree that the other has not, or not so: a name that has another cookie, and is
 * otherwise the same, is among those of both.
 *
 * The newer tree may change between two entries: its pages are looked at one after the other.
 */
export function* changedEntries(
  trees: Pick<Trees, 'older' | 'newer'>,
  superseded: Pick<Superseded, 'pages'>,
  directory: CommonDirectory,
  of: 'older' | 'newer',
): Generator<PageEntry> {
  const [one, other] = of === 'older' ? [trees.older, trees.newer] : [trees.newer, trees.older]
  const known = superseded.pages.get(directory.ino) ?? []
  const numbers = of === 'older' ? known : newPages(trees.newer, known, directory)
  for (const number of numbers) {
    const key = pageKey(directory.ino, number)
    const page = other.pages.get(key)
    for (const entry of one.pages.get(key) ?? []) {
      const same = page?.find(({ cookie }) => cookie === entry.cookie)
      if (same === undefined || !sameEntry(same, entry)) yield entry
    }
  }
}

/** Pages that the older tree may have otherwise, or not at all. */
function* newPages(
  tree: Reader,
  known: readonly number[],
  { ino, older, newer }: CommonDirectory,
): Generator<number> {
  yield* known
  if (newer.nextCookie <= older.nextCookie) return
  const first = Math.floor(older.nextCookie / PAGE_COOKIES)
  const limit = Math.floor((newer.nextCookie - 1) / PAGE_COOKIES) + 1
  // The page of the next cookie may have had names before: then it is among the superseded.
  const isKnown = known.includes(first)
  for (
    let number = nextBit(tree, ino, isKnown ? first + 1 : first, limit);
    number !== undefined;
    number = nextBit(tree, ino, number + 1, limit)
  ) {
    yield number
  }
}

function sameEntry(a: PageEntry, b: PageEntry): boolean {
  return a.ino === b.ino && Buffer.compare(a.name, b.name) === 0
}
