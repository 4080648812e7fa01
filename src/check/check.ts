/**
 * Proves the invariants of a store (docs/architecture.md), or tells which do not hold.
 *
 * It looks at the database as it is at one instant, right after a checkpoint, while clients may go
 * on: their later changes go unseen, and what they free is not used anew until the check has ended.
 * Nothing is taken from the caches and little from the code that it checks: it reads the records,
 * with all their versions, and compares what they say of one another in every state that somebody
 * can look at, the live files and each snapshot. Blocks are read and compared with their checksums.
 *
 * Memory is bounded: the records are gone through in windows of inode and content numbers, and the
 * reference counts in windows of groups. Only a list of snapshots, the bitmaps of one file and the
 * names of one page are held whole.
 */
import { join } from 'node:path'
import type { FrozenDatabase } from '../store/database.ts'
import { BLOCK_BYTES } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { BlocksCheck } from './blocks.ts'
import { count } from './describe.ts'
import { collectFacts } from './facts.ts'
import { HistoryCheck } from './history.ts'
import { checkDatabaseFiles } from './leveldb-files.ts'
import { LinksCheck } from './links.ts'
import { type Objsets, readObjsets } from './objsets.ts'
import { Pace } from './pace.ts'
import { Paths } from './paths.ts'
import { Problems } from './problems.ts'
import { RecordsCheck } from './records.ts'
import { References } from './references.ts'
import { NO_REPAIR } from './repairs.ts'
import { SpaceCheck } from './space.ts'
import { View } from './view.ts'
import { Walk } from './walk.ts'
import { Weights } from './weights.ts'

/** Groups whose references are counted at a time: 128 MiB of memory, for 256 GiB of blocks. */
const GROUPS_AT_ONCE = 16_384

export interface CheckReport {
  /** Files of any type in the live file systems. */
  readonly inodes: number
  /** Blocks in use, each of which was read. */
  readonly blocks: number
  /** Snapshots that can be seen. */
  readonly snapshots: number
  /** One sentence a problem; empty where the store is sound. */
  readonly problems: readonly string[]
}

export interface CheckOptions {
  /** Is called every now and then; what it throws ends the check. */
  readonly requireGoingOn?: () => void
  /** Is given all that was found, in the end. */
  readonly found?: (problems: Problems) => void
  /** Is told how many bytes of file data were read, of how many. */
  readonly read?: (doneBytes: number, totalBytes: number) => void
  /** Gives others their turn, and more; the next turn where it is left out. */
  readonly rest?: () => Promise<void>
  /** How much is done in one pass, names and inodes: memory for it is needed. */
  readonly windowWeight?: number
  /** The same of groups of blocks. */
  readonly groupsAtOnce?: number
}

/**
 * @param progress is told what is done, a line at a time
 * @throws FsError IO where the store has failed, or its files cannot be read at all; whatever
 *   `requireGoingOn` throws
 */
export async function checkStore(
  store: Store,
  progress: (done: string) => void,
  options: CheckOptions = {},
): Promise<CheckReport> {
  const release = store.spaceMap.hold()
  const { recordsLogged } = store
  try {
    await store.checkpoint()
    // Still in the turn in which the checkpoint ended: the database is what it was at its cut.
    const unreadable = new Set<string>()
    const database = store.database.freeze((error) => unreadable.add(String(error)))
    const used = store.recordsLogged === recordsLogged ? store.spaceMap.usedBlocks : undefined
    try {
      return await new StoreCheck(store, database, used, progress, options).run(unreadable)
    } finally {
      await database.close()
    }
  } finally {
    release()
  }
}

class StoreCheck {
  readonly #store: Store
  readonly #database: FrozenDatabase
  readonly #progress: (done: string) => void
  readonly #options: CheckOptions
  readonly #problems = new Problems()
  readonly #weights = new Weights()
  readonly #pace: Pace
  /** Blocks in use as the running store counts them; undefined where it has gone on already. */
  readonly #used: number | undefined
  #inodes = 0

  constructor(
    store: Store,
    database: FrozenDatabase,
    used: number | undefined,
    progress: (done: string) => void,
    options: CheckOptions,
  ) {
    this.#store = store
    this.#database = database
    this.#used = used
    this.#progress = progress
    this.#options = options
    this.#pace = new Pace(options.requireGoingOn ?? (() => undefined), options.rest)
  }

