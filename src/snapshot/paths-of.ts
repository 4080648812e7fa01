/**
 * Paths found from an inode on, upwards: by the hints that inodes keep (their `parent` and
 * `cookie`), each verified against the page that the cookie falls into.
 *
 * The hint of a directory is always right, and so is that of a file that never had two names. A
 * file that lost the name it got last has a stale one: such files are found together, by one walk
 * of the tree.
 */
import { strict as assert } from 'node:assert'
import type { Reader } from '../store/dataset.ts'
import { pageKey } from '../store/keys.ts'
import { FileType, type Inode, PAGE_COOKIES } from '../store/records.ts'
import { listAll } from './listing.ts'

/** A name of a file: the directory it is in, and its bytes. */
export interface Place {
  readonly dir: number
  readonly name: Uint8Array
}

/** What is called after every entry of a long walk, and waits now and then. */
export type Pause = () => Promise<void> | undefined

/** The name that an inode's hint tells of; undefined where the hint is stale, and for the root. */
export function hintedPlace(reader: Reader, ino: number, inode: Inode): Place | undefined {
  const { parent, cookie } = inode
  const page = reader.pages.get(pageKey(parent, Math.floor(cookie / PAGE_COOKIES)))
  const entry = page?.find((one) => one.cookie === cookie)
  return entry?.ino === ino ? { dir: parent, name: entry.name } : undefined
}

/**
 * The names that lead from the root to a directory.
 *
 * @returns undefined where it is not there, or not below the root: only in a tree that changes
 *   between two calls
 */
export function directoryNames(
  reader: Reader,
  root: number,
  ino: number,
): readonly Uint8Array[] | undefined {
  const names: Uint8Array[] = []
  for (let at = ino; at !== root; ) {
    const inode = reader.inodes.get(at)
    const place = inode && hintedPlace(reader, at, inode)
    if (place === undefined) return undefined
    names.push(place.name)
    at = place.dir
  }
  return names.reverse()
}

/**
 * One name of each of the files, the first in the order of the tree. Walks all of the tree, unless
 * it has found all of them before; holds the directories that it has yet to look into.
 *
 * @param wanted inos; those that are not there are not in the answer
 */
export async function searchPlaces(
  reader: Reader,
  root: number,
  wanted: ReadonlySet<number>,
  pause: Pause,
): Promise<Map<number, Place>> {
  const found = new Map<number, Place>()
  const ahead = [root]
  while (found.size < wanted.size) {
    const dir = ahead.pop()
    if (dir === undefined) break
    const inode = reader.inodes.get(dir)
    if (inode === undefined) continue
    assert(inode.type === FileType.DIR, 'only directories have names in them')
    for (const { ino, type, name } of listAll(reader, dir, inode)) {
      if (wanted.has(ino) && !found.has(ino)) found.set(ino, { dir, name })
      if (type === FileType.DIR) ahead.push(ino)
      await pause()
    }
  }
  return found
}
