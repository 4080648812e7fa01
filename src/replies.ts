/** Keeps what calls were answered in the store, each with the change that its call made. */
import type { CallKey } from './rpc/remembered.ts'
import type { KeptReply, ReplyStore } from './rpc/replycache.ts'
import type { Store } from './store/store.ts'
import { compareTime } from './store/time.ts'

/** Answers so much older than the newest one are of no use any more. */
const SECONDS_MAX = 15 * 60

/** The store as the duplicate request cache sees it. */
export class KeptReplies implements ReplyStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  run(work: () => Uint8Array, call: CallKey, slot: () => number): void {
    this.#store.together(work, call, slot)
  }

  results(slot: number): Uint8Array {
    return this.#store.replies.results(slot)
  }

  /** What the store has, oldest first. To be asked before the first call is answered. */
  kept(): KeptReply[] {
    const all = this.#store.replies.all().sort((a, b) => compareTime(a.at, b.at))
    const newest = all.at(-1)?.at.seconds ?? 0
    return all
      .filter(({ at }) => newest - at.seconds <= SECONDS_MAX)
      .map(({ at: _at, results: _results, ...kept }) => kept)
  }
}
