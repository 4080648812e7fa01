/** Values as people read them. */

import prettyBytes from 'pretty-bytes'
import type { Time } from '../fs/filesystem.ts'

/** What must not reach a terminal as it is: controls, and what changes the order of the line. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/u
/** They join letters and emoji, and do no harm. */
const JOINERS = /[\u200c\u200d]/

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The bytes as text, or undefined where they are no UTF-8. */
export function utf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

const hex = (byte: number) => `\\x${byte.toString(16).padStart(2, '0')}`
const escaped = (bytes: Uint8Array) => Array.from(bytes, hex).join('')

/** A name or path of any bytes, safe to print: `\xHH` for a byte that is not, `\\` for `\`. */
export function printable(bytes: Uint8Array): string {
  let shown = ''
  for (let at = 0; at < bytes.length; ) {
    const size = sequenceLength(bytes[at] ?? 0)
    const sequence = bytes.subarray(at, at + size)
    const character = utf8(sequence)
    if (character === undefined) {
      shown += hex(bytes[at] ?? 0)
      at += 1
      continue
    }
    const bad = UNPRINTABLE.test(character) && !JOINERS.test(character)
    shown += bad ? escaped(sequence) : character === '\\' ? '\\\\' : character
    at += size
  }
  return shown
}

/** Bytes that a UTF-8 sequence has, by its first one. */
function sequenceLength(first: number): number {
  if (first >= 0xf0) return 4
  if (first >= 0xe0) return 3
  return first >= 0xc0 ? 2 : 1
}

/** A word that a shell takes as it is printed. */
export function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word
  return `'${word.replaceAll("'", `'\\''`)}'`
}

/** `3.2 GiB` */
export function size(bytes: number): string {
  return prettyBytes(bytes, { binary: true })
}

/** `1,204` */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** `1,204 files`, `1 file` */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

const two = (value: number) => String(value).padStart(2, '0')

/** Local time to the second: `2026-11-22 20:14:05`. */
export function localTime({ seconds }: Time): string {
  const at = new Date(seconds * 1000)
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** For programs: UTC to the nanosecond, as RFC 3339 has it. */
export function isoTime({ seconds, nseconds }: Time): string {
  const whole = new Date(seconds * 1000).toISOString().slice(0, -5)
  return `${whole}.${String(nseconds).padStart(9, '0')}Z`
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const

/** `2 hours 3 minutes`: the two largest units. */
export function duration(seconds: number): string {
  const parts: string[] = []
  let left = Math.floor(seconds)
  for (const [unit, length] of UNITS) {
    const times = Math.floor(left / length)
    left -= times * length
    if (times > 0) parts.push(counted(times, unit))
    if (parts.length === 2 || (parts.length === 1 && times === 0)) break
  }
  return parts.length === 0 ? '0 seconds' : parts.join(' ')
}

/** `2 hours ago`: the largest unit. */
export function ago({ seconds }: Time, nowMs: number): string {
  const passed = Math.floor(nowMs / 1000 - seconds)
  if (passed < 1) return 'just now'
  return `${duration(passed).split(' ').slice(0, 2).join(' ')} ago`
}

/** `1.4 s`, `2 minutes 3 seconds` */
export function elapsed(ms: number): string {
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms / 1000)
}

/** Characters that take two columns of a terminal. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u
const ZERO_WIDTH = /[\p{Mn}\p{Me}\u200c\u200d]/u

/** Columns of a terminal that a text takes. */
export function width(text: string): number {
  let columns = 0
  for (const character of text) {
    if (ZERO_WIDTH.test(character)) continue
    columns += WIDE.test(character) ? 2 : 1
  }
  return columns
}

/** Rows as columns that are two spaces apart; the last one is not padded. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, width(cell))
  }
  return rows.map((row) =>
    row
      .map((cell, i) =>
        i === row.length - 1 ? cell : cell + ' '.repeat((widths[i] ?? 0) - width(cell)),
      )
      .join('  '),
  )
}
