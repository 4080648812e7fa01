/** The procedures of the control program that are about snapshots. */
import type { FsError } from '../fs/error.ts'
import { uint32, uint64 } from '../xdr/codec.ts'
import type { AnswerIn } from './in-dataset.ts'
import { type JobCount, Jobs } from './jobs.ts'
import type { Freeing, SnapshotSize } from './operations.ts'
import type { Answer, Table } from './program.ts'
import * as wire from './snapshot-types.ts'
import { CONTROLPROC, PAGE_LENGTH, pollArgs } from './types.ts'

export function snapshotProcedures(
  answer: Answer,
  inOne: AnswerIn,
  toError: (error: unknown) => FsError,
  count: JobCount,
): Table {
  const proc = CONTROLPROC
  const deletions = new Jobs<Freeing, { readonly bytes: number }, string>(count, toError)
  const sizes = new Jobs<void, void, SnapshotSize>(count, toError)
  return {
    [proc.SNAPSHOT_CREATE]: inOne(
      wire.snapshotNew,
      wire.snapshotInfo,
      (operations, { name, comment, tags }) => operations.createSnapshot(name, comment, tags),
    ),
    [proc.SNAPSHOT_LIST]: inOne(uint64, wire.snapshotPage, async (operations, after) => {
      const behind = (await operations.listSnapshots()).filter(({ id }) => id > after)
      const snapshots = behind.slice(0, PAGE_LENGTH)
      return { snapshots, more: behind.length > snapshots.length }
    }),
    [proc.SNAPSHOT_DELETE]: inOne(wire.deletionRequest, uint32, async (operations, request) =>
      deletions.start(async (report) => {
        const { names, bytes } = await operations.deleteSnapshots(request, report)
        return { value: { bytes }, items: names }
      }),
    ),
    [proc.SNAPSHOT_DELETE_POLL]: answer(pollArgs, wire.deletePoll, (args) => deletions.poll(args)),
    [proc.SNAPSHOT_CHANGE]: inOne(
      wire.snapshotChange,
      wire.snapshotInfo,
      (operations, { name, change }) => operations.changeSnapshot(name, change),
    ),
    [proc.SNAPSHOT_SIZES]: inOne(wire.selection, uint32, async (operations, words) =>
      sizes.start(async () => {
        return { value: undefined, items: await operations.measureSnapshots(words) }
      }),
    ),
    [proc.SNAPSHOT_SIZES_POLL]: answer(pollArgs, wire.sizesPoll, (args) => sizes.poll(args)),
  }
}
