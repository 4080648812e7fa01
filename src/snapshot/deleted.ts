/**
 * What is gone: the names that a directory, or one below it, has in a snapshot and has not now.
 *
 * A directory is looked up in each snapshot, and its names are listed once for each of its states;
 * so it takes time with the directories that are there times the snapshots, and with what is gone.
 * Memory: the names of one directory at each level, and where it is in each snapshot.
 */
import { FsError } from '../fs/error.ts'
import type { Live } from '../fs/live.ts'
import type { Reader } from '../store/dataset.ts'
import { FileType, type Inode } from '../store/records.ts'
import type { Time } from '../store/time.ts'
import { listAll } from './listing.ts'
import { child, find, joined, type Located, namesOf, printable } from './paths.ts'
import { directoryNames, hintedPlace, type Pause } from './paths-of.ts'
import type { Snapshots } from './snapshots.ts'
import { pauses } from './turns.ts'

export interface DeletedRequest {
  /** The directory to look into; the empty path is the root. */
  readonly path: Uint8Array
  /** Tells each file of a directory that is gone, and also what has only another name now. */
  readonly all: boolean
}

export interface DeletedEntry {
  readonly path: Uint8Array
  readonly type: FileType
  /** The newest snapshot that has it, where it can be restored from. */
  readonly snapshot: string
  readonly mtime: Time
  /** Bytes; of a directory, of all files below it. */
  readonly size: number
  /** Files that a directory has below it, directories not counted; 1 otherwise. */
  readonly files: number
  /** The file is still there, under another name. */
  readonly isElsewhere: boolean
  /** One of these names, where it can be told at once. */
  readonly now: Uint8Array | undefined
}

/** A tree of the past. */
interface Past {
  readonly snapshot: string
  readonly reader: Reader
}

/** A file of it. */
interface PastFile extends Past, Located {}

/** A directory of that path as it was, newest first, and as it is. */
interface Frame {
  readonly path: Uint8Array
  readonly pasts: readonly PastFile[]
  readonly items: Iterator<Item>
}

interface Item {
  readonly name: Uint8Array
  /** As it was last; undefined where it is there still, and is to be looked into. */
  readonly gone: PastFile | undefined
}

export class Deleted {
  readonly #live: Live
  readonly #snapshots: Snapshots
  readonly #names: readonly Uint8Array[]
  readonly #all: boolean
  readonly #pause: Pause
  readonly #frames: Frame[] = []

