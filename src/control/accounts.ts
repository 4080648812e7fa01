/** What a dataset's files take, now and in its snapshots, over the control program too. */
import { struct, uint32, uint64, voidType } from '../xdr/codec.ts'
import type { AnswerIn, DatasetCalls } from './in-dataset.ts'
import { type JobCount, Jobs } from './jobs.ts'
import type { Answer, Table, ToError } from './program.ts'
import { poll, pollArgs } from './types.ts'

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
const accountsPoll = poll(voidType, account, snapshotAccount)

/** The procedures' numbers, apart from those in types.ts. */
const [ACCOUNTS, ACCOUNTS_POLL] = [73, 74] as const

/** The procedures, by number. Snapshots may be many: a job adds them up once for all pages. */
export function accountProcedures(
  answer: Answer,
  inOne: AnswerIn,
  count: JobCount,
  toError: ToError,
): Table {
  const jobs = new Jobs<void, Account, SnapshotAccount>(count, toError)
  return {
    [ACCOUNTS]: inOne(voidType, uint32, async (operations) =>
      jobs.start(async () => {
        const { live, snapshots } = await operations.accounts()
        return { value: live, items: snapshots }
      }),
    ),
    [ACCOUNTS_POLL]: answer(pollArgs, accountsPoll, (args) => jobs.poll(args)),
  }
}

/** Asks a running server. */
export async function askAccounts(calls: DatasetCalls): Promise<Accounts> {
  const job = await calls.call(ACCOUNTS, voidType, undefined, uint32)
  const ended = await calls.follow(ACCOUNTS_POLL, job, accountsPoll, () => undefined)
  return { live: ended.value, snapshots: ended.items }
}
