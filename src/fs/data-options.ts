/** What FileData is given: the store it needs, how much it may hold, whom it tells. */

import type { BlockStore } from '../store/blocks.ts'
import type { Clock } from '../store/time.ts'
import type { Transaction } from '../store/transaction.ts'
import type { RecordBuffers } from '../xdr/buffers.ts'
import type { ReadBuffers } from './data-buffers.ts'

/** What the data of files needs of the store. */
export interface DataStore {
  transact<T>(body: (tx: Transaction) => T): T
  newIno(): number
  space(): { readonly free: number }
  readonly clock: Clock
  readonly blocks: Pick<BlockStore, 'readBlocks' | 'readSync' | 'queuedBytes' | 'drained'>
}

/** Writers that have to wait go on once so much was written: 8 MiB. */
export const DRAIN_BYTES = 8 * 2 ** 20

export interface DataLimits {
  /** Bytes of dirty memory from which on the oldest files are settled. */
  readonly dirtyBytesSoft: number
  /** Bytes of dirty memory and of blocks on their way from which on writers have to wait. */
  readonly dirtyBytesHard: number
  /** Bytes of dirty memory at which one file is settled. */
  readonly fileBytesMax: number
  /** Calls of `tick` after which a file is settled at the latest. */
  readonly dirtyTicksMax: number
}
export const DATA_LIMITS: DataLimits = {
  dirtyBytesSoft: 32 * 2 ** 20,
  dirtyBytesHard: 64 * 2 ** 20,
  fileBytesMax: 16 * 2 ** 20,
  dirtyTicksMax: 5,
}

/** What the dirty data of all datasets takes together: they share one limit. */
export interface DirtyBudget {
  /** Bytes of memory. */
  held: number
}

export interface DataOptions {
  readonly limits?: Partial<DataLimits>
  /** Shared with other datasets; this one's own where it is left out. */
  readonly budget?: DirtyBudget
  /** Buffers for reads, if they are shared with the snapshots' readers. */
  readonly buffers?: ReadBuffers
  /** Where data that is kept by reference is retained until it is written. */
  readonly recordBuffers?: RecordBuffers | undefined
  /** Runs an action in a later turn of the event loop, soon. */
  readonly later?: (action: () => void) => void
  /** A content number's chunks are to be freed in the background (reclaim.ts). */
  readonly orphaned?: (content: number) => void
}
