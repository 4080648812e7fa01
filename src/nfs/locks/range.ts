/** Ranges of bytes that locks cover, exact to 64 bits. */

/** Both ends included. */
export interface Range {
  readonly first: bigint
  readonly last: bigint
}

/** The last byte that a file could have: a lock "to the end" reaches to here. */
export const LAST_BYTE = 2n ** 64n - 1n

/**
 * The range of an l_offset and an l_len, whose 0 means "to the end, however far that is".
 *
 * @returns undefined where it goes beyond LAST_BYTE
 */
export function rangeOf(offset: bigint, length: bigint): Range | undefined {
  const last = length === 0n ? LAST_BYTE : offset + length - 1n
  return last > LAST_BYTE ? undefined : { first: offset, last }
}

/** The l_len that says where a range ends. */
export function lengthOf({ first, last }: Range): bigint {
  return last === LAST_BYTE ? 0n : last - first + 1n
}

export function overlap(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last
}

/** Whether they overlap or lie side by side, so that together they are one range. */
export function join(a: Range, b: Range): Range | undefined {
  if (a.first > b.last + 1n || b.first > a.last + 1n) return undefined
  const first = b.first < a.first ? b : a
  const last = b.last > a.last ? b : a
  return { first: first.first, last: last.last }
}
