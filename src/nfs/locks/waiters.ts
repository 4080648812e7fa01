/** Who waits for which lock, in the order in which they came. */
import type { Range } from './range.ts'
import type { Owner } from './table.ts'

export interface Wish extends Range {
  /** The file's key. */
  readonly file: string
  readonly owner: Owner
  readonly exclusive: boolean
}

/** @typeParam W a wish, with whatever is needed to tell that it was granted */
export class Waiters<W extends Wish> {
  readonly #files = new Map<string, W[]>()
  readonly #perClient = new Map<number, number>()
  #size = 0

  get size(): number {
    return this.#size
  }

  countOf(client: number): number {
    return this.#perClient.get(client) ?? 0
  }

  /** Those of one file, first come first. */
  of(file: string): readonly W[] {
    return this.#files.get(file) ?? []
  }

  all(): readonly W[] {
    return [...this.#files.values()].flat()
  }

  ofClient(client: number): readonly W[] {
    return this.all().filter(({ owner }) => owner.client === client)
  }

  /** The one with the very same wish. */
  find(wish: Wish): W | undefined {
    return this.of(wish.file).find((other) => isSame(other, wish))
  }

  add(waiter: W): void {
    const { file, owner } = waiter
    this.#files.set(file, [...this.of(file), waiter])
    this.#perClient.set(owner.client, this.countOf(owner.client) + 1)
    this.#size++
  }

  remove(waiter: W): void {
    const { file, owner } = waiter
    const left = this.of(file).filter((other) => other !== waiter)
    if (left.length === this.of(file).length) return
    if (left.length > 0) this.#files.set(file, left)
    else this.#files.delete(file)
    const count = this.countOf(owner.client) - 1
    if (count > 0) this.#perClient.set(owner.client, count)
    else this.#perClient.delete(owner.client)
    this.#size--
  }
}

export function isSame(a: Wish, b: Wish): boolean {
  return (
    a.file === b.file &&
    a.owner.key === b.owner.key &&
    a.exclusive === b.exclusive &&
    a.first === b.first &&
    a.last === b.last
  )
}
