/** Paths inside the file system, as people write them: from the root directory on. */
import { UsageError } from './errors.ts'
import { bytesOf } from './words.ts'

const SNAPDIR = '.snapshots'

/**
 * The path's bytes: no slash at either end, none doubled; the root directory is empty.
 *
 * @throws UsageError for `..`, and for a path into `.snapshots`
 */
export function parsePath(text: string): Uint8Array {
  const names = text.split('/').filter((name) => name !== '' && name !== '.')
  if (names.includes('..')) {
    throw new UsageError(`'${text}' has '..' in it; write the path from the root of what is served`)
  }
  const at = names.indexOf(SNAPDIR)
  if (at >= 0) {
    const [name = 'NAME', ...rest] = names.slice(at + 1)
    const path = [...names.slice(0, at), ...rest].join('/') || '/'
    throw new UsageError(`write '${path} --snapshot ${name}' instead of '${text}'`)
  }
  return bytesOf(names.join('/'))
}

/** The last name of a path; empty for the root directory. */
export function lastName(path: Uint8Array): Uint8Array {
  return path.subarray(path.lastIndexOf(0x2f) + 1)
}
