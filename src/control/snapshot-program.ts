/** The procedures of the control program that are about snapshots. */
import type { FsError } from '../fs/error.ts'
import { uint32, uint64 } from '../xdr/codec.ts'
import { type JobCount, Jobs } from './jobs.ts'
import type { Freeing, Operations, SnapshotSize } from './operations.ts'
import type { Answer, Table } from './program.ts'
import * as wire from './snapshot-types.ts'
import { CONTROLPROC, PAGE_LENGTH, pollArgs } from './types.ts'

export function snapshotProcedures(
  operations: Operations,
  answer: Answer,
  toError: (error: unknown) => FsError,
  count: JobCount,
): Table {
  const proc = CONTROLPROC
  const deletions = new Jobs<Freeing, { readonly bytes: number }, string>(count, toError)
  const sizes = new Jobs<void, void, SnapshotSize>(count, toError)
  return {
    [proc.SNAPSHOT_CREATE]: answer(wire.snapshotNew, wire.snapshotInfo, ({ name, comment, tags }) =>
      operations.createSnapshot(name, comment, tags),
    ),
    [proc.SNAPSHOT_LIST]: answer(uint64, wire.snapshotPage, async (after) => {
      const behind = (await operations.listSnapshots()).filter(({ id }) => id > after)
      const snapshots = behind.slice(0, PAGE_LENGTH)
      return { snapshots, more: behind.length > snapshots.length }
    }),
    [proc.SNAPSHOT_DELETE]: answer(wire.deletionRequest, uint32, async (request) =>
      deletions.start(async (report) => {
        const { names, bytes } = await operations.deleteSnapshots(request, report)
        return { value: { bytes }, items: names }
      }),
    ),
    [proc.SNAPSHOT_DELETE_POLL]: answer(pollArgs, wire.deletePoll, (args) => deletions.poll(args)),
    [proc.SNAPSHOT_CHANGE]: answer(wire.snapshotChange, wire.snapshotInfo, ({ name, change }) =>
      operations.changeSnapshot(name, change),
    ),
    [proc.SNAPSHOT_SIZES]: answer(wire.selection, uint32, async (words) =>
      sizes.start(async () => {
        return { value: undefined, items: await operations.measureSnapshots(words) }
      }),
    ),
    [proc.SNAPSHOT_SIZES_POLL]: answer(pollArgs, wire.sizesPoll, (args) => sizes.poll(args)),
  }
}
