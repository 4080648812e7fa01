/** Locks that waiters have got, and whose clients do not know of it yet. */
import { overlap } from './range.ts'
import type { Waiter } from './request.ts'
import { isSame, type Wish } from './waiters.ts'

export class Grants {
  readonly #open = new Set<Waiter>()

  has(waiter: Waiter): boolean {
    return this.#open.has(waiter)
  }

  add(waiter: Waiter): void {
    this.#open.add(waiter)
  }

  /** @returns whether it was there */
  remove(waiter: Waiter): boolean {
    return this.#open.delete(waiter)
  }

  /** The client gives it up, or a part of it: it need not hear of it any more. */
  settle({ file, owner, ...range }: Pick<Wish, 'file' | 'owner' | 'first' | 'last'>): void {
    for (const waiter of this.#open) {
      if (waiter.file !== file || waiter.owner.key !== owner.key) continue
      if (overlap(waiter, range)) this.#open.delete(waiter)
    }
  }

  /**
   * The client asks for it again, or takes its wish back.
   *
   * @returns whether this very wish was granted and its client not told yet
   */
  withdraw(wish: Wish): boolean {
    for (const waiter of this.#open) if (isSame(waiter, wish)) return this.#open.delete(waiter)
    return false
  }

  removeClient(client: number): void {
    for (const waiter of this.#open) {
      if (waiter.owner.client === client) this.#open.delete(waiter)
    }
  }

  clear(): void {
    this.#open.clear()
  }
}
