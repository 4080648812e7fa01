/** What the lock manager is asked, whatever the version of the protocol. */
import type { NlmVersion } from './nlm-types.ts'
import type { Range } from './range.ts'
import type { Wish } from './waiters.ts'

/** XNFS §14 nlm4_stats. Versions 1 and 3 have those up to DENIED_GRACE_PERIOD. */
export const nlm4_stats = {
  NLM4_GRANTED: 0,
  NLM4_DENIED: 1,
  NLM4_DENIED_NOLOCKS: 2,
  NLM4_BLOCKED: 3,
  NLM4_DENIED_GRACE_PERIOD: 4,
  NLM4_DEADLCK: 5,
  NLM4_ROFS: 6,
  NLM4_STALE_FH: 7,
  NLM4_FBIG: 8,
  NLM4_FAILED: 9,
} as const
export type nlm4_stats = (typeof nlm4_stats)[keyof typeof nlm4_stats]

/** A lock as it stands on the wire: what a client recognizes its own request by. */
export interface Alock {
  readonly caller_name: string
  readonly fh: Uint8Array
  readonly oh: Uint8Array
  readonly svid: number
  readonly l_offset: bigint
  readonly l_len: bigint
}

/** Who asks about which bytes of which file. The bytes are the request's own: no views. */
export interface Request {
  readonly address: string
  readonly alock: Alock
  /** The file's key. */
  readonly file: string
  readonly range: Range
  readonly exclusive: boolean
}

export interface LockRequest extends Request {
  /** Whether to wait in line, and be called back, where somebody else has it. */
  readonly block: boolean
  /** Whether it is a lock of before our restart. */
  readonly reclaim: boolean
  /** The state of the client's NSM; 0: unknown. */
  readonly state: number
  /** Whether the client is to be monitored: not so with NM_LOCK. */
  readonly monitored: boolean
  /** Version of NLM in which to call back. */
  readonly vers: NlmVersion
}

/** A request that waits, with what is needed to call its client back. */
export interface Waiter extends Wish {
  readonly address: string
  readonly alock: Alock
  readonly vers: NlmVersion
}

export interface ShareRequest {
  readonly address: string
  readonly caller_name: string
  readonly oh: Uint8Array
  readonly file: string
  readonly deny: number
  readonly access: number
  readonly reclaim: boolean
}

/** Who stands in the way of a TEST. */
export interface Holder {
  readonly exclusive: boolean
  readonly svid: number
  readonly oh: Uint8Array
  readonly l_offset: bigint
  readonly l_len: bigint
}
