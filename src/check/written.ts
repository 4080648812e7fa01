/**
 * How much each account of a dataset says was written: data that is held anywhere, counted once, on
 * the account of the first snapshot that holds it, or on that of the live files (store/accounts.ts).
 */
import { LIVE_ACCOUNT as LIVE } from '../store/accounts.ts'
import { kindRange, parseKey } from '../store/keys.ts'
import { type Account, BLOCK_BYTES, type Chunk, type SnapshotRecord } from '../store/records.ts'
import { usageSpec } from '../store/tables.ts'
import { Cursor, readSealed } from './reader.ts'
import { newSlots } from './references.ts'
import { changed } from './repairs.ts'
import type { Version, View } from './view.ts'

export class WrittenCheck {
  /** Of all snapshots, those being deleted too, by epoch, ascending. */
  readonly #snapshots: readonly SnapshotRecord[]
  /** Bytes found, by the accounts' keys. */
  readonly #found = new Map<number, number>()

  constructor(snapshots: readonly SnapshotRecord[]) {
    this.#snapshots = snapshots.toSorted((a, b) => a.epoch - b.epoch)
  }

  /** All data of one chunk. @param versions oldest first */
  addChunk(versions: readonly Version<Chunk>[]): void {
    for (const [i, { value, birth }] of versions.entries()) {
      if (value.inline !== undefined) this.#add(birth, value.inline.length)
      for (const slot of newSlots(value, versions[i - 1]?.value)) {
        this.#add(value.birth[slot] ?? 0, BLOCK_BYTES)
      }
    }
  }

  #add(birth: number, bytes: number): void {
    const key = this.#keyOf(birth)
    this.#found.set(key, (this.#found.get(key) ?? 0) + bytes)
  }

  #keyOf(birth: number): number {
    let low = 0
    let high = this.#snapshots.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#snapshots[middle]?.epoch ?? 0) < birth) low = middle + 1
      else high = middle
    }
    return this.#snapshots[low]?.epoch ?? LIVE
  }

  /** Compares, once all chunks were added. What is being deleted goes piece by piece: no account. */
  async check(view: View): Promise<void> {
    if (view.record.deleting) return
    const told = await accountsOf(view)
    const { name: own } = view.record
    this.#compare(view, told.get(LIVE), LIVE, own === '' ? 'the root dataset' : `dataset '${own}'`)
    for (const { epoch, name, referenced } of this.#snapshots) {
      const account = told.get(epoch)
      this.#compare(view, account, epoch, `snapshot '${name}'`)
      const { bytes, inodes } = account ?? referenced
      if (bytes === referenced.bytes && inodes === referenced.inodes) continue
      const of = `snapshot '${name}' refers to ${referenced.inodes} inodes with ${referenced.bytes}`
      view.problem(`${of} bytes, and ${inodes} with ${bytes} on its account`)
    }
    if (told.size > this.#snapshots.length + 1) view.problem('there is an account of no snapshot')
  }

  #compare(view: View, account: Account | undefined, key: number, whose: string): void {
    const found = this.#found.get(key) ?? 0
    const written = account?.written ?? 0
    if (account === undefined && key !== LIVE) view.problem(`${whose} has no account`)
    else if (found !== written) {
      const since = 'bytes that the newest snapshot before does not'
      const done = `the account of ${whose} now says that ${found} bytes were written`
      const correct = (kept: Account): Account => ({ ...kept, written: found })
      const repair = changed(done, view.id, usageSpec, key, correct)
      const text = `${whose} has ${found} ${since}, and ${written} on its account`
      view.problem(text, undefined, undefined, repair)
    }
  }
}

async function accountsOf(view: View): Promise<Map<number, Account>> {
  const accounts = new Map<number, Account>()
  const cursor = await Cursor.open(view.database, kindRange(view.id, usageSpec.kind))
  for (; cursor.head !== undefined; await cursor.next()) {
    const [key, sealed] = cursor.head
    const read = readSealed(usageSpec, sealed)
    if (read !== undefined) accounts.set(Number(parseKey(key).key), read.value)
  }
  return accounts
}
