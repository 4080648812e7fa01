/**
 * What clients asked of a server, when they asked, and when they were answered: what a snapshot may
 * hold is decided by that alone (checker.ts).
 *
 * A lane is a part of the tree that one client changes, one operation after the other; several may
 * be under way at once. Lanes share nothing but the name that they all move files onto.
 */

/** Counts what happens, so that each sending and each answer has a moment of its own. */
export class Moments {
  #now = 0

  next(): number {
    return ++this.#now
  }

  get now(): number {
    return this.#now
  }
}

export interface Operation {
  /** For whoever reads a failure. */
  readonly what: string
  readonly sent: number
  /** Infinity until it is. */
  answered: number
  /** The content that it gave the shared name, where it moved a file onto it. */
  readonly put: string | undefined
}

export interface LaneHistory {
  readonly name: string
  /** In the order in which they were sent. */
  readonly operations: readonly Operation[]
  /** What the lane's part of the tree looks like after none, the first one, the first two ... */
  readonly states: readonly string[]
}

/** A snapshot: when it was asked for, when that was answered, and what it holds. */
export interface Taken {
  readonly name: string
  readonly sent: number
  readonly answered: number
  /** What each lane's part of the tree looks like, by the lane's name. */
  readonly views: ReadonlyMap<string, string>
  /** The content of the shared name; undefined where it is not there. */
  readonly last: string | undefined
}

/** The history of a lane while it is made. */
export class Recorder implements LaneHistory {
  readonly name: string
  readonly operations: Operation[] = []
  readonly states: string[]
  readonly #moments: Moments

  /** @param state what its part of the tree looks like before the first operation */
  constructor(name: string, moments: Moments, state: string) {
    this.name = name
    this.#moments = moments
    this.states = [state]
  }

  /** Sends an operation. @param state what its part of the tree looks like behind it */
  async send<T>(what: string, state: string, ask: () => Promise<T>, put?: string): Promise<T> {
    const sent = this.#moments.next()
    const operation: Operation = { what, sent, answered: Number.POSITIVE_INFINITY, put }
    this.operations.push(operation)
    this.states.push(state)
    const answer = await ask()
    operation.answered = this.#moments.next()
    return answer
  }
}
