/** What can be asked about rolling back, and how that goes over the control program. */
import {
  ROLLBACK_ACTIONS,
  ROLLBACK_PHASES,
  type RollbackCounts,
  type RollbackEntry,
  type RollbackProgress,
  type RollbackRequest,
  type RollbackSummary,
} from '../snapshot/rollback-request.ts'
import { bool, type Codec, optional, struct, uint32, uint64 } from '../xdr/codec.ts'
import type { AnswerIn, DatasetCalls } from './in-dataset.ts'
import { type JobCount, Jobs } from './jobs.ts'
import type { Answer, Table, ToError } from './program.ts'
import * as wire from './types.ts'

export type { RollbackCounts, RollbackEntry, RollbackProgress, RollbackRequest, RollbackSummary }

export interface RollbackOperations {
  /**
   * Brings the live files back to exactly what a snapshot shows.
   * @throws FsError NOENT, ACCES (one is under way), NOSPC: nothing was changed then
   */
  rollback(
    request: RollbackRequest,
    progress: (progress: RollbackProgress) => void,
  ): Promise<RollbackSummary>
}

/** The procedures' numbers, apart from those in types.ts. */
const [ROLLBACK, ROLLBACK_POLL] = [50, 51] as const
/** A path is told up to so many bytes, so that a page of them fits into one reply. */
const PATH_BYTES_MAX = 4096

const wholeRequest = struct({ snapshot: wire.snapshotName, dryRun: bool })
const request: Codec<RollbackRequest> = {
  encode: (w, given) => wholeRequest.encode(w, { dryRun: false, ...given }),
  decode: (r) => wholeRequest.decode(r),
}

const counts = {
  ...{ created: uint64, replaced: uint64, attributes: uint64 },
  ...{ moved: uint64, deleted: uint64, bytes: uint64 },
} as const
const progress: Codec<RollbackProgress> = struct({
  ...{ phase: wire.word(...ROLLBACK_PHASES), ...counts, done: uint64 },
})

/** A RollbackSummary without its lists, which follow in pages. */
interface Total extends RollbackCounts {
  readonly safetySnapshot: string | undefined
}
const total: Codec<Total> = struct({ ...counts, safetySnapshot: optional(wire.text) })

type Item = RollbackEntry | RollbackSummary['failed'][number]
/** One of what failed, with `failed` for its action, or one of the plan. */
const wholeItem = struct({
  ...{ action: wire.word('failed', ...ROLLBACK_ACTIONS), path: wire.ownOpaque(PATH_BYTES_MAX) },
  ...{ reason: wire.text, bytes: uint64 },
})
const item: Codec<Item> = {
  encode(w, given) {
    const path = given.path.subarray(0, PATH_BYTES_MAX)
    if ('action' in given) wholeItem.encode(w, { ...given, path, reason: '' })
    else wholeItem.encode(w, { ...given, path, action: 'failed', bytes: 0 })
  },
  decode(r) {
    const { action, path, reason, bytes } = wholeItem.decode(r)
    return action === 'failed' ? { path, reason } : { action, path, bytes }
  },
}
const poll = wire.poll(progress, total, item)

/** @param count of the jobs of all kinds */
export function rollbackProcedures(
  answer: Answer,
  inOne: AnswerIn,
  count: JobCount,
  toError: ToError,
): Table {
  const jobs = new Jobs<RollbackProgress, Total, Item>(count, toError)
  return {
    [ROLLBACK]: inOne(request, uint32, async (operations, given) =>
      jobs.start(async (report) => {
        const { failed, plan, ...value } = await operations.rollback(given, report)
        return { value, items: [...failed, ...plan] }
      }),
    ),
    [ROLLBACK_POLL]: answer(wire.pollArgs, poll, (args) => jobs.poll(args)),
  }
}

/** Asks a running server. */
export async function remoteRollback(
  calls: DatasetCalls,
  given: RollbackRequest,
  report: (progress: RollbackProgress) => void,
): Promise<RollbackSummary> {
  const job = await calls.call(ROLLBACK, request, given, uint32)
  const { value, items } = await calls.follow(ROLLBACK_POLL, job, poll, report)
  const failed = items.flatMap((one) => ('action' in one ? [] : [one]))
  return { ...value, failed, plan: items.flatMap((one) => ('action' in one ? [one] : [])) }
}
