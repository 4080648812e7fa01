/** The names of a directory, however many: some at a time, so that none are missed meanwhile. */
import { listNames } from '../fs/directory.ts'
import type { Reader } from '../store/dataset.ts'
import type { Inode, PageEntry } from '../store/records.ts'

const NAMES_AT_A_TIME = 256

/** Names from behind `cookie` on, in the order of their cookies, at most `max`. */
export function listSome(
  reader: Reader,
  ino: number,
  inode: Inode,
  cookie: number,
  max: number,
): readonly PageEntry[] {
  const entries: PageEntry[] = []
  listNames(reader, ino, inode.nextCookie, cookie, (entry) => {
    if (entries.length >= max) return false
    entries.push(entry)
    return true
  })
  return entries
}

/** All names of a directory of a snapshot. */
export function* listAll(reader: Reader, ino: number, inode: Inode): Generator<PageEntry> {
  let cookie = 0
  for (;;) {
    const entries = listSome(reader, ino, inode, cookie, NAMES_AT_A_TIME)
    yield* entries
    const last = entries.at(-1)
    if (last === undefined) return
    cookie = last.cookie
  }
}
