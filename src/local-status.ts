/** How a volume of this process is, all of its datasets together. */
import type { Freeing, ScheduleStatus, Status } from './control/operations.ts'
import { timeOf } from './local-schedule.ts'
import type { OpenDataset } from './snapshot/open-dataset.ts'
import { BLOCK_BYTES } from './store/records.ts'
import type { Volume } from './volume.ts'

/** What only who serves the volume knows. */
export type Served = Pick<
  Status,
  'version' | 'state' | 'uptime' | 'durability' | 'addresses' | 'connections'
> &
  Partial<Pick<Status, 'memory'>>

export function volumeStatus({ store, datasets }: Volume, served: Served): Status {
  const { all } = datasets
  const { failure } = store
  return {
    ...served,
    ...(failure === undefined
      ? { reason: undefined }
      : { state: 'failed', reason: failure.message }),
    memory: served.memory,
    directory: store.directory,
    pid: process.pid,
    snapshots: all.reduce((sum, { snapshots }) => sum + snapshots.list().length, 0),
    dataBytes: store.spaceMap.usedBlocks * BLOCK_BYTES,
    freeBytes: store.space().free,
    logBytes: store.logBytes,
    freeing: freeingOf(all),
    promoting: datasets.promotions,
    schedule: scheduleStatus(all),
  }
}

/** What is being freed in all of them; undefined where nothing is. */
function freeingOf(all: readonly OpenDataset[]): Freeing | undefined {
  const going = all.flatMap(({ snapshots }) => snapshots.freeing ?? [])
  if (going.length === 0) return undefined
  const sum = { snapshots: 0, versions: 0, total: 0, bytes: 0 }
  for (const { snapshots, versions, total, bytes } of going) {
    sum.snapshots += snapshots
    sum.versions += versions
    sum.total += total
    sum.bytes += bytes
  }
  return sum
}

/** The next run of any schedule, and what goes wrong with one; undefined where none is set. */
function scheduleStatus(all: readonly OpenDataset[]): ScheduleStatus | undefined {
  const next = all.flatMap(({ schedule }) => schedule.nextMs() ?? [])
  if (next.length === 0) return undefined
  const failures = all.flatMap(({ name, scheduler: { failure } }) =>
    failure === undefined ? [] : [name === '' ? failure : `dataset '${name}': ${failure}`],
  )
  const failure = failures.length === 0 ? undefined : failures.join('; ')
  return { next: timeOf(next.reduce((a, b) => Math.min(a, b))), failure }
}
