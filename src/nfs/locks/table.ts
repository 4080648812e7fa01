/**
 * The byte-range locks that are held, by POSIX's rules (fcntl): an owner's locks never conflict with
 * one another; a new one takes the place of what the owner had there, so that it splits, merges,
 * upgrades or downgrades; unlocking a part leaves the rest.
 *
 * Invariants:
 *
 * 1. Locks of one owner in one file do not overlap, and those side by side differ in type or claim.
 * 2. Where locks of two owners overlap, both are shared.
 *
 * A change is planned first and applied when its journal has taken it, so that memory never says
 * more than the disk will.
 */
import assert from 'node:assert/strict'
import { join, overlap, type Range } from './range.ts'

/** Who holds or wants a lock: one process of one client. */
export interface Owner {
  /** The number of its client. */
  readonly client: number
  /** Equal for equal owners only. */
  readonly key: string
  /** What the client calls it (RFC 1813's companion XNFS §10: `oh` and `svid`). */
  readonly oh: Uint8Array
  readonly svid: number
}

/** @param client its number; 0 for one that holds nothing and has none */
export function ownerOf(client: number, oh: Uint8Array, svid: number): Owner {
  return { client, key: `${client}/${svid}/${Buffer.from(oh).toString('latin1')}`, oh, svid }
}

export interface Lock extends Range {
  readonly id: number
  /** The file's key. */
  readonly file: string
  readonly owner: Owner
  readonly exclusive: boolean
  /** False for a lock of before a restart that its client has not reclaimed yet. */
  readonly claimed: boolean
}

/** What one operation does to the table. */
export interface Change {
  readonly removed: readonly Lock[]
  readonly added: readonly Lock[]
}

export const NO_CHANGE: Change = { removed: [], added: [] }

/** What an owner wants to be the case in a range: a lock, or none. */
export type Wanted = Pick<Lock, 'exclusive' | 'claimed'> | undefined

export class LockTable {
  readonly #files = new Map<string, Set<Lock>>()
  readonly #clients = new Map<number, Set<Lock>>()
  #size = 0
  #unclaimed = 0
  #nextId = 1

  /** Locks held by all. */
  get size(): number {
    return this.#size
  }

  /** Locks of before a restart that nobody has reclaimed or released. */
  get unclaimed(): number {
    return this.#unclaimed
  }

  of(file: string): Iterable<Lock> {
    return this.#files.get(file) ?? []
  }

  ofClient(client: number): ReadonlySet<Lock> {
    return this.#clients.get(client) ?? new Set()
  }

  all(): readonly Lock[] {
    return [...this.#files.values()].flatMap((locks) => [...locks])
  }

  /** A lock of another owner that forbids this one; undefined where there is none. */
  conflict(file: string, owner: Owner, exclusive: boolean, range: Range): Lock | undefined {
    for (const lock of this.of(file)) {
      if (lock.owner.key === owner.key || !overlap(lock, range)) continue
      if (exclusive || lock.exclusive) return lock
    }
    return undefined
  }

  /** Whether the owner has the whole range locked so, at least. */
  holds(file: string, owner: Owner, exclusive: boolean, range: Range): boolean {
    let missing: Range[] = [range]
    for (const lock of this.of(file)) {
      if (lock.owner.key !== owner.key || (exclusive && !lock.exclusive)) continue
      missing = missing.flatMap((part) => without(part, lock))
    }
    return missing.length === 0
  }

  /** What makes a range of a file be as the owner wants it. Conflicts are the caller's business. */
  plan(file: string, owner: Owner, range: Range, wanted: Wanted): Change {
    const removed: Lock[] = []
    const rest: Omit<Lock, 'id'>[] = []
    let whole = range
    for (const lock of this.of(file)) {
      if (lock.owner.key !== owner.key) continue
      const joined = isLike(lock, wanted) ? join(whole, lock) : undefined
      if (joined !== undefined) whole = joined
      else if (!overlap(lock, range)) continue
      else rest.push(...without(lock, range).map((part) => ({ ...lock, ...part })))
      removed.push(lock)
    }
    const [only, ...more] = removed
    if (only !== undefined && more.length === 0 && rest.length === 0 && isLike(only, wanted)) {
      if (only.first === whole.first && only.last === whole.last) return NO_CHANGE
    }
    if (wanted !== undefined) rest.push({ ...wanted, ...whole, file, owner })
    return { removed, added: rest.map((lock) => ({ ...lock, id: this.newId() })) }
  }

  /** A number that no lock has or had. */
  newId(): number {
    return this.#nextId++
  }

  /** A number is taken by something else. */
  passId(id: number): void {
    this.#nextId = Math.max(this.#nextId, id + 1)
  }

  apply({ removed, added }: Change): void {
    for (const lock of removed) this.#remove(lock)
    for (const lock of added) this.#add(lock)
  }

  #add(lock: Lock): void {
    assert(!setOf(this.#files, lock.file).has(lock), 'a lock is added once')
    setOf(this.#files, lock.file).add(lock)
    setOf(this.#clients, lock.owner.client).add(lock)
    this.passId(lock.id)
    this.#size++
    if (!lock.claimed) this.#unclaimed++
  }

  #remove(lock: Lock): void {
    assert(remove(this.#files, lock.file, lock), 'only what is held is removed')
    remove(this.#clients, lock.owner.client, lock)
    this.#size--
    if (!lock.claimed) this.#unclaimed--
  }
}

function isLike(lock: Lock, wanted: Wanted): boolean {
  return lock.exclusive === wanted?.exclusive && lock.claimed === wanted.claimed
}

/** What of `range` lies outside of `hole`. */
function without(range: Range, hole: Range): Range[] {
  if (!overlap(range, hole)) return [range]
  const parts: Range[] = []
  if (range.first < hole.first) parts.push({ first: range.first, last: hole.first - 1n })
  if (range.last > hole.last) parts.push({ first: hole.last + 1n, last: range.last })
  return parts
}

function setOf<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = new Set<V>()
  map.set(key, made)
  return made
}

/** @returns whether it was there */
function remove<K, V>(map: Map<K, Set<V>>, key: K, value: V): boolean {
  const set = map.get(key)
  if (set === undefined || !set.delete(value)) return false
  if (set.size === 0) map.delete(key)
  return true
}
