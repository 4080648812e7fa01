/** Scrubs, over the control program. */
import {
  SCRUB_ACTIONS,
  SCRUB_PROBLEMS_MAX,
  type ScrubAction,
  type ScrubResult,
  type ScrubRunning,
  type ScrubStatus,
} from '../check/scrub.ts'
import { array, type Codec, optional, struct, uint32, uint64 } from '../xdr/codec.ts'
import type { RemoteCalls } from './calls.ts'
import type { Operations } from './operations.ts'
import type { Answer, Table } from './program.ts'
import * as wire from './types.ts'

/** The procedure's number, apart from those in types.ts. */
const SCRUB = 95

const action: Codec<ScrubAction> = wire.word(...SCRUB_ACTIONS)
const running: Codec<ScrubRunning> = struct({
  ...{ started: uint64, done: wire.text, doneBytes: uint64, totalBytes: uint64 },
})
const last: Codec<ScrubResult> = struct({
  ...{ started: uint64, ended: uint64, inodes: uint64, blocks: uint64, snapshots: uint64 },
  ...{ problemCount: uint32, problems: array(wire.text, SCRUB_PROBLEMS_MAX) },
})
const status: Codec<ScrubStatus> = struct({
  ...{ running: optional(running), last: optional(last), failure: optional(wire.text) },
})

export function scrubProcedures(operations: Pick<Operations, 'scrub'>, answer: Answer): Table {
  return { [SCRUB]: answer(action, status, (given) => operations.scrub(given)) }
}

/** Asks a running server. */
export function remoteScrub(calls: RemoteCalls, given: ScrubAction): Promise<ScrubStatus> {
  return calls.call(SCRUB, action, given, status)
}
