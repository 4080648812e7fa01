/** How many records belong to which inode and content numbers, roughly, to go through them in windows. */
import type { Numbers } from './view.ts'

/** Numbers that are weighed together. */
const RANGE = 2 ** 16
/** Names and inodes that a window may hold in memory, each about 100 bytes, one range's apart. */
const WINDOW_WEIGHT_MAX = 500_000

export class Weights {
  readonly #ranges = new Map<number, number>()

  /** One more thing to remember about this number. */
  add(number: number): void {
    const range = Math.floor(number / RANGE)
    this.#ranges.set(range, (this.#ranges.get(range) ?? 0) + 1)
  }

  /** All numbers, in windows that are light enough. */
  windows(weightMax: number = WINDOW_WEIGHT_MAX): Numbers[] {
    const windows: Numbers[] = []
    let from = 0
    let weight = 0
    for (const [range, more] of [...this.#ranges].sort(([a], [b]) => a - b)) {
      if (weight > 0 && weight + more > weightMax) {
        windows.push({ from, to: range * RANGE })
        from = range * RANGE
        weight = 0
      }
      weight += more
    }
    return [...windows, { from, to: 2 ** 53 }]
  }
}
