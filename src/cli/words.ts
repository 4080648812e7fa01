/**
 * The words of the command line, of any bytes. Node takes them for UTF-8, and loses what is none;
 * but a file may have such a name. So a byte that is no part of UTF-8 is kept as a lone surrogate,
 * U+DC80 to U+DCFF, which no text has (as Python does, PEP 383), until `bytesOf` makes it a byte.
 */
import { readFileSync } from 'node:fs'
import { utf8 } from './text.ts'

const REPLACEMENT = '\ufffd'
const LONE = /([\udc80-\udcff])/u
const ESCAPE = 0xdc00
/** Longest character in UTF-8. */
const SEQUENCE_BYTES_MAX = 4

/** Where Linux shows what this process was started with; undefined where it does not. */
function ownCommandLine(): Uint8Array | undefined {
  try {
    return readFileSync('/proc/self/cmdline')
  } catch {
    return undefined
  }
}

/**
 * @param argv the words as Node has them
 * @param commandLine the same and others before them, each with a NUL behind it
 */
export function wordsOf(argv: readonly string[], commandLine = ownCommandLine): readonly string[] {
  if (!argv.some((word) => word.includes(REPLACEMENT))) return argv
  const all = Buffer.from(commandLine() ?? [])
  const words: Buffer[] = []
  for (let at = 0, end = all.indexOf(0); end >= 0; at = end + 1, end = all.indexOf(0, at)) {
    words.push(all.subarray(at, end))
  }
  const last = words.slice(words.length - argv.length)
  // Whoever has overwritten its command line says other things there.
  const same = last.length === argv.length && last.every((word, i) => word.toString() === argv[i])
  return same ? last.map(textOf) : argv
}

/** The inverse of `bytesOf`. */
export function textOf(bytes: Uint8Array): string {
  let text = utf8(bytes)
  if (text !== undefined) return text
  text = ''
  for (let at = 0; at < bytes.length; ) {
    const character = characterAt(bytes, at)
    text += character ?? String.fromCharCode(ESCAPE + (bytes[at] ?? 0))
    at += character === undefined ? 1 : Buffer.byteLength(character)
  }
  return text
}

function characterAt(bytes: Uint8Array, at: number): string | undefined {
  for (let size = 1; size <= SEQUENCE_BYTES_MAX && at + size <= bytes.length; size++) {
    const character = utf8(bytes.subarray(at, at + size))
    if (character !== undefined) return character
  }
  return undefined
}

/** A word as the bytes that it was given as. */
export function bytesOf(word: string): Uint8Array {
  const pieces = word.split(LONE)
  if (pieces.length === 1) return Buffer.from(word)
  return Buffer.concat(
    pieces.map((piece, i) =>
      i % 2 === 1 ? Buffer.of(piece.charCodeAt(0) - ESCAPE) : Buffer.from(piece),
    ),
  )
}
