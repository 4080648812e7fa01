/** The real file system and the model side by side. */
import { type Errno, FsError } from '../../src/fs/error.ts'
import { Client } from '../fs/client.ts'
import type { LiveSubject } from '../fs/harness.ts'
import { compareTree, type Seen } from './compare.ts'
import type { Random } from './random.ts'
import type { Node } from './tree.ts'

/** One kind of random step. */
export interface Operation {
  readonly name: string
  /** How often it is chosen, in relation to the others. */
  readonly weight: number
  /** Does one step to both sides. @returns what it did, for the log */
  run(world: World): Promise<string> | string
}

export class World {
  readonly random: Random
  /** The model's tree. An operation may put another one in its place (restore). */
  tree: Node
  /** The real one; another one after a restart. */
  subject: LiveSubject
  /** Opens the store again, once it is closed. */
  readonly reopen: () => Promise<LiveSubject>
  readonly log: string[] = []
  readonly #seen: Seen = new WeakMap()

  constructor(
    random: Random,
    tree: Node,
    subject: LiveSubject,
    reopen: () => Promise<LiveSubject>,
  ) {
    this.random = random
    this.tree = tree
    this.subject = subject
    this.reopen = reopen
  }

  get client(): Client {
    return new Client(this.subject.fs, this.subject.root)
  }

  compare(): Promise<void> {
    return compareTree(this.client, this.tree, this.#seen)
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
