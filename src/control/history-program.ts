/** The procedures of lists about the past. */
import { voidType } from '../xdr/codec.ts'
import type { DeletedEntry, DiffEntry, FileVersion } from './history.ts'
import * as wire from './history-types.ts'
import type { AnswerIn } from './in-dataset.ts'
import type { Answer, Table } from './program.ts'
import { endStream, Streams, streamCount } from './streams.ts'

/** Bytes of an entry beside its paths, at most. */
const ENTRY_BYTES = 64
const SNAPSHOT_NAME_BYTES = 260

export function historyProcedures(answer: Answer, inOne: AnswerIn): Table {
  const { HISTORYPROC: proc, streamNumber } = wire
  const count = streamCount()
  const diffs = new Streams<DiffEntry>(
    count,
    ({ path, from }) => ENTRY_BYTES + path.length + (from?.length ?? 0),
  )
  const versions = new Streams<FileVersion>(
    count,
    ({ snapshots }) => ENTRY_BYTES + SNAPSHOT_NAME_BYTES * snapshots.length,
  )
  const deletions = new Streams<DeletedEntry>(
    count,
    ({ path, now }) => ENTRY_BYTES + SNAPSHOT_NAME_BYTES + path.length + (now?.length ?? 0),
  )
  return {
    [proc.END]: answer(streamNumber, voidType, async (number) => endStream(count, number)),
    [proc.DIFF]: inOne(wire.diffRequest, streamNumber, async (operations, request) =>
      diffs.begin(operations.diff(request)),
    ),
    [proc.DIFF_NEXT]: answer(streamNumber, wire.diffPage, (number) => diffs.next(number)),
    [proc.VERSIONS]: inOne(wire.versionsPath, streamNumber, async (operations, path) =>
      versions.begin(operations.versions(path)),
    ),
    [proc.VERSIONS_NEXT]: answer(streamNumber, wire.versionsPage, (n) => versions.next(n)),
    [proc.DELETED]: inOne(wire.deletedRequest, streamNumber, async (operations, request) =>
      deletions.begin(operations.listDeleted(request)),
    ),
    [proc.DELETED_NEXT]: answer(streamNumber, wire.deletedPage, (n) => deletions.next(n)),
  }
}
