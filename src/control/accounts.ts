/** What a dataset's files take, now and in its snapshots, over the control program too. */
import { array, bool, struct, uint64 } from '../xdr/codec.ts'
import type { AnswerIn, DatasetCalls } from './in-dataset.ts'
import type { Table } from './program.ts'
import { PAGE_LENGTH } from './types.ts'

/** What files take, or took when a snapshot was made. */
export interface Account {
  readonly bytes: number
  readonly inodes: number
  /** Bytes of that which were written since the snapshot before; where there is none, all data. */
  readonly written: number
}

export interface SnapshotAccount extends Account {
  /** The snapshot's number. */
  readonly id: number
}

export interface Accounts {
  /** Of the live files; what is not stored yet does not count. */
  readonly live: Account
  /** Oldest first. */
  readonly snapshots: readonly SnapshotAccount[]
}

const account = struct({ bytes: uint64, inodes: uint64, written: uint64 })
const snapshotAccount = struct({ id: uint64, bytes: uint64, inodes: uint64, written: uint64 })
const page = struct({ live: account, snapshots: array(snapshotAccount, PAGE_LENGTH), more: bool })

/** The procedure's number, apart from those in types.ts. */
const ACCOUNTS = 73

/** The procedure, by number. It takes the number of the last snapshot of the page before, or 0. */
export function accountProcedures(inOne: AnswerIn): Table {
  return {
    [ACCOUNTS]: inOne(uint64, page, async (operations, after) => {
      const { live, snapshots } = await operations.accounts()
      const behind = snapshots.filter(({ id }) => id > after)
      const first = behind.slice(0, PAGE_LENGTH)
      return { live, snapshots: first, more: behind.length > first.length }
    }),
  }
}

/** Asks a running server, page by page. */
export async function askAccounts(calls: DatasetCalls): Promise<Accounts> {
  const snapshots: SnapshotAccount[] = []
  for (;;) {
    const after = snapshots.at(-1)?.id ?? 0
    const found = await calls.call(ACCOUNTS, uint64, after, page)
    snapshots.push(...found.snapshots)
    if (!found.more) return { live: found.live, snapshots }
  }
}
