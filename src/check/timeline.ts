/** The states of a dataset that somebody can look at: its snapshots, and its live files. */
import type { SnapshotRecord } from '../store/records.ts'
import { count } from './describe.ts'
import type { Span } from './spans.ts'

/** The end of a version that is live. */
export const LIVE = Number.POSITIVE_INFINITY

export class Timeline {
  /** Of the snapshots that can be seen, oldest first. */
  readonly #names: readonly string[]
  readonly #epochs: readonly number[]
  /** Epochs of all snapshots, of those being deleted too, ascending. */
  readonly #kept: readonly number[]

  constructor(snapshots: readonly SnapshotRecord[]) {
    const sorted = snapshots.toSorted((a, b) => a.epoch - b.epoch)
    const seen = sorted.filter(({ deleting }) => !deleting)
    this.#names = seen.map(({ name }) => name)
    this.#epochs = seen.map(({ epoch }) => epoch)
    this.#kept = sorted.map(({ epoch }) => epoch)
  }

  /** The state that the live files are. */
  get live(): number {
    return this.#epochs.length
  }

  /** All states. */
  get all(): Span {
    return { from: 0, to: this.live + 1 }
  }

  /** The states that see what was born in epoch `birth` and ended in epoch `end`. */
  span(birth: number, end: number): Span {
    const to = end === LIVE ? this.live + 1 : atLeast(this.#epochs, end)
    return { from: atLeast(this.#epochs, birth), to }
  }

  /** Whether any snapshot is there that sees it, or did until its deletion began. */
  isKept(birth: number, end: number): boolean {
    return atLeast(this.#kept, birth) < atLeast(this.#kept, end)
  }

  /** The state among these to look at: the live files, or else the oldest snapshot. */
  shown({ from, to }: Span): number {
    return to > this.live ? this.live : from
  }

  /** ` in snapshot 'x' and 2 later ones`, `, also in 3 snapshots`; nothing for the live files alone. */
  place({ from, to }: Span): string {
    const others = to - from - 1
    if (to > this.live) return others > 0 ? `, also in ${count(others, 'snapshot')}` : ''
    const later = others > 0 ? ` and ${count(others, 'later one')}` : ''
    return ` in snapshot '${this.#names[from]}'${later}`
  }
}

/** The index of the first number that is at least `least`. */
function atLeast(numbers: readonly number[], least: number): number {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((numbers[middle] ?? 0) >= least) high = middle
    else low = middle + 1
  }
  return low
}
