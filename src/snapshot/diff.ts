/**
 * Diff: what changed from one snapshot to another, or to now, at a cost that goes with what
 * changed.
 *
 * The index of the dead tells which inodes and pages of directories were superseded in between
 * (diff-scan.ts); their hints lead to the directories to look into (diff-interest.ts); a walk
 * through these tells the changes in the order of the tree (diff-walk.ts). Memory goes with the
 * number of inodes that changed and with the changes in one directory, not with what is told.
 *
 * A snapshot never changes, so between two snapshots the answer is exact. Now does: each file is
 * told as it is when the walk comes to it, and what changes behind the walk is not told.
 */
import { FsError } from '../fs/error.ts'
import type { Live } from '../fs/live.ts'
import type { Snapshot } from '../store/dataset.ts'
import type { FileType } from '../store/records.ts'
import { Changes } from './diff-changed.ts'
import { Interest } from './diff-interest.ts'
import { DirectoryItems } from './diff-items.ts'
import { scanSuperseded } from './diff-scan.ts'
import { type DiffKind, DiffWalk, type TreeChange } from './diff-walk.ts'
import type { Pause } from './paths-of.ts'
import type { Snapshots } from './snapshots.ts'
import { pauses } from './turns.ts'

export type { DiffKind }

export interface DiffRequest {
  readonly from: string
  /** Undefined compares with the file system as it is now. */
  readonly to: string | undefined
}

/** One change. */
export interface DiffEntry {
  readonly kind: DiffKind
  readonly type: FileType
  /** Where it is afterwards; where it was, for what is gone. */
  readonly path: Uint8Array
  /** Where it was before, if that was elsewhere. */
  readonly from: Uint8Array | undefined
  /** Changed: what of it. */
  readonly content: boolean
  readonly attributes: boolean
  /** Changed: a new file has taken the name of the old one. */
  readonly replaced: boolean
  /** Bytes, at `path`. */
  readonly size: number
}

export class Diff {
  readonly #live: Live
  readonly #snapshots: Snapshots
  readonly #from: Snapshot
  readonly #to: Snapshot | undefined
  readonly #pause: Pause

  /** @throws FsError NOENT where there is no such snapshot */
  constructor(live: Live, snapshots: Snapshots, { from, to }: DiffRequest) {
    this.#live = live
    this.#snapshots = snapshots
    this.#from = snapshots.get(from)
    this.#to = to === undefined ? undefined : snapshots.get(to)
    this.#pause = pauses(() => this.#requireThere())
  }

  /**
   * The changes, in the order of the tree of whichever is newer. They are found as they are asked
   * for; asking no further ends it.
   *
   * @throws FsError NOENT where a snapshot is deleted meanwhile; IO; JUKEBOX where the store is
   *   about to be closed
   */
  async *entries(): AsyncGenerator<DiffEntry> {
    const to = this.#to
    const isReversed = to !== undefined && to.epoch < this.#from.epoch
    const [first, last] = isReversed ? [to, this.#from] : [this.#from, to]
    const { store, dataset, data } = this.#live
    if (last === undefined) data.settleAll()
    const end = last?.epoch ?? dataset.epoch
    const newer = last === undefined ? dataset : dataset.at(last.epoch)
    const trees = { root: dataset.root, older: dataset.at(first.epoch), newer }
    const pause = this.#pause
    // The scan sees the database: what is only in memory has to be there first.
    await store.checkpoint()
    const superseded = await scanSuperseded(store.database, dataset, first.epoch, end, pause)
    const interest = await Interest.of(trees, superseded, pause)
    const items = new DirectoryItems(trees, superseded, interest, pause)
    const changes = new Changes(store.blocks, pause, superseded)
    for await (const change of new DiffWalk(trees, interest, items, changes).run()) {
      this.#requireThere()
      yield entryOf(change, isReversed)
    }
  }

  #requireThere(): void {
    this.#snapshots.requireGoingOn()
    for (const snapshot of [this.#from, this.#to]) {
      if (snapshot === undefined || this.#snapshots.byId(snapshot.id) !== undefined) continue
      throw new FsError('NOENT', `snapshot '${snapshot.name}' was deleted meanwhile`)
    }
  }
}

const REVERSED: Record<DiffKind, DiffKind> = {
  ...{ added: 'removed', removed: 'added', linked: 'unlinked', unlinked: 'linked' },
  ...{ changed: 'changed', renamed: 'renamed' },
}
const ROOT_PATH = new Uint8Array(0)

function entryOf(change: TreeChange, isReversed: boolean): DiffEntry {
  const { inode, content, attributes, replaced } = change
  const [before, after] = isReversed ? [change.newer, change.older] : [change.older, change.newer]
  const path = after ?? before ?? ROOT_PATH
  const isElsewhere = after !== undefined && before !== undefined && !same(before, after)
  return {
    kind: isReversed ? REVERSED[change.kind] : change.kind,
    ...{ type: inode.type, path, from: isElsewhere ? before : undefined },
    ...{ content, attributes, replaced, size: inode.size },
  }
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