  /** @throws FsError INVAL, NAMETOOLONG */
  constructor(live: Live, snapshots: Snapshots, { path, all }: DeletedRequest) {
    this.#live = live
    this.#snapshots = snapshots
    this.#names = namesOf(path)
    this.#all = all
    const existing = new Set(snapshots.list().map(({ id }) => id))
    this.#pause = pauses(() => {
      snapshots.requireGoingOn()
      for (const id of existing) {
        if (snapshots.byId(id) !== undefined) continue
        throw new FsError('NOENT', 'a snapshot was deleted meanwhile; run it again')
      }
    })
  }

  /**
   * In the order of the tree.
   *
   * @throws FsError NOENT where no snapshot has the directory, NOTDIR; NOENT where a snapshot is
   *   deleted meanwhile; JUKEBOX where the store is about to be closed
   */
  async *entries(): AsyncGenerator<DeletedEntry> {
    const path = joined(this.#names)
    const { dataset } = this.#live
    const found: PastFile[] = []
    for (const { name, epoch } of [...this.#snapshots.list()].reverse()) {
      const reader = dataset.at(epoch)
      const past = find(reader, this.#live.dataset.root, this.#names)
      if (past !== undefined) found.push({ snapshot: name, reader, ...past })
      await this.#pause()
    }
    const now = find(dataset, dataset.root, this.#names)
    const pasts = found.filter(isDirectory)
    this.#requireSome(found, pasts)
    await this.#enter(path, pasts, now)
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      const { done, value: item } = frame.items.next()
      if (done) this.#frames.pop()
      else yield* this.#item(frame, item)
    }
  }

  #requireSome(found: readonly PastFile[], pasts: readonly PastFile[]): void {
    if (pasts.length > 0) return
    const path = printable(joined(this.#names)) || '/'
    if (found.length > 0) throw new FsError('NOTDIR', `'${path}' is no directory in any snapshot`)
    throw new FsError('NOENT', `'${path}' is in no snapshot`)
  }

  async *#item(frame: Frame, { name, gone }: Item): AsyncGenerator<DeletedEntry> {
    const path = frame.path.length === 0 ? name : joined([frame.path, name])
    if (gone !== undefined) {
      const isElsewhere = this.#isThere(gone.ino)
      yield await this.#told(path, gone, isElsewhere)
      // What is below a directory that moved is with it; a file may have taken one's name later.
      if (!this.#all || (isElsewhere && isDirectory(gone))) return
    }
    const pasts: PastFile[] = []
    for (const { snapshot, reader, ino } of frame.pasts) {
      await this.#pause()
      const past = child(reader, ino, name)
      if (past !== undefined && isDirectory(past)) pasts.push({ snapshot, reader, ...past })
    }
    if (pasts.length === 0) return
    const { dataset } = this.#live
    // Whatever came to the path meanwhile, or went.
    const now = gone === undefined ? find(dataset, dataset.root, namesOf(path)) : undefined
    await this.#enter(path, pasts, now)
  }

  async #enter(path: Uint8Array, pasts: readonly PastFile[], now?: Located): Promise<void> {
    const items = new Map<string, Item>()
    const listed = new Set<string>()
    for (const past of pasts) {
      await this.#pause()
      // Every change of a directory's names moves its ctime forward.
      const { ctime } = past.inode
      const state = `${past.ino}/${ctime.seconds}/${ctime.nseconds}`
      if (listed.has(state)) continue
      listed.add(state)
      for (const { name, ino } of listAll(past.reader, past.ino, past.inode)) {
        await this.#pause()
        const key = Buffer.from(name).toString('latin1')
        if (items.has(key)) continue
        const item = this.#itemOf(past, name, ino, now)
        if (item !== undefined) items.set(key, item)
      }
    }
    const sorted = [...items].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item)
    this.#frames.push({ path, pasts, items: sorted.values() })
  }

  #itemOf(past: PastFile, name: Uint8Array, ino: number, now?: Located): Item | undefined {
    const inode = past.reader.inodes.get(ino)
    if (inode === undefined) return undefined
    const { snapshot, reader } = past
    const there = now && child(this.#live.reader, now.ino, name)
    if (there !== undefined && isDirectory(there)) return { name, gone: undefined }
    // A file that has the name of a directory now: what was in the directory is gone.
    if (there !== undefined && inode.type !== FileType.DIR) return undefined
    // What moved is not lost; another file that had the name before may be.
    if (!this.#all && this.#isThere(ino)) return undefined
    return { name, gone: { snapshot, reader, ino, inode } }
  }

  #isThere(ino: number): boolean {
    return this.#live.reader.inodes.get(ino) !== undefined
  }

  async #told(path: Uint8Array, gone: PastFile, isElsewhere: boolean): Promise<DeletedEntry> {
    const { snapshot, reader, ino, inode } = gone
    const { type, mtime } = inode
    const totals =
      type === FileType.DIR
        ? await this.#totals(reader, ino, inode)
        : { size: inode.size, files: 1 }
    const now = isElsewhere ? this.#nowAt(ino) : undefined
    return { path, type, snapshot, mtime, ...totals, isElsewhere, now }
  }

  async #totals(
    reader: Reader,
    root: number,
    top: Inode,
  ): Promise<{ size: number; files: number }> {
    const totals = { size: 0, files: 0 }
    const ahead = [{ ino: root, inode: top }]
    for (let dir = ahead.pop(); dir !== undefined; dir = ahead.pop()) {
      for (const { ino, type } of listAll(reader, dir.ino, dir.inode)) {
        await this.#pause()
        const inode = reader.inodes.get(ino)
        if (inode === undefined) continue
        if (type === FileType.DIR) {
          ahead.push({ ino, inode })
        } else {
          totals.files++
          totals.size += inode.size
        }
      }
    }
    return totals
  }

  #nowAt(ino: number): Uint8Array | undefined {
    const { reader, dataset } = this.#live
    const inode = reader.inodes.get(ino)
    const place = inode && hintedPlace(reader, ino, inode)
    const above = place && directoryNames(reader, dataset.root, place.dir)
    return above && place && joined([...above, place.name])
  }
}

const isDirectory = ({ inode }: Located): boolean => inode.type === FileType.DIR
