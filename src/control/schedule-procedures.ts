/** The control program's procedures for schedules. */
import { bool, uint32, voidType } from '../xdr/codec.ts'
import { type JobCount, Jobs } from './jobs.ts'
import type { Operations, Verdict } from './operations.ts'
import type { Answer, Table, ToError } from './program.ts'
import * as schedule from './schedule-types.ts'
import { CONTROLPROC, pollArgs } from './types.ts'

/** @param count of the jobs of all kinds */
export function scheduleProcedures(
  operations: Operations,
  answer: Answer,
  count: JobCount,
  toError: ToError,
): Table {
  const prunings = new Jobs<string, void, Verdict>(count, toError)
  return {
    [CONTROLPROC.SCHEDULE]: answer(voidType, schedule.scheduleInfo, () => operations.schedule()),
    [CONTROLPROC.SCHEDULE_SET]: answer(schedule.policyChange, schedule.scheduleInfo, (change) =>
      operations.setSchedule(change),
    ),
    [CONTROLPROC.SCHEDULE_END]: answer(voidType, schedule.scheduleInfo, () =>
      operations.endSchedule(),
    ),
    [CONTROLPROC.SCHEDULE_RUN]: answer(voidType, schedule.scheduleTaken, () =>
      operations.runSchedule(),
    ),
    [CONTROLPROC.SCHEDULE_PRUNE]: answer(bool, uint32, async (dryRun) =>
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
