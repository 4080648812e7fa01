/** "Did you mean ...?" */

/** Names further apart than this share of their length are not meant for one another. */
const DISTANCE_SHARE_MAX = 0.4
const LENGTH_MAX = 64

/** Insertions, deletions, changes and swaps of neighbours that make `b` of `a`. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, change)
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped && i > 1 && j > 1) row[j] = Math.min(row[j] ?? 0, (before[j - 2] ?? 0) + 1)
    }
    before = above
    above = row
  }
  return above[b.length] ?? 0
}

/** The one of `names` that looks most like `given`, where one does. */
export function closest(given: string, names: readonly string[]): string | undefined {
  let best: string | undefined
  let least = Infinity
  for (const name of names) {
    if (given.length > LENGTH_MAX || name.length > LENGTH_MAX) continue
    const away = distance(given.toLowerCase(), name.toLowerCase())
    if (away < least) {
      least = away
      best = name
    }
  }
  const longer = Math.max(given.length, best?.length ?? 0)
  return least <= Math.max(1, longer * DISTANCE_SHARE_MAX) ? best : undefined
}

/** `; did you mean 'before'?`, or nothing. */
export function didYouMean(given: string, names: readonly string[]): string {
  const name = closest(given, names)
  return name === undefined ? '' : `; did you mean '${name}'?`
}
