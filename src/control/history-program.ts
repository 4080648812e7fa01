/** The procedures of lists about the past. */
import type { Procedure } from '../rpc/program.ts'
import { type Codec, voidType } from '../xdr/codec.ts'
import type { DiffEntry, HistoryOperations } from './history.ts'
import * as wire from './history-types.ts'
import { endStream, Streams, streamCount } from './streams.ts'

/** Bytes of an entry beside its paths, at most. */
const ENTRY_BYTES = 64

type Answer = <A, R>(
  args: Codec<A>,
  results: Codec<R>,
  run: (args: A) => Promise<R>,
) => Procedure<A>

export function historyProcedures(
  operations: HistoryOperations,
  answer: Answer,
): Record<number, Procedure<unknown>> {
  const { HISTORYPROC: proc, streamNumber } = wire
  const count = streamCount()
  const diffs = new Streams<DiffEntry>(
    count,
    ({ path, from }) => ENTRY_BYTES + path.length + (from?.length ?? 0),
  )
  return {
    [proc.END]: answer(streamNumber, voidType, async (number) => endStream(count, number)),
    [proc.DIFF]: answer(wire.diffRequest, streamNumber, async (request) =>
      diffs.begin(operations.diff(request)),
    ),
    [proc.DIFF_NEXT]: answer(streamNumber, wire.diffPage, (number) => diffs.next(number)),
  }
}
