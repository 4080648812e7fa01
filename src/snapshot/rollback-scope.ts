/** What all parts of a rollback go by. */
import { strict as assert } from 'node:assert'
import { FsError } from '../fs/error.ts'
import type { Live } from '../fs/live.ts'
import type { Reader } from '../store/dataset.ts'
import { FileType, type Inode } from '../store/records.ts'
import { compareTime } from '../store/time.ts'
import { changedEntries } from './diff-pages.ts'
import type { Superseded } from './diff-scan.ts'
import { listAll } from './listing.ts'
import { joined, type Located, printable } from './paths.ts'
import { directoryNames, hintedPlace } from './paths-of.ts'
import type { Spot } from './restore-write.ts'
import type { RollbackAction } from './rollback-request.ts'
import type { RollbackHand } from './rollback-write.ts'

/** Inos of the snapshot that changed: 8 bytes of memory for each. */
export interface ChangedInodes {
  readonly directories: readonly number[]
  readonly files: readonly number[]
}

export interface RollbackScope {
  readonly live: Live
  /** The snapshot. */
  readonly past: Reader
  /** What the snapshot has and the live dataset has not, or not so. */
  readonly superseded: Superseded
  /** Its inodes: those of directories, and all others. */
  readonly changed: ChangedInodes
  /** The snapshot made before anything changed; undefined while it is only planned. */
  readonly safety: Reader | undefined
  readonly hand: RollbackHand
  /** Is called after each file, directory or name, and lets others have their turn. */
  readonly pause: () => Promise<void> | undefined
  /** Is told of each change that was made. @param path asked for only where it is wanted */
  readonly note: (action: RollbackAction, path: () => Uint8Array, bytes: number) => void
  /** Notes what could not be put back. @throws the error where nothing further can be */
  readonly fail: (path: () => Uint8Array, error: unknown) => void
}

/** Sorts inodes of the snapshot by whether they are directories. */
export async function sortInodes(
  past: Reader,
  inos: readonly number[],
  pause: RollbackScope['pause'],
): Promise<ChangedInodes> {
  const directories: number[] = []
  const files: number[] = []
  for (const ino of inos) {
    const inode = past.inodes.get(ino)
    if (inode !== undefined) (inode.type === FileType.DIR ? directories : files).push(ino)
    await pause()
  }
  return { directories, files }
}

export function changedDirectories({ past, changed }: RollbackScope): Generator<Located> {
  return located(past, changed.directories)
}

export function changedFiles({ past, changed }: RollbackScope): Generator<Located> {
  return located(past, changed.files)
}

function* located(past: Reader, inos: readonly number[]): Generator<Located> {
  for (const ino of inos) {
    const inode = past.inodes.get(ino)
    assert(inode !== undefined, 'what a snapshot has it has for good')
    yield { ino, inode }
  }
}

/** Names of a directory of the snapshot that the live one may not have, or not for the same file. */
export function goneNames({ live, past, superseded }: RollbackScope, { ino, inode }: Located) {
  const newer = live.reader.inodes.get(ino)
  if (newer === undefined) return listAll(past, ino, inode)
  const trees = { older: past, newer: live.reader }
  return changedEntries(trees, superseded, { ino, older: inode, newer }, 'older')
}

/** The other way round. */
export function newNames({ live, past, superseded }: RollbackScope, { ino, inode }: Located) {
  const newer = live.reader.inodes.get(ino)
  if (newer === undefined) return []
  const trees = { older: past, newer: live.reader }
  return changedEntries(trees, superseded, { ino, older: inode, newer }, 'newer')
}

/**
 * Where a live file is that has one name, then as now, or is a directory: then its name goes back
 * to where it was. A file that has, or had, several gets and loses names.
 */
export function onlyPlace(scope: RollbackScope, ino: number, past: Inode): Spot | undefined {
  const { reader } = scope.live
  const inode = reader.inodes.get(ino)
  if (inode === undefined) return undefined
  const isOne = inode.type === FileType.DIR || (past.nlink === 1 && hadOneName(scope, ino, inode))
  return isOne ? hintedPlace(reader, ino, inode) : undefined
}

/** Whether a live file has one name, and had no other that went in the course of the rollback. */
export function hadOneName({ safety }: RollbackScope, ino: number, { nlink }: Inode): boolean {
  return nlink === 1 && (safety?.inodes.get(ino)?.nlink ?? 1) === 1
}

/** Whether all that is not a matter of names or content is as it was. */
export function sameDetails(a: Inode, b: Inode): boolean {
  const sameTimes = compareTime(a.mtime, b.mtime) === 0 && compareTime(a.atime, b.atime) === 0
  return sameTimes && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid
}

/** @throws FsError EXIST where a dataset is seen under the name */
export function requireFree(live: Live, { dir, name }: Spot): void {
  if (!live.isTaken(dir, name)) return
  const seen = `a dataset is seen as '${printable(name)}'`
  throw new FsError('EXIST', `${seen}: rename that, and roll back again`)
}

/** The path of a name of a directory of the tree, as far as it is known. */
export function pathIn(reader: Reader, root: number, { dir, name }: Spot): Uint8Array {
  return joined([...(directoryNames(reader, root, dir) ?? []), name])
}

export function directoryPath(reader: Reader, root: number, ino: number): Uint8Array {
  return joined(directoryNames(reader, root, ino) ?? [])
}
