/**
 * The versions of a file: what was under a path in each snapshot, and is now, told apart by
 * content.
 *
 * A file whose inode did not change since the snapshot before is not looked at again; another one's
 * content is compared with the versions known before (same-content.ts).
 */
import { FsError } from '../fs/error.ts'
import type { Live } from '../fs/live.ts'
import type { Reader } from '../store/dataset.ts'
import { FileType, type Inode } from '../store/records.ts'
import { compareTime, type Time } from '../store/time.ts'
import { Changes } from './diff-changed.ts'
import { find, joined, type Located, namesOf, printable } from './paths.ts'
import type { Pause } from './paths-of.ts'
import type { Snapshots } from './snapshots.ts'
import { pauses } from './turns.ts'

/** Names of snapshots told of one version, the newest ones. */
export const VERSION_SNAPSHOTS_MAX = 64
/** Versions that a content is compared with: those that were there last. */
const COMPARED_MAX = 100

/** One content that a path has had. */
export interface FileVersion {
  readonly type: FileType
  readonly size: number
  /** Of the newest file that had it. */
  readonly mtime: Time
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Whether the path has it now. */
  readonly isNow: boolean
  /** Snapshots that have it, newest first: at most VERSION_SNAPSHOTS_MAX of `snapshotCount`. */
  readonly snapshots: readonly string[]
  readonly snapshotCount: number
  /** When the first of these snapshots was made. */
  readonly since: Time | undefined
}

interface Version {
  newest: Located
  reader: Reader
  isNow: boolean
  since: Time | undefined
  count: number
  /** Oldest first. */
  snapshots: string[]
}

export class Versions {
  readonly #live: Live
  readonly #snapshots: Snapshots
  readonly #names: readonly Uint8Array[]
  readonly #pause: Pause
  readonly #changes: Changes
  /** The one that was there last comes last. */
  readonly #versions: Version[] = []
  #directories = 0

  /** @throws FsError INVAL, NAMETOOLONG */
  constructor(live: Live, snapshots: Snapshots, path: Uint8Array) {
    this.#live = live
    this.#snapshots = snapshots
    this.#names = namesOf(path)
    this.#pause = pauses(() => snapshots.requireGoingOn())
    this.#changes = new Changes(live.store.blocks, this.#pause)
  }

  /**
   * All versions, the one that was there last first.
   *
   * @throws FsError NOENT where there is none; ISDIR where there are only directories
   */
  async *entries(): AsyncGenerator<FileVersion> {
    const { dataset, data } = this.#live
    for (const { id, name, epoch, created } of this.#snapshots.list()) {
      await this.#pause()
      if (this.#snapshots.byId(id) === undefined) continue
      const version = await this.#add(dataset.at(epoch))
      if (version === undefined) continue
      version.count++
      version.since ??= created
      version.snapshots.push(name)
      if (version.snapshots.length > VERSION_SNAPSHOTS_MAX) version.snapshots.shift()
    }
    data.settleAll()
    const now = await this.#add(dataset)
    if (now !== undefined) now.isNow = true
    this.#requireSome()
    for (const version of this.#versions.reverse()) yield told(version)
  }

  /** @returns the version that the path has in a tree, moved to the end of the list */
  async #add(reader: Reader): Promise<Version | undefined> {
    const found = find(reader, this.#live.dataset.root, this.#names)
    if (found === undefined) return undefined
    if (found.inode.type === FileType.DIR) {
      this.#directories++
      return undefined
    }
    const known = await this.#known(reader, found)
    if (known === undefined) {
      const newest = { newest: found, reader, isNow: false }
      const version = { ...newest, since: undefined, count: 0, snapshots: [] }
      this.#versions.push(version)
      return version
    }
    known.newest = found
    known.reader = reader
    this.#versions.splice(this.#versions.indexOf(known), 1)
    this.#versions.push(known)
    return known
  }

  async #known(newer: Reader, { ino, inode: after }: Located): Promise<Version | undefined> {
    for (const version of this.#versions.slice(-COMPARED_MAX).reverse()) {
      const { newest, reader: older } = version
      const before = newest.inode
      if (newest.ino === ino && unchanged(before, after)) return version
      if (before.type !== after.type || before.size !== after.size) continue
      const { content } = await this.#changes.between({ older, newer, before, after })
      if (!content) return version
    }
    return undefined
  }

  #requireSome(): void {
    if (this.#versions.length > 0) return
    const path = printable(joined(this.#names)) || '/'
    if (this.#directories > 0)
      throw new FsError('ISDIR', `'${path}' is a directory: versions are told of files`)
    throw new FsError('NOENT', `'${path}' is in no snapshot, and not there now`)
  }
}

/** Every change of an inode moves its ctime forward. */
function unchanged(a: Inode, b: Inode): boolean {
  return a === b || (compareTime(a.ctime, b.ctime) === 0 && a.content === b.content)
}

function told({ newest, isNow, since, count, snapshots }: Version): FileVersion {
  const { type, size, mtime, mode, uid, gid } = newest.inode
  const names = { snapshots: snapshots.toReversed(), snapshotCount: count }
  return { ...{ type, size, mtime, mode, uid, gid }, isNow, ...names, since }
}
