/**
 * The messages of RFC 5531 §9, by the names it gives them.
 *
 *     call    xid · CALL 0 · rpcvers 2 · prog · vers · proc · cred · verf · arguments
 *     reply   xid · REPLY 1 · MSG_ACCEPTED 0 · verf · accept_stat · results | low, high
 *                          \ MSG_DENIED 1 · RPC_MISMATCH 0 · low, high
 *                                         \ AUTH_ERROR 1 · auth_stat
 *
 * cred and verf are opaque_auth: a flavor and at most 400 bytes. Every item is a multiple of four
 * bytes. A server's replies carry the verifier AUTH_NONE, which is eight zero bytes.
 */
import type { Codec } from '../xdr/codec.ts'
import { XdrError, type XdrReader } from '../xdr/reader.ts'
import type { XdrWriter } from '../xdr/writer.ts'

export const RPC_VERSION = 2

export const msg_type = { CALL: 0, REPLY: 1 } as const
export const reply_stat = { MSG_ACCEPTED: 0, MSG_DENIED: 1 } as const
export const reject_stat = { RPC_MISMATCH: 0, AUTH_ERROR: 1 } as const

export const accept_stat = {
  SUCCESS: 0,
  PROG_UNAVAIL: 1,
  PROG_MISMATCH: 2,
  PROC_UNAVAIL: 3,
  GARBAGE_ARGS: 4,
  SYSTEM_ERR: 5,
} as const
export type accept_stat = (typeof accept_stat)[keyof typeof accept_stat]

/** Why authentication failed, the members that do not belong to RPCSEC_GSS or Kerberos. */
export const auth_stat = {
  AUTH_OK: 0,
  AUTH_BADCRED: 1,
  AUTH_REJECTEDCRED: 2,
  AUTH_BADVERF: 3,
  AUTH_REJECTEDVERF: 4,
  AUTH_TOOWEAK: 5,
  AUTH_INVALIDRESP: 6,
  AUTH_FAILED: 7,
} as const
export type auth_stat = (typeof auth_stat)[keyof typeof auth_stat]

/** RFC 5531 §8.2, the flavors that mean something here. */
export const auth_flavor = { AUTH_NONE: 0, AUTH_SYS: 1 } as const

/** RFC 5531 §8.2: `opaque body<400>`. */
export const AUTH_BYTES_MAX = 400

/** RFC 5531 §8.2. */
export interface opaque_auth {
  readonly flavor: number
  readonly body: Uint8Array
}

export const opaque_auth: Codec<opaque_auth> = {
  encode(w, { flavor, body }) {
    w.uint32(flavor)
    w.opaque(body)
  },
  decode: (r) => ({ flavor: r.uint32(), body: r.opaque(AUTH_BYTES_MAX) }),
}

export const AUTH_NONE: opaque_auth = {
  flavor: auth_flavor.AUTH_NONE,
  body: new Uint8Array(0),
}

/** What a call says before its arguments (call_body). */
export interface CallHeader {
  readonly xid: number
  readonly prog: number
  readonly vers: number
  readonly proc: number
  readonly cred: opaque_auth
}

export function writeCallHeader(w: XdrWriter, { xid, prog, vers, proc, cred }: CallHeader): void {
  w.uint32(xid)
  w.uint32(msg_type.CALL)
  w.uint32(RPC_VERSION)
  w.uint32(prog)
  w.uint32(vers)
  w.uint32(proc)
  opaque_auth.encode(w, cred)
  opaque_auth.encode(w, AUTH_NONE)
}

/** An accepted reply up to its results, or up to mismatch_info where it is PROG_MISMATCH. */
export function writeAccepted(w: XdrWriter, xid: number, stat: accept_stat): void {
  w.uint32(xid)
  w.uint32(msg_type.REPLY)
  w.uint32(reply_stat.MSG_ACCEPTED)
  w.uint32(auth_flavor.AUTH_NONE)
  w.uint32(0)
  w.uint32(stat)
}

export function writeProgMismatch(w: XdrWriter, xid: number, low: number, high: number): void {
  writeAccepted(w, xid, accept_stat.PROG_MISMATCH)
  w.uint32(low)
  w.uint32(high)
}

export function writeRpcMismatch(w: XdrWriter, xid: number): void {
  w.uint32(xid)
  w.uint32(msg_type.REPLY)
  w.uint32(reply_stat.MSG_DENIED)
  w.uint32(reject_stat.RPC_MISMATCH)
  w.uint32(RPC_VERSION)
  w.uint32(RPC_VERSION)
}

export function writeAuthError(w: XdrWriter, xid: number, stat: auth_stat): void {
  w.uint32(xid)
  w.uint32(msg_type.REPLY)
  w.uint32(reply_stat.MSG_DENIED)
  w.uint32(reject_stat.AUTH_ERROR)
  w.uint32(stat)
}

/** A reply that is no SUCCESS, as its reader sees it. `low` and `high` come with a mismatch. */
export type Refusal =
  | { readonly stat: 'PROG_MISMATCH' | 'RPC_MISMATCH'; readonly low: number; readonly high: number }
  | { readonly stat: 'PROG_UNAVAIL' | 'PROC_UNAVAIL' | 'GARBAGE_ARGS' | 'SYSTEM_ERR' }
  | { readonly stat: 'AUTH_ERROR'; readonly auth: number }

/**
 * Reads a reply behind its xid: undefined is SUCCESS, and the results follow in `r`. A reply_stat
 * is read as a bool, since it has the same two values.
 *
 * @throws XdrError where it is no reply
 */
export function readReply(r: XdrReader): Refusal | undefined {
  const at = r.position
  if (r.uint32() !== msg_type.REPLY) throw new XdrError('no reply', at)
  return r.bool() ? readRejected(r) : readAccepted(r)
}

function readAccepted(r: XdrReader): Refusal | undefined {
  opaque_auth.decode(r)
  const at = r.position
  const stat = r.uint32()
  switch (stat) {
    case accept_stat.SUCCESS:
      return undefined
    case accept_stat.PROG_UNAVAIL:
      return { stat: 'PROG_UNAVAIL' }
    case accept_stat.PROG_MISMATCH:
      return { stat: 'PROG_MISMATCH', low: r.uint32(), high: r.uint32() }
    case accept_stat.PROC_UNAVAIL:
      return { stat: 'PROC_UNAVAIL' }
    case accept_stat.GARBAGE_ARGS:
      return { stat: 'GARBAGE_ARGS' }
    case accept_stat.SYSTEM_ERR:
      return { stat: 'SYSTEM_ERR' }
    default:
      throw new XdrError(`${stat} is no accept_stat`, at)
  }
}

function readRejected(r: XdrReader): Refusal {
  const at = r.position
  const stat = r.uint32()
  if (stat === reject_stat.RPC_MISMATCH) {
    return { stat: 'RPC_MISMATCH', low: r.uint32(), high: r.uint32() }
  }
  if (stat === reject_stat.AUTH_ERROR) return { stat: 'AUTH_ERROR', auth: r.uint32() }
  throw new XdrError(`${stat} is no reject_stat`, at)
}
