/** Which snapshots are meant: names, ranges `A..B`, and patterns as shells have them. */
import { FsError } from '../fs/error.ts'
import type { Snapshot } from '../store/dataset.ts'

/** The snapshots there are. */
export interface Named {
  /** Oldest first. */
  list(): readonly Snapshot[]
  find(name: string): Snapshot | undefined
  /** @throws FsError NOENT, with the names that there are */
  get(name: string): Snapshot
}

const RANGE = '..'

/**
 * The snapshots that the words name, oldest first, none twice. A word is a name, wherever one is
 * spelled like it; otherwise a range of which both ends are included, by the order in which they
 * were made (`A..` and `..B` go to the newest and the oldest); otherwise a pattern (`*`, `?`,
 * `[a-z]`, `[!a-z]`).
 *
 * @throws FsError NOENT (nothing is named so), INVAL (a range the wrong way round)
 */
export function select(snapshots: Named, words: readonly string[]): readonly Snapshot[] {
  const chosen = new Set(words.flatMap((word) => named(snapshots, word)).map(({ id }) => id))
  return snapshots.list().filter(({ id }) => chosen.has(id))
}

function named(snapshots: Named, word: string): readonly Snapshot[] {
  const one = snapshots.find(word)
  if (one !== undefined) return [one]
  const range = rangeOf(snapshots, word)
  if (range !== undefined) return range
  if (!/[*?[]/.test(word)) return [snapshots.get(word)]
  const pattern = patternOf(word)
  const found = snapshots.list().filter(({ name }) => pattern.test(name))
  if (found.length > 0) return found
  throw new FsError('NOENT', `no snapshot's name is like '${word}'`)
}

function rangeOf(snapshots: Named, word: string): readonly Snapshot[] | undefined {
  if (!word.includes(RANGE) || word === RANGE) return undefined
  const all = snapshots.list()
  const ends = endsOf(snapshots, word)
  const from = ends.from === '' ? 0 : all.indexOf(snapshots.get(ends.from))
  const to = ends.to === '' ? all.length - 1 : all.indexOf(snapshots.get(ends.to))
  if (from > to) {
    const turned = `${ends.to}${RANGE}${ends.from}`
    throw new FsError('INVAL', `'${ends.from}' was made after '${ends.to}': write ${turned}`)
  }
  return all.slice(from, to + 1)
}

/** Names may have dots too: the ends are told apart where both are names. */
function endsOf(snapshots: Named, word: string): { readonly from: string; readonly to: string } {
  const at = (dots: number) => ({ from: word.slice(0, dots), to: word.slice(dots + RANGE.length) })
  for (let dots = word.indexOf(RANGE); dots >= 0; dots = word.indexOf(RANGE, dots + 1)) {
    const { from, to } = at(dots)
    const isEnd = (name: string) => name === '' || snapshots.find(name) !== undefined
    if (isEnd(from) && isEnd(to)) return { from, to }
  }
  return at(word.indexOf(RANGE))
}

/** A pattern of shells as a regular expression. */
function patternOf(glob: string): RegExp {
  let source = ''
  for (let at = 0; at < glob.length; at++) {
    const character = glob.charAt(at)
    const end = glob.indexOf(']', at + 2)
    if (character === '*') source += '.*'
    else if (character === '?') source += '.'
    else if (character === '[' && end > 0) {
      const inner = glob.slice(at + 1, end).replace(/[\\\]^[]/g, '\\$&')
      source += inner.startsWith('!') ? `[^${inner.slice(1)}]` : `[${inner}]`
      at = end
    } else source += character.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  }
  try {
    return new RegExp(`^${source}$`, 'su')
  } catch {
    throw new FsError('INVAL', `'${glob}' is no pattern: a range in [] is the wrong way round`)
  }
}
