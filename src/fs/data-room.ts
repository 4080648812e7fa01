/** Whether there is room for what a client wants to write: on the disk, and in the quota. */
import type { Dataset } from '../store/dataset.ts'
import { BLOCK_BYTES } from '../store/records.ts'
import { FsError } from './error.ts'

/** What is dirty, with what is to be written. */
export interface Wish {
  /** Bytes of blocks that it may take, as if none of it replaced anything. */
  wanted(): number
  /** Makes what is dirty part of the store: then it is known what it takes. */
  settle(): void
}

/** @throws FsError NOSPC; DQUOT; what `settle` throws */
export function requireRoom(free: number, { quota, usages }: Dataset, wish: Wish): void {
  // One block more than is wanted: a write that lies askew needs two where one might do.
  if (free < wish.wanted() + BLOCK_BYTES) throw new FsError('NOSPC')
  if (quota.bytes === 0) return
  const exceeded = () => (usages.get(0)?.bytes ?? 0) + wish.wanted() > quota.bytes
  if (!exceeded()) return
  wish.settle()
  if (exceeded()) throw new FsError('DQUOT')
}
