/** The types of the control program's procedures for schedules. */
import { PERIODS } from '../snapshot/retention.ts'
import { array, bool, type Codec, optional, struct, uint32, voidType } from '../xdr/codec.ts'
import type { Period, PolicyChange, Verdict } from './operations.ts'
import { snapshotInfo } from './snapshot-types.ts'
import { poll, snapshotName, text, time, word } from './types.ts'

const period: Codec<Period> = word(...PERIODS)

/** Counts that change; the others stay. */
export const policyChange: Codec<PolicyChange> = struct({
  frequently: optional(uint32),
  hourly: optional(uint32),
  daily: optional(uint32),
  weekly: optional(uint32),
  monthly: optional(uint32),
  yearly: optional(uint32),
})

const periodInfo = struct({
  period,
  keep: uint32,
  snapshots: uint32,
  newest: optional(time),
  next: optional(time),
})
export const scheduleInfo = struct({ on: bool, periods: array(periodInfo, PERIODS.length) })

export const scheduleTaken = array(snapshotInfo, PERIODS.length)

const verdict: Codec<Verdict> = struct({ name: snapshotName, period, keep: bool, why: text })
/** Progress: the names of snapshots that are gone. The verdicts follow in pages. */
export const prunePoll = poll(snapshotName, voidType, verdict)
