/** Sizes as people write them. */
import { UsageError } from './errors.ts'
import type { Given } from './options.ts'

const UNITS = ['', 'K', 'M', 'G', 'T', 'P']

/** Bytes from `500M`, `1.5 GiB` or `4096`, in powers of 1024; undefined where it is no size. */
export function parseSize(text: string): number | undefined {
  const parts = /^(\d+(?:\.\d+)?) ?([KMGTP]?)(?:i?B)?$/i.exec(text)
  if (parts === null) return undefined
  const unit = UNITS.indexOf((parts[2] ?? '').toUpperCase())
  const bytes = Math.round(Number(parts[1]) * 1024 ** unit)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/**
 * An option that limits something: a size or a count, or `none`.
 *
 * @param parse what it takes beside `none`
 * @returns 0 for `none`, undefined where the option is not given
 * @throws UsageError
 */
export function limitOf(
  given: Given,
  name: string,
  parse: (text: string) => number | undefined,
  example: string,
): number | undefined {
  const value = given.value(name)
  if (value === undefined) return undefined
  const limit = value === 'none' ? 0 : parse(value)
  if (limit !== undefined && (limit > 0 || value === 'none')) return limit
  throw new UsageError(`--${name} is none, or more than 0 such as ${example}, not '${value}'`)
}

/** A whole number. */
export function parseCount(text: string): number | undefined {
  const count = /^\d{1,15}$/.test(text) ? Number(text) : undefined
  return count
}