  /** @param unreadable why some of the database could not be read, in the end */
  async run(unreadable: ReadonlySet<string>): Promise<CheckReport> {
    await checkDatabaseFiles(join(this.#store.directory, 'meta'), this.#problems, this.#pace)
    // LevelDB takes what is damaged there for what it is not, and may end the process.
    if (this.#problems.isDoubtful) return this.#report([], 0, 0)
    const objsets = await readObjsets(this.#database, this.#problems)
    if (objsets === undefined) return this.#report([], 0, 0)
    const views = this.#views(objsets)
    const seen = [...objsets.snapshots.values()].filter(({ deleting }) => !deleting)
    const blocks = await this.#all(views, objsets)
    // Blocks that could not be read, because the store is being closed, are no problem of theirs.
    this.#options.requireGoingOn?.()
    for (const why of unreadable)
      this.#problems.add(`a part of the database cannot be read: ${why}`)
    return this.#report(views, blocks, seen.length)
  }

  #views({ datasets, snapshots }: Objsets): View[] {
    const views = new Map<number, View>()
    for (const [id, record] of datasets) {
      const own = [...snapshots.values()].filter(({ dataset }) => dataset === id)
      const view = new View(this.#database, id, record, own, this.#problems, this.#pace)
      const origin = record.origin && views.get(record.origin.dataset)
      // What a clone that is being deleted has of its origin is out of sight already.
      if (record.origin && origin && !record.deleting) view.inherit(origin, record.origin.epoch)
      views.set(id, view)
    }
    return [...views.values()]
  }

  /** @returns how many blocks are in use */
  async #all(views: readonly View[], objsets: Objsets): Promise<number> {
    const records = new RecordsCheck(objsets, this.#problems, this.#weights, this.#progress)
    await records.run(this.#database, views, this.#pace)
    await this.#replies()
    for (const view of views) await new HistoryCheck(view).run()
    this.#progress(`versions kept for ${count(objsets.snapshots.size, 'snapshot')} compared`)
    return this.#trees(views, objsets)
  }

  async #replies(): Promise<void> {
    for (const slot of await this.#store.replies.findDamaged()) {
      const text = `kept reply ${slot} does not match its checksum`
      this.#problems.add(text, undefined, NO_REPAIR)
    }
  }

  /** Files, their names and their data. @returns how many blocks are in use */
  async #trees(views: readonly View[], objsets: Objsets): Promise<number> {
    const space = new SpaceCheck(this.#database, this.#problems)
    const windows = await space.windows(this.#options.groupsAtOnce ?? GROUPS_AT_ONCE)
    const total = space.references * BLOCK_BYTES
    const read = (done: number) => this.#options.read?.(done * BLOCK_BYTES, total)
    const blocks = new BlocksCheck(this.#store.blocks, space.blocks, this.#progress, read)
    for (const window of windows) {
      const references = new References(window)
      for (const view of views) {
        // Of what is being deleted, the files go one by one: only its blocks still count.
        if (window.from === 0 && !view.record.deleting)
          await this.#tree(view, objsets, blocks, references)
        else await references.addAll(view)
      }
      await space.check(references, window)
    }
    for (const view of views) await view.written.check(view)
    space.checkTotal(this.#used)
    this.#progress(`reference counts of ${count(space.used, 'block')} compared`)
    return space.used
  }

  async #tree(
    view: View,
    objsets: Objsets,
    blocks: BlocksCheck,
    references: References,
  ): Promise<void> {
    const links = new LinksCheck(view, objsets)
    for (const numbers of this.#weights.windows(this.#options.windowWeight)) {
      const facts = await collectFacts(view, numbers)
      const walk = new Walk(view, facts, { links, blocks, references })
      await walk.run(numbers)
      this.#inodes += walk.inodes
      this.#progress(`${count(this.#inodes, 'file')} and ${count(blocks.read, 'block')} checked`)
    }
  }

  async #report(views: readonly View[], blocks: number, snapshots: number): Promise<CheckReport> {
    const paths = new Map<number, Paths>()
    for (const view of views) {
      const found = new Paths(view)
      await found.find(this.#problems.subjects.filter(({ dataset }) => dataset === view.id))
      paths.set(view.id, found)
    }
    this.#options.found?.(this.#problems)
    const problems = this.#problems.sentences(
      (subject) => paths.get(subject.dataset)?.tell(subject) ?? `inode ${subject.ino}`,
    )
    return { inodes: this.#inodes, blocks, snapshots, problems }
  }
}
