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
import type { FrozenDatabase } from '../store/database.ts'
import type { Store } from '../store/store.ts'
import { BlocksCheck } from './blocks.ts'
import { count } from './describe.ts'
import { collectFacts } from './facts.ts'
import { HistoryCheck } from './history.ts'
import { LinksCheck } from './links.ts'
import { type Objsets, readObjsets } from './objsets.ts'
import { Paths } from './paths.ts'
import { Problems } from './problems.ts'
import { RecordsCheck } from './records.ts'
import { References } from './references.ts'
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

/** For tests: windows so small that there are many. */
export interface CheckLimits {
  readonly windowWeight?: number
  readonly groupsAtOnce?: number
}

/**
 * @param progress is told what is done, a line at a time
 * @throws FsError IO where the store has failed, or its files cannot be read at all
 */
export async function checkStore(
  store: Store,
  progress: (done: string) => void,
  limits: CheckLimits = {},
): Promise<CheckReport> {
  const release = store.spaceMap.hold()
  const { recordsLogged } = store
  try {
    await store.checkpoint()
    // Still in the turn in which the checkpoint ended: the database is what it was at its cut.
    const database = store.database.freeze()
    const used = store.recordsLogged === recordsLogged ? store.spaceMap.usedBlocks : undefined
    try {
      return await new StoreCheck(store, database, used, progress, limits).run()
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
  readonly #limits: CheckLimits
  readonly #problems = new Problems()
  readonly #weights = new Weights()
  /** Blocks in use as the running store counts them; undefined where it has gone on already. */
  readonly #used: number | undefined
  #inodes = 0

  constructor(
    store: Store,
    database: FrozenDatabase,
    used: number | undefined,
    progress: (done: string) => void,
    limits: CheckLimits,
  ) {
    this.#store = store
    this.#database = database
    this.#used = used
    this.#progress = progress
    this.#limits = limits
  }

  async run(): Promise<CheckReport> {
    const objsets = await readObjsets(this.#database, this.#problems)
    if (objsets === undefined) return this.#report([], 0, 0)
    const views = viewsOf(this.#database, objsets, this.#problems)
    const seen = [...objsets.snapshots.values()].filter(({ deleting }) => !deleting)
    return this.#report(views, await this.#all(views, objsets), seen.length)
  }

  /** @returns how many blocks are in use */
  async #all(views: readonly View[], objsets: Objsets): Promise<number> {
    const records = new RecordsCheck(objsets, this.#problems, this.#weights, this.#progress)
    await records.run(this.#database)
    for (const view of views) await new HistoryCheck(view).run()
    this.#progress(`the versions of ${count(objsets.snapshots.size, 'snapshot')} are as listed`)
    return this.#trees(views, objsets)
  }

  /** Files, their names and their data. @returns how many blocks are in use */
  async #trees(views: readonly View[], objsets: Objsets): Promise<number> {
    const space = new SpaceCheck(this.#database, this.#problems)
    const windows = await space.windows(this.#limits.groupsAtOnce ?? GROUPS_AT_ONCE)
    const blocks = new BlocksCheck(this.#store.blocks, space.blocks, this.#progress)
    for (const window of windows) {
      const references = new References(window)
      for (const view of views) {
        if (window.from === 0) await this.#tree(view, objsets, blocks, references)
        else await references.addAll(view)
      }
      await space.check(references, window)
    }
    space.checkTotal(this.#used)
    this.#progress(`${count(space.used, 'block')} and their reference counts agree`)
    return space.used
  }

  async #tree(
    view: View,
    objsets: Objsets,
    blocks: BlocksCheck,
    references: References,
  ): Promise<void> {
    const links = new LinksCheck(view, objsets)
    for (const numbers of this.#weights.windows(this.#limits.windowWeight)) {
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
    const problems = this.#problems.sentences(
      (subject) => paths.get(subject.dataset)?.tell(subject) ?? `inode ${subject.ino}`,
    )
    return { inodes: this.#inodes, blocks, snapshots, problems }
  }
}

function viewsOf(database: FrozenDatabase, objsets: Objsets, problems: Problems): View[] {
  return [...objsets.datasets].map(([id, record]) => {
    const snapshots = [...objsets.snapshots.values()].filter(({ dataset }) => dataset === id)
    return new View(database, id, record, snapshots, problems)
  })
}
