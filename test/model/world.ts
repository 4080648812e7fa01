/** The real file system and the model side by side. */
import { type Errno, FsError } from '../../src/fs/error.ts'
import type { FileId, FileSystem } from '../../src/fs/filesystem.ts'
import type { Live } from '../../src/fs/live.ts'
import type { Store } from '../../src/store/store.ts'
import { assertSound } from '../check/assert-sound.ts'
import { Client } from '../fs/client.ts'
import { checkTree } from '../fs/invariants.ts'
import { Comparison } from './compare.ts'
import type { Random } from './random.ts'
import { type Node, newNode } from './tree.ts'

/** What random steps are made in. */
export interface ModelWorld {
  readonly random: Random
  readonly log: string[]
  isDue(step: number): boolean
  compare(): Promise<void>
  end(): Promise<void>
  close(): Promise<void>
}

/** One kind of random step. */
export interface Operation<W extends ModelWorld = World> {
  readonly name: string
  /** How often it is chosen, in relation to the others. */
  readonly weight: number
  /** Does one step to both sides. @returns what it did, for the log */
  run(world: W): Promise<string> | string
}

/** The real side. */
export interface ModelSubject {
  readonly fs: FileSystem
  readonly root: FileId
  readonly live: Live
  readonly store: Store
}

const DIRECTORY = 2
const ROOT_MODE = 0o755
/** How many steps lie between two comparisons of everything. */
const COMPARE_STEPS = 50

export class World<S extends ModelSubject = ModelSubject> implements ModelWorld {
  readonly random: Random
  /** The model's tree. */
  tree: Node = newNode(DIRECTORY, ROOT_MODE)
  /** The real one; another one after a restart. */
  subject: S
  readonly log: string[]
  protected readonly comparison = new Comparison()
  readonly #open: () => Promise<S>

  /** @param open opens the store again, once it is closed */
  constructor(random: Random, subject: S, open: () => Promise<S>, log: string[] = []) {
    this.random = random
    this.log = log
    this.subject = subject
    this.#open = open
  }

  get client(): Client {
    return new Client(this.subject.fs, this.subject.root)
  }

  /** Closes the store, with what is not stored yet, and opens it again. */
  async restart(): Promise<void> {
    this.subject.live.data.settleAll()
    await this.subject.store.close()
    this.subject = await this.#open()
  }

  /** Whether everything is compared after this step. */
  isDue(step: number): boolean {
    return step % COMPARE_STEPS === 0
  }

  async compare(): Promise<void> {
    await this.comparison.live(this.client, this.tree)
    checkTree(this.subject.live)
  }

  /** A last look, after all steps. */
  async end(): Promise<void> {
    this.subject.live.data.settleAll()
    await assertSound(this.subject.store)
  }

  async close(): Promise<void> {
    await this.subject.store.close()
  }

  /** Does the same to both sides, which must end alike. @returns how it ended */
  both(expected: Errno | undefined, action: () => void): string {
    let code: Errno | undefined
    try {
      action()
    } catch (error) {
      if (!(error instanceof FsError)) throw error
      code = error.code
    }
    if (code !== expected) throw new Error(`answered ${code ?? 'OK'}, not ${expected ?? 'OK'}`)
    return code ?? 'OK'
  }
}
