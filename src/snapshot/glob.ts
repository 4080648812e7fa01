/**
 * Patterns of paths, as rsync, restic and .gitignore have them:
 *
 *     *  ?  [a-z]  [!a-z]     within a name; `\` takes the next character as it is
 *     **                      any number of names, where it is a name of its own
 *     /project/*.log          from the root of what is served on
 *     *.log, cache/*.tmp      anywhere
 *     build/                  folders only
 *
 * Matching takes no more than the pattern's length times the path's, whatever both are.
 */
import { FsError } from '../fs/error.ts'

/** Matches one character of a name; `many` any number of any. */
type Token = { readonly many: true } | { readonly many: false; matches(character: string): boolean }

/** One name of a pattern; undefined for `**`. */
type Part = readonly Token[] | undefined

export interface Glob {
  /** Whether it matches folders only. */
  readonly folders: boolean
  readonly parts: readonly Part[]
}

/** Longest pattern, in characters. */
const PATTERN_MAX = 4096

/** @throws FsError INVAL where it is no pattern */
export function parseGlob(pattern: string): Glob {
  if (pattern.length > PATTERN_MAX) {
    throw new FsError('INVAL', `a pattern has at most ${PATTERN_MAX} characters`)
  }
  const names = pattern.split('/').filter((name) => name !== '')
  if (names.length === 0) throw new FsError('INVAL', `'${pattern}' matches nothing`)
  // What ends in ** is below what comes before it, and not that itself.
  if (names.at(-1) === '**') names.push('*')
  const parts = names.map((name) => (name === '**' ? undefined : tokensOf(name, pattern)))
  const anywhere = pattern.startsWith('/') ? [] : [undefined]
  return { folders: pattern.endsWith('/'), parts: [...anywhere, ...parts] }
}

function tokensOf(name: string, pattern: string): Token[] {
  const tokens: Token[] = []
  const characters = [...name]
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? ''
    if (character === '*') tokens.push({ many: true })
    else if (character === '?') tokens.push({ many: false, matches: () => true })
    else if (character === '[') {
      const { token, end } = classOf(characters, at, pattern)
      tokens.push(token)
      at = end
    } else {
      const itself = character === '\\' ? (characters[++at] ?? '\\') : character
      tokens.push({ many: false, matches: (other) => other === itself })
    }
  }
  return tokens
}

/** `[a-z]`: a `]` that comes first, and a `-` at either end, stand for themselves. */
function classOf(characters: readonly string[], start: number, pattern: string) {
  const negated = characters[start + 1] === '!' || characters[start + 1] === '^'
  const first = start + (negated ? 2 : 1)
  const end = characters.indexOf(']', first + 1)
  if (end < 0) throw new FsError('INVAL', `'${pattern}' has a '[' without its ']'`)
  const ranges: (readonly [string, string])[] = []
  for (let at = first; at < end; at++) {
    const from = characters[at] ?? ''
    const ranged = characters[at + 1] === '-' && at + 2 < end
    ranges.push([from, ranged ? (characters[at + 2] ?? '') : from])
    if (ranged) at += 2
  }
  const inside = (other: string) =>
    ranges.some(([from, to]) => codeOf(from) <= codeOf(other) && codeOf(other) <= codeOf(to))
  const matches = (other: string) => inside(other) !== negated
  return { token: { many: false, matches } as const, end }
}

const codeOf = (character: string): number => character.codePointAt(0) ?? 0

/** @param names of the path, as `nameText` gives them */
export function globMatches({ parts, folders }: Glob, names: readonly string[], folder: boolean) {
  if (folders && !folder) return false
  return sequenceMatches(
    names.length,
    parts.length,
    (part) => parts[part] === undefined,
    (part, name) => partMatches(parts[part] ?? [], [...(names[name] ?? '')]),
  )
}

const partMatches = (tokens: readonly Token[], name: readonly string[]): boolean =>
  sequenceMatches(
    name.length,
    tokens.length,
    (token) => tokens[token]?.many === true,
    (token, at) => {
      const one = tokens[token]
      return one?.many === false && one.matches(name[at] ?? '')
    },
  )

/**
 * Whether a pattern of `length` elements matches `count` items. Only the last element that stands
 * for any number of items is ever tried anew, with one item more.
 */
function sequenceMatches(
  count: number,
  length: number,
  isMany: (element: number) => boolean,
  matches: (element: number, item: number) => boolean,
): boolean {
  let [item, element] = [0, 0]
  let [many, taken] = [-1, 0]
  while (item < count) {
    if (element < length && isMany(element)) {
      many = element++
      taken = item
    } else if (element < length && matches(element, item)) {
      element++
      item++
    } else {
      if (many < 0) return false
      element = many + 1
      item = ++taken
    }
  }
  while (element < length && isMany(element)) element++
  return element === length
}

/** A name as text, every byte that is no UTF-8 as a character of its own that no text has. */
export function nameText(name: Uint8Array): string {
  const bytes = Buffer.from(name.buffer, name.byteOffset, name.length)
  const text = bytes.toString('utf8')
  if (Buffer.from(text).equals(bytes)) return text
  return Array.from(bytes, (byte) => String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte)).join(
    '',
  )
}
