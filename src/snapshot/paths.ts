/** Paths of people: bytes, names between slashes, found from the root directory on. */

import { checkName, findName, listNames } from '../fs/directory.ts'
import { FsError } from '../fs/error.ts'
import type { Reader } from '../store/dataset.ts'
import { FileType, type Inode } from '../store/records.ts'
import { isSnapdirName } from './snapdir.ts'

/** Names told in the message that one was not found. */
const NAMES_TOLD_MAX = 10
const SLASH = 0x2f

/** A file and its number. */
export interface Located {
  readonly ino: number
  readonly inode: Inode
}

/** Bytes as text for a message: control characters and invalid UTF-8 as `\xHH`. */
export function printable(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('utf8')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  if (Buffer.from(text).equals(bytes) && !/[\u0000-\u001f\u007f-\u009f]/.test(text)) return text
  return Array.from(bytes, (byte) =>
    byte > 0x1f && byte < 0x7f
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('')
}

/**
 * The names of a path; none for the root directory.
 *
 * @throws FsError INVAL for `.`, `..` and `.snapshots`, which no stored path has; NAMETOOLONG
 */
export function namesOf(path: Uint8Array): Uint8Array[] {
  const names: Uint8Array[] = []
  let start = 0
  for (let end = 0; end <= path.length; end++) {
    if (end < path.length && path[end] !== SLASH) continue
    if (end > start) names.push(path.slice(start, end))
    start = end + 1
  }
  for (const name of names) {
    checkName(name)
    const text = printable(name)
    if (text === '.' || text === '..' || isSnapdirName(name)) {
      throw new FsError('INVAL', `a path cannot have '${text}' in it: ${printable(path)}`)
    }
  }
  return names
}

/** Names with slashes between. */
export function joined(names: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(names.flatMap((name, i) => (i === 0 ? [name] : [Buffer.from('/'), name])))
}

export function child(reader: Reader, dir: number, name: Uint8Array): Located | undefined {
  const record = findName(reader, dir, name)
  const inode = record && reader.inodes.get(record.ino)
  return record && inode && { ino: record.ino, inode }
}

/** What a path leads to, symlinks not followed; undefined where it leads nowhere. */
export function find(
  reader: Reader,
  root: number,
  names: readonly Uint8Array[],
): Located | undefined {
  const inode = reader.inodes.get(root)
  let found: Located | undefined = inode && { ino: root, inode }
  for (const name of names) {
    if (found?.inode.type !== FileType.DIR) return undefined
    found = child(reader, found.ino, name)
  }
  return found
}

/**
 * As `find`, for people.
 *
 * @param where how messages call the tree, `snapshot 'monday'`
 * @throws FsError NOENT (with what is there instead), NOTDIR
 */
export function locate(
  reader: Reader,
  root: number,
  names: readonly Uint8Array[],
  where: string,
): Located {
  let found = located(reader, root, where)
  for (const [i, name] of names.entries()) {
    if (found.inode.type !== FileType.DIR) {
      throw new FsError(
        'NOTDIR',
        `'${printable(joined(names.slice(0, i)))}' is no directory in ${where}`,
      )
    }
    const next = child(reader, found.ino, name)
    if (next === undefined) throw notThere(reader, found, names.slice(0, i + 1), where)
    found = next
  }
  return found
}

function located(reader: Reader, ino: number, where: string): Located {
  const inode = reader.inodes.get(ino)
  if (inode === undefined) throw new FsError('NOENT', `there is no root directory in ${where}`)
  return { ino, inode }
}

function notThere(
  reader: Reader,
  dir: Located,
  names: readonly Uint8Array[],
  where: string,
): FsError {
  const there: string[] = []
  listNames(reader, dir.ino, dir.inode.nextCookie, 0, ({ name }) => {
    there.push(printable(name))
    return there.length < NAMES_TOLD_MAX
  })
  const parent =
    names.length === 1 ? 'the root directory' : `'${printable(joined(names.slice(0, -1)))}'`
  const more = dir.inode.entries > there.length ? ', ...' : ''
  const holds = there.length === 0 ? 'is empty' : `holds: ${there.join(', ')}${more}`
  return new FsError(
    'NOENT',
    `'${printable(joined(names))}' is not in ${where}; ${parent} ${holds}`,
  )
}
