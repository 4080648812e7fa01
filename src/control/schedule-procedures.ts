/** The control program's procedures for schedules. */
import { bool, uint32, voidType } from '../xdr/codec.ts'
import type { AnswerIn } from './in-dataset.ts'
import { type JobCount, Jobs } from './jobs.ts'
import type { Verdict } from './operations.ts'
import type { Answer, Table, ToError } from './program.ts'
import * as schedule from './schedule-types.ts'
import { CONTROLPROC, pollArgs } from './types.ts'

/** @param count of the jobs of all kinds */
export function scheduleProcedures(
  answer: Answer,
  inOne: AnswerIn,
  count: JobCount,
  toError: ToError,
): Table {
  const prunings = new Jobs<string, void, Verdict>(count, toError)
  return {
    [CONTROLPROC.SCHEDULE]: inOne(voidType, schedule.scheduleInfo, (operations) =>
      operations.schedule(),
    ),
    [CONTROLPROC.SCHEDULE_SET]: inOne(
      schedule.policyChange,
      schedule.scheduleInfo,
      (operations, change) => operations.setSchedule(change),
    ),
    [CONTROLPROC.SCHEDULE_END]: inOne(voidType, schedule.scheduleInfo, (operations) =>
      operations.endSchedule(),
    ),
    [CONTROLPROC.SCHEDULE_RUN]: inOne(voidType, schedule.scheduleTaken, (operations) =>
      operations.runSchedule(),
    ),
    [CONTROLPROC.SCHEDULE_PRUNE]: inOne(bool, uint32, async (operations, dryRun) =>
      prunings.start(async (report) => {
        const items = await operations.pruneSchedule(dryRun, report)
        return { value: undefined, items }
      }),
    ),
    [CONTROLPROC.SCHEDULE_PRUNE_POLL]: answer(pollArgs, schedule.prunePoll, (args) =>
      prunings.poll(args),
    ),
  }
}
