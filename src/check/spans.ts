/**
 * When something is so: spans of states, in time.
 *
 * A state is what somebody can look at: a snapshot, or the live files. States are numbered from the
 * oldest snapshot on; the live one is last. A list of spans is in order, and its spans neither
 * overlap nor touch.
 */

/** States `from` to `to`, the latter not included. */
export interface Span {
  readonly from: number
  readonly to: number
}

export function isEmpty({ from, to }: Span): boolean {
  return from >= to
}

export function overlap(a: Span, b: Span): Span {
  return { from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) }
}

/** Spans in any order as a list of spans. */
export function union(spans: readonly Span[]): Span[] {
  if (spans.length < 2) return spans.filter((span) => !isEmpty(span))
  const merged: Span[] = []
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    if (isEmpty(span)) continue
    const last = merged.at(-1)
    if (last === undefined || last.to < span.from) merged.push(span)
    else merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, span.to) }
  }
  return merged
}

/** The states of `a` that are not in `b`. */
export function without(a: readonly Span[], b: readonly Span[]): Span[] {
  let left = [...a]
  for (const { from, to } of b) {
    const rest = left.flatMap((span) => [
      overlap(span, { from: 0, to: from }),
      overlap(span, { from: to, to: Number.POSITIVE_INFINITY }),
    ])
    // Empty ones would double with every round.
    left = rest.filter((span) => !isEmpty(span))
  }
  return union(left)
}

/** The states in both. */
export function common(a: readonly Span[], b: readonly Span[]): Span[] {
  return union(a.flatMap((one) => b.map((other) => overlap(one, other))))
}

/** The states in just one of both. */
export function difference(a: readonly Span[], b: readonly Span[]): Span[] {
  return union([...without(a, b), ...without(b, a)])
}

/** Cuts time wherever one of the spans begins or ends, and leaves out what is in none of them. */
export function pieces(spans: readonly Span[]): Span[] {
  if (spans.length === 1) return spans.filter((span) => !isEmpty(span))
  const cuts = [...new Set(spans.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b)
  const cut: Span[] = []
  for (const [i, from] of cuts.entries()) {
    const to = cuts[i + 1]
    if (to !== undefined && spans.some((span) => span.from <= from && to <= span.to)) {
      cut.push({ from, to })
    }
  }
  return cut
}

/** A number for each state, told by what is added over spans. */
export class Tally {
  /** By how much the number changes where a state begins; what is 0 is not there. */
  readonly #steps = new Map<number, number>()

  add({ from, to }: Span, by: number): void {
    if (from >= to || by === 0) return
    this.#step(from, by)
    this.#step(to, -by)
  }

  #step(at: number, by: number): void {
    const step = (this.#steps.get(at) ?? 0) + by
    if (step === 0) this.#steps.delete(at)
    else this.#steps.set(at, step)
  }

  /** The numbers within a span, in pieces in which they are the same. */
  within(span: Span): { readonly span: Span; readonly count: number }[] {
    const starts = [...this.#steps].sort(([a], [b]) => a - b)
    const found: { span: Span; count: number }[] = []
    let count = 0
    let from = span.from
    for (const [at, by] of starts) {
      if (at > from && from < span.to) {
        found.push({ span: { from, to: Math.min(at, span.to) }, count })
        from = Math.min(at, span.to)
      }
      count += by
    }
    if (from < span.to) found.push({ span: { from, to: span.to }, count })
    return found
  }
}
