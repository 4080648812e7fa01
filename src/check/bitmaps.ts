/** The bitmaps of one owner against what exists of it: pages of a directory, chunks of a file. */
import { BITMAP_BITS } from '../store/records.ts'
import { count } from './describe.ts'
import { common, difference, type Span, union } from './spans.ts'
import type { Chain, Version } from './view.ts'

/** When each number of a record's 512 exists. */
type Existing = Map<number, readonly Span[]>

interface BitmapRecord {
  readonly level: number
  readonly n: number
  readonly versions: readonly Version<Uint8Array>[]
}

export class BitmapsCheck {
  /** By level, and there by number. */
  readonly #levels: Map<number, BitmapRecord>[] = []
  readonly #during: readonly Span[]
  readonly #tell: (text: string, span: Span) => void
  readonly #what: string
  /** What exists of the record of level 0 that is being gone through. */
  #existing: Existing = new Map()
  #n = 0
  /** Records of level 0 that were gone through. */
  readonly #done = new Set<number>()

  /**
   * @param chains all bitmaps of the owner
   * @param during the states in which they must be right
   * @param what they are about: `page`
   */
  constructor(
    chains: readonly Chain<Uint8Array>[],
    during: readonly Span[],
    what: string,
    tell: (text: string, span: Span) => void,
  ) {
    for (const { key, versions } of chains) {
      const [, level, n] = String(key).split('/').map(Number)
      const record = { level: level ?? 0, n: n ?? 0, versions }
      this.#level(record.level).set(record.n, record)
    }
    this.#during = during
    this.#what = what
    this.#tell = tell
  }

  #level(level: number): Map<number, BitmapRecord> {
    while (this.#levels.length <= level) this.#levels.push(new Map())
    return this.#levels[level] ?? new Map()
  }

  /** Something exists. To be called in ascending order of numbers. */
  exists(number: number, spans: readonly Span[]): void {
    const n = Math.floor(number / BITMAP_BITS)
    if (n !== this.#n) this.#endRecord()
    this.#n = n
    this.#existing.set(number % BITMAP_BITS, union(spans))
  }

  /** Everything that exists was told. */
  end(): void {
    this.#endRecord()
    for (const { n } of this.#level(0).values()) {
      this.#n = n
      if (!this.#done.has(n)) this.#endRecord()
    }
    for (let level = 0; level < this.#levels.length; level++) this.#endLevel(level)
  }

  #endRecord(): void {
    this.#done.add(this.#n)
    this.#compare(0, this.#n, this.#level(0).get(this.#n), this.#existing)
    this.#existing = new Map()
  }

  /** Checks the level above: it tells which records of this one there are, the first one apart. */
  #endLevel(level: number): void {
    const above = new Map<number, Existing>()
    for (const { n, versions } of this.#level(level).values()) {
      if (n === 0) continue
      const over = Math.floor(n / BITMAP_BITS)
      const existing = above.get(over) ?? new Map<number, readonly Span[]>()
      above.set(over, existing.set(n % BITMAP_BITS, union(versions)))
    }
    const next = above.size > 0 ? this.#level(level + 1) : (this.#levels[level + 1] ?? new Map())
    for (const n of new Set([...above.keys(), ...next.keys()])) {
      this.#compare(level + 1, n, next.get(n), above.get(n) ?? new Map())
    }
  }

  #compare(level: number, n: number, record: BitmapRecord | undefined, existing: Existing): void {
    const told = toldBy(record?.versions ?? [])
    const called = (number: number): string =>
      level === 0 ? `${this.#what} ${number}` : `bitmap ${number} of level ${level - 1}`
    let wrong = 0
    let first: { readonly text: string; readonly span: Span } | undefined
    for (const bit of new Set([...existing.keys(), ...told.keys()])) {
      const there = existing.get(bit) ?? []
      const [span] = common(difference(there, told.get(bit) ?? []), this.#during)
      if (span === undefined) continue
      wrong++
      const is = common(there, [span]).length > 0 ? 'there' : 'not there'
      first ??= { text: `${called(n * BITMAP_BITS + bit)}, which is ${is}`, span }
    }
    if (record?.versions.some(({ value }) => value.every((byte) => byte === 0))) {
      this.#tell(`bitmap ${n} of level ${level} is empty`, this.#during[0] ?? { from: 0, to: 0 })
    }
    if (first === undefined) return
    const more = wrong > 1 ? `, and about ${count(wrong - 1, 'other')}` : ''
    this.#tell(`bitmap ${n} of level ${level} is wrong about ${first.text}${more}`, first.span)
  }
}

/** When the bits of a record were set. */
function toldBy(versions: readonly Version<Uint8Array>[]): Existing {
  const told = new Map<number, Span[]>()
  for (const { value, from, to } of versions) {
    for (let bit = 0; bit < BITMAP_BITS; bit++) {
      if ((((value[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 0) continue
      const spans = told.get(bit)
      if (spans === undefined) told.set(bit, [{ from, to }])
      else spans.push({ from, to })
    }
  }
  for (const [bit, spans] of told) told.set(bit, union(spans))
  return told
}
