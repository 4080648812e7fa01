/**
 * The walk through what changed between two trees of one dataset, in the order of the newer one.
 *
 * A file is the same one by its ino, which no other file ever has. What is told, exactly once each:
 * - added, removed: a file that the other tree has not, by each of its names; each file of a new or
 *   a removed directory too.
 * - renamed: a file that has one name in both trees, or a directory, whose name or directory is
 *   another; nothing of what is below it.
 * - linked, unlinked: a name more, or less, of a file that has several in one of the trees.
 * - changed: the content, or the attributes, of a file that both trees have, by one of its names.
 *   Also a name that stands for a new file of the same type while the old one is gone, which is how
 *   many programs save: `replaced`. Where both are alike, nothing is told.
 */
import type { Inode } from '../store/records.ts'
import { FileType } from '../store/records.ts'
import type { Changed, Changes } from './diff-changed.ts'
import type { Interest, Trees } from './diff-interest.ts'
import type { DirectoryItems, Item, Pair } from './diff-items.ts'
import { joined } from './paths.ts'
import { directoryNames } from './paths-of.ts'

export type DiffKind = 'added' | 'removed' | 'changed' | 'renamed' | 'linked' | 'unlinked'

/** One change from the older tree to the newer one. */
export interface TreeChange extends Changed {
  readonly kind: DiffKind
  /** The file as it is in the newer tree; in the older one where that alone has it. */
  readonly inode: Inode
  /** Its path in each tree, where it has one there. */
  readonly older: Uint8Array | undefined
  readonly newer: Uint8Array | undefined
  /** Changed: another file has taken its name. */
  readonly replaced: boolean
}

/** A directory that the walk is in, and its paths. */
interface Frame {
  readonly older: Uint8Array | undefined
  readonly newer: Uint8Array | undefined
  readonly items: Iterator<Item>
}

/** Paths of one item. */
type Paths = Pick<Frame, 'older' | 'newer'>

const NOTHING: Changed = { content: false, attributes: false }
const ROOT_PATH = new Uint8Array(0)

export class DiffWalk {
  readonly #trees: Trees
  readonly #interest: Interest
  readonly #items: DirectoryItems
  readonly #changes: Changes
  readonly #frames: Frame[] = []

  constructor(trees: Trees, interest: Interest, items: DirectoryItems, changes: Changes) {
    this.#trees = trees
    this.#interest = interest
    this.#items = items
    this.#changes = changes
  }

  async *run(): AsyncGenerator<TreeChange> {
    const { root } = this.#trees
    if (!this.#interest.leadsTo(root)) return
    const paths = { older: ROOT_PATH, newer: ROOT_PATH }
    yield* this.#both(root, paths)
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      const { done, value: item } = frame.items.next()
      if (done) this.#frames.pop()
      else yield* this.#item(frame, item)
    }
  }

  async *#item(frame: Frame, item: Item): AsyncGenerator<TreeChange> {
    const { name, removed, added, child } = item
    const older = frame.older && below(frame.older, name)
    const newer = frame.newer && below(frame.newer, name)
    if (removed !== undefined && added !== undefined) {
      const replaced = await this.#replaced(removed, added, { older, newer })
      if (replaced?.content || replaced?.attributes) yield replaced
      if (replaced !== undefined) return
      // One after the other: a directory with what is below it.
      const { removed: _, ...came } = item
      this.#frames.push({ ...frame, items: [{ name, removed }, came].values() })
      return
    }
    if (removed !== undefined) yield* this.#removed(removed, older)
    if (added !== undefined) yield* this.#added(added, newer, child)
    else if (child !== undefined) yield* this.#both(child, { older, newer })
  }

  /** Where one file has taken the name of another, and neither has another name in the other tree. */
  async #replaced(removed: number, added: number, paths: Paths): Promise<TreeChange | undefined> {
    const { older, newer } = this.#trees
    const before = older.inodes.get(removed)
    const after = newer.inodes.get(added)
    if (before === undefined || after === undefined || before.type !== after.type) return undefined
    if (after.type === FileType.DIR) return undefined
    if (newer.inodes.get(removed) !== undefined) return undefined
    if (older.inodes.get(added) !== undefined) return undefined
    const changed = await this.#changes.between({ older, newer, before, after })
    return { kind: 'changed', inode: after, ...paths, ...changed, replaced: true }
  }

  async *#removed(ino: number, path: Uint8Array | undefined): AsyncGenerator<TreeChange> {
    const inode = this.#trees.older.inodes.get(ino)
    if (inode === undefined) return
    const after = this.#trees.newer.inodes.get(ino)
    const paths = { older: path, newer: undefined }
    const told = { inode, ...paths, ...NOTHING, replaced: false }
    if (after === undefined) {
      yield { kind: 'removed', ...told }
      if (inode.type === FileType.DIR) await this.#enter({ ino, older: inode, newer: after }, paths)
    } else if (hasLinks(inode, after)) {
      yield { kind: 'unlinked', ...told }
    }
    // Else it has another name, where it is told as renamed.
  }

  async *#added(
    ino: number,
    path: Uint8Array | undefined,
    child: number | undefined,
  ): AsyncGenerator<TreeChange> {
    const inode = this.#trees.newer.inodes.get(ino)
    if (inode === undefined) return
    const before = this.#trees.older.inodes.get(ino)
    if (before === undefined) {
      const paths = { older: undefined, newer: path }
      yield { kind: 'added', inode, ...paths, ...NOTHING, replaced: false }
      if (inode.type === FileType.DIR)
        await this.#enter({ ino, older: before, newer: inode }, paths)
      return
    }
    const links = hasLinks(before, inode)
    const paths = { older: links && child !== ino ? undefined : this.#olderPath(ino), newer: path }
    const told = { inode, ...NOTHING, replaced: false }
    if (links) yield { kind: 'linked', ...told, older: undefined, newer: path }
    else yield { kind: 'renamed', ...told, ...paths }
    if (child === ino) yield* this.#both(ino, paths)
  }

  /** A file that both trees have: what changed about it, and below it. */
  async *#both(ino: number, paths: Paths): AsyncGenerator<TreeChange> {
    const { older, newer } = this.#trees
    const before = older.inodes.get(ino)
    const after = newer.inodes.get(ino)
    if (before === undefined || after === undefined) return
    const changed = await this.#changes.between({ older, newer, before, after })
    if (changed.content || changed.attributes) {
      yield { kind: 'changed', inode: after, ...paths, ...changed, replaced: false }
    }
    if (after.type !== FileType.DIR) return
    await this.#enter({ ino, older: before, newer: after }, paths)
  }

  async #enter(pair: Pair, paths: Paths): Promise<void> {
    const items = await this.#items.of(pair)
    this.#frames.push({ ...paths, items: items.values() })
  }

  #olderPath(ino: number): Uint8Array | undefined {
    const { older, root } = this.#trees
    const place = this.#interest.olderPlace(ino)
    const above = place && directoryNames(older, root, place.dir)
    return above && place && joined([...above, place.name])
  }
}

/** Whether a file has several names in one of the trees: it is not told as renamed then. */
function hasLinks(before: Inode, after: Inode): boolean {
  return after.type !== FileType.DIR && (before.nlink > 1 || after.nlink > 1)
}

function below(path: Uint8Array, name: Uint8Array): Uint8Array {
  return path.length === 0 ? name : joined([path, name])
}
