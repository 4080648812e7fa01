/** What was written between snapshots: data that one has, and the one before it does not. */
import type { Dataset } from '../store/dataset.ts'

export interface Written {
  /** Bytes, by the snapshots' numbers: since the one before, or, for the first, ever. */
  readonly snapshots: ReadonlyMap<number, number>
  /** Bytes of what the live files have, written since the newest snapshot. */
  readonly live: number
}

/**
 * Of the snapshots that can be seen. Where the one before is being deleted, this is at first all
 * that was written since the one before that, and grows less as what is gone is freed.
 */
export function writtenIn(dataset: Dataset): Written {
  const snapshots = new Map<number, number>()
  let bytes = 0
  for (const { id, epoch, deleting } of dataset.snapshots) {
    bytes += dataset.accountAt(epoch).written
    if (deleting) continue
    snapshots.set(id, bytes)
    bytes = 0
  }
  return { snapshots, live: bytes + dataset.accountAt(0).written }
}
