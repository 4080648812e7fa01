/**
 * The accounts of a dataset: what its files take, and how much of that was written since when.
 *
 * There is one for the live files (key 0), and each snapshot has the one of its moment (key: its
 * epoch). `written` is shared out among them by birth: data that came into a file in epoch b is on
 * the account of the first snapshot of that epoch or a later one, which is the first that holds it,
 * or on the live files' where there is none yet. It stays there until nothing holds it any more:
 *
 *   epoch    1 2 3 . 4 5 . 6 7
 *   account  -----> S3 --> S5 ---> live
 *
 * So an account says how much of what its snapshot holds the snapshot before does not have. Where a
 * snapshot goes, what is left on its account is the next one's. Making one only turns a page.
 *
 * Data is a block in a slot of a chunk, or the bytes that a chunk holds itself; the blocks that a
 * restore shares are data that comes anew. What the background has yet to free counts until it has.
 */
import { strict as assert } from 'node:assert'
import type { Dataset } from './dataset.ts'
import { FsError } from './error.ts'
import type { Inode } from './records.ts'
import type { Transaction } from './transaction.ts'

/** The key of the account of the live files. */
export const LIVE_ACCOUNT = 0

/** What one transaction changes of the accounts of one dataset. */
export class AccountChanges {
  #of: Dataset | undefined
  /** By how much the live files grow, in bytes and in number. */
  #bytes = 0
  #inodes = 0
  /** By how much more was written, of what the live files have, and of what snapshots had first. */
  #written = 0
  #past: Map<number, number> | undefined
  #accepted = false
  #exempt = false

  /** An inode is exchanged for another: undefined is none. */
  file(dataset: Dataset, before: Inode | undefined, after: Inode | undefined): void {
    this.#in(dataset)
    this.#bytes += (after?.used ?? 0) - (before?.used ?? 0)
    this.#inodes += (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
  }

  /** Bytes of data come into a file now. */
  came(dataset: Dataset, bytes: number): void {
    this.#in(dataset)
    this.#written += bytes
  }

  /** Bytes that came in epoch `birth` are held by nothing any more. */
  went(dataset: Dataset, birth: number, bytes: number): void {
    this.#in(dataset)
    const account = dataset.accountOf(birth)
    if (account === LIVE_ACCOUNT) {
      this.#written -= bytes
      return
    }
    this.#past ??= new Map()
    this.#past.set(account, (this.#past.get(account) ?? 0) - bytes)
  }

  #in(dataset: Dataset): void {
    assert(this.#of === undefined || this.#of === dataset, 'files of one dataset change at a time')
    this.#of = dataset
  }

  /** Data is stored that clients were told is accepted: the quota was asked then. */
  storesAccepted(): void {
    this.#accepted = true
  }

  /** What is given back took its room before the quota was asked. */
  exemptFromQuota(): void {
    this.#exempt = true
  }

  /** Puts it on the accounts. @throws FsError DQUOT where the files take more than the quota then */
  settle(tx: Transaction): void {
    const dataset = this.#of
    if (dataset === undefined) return
    for (const [key, by] of this.#past ?? []) {
      const account = dataset.accountAt(key)
      tx.put(dataset.usages, key, { ...account, written: account.written + by })
    }
    if (this.#bytes === 0 && this.#inodes === 0 && this.#written === 0) return
    const before = dataset.accountAt(LIVE_ACCOUNT)
    const bytes = before.bytes + this.#bytes
    const inodes = before.inodes + this.#inodes
    if (!this.#exempt) this.#requireRoom(dataset, bytes, inodes)
    tx.put(dataset.usages, LIVE_ACCOUNT, { bytes, inodes, written: before.written + this.#written })
  }

  /** @param bytes what the files take then, and how many they are */
  #requireRoom({ quota }: Dataset, bytes: number, inodes: number): void {
    if (this.#bytes > 0 && !this.#accepted && quota.bytes > 0 && bytes > quota.bytes) {
      throw new FsError('DQUOT')
    }
    if (this.#inodes > 0 && quota.inodes > 0 && inodes > quota.inodes) throw new FsError('DQUOT')
  }
}

/** A snapshot of the dataset's epoch is made: it gets the account as it is. */
export function turnAccount(tx: Transaction, dataset: Dataset): void {
  const account = dataset.accountAt(LIVE_ACCOUNT)
  tx.put(dataset.usages, dataset.epoch, account)
  tx.put(dataset.usages, LIVE_ACCOUNT, { ...account, written: 0 })
}

/**
 * Snapshots go: what is left on their accounts is that of the next ones that stay.
 *
 * @param gone epochs of snapshots that the dataset has still
 */
export function mergeAccounts(tx: Transaction, dataset: Dataset, gone: ReadonlySet<number>): void {
  let carried = 0
  const carry = (key: number): void => {
    if (carried === 0) return
    const account = dataset.accountAt(key)
    tx.put(dataset.usages, key, { ...account, written: account.written + carried })
    carried = 0
  }
  for (const { epoch } of dataset.snapshots) {
    if (!gone.has(epoch)) {
      carry(epoch)
      continue
    }
    carried += dataset.accountAt(epoch).written
    tx.delete(dataset.usages, epoch)
  }
  carry(LIVE_ACCOUNT)
}
