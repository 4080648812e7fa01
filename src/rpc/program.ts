/**
 * What an RPC program is (RFC 5531 §5), and what it sees of a call. NFS, MOUNT, portmap, NLM and
 * the control program are all Programs on one dispatcher.
 *
 * A procedure answers through its Reply, at once or later, with no closure and no promise between:
 *
 *     handle(context, args, reply) {
 *       const attributes = fs.getattr(...)      // do the work first; it may throw FsError
 *       const w = reply.begin()                 // then open the reply,
 *       getattr3res.encode(w, ...)              // write the results into it,
 *       reply.end()                             // and close it, in the same turn
 *     }
 *
 * A procedure that has to wait (a barrier, a disk) keeps `reply` and `context`, returns, and does
 * the same begin-encode-end when it is ready. Replies may leave in any order.
 */
import type { Codec } from '../xdr/codec.ts'
import type { XdrWriter } from '../xdr/writer.ts'

/** Program numbers: RFC 1833 §2.1, RFC 1813 §2.1 and §5.1, XNFS for NLM and SM, and rquota.x. */
export const PMAP_PROG = 100_000
export const NFS_PROGRAM = 100_003
export const MOUNT_PROGRAM = 100_005
export const RQUOTA_PROGRAM = 100_011
export const NLM_PROG = 100_021
export const SM_PROG = 100_024

/** Where a call came from. */
export interface Caller {
  /** Numeric address; an IPv4 address mapped into IPv6 is given as IPv4. Empty for a Unix socket. */
  readonly address: string
  /** 0 for a Unix socket. */
  readonly port: number
  /** True for a loopback address and for a Unix socket. */
  readonly local: boolean
  readonly transport: 'tcp' | 'udp' | 'unix'
}

/** A credential as decoded (RFC 5531 §8.1 and appendix A). `gids` are at most 16. */
export type Credential =
  | { readonly flavor: 'AUTH_NONE' }
  | {
      readonly flavor: 'AUTH_SYS'
      readonly stamp: number
      readonly machinename: string
      readonly uid: number
      readonly gid: number
      readonly gids: readonly number[]
    }

/** One call, as its procedure sees it. It may be kept for as long as the call is unanswered. */
export interface CallContext {
  readonly caller: Caller
  readonly credential: Credential
  readonly xid: number
  /**
   * True when the byte views in `args` belong to this call and may be kept by reference (a large
   * record, which has a buffer of its own). False when they lie in a receive buffer that is used
   * again: they are valid until `handle` returns, and whoever keeps them longer copies them. On a
   * listener with RecordBuffers (xdr/buffers.ts), who keeps them by reference retains them there.
   */
  readonly argsOwned: boolean
  /**
   * Does the work of a `once` procedure: `work` makes the change and answers the results, encoded,
   * in bytes that are valid until anything else is encoded. They are kept together with the change,
   * so that the call, should it come again after a crash, is answered with them and not run again.
   * `reply.answerOnce` is to follow.
   */
  once(work: () => Uint8Array): void
}

/**
 * Where the results of one call go: `begin`, encode, `end`, exactly once.
 *
 * Nothing else may be begun between `begin` and `end`: all replies of a connection share a buffer.
 * When the caller is gone meanwhile, the reply is dropped in silence, and `onSent` still runs.
 */
export interface Reply {
  /** Opens the reply (accept_stat SUCCESS). The results are written to what it returns. */
  begin(): XdrWriter
  /**
   * Closes the reply and queues it; it leaves with the other replies of the same batch or turn.
   *
   * @param onSent runs exactly once, when the bytes given by reference are no longer needed
   */
  end(onSent?: () => void): void
  /** Begins, writes the results that `once` has kept, and ends. */
  answerOnce(): void
  /**
   * Answers SYSTEM_ERR instead: before `begin`, or between `begin` and `end`, where it takes back
   * what was written.
   */
  fail(): void
}

/** One procedure of a program (RFC 5531 §12.2). */
export interface Procedure<A> {
  /** An XdrError from it is answered GARBAGE_ARGS. Bytes left over behind the arguments are ignored. */
  readonly args: Codec<A>
  /**
   * True where running a call twice is not the same as running it once: the dispatcher answers it,
   * when it comes again, as it was answered the first time. Its arguments are few bytes.
   */
  readonly once?: boolean
  /**
   * Answers one call, now or later. What it throws is a bug of ours: it is reported and answered
   * SYSTEM_ERR. What a client can cause is for the program to answer as its own protocol says.
   */
  handle(context: CallContext, args: A, reply: Reply): void
}

/** One version of one program. Versions of one program are several Programs. */
export interface Program {
  readonly prog: number
  readonly vers: number
  /**
   * By procedure number; undefined is PROC_UNAVAIL. Number 0 is NULL in every program: the
   * dispatcher answers it itself, and what stands there is not used.
   */
  readonly procedures: readonly (Procedure<unknown> | undefined)[]
}
