/** What the control program does with snapshots, on a volume of this process. */
import type {
  DeletionReport,
  DeletionRequest,
  Freeing,
  SnapshotInfo,
  SnapshotSize,
} from './control/operations.ts'
import type { Snapshots } from './snapshot/snapshots.ts'
import type { Snapshot } from './store/dataset.ts'
import type { Store } from './store/store.ts'

/** How often a deletion tells how far it is. */
const DELETION_TOLD_MS = 200

/** The snapshots of a dataset, and the store that they are in. */
export interface SnapshotsIn {
  readonly store: Store
  readonly snapshots: Snapshots
}

/** @throws FsError as Operations.deleteSnapshots */
export async function deleteSnapshots(
  { snapshots, store }: SnapshotsIn,
  { words, dryRun, background }: DeletionRequest,
  progress: (progress: Freeing) => void,
): Promise<DeletionReport> {
  const gone = snapshots.select(words)
  for (const snapshot of gone) snapshots.requireDeletable(snapshot)
  const report = { names: gone.map(({ name }) => name), bytes: 0 }
  if (dryRun) {
    await snapshots.measure([gone], (bytes) => {
      report.bytes = bytes
    })
  } else if (background) {
    snapshots.deleteInBackground(gone)
    await store.flush()
  } else {
    const telling = setInterval(() => {
      if (snapshots.freeing !== undefined) progress(snapshots.freeing)
    }, DELETION_TOLD_MS)
    try {
      report.bytes = await snapshots.deleteAll(gone)
    } finally {
      clearInterval(telling)
    }
  }
  return report
}

export function snapshotInfo({ id, name, created, comment, tags, holds }: Snapshot): SnapshotInfo {
  return { id, name, created, comment, tags, holds }
}

/** @throws FsError as Operations.measureSnapshots */
export async function measureSnapshots(
  snapshots: Snapshots,
  words: readonly string[],
): Promise<readonly SnapshotSize[]> {
  const chosen = words.length === 0 ? snapshots.list() : snapshots.select(words)
  const sizes: number[] = []
  const groups = chosen.map((snapshot) => [snapshot])
  await snapshots.measure(groups, (bytes) => sizes.push(bytes))
  return chosen.map(({ id }, at) => ({ id, unique: sizes[at] ?? 0 }))
}
