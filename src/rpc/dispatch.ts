/**
 * From a call's bytes to its procedure, and back with the first refusal that applies (RFC 5531 §9):
 *
 *     rpcvers is not 2           MSG_DENIED RPC_MISMATCH 2..2
 *     cred or verf malformed     MSG_DENIED AUTH_ERROR AUTH_BADCRED, AUTH_BADVERF
 *     program not here           PROG_UNAVAIL
 *     version not here           PROG_MISMATCH low..high
 *     procedure not here         PROC_UNAVAIL
 *     procedure 0 (NULL)         SUCCESS, whatever the flavor
 *     flavor not served          MSG_DENIED AUTH_ERROR AUTH_TOOWEAK
 *     arguments malformed        GARBAGE_ARGS
 *     came before                what it was answered then (replycache.ts), or later, or nothing
 *     a bug of ours              SYSTEM_ERR, and it is reported
 */
import assert from 'node:assert/strict'
import { XdrError, type XdrReader } from '../xdr/reader.ts'
import type { CredentialReader } from './auth.ts'
import { Call, type Peer } from './call.ts'
import {
  AUTH_BYTES_MAX,
  accept_stat,
  auth_stat,
  msg_type,
  RPC_VERSION,
  writeAccepted,
  writeAuthError,
  writeProgMismatch,
  writeRpcMismatch,
} from './message.ts'
import type { Credential, Procedure, Program } from './program.ts'
import type { CallKey } from './remembered.ts'
import type { ReplyCache } from './replycache.ts'

/** Told of every exception that is a bug of ours. It must not throw. */
export type ReportBug = (error: unknown) => void

/** xid, msg_type and rpcvers; then prog, vers and proc. */
const CALL_HEAD_BYTES = 12
const CALL_TARGET_BYTES = 12

/** Stands for whoever does not say who he is: no user has this number. */
const NOBODY = 0xffff_ffff

/** RFC 5531 §12.1: procedure 0 of every program does nothing. */
const NULL_PROCEDURE = 0

interface Version {
  readonly vers: number
  readonly procedures: readonly (Procedure<unknown> | undefined)[]
}

export class Dispatcher {
  readonly #programs = new Map<number, Version[]>()
  readonly reportBug: ReportBug
  readonly #replies: ReplyCache | undefined

  /** @param replies for procedures that are `once`; left out, they run as often as they are called */
  constructor(programs: readonly Program[], reportBug: ReportBug, replies?: ReplyCache) {
    this.reportBug = reportBug
    this.#replies = replies
    for (const { prog, vers, procedures } of programs) {
      const versions = this.#programs.get(prog) ?? []
      assert(!versions.some((other) => other.vers === vers), `${prog} version ${vers} given twice`)
      versions.push({ vers, procedures })
      this.#programs.set(prog, versions)
    }
  }

  /**
   * Answers the one call that `r` holds, now or later.
   *
   * @param ownedBytes length of the record where it has a buffer of its own
   *   (CallContext.argsOwned), 0 where its bytes are used again
   * @returns false where the bytes are no call at all, so that there is nothing to answer
   */
  dispatch(peer: Peer, r: XdrReader, ownedBytes: number): boolean {
    if (r.remaining < CALL_HEAD_BYTES) return false
    const xid = r.uint32()
    if (r.uint32() !== msg_type.CALL) return false
    if (r.uint32() !== RPC_VERSION) {
      writeRpcMismatch(peer.openReply(), xid)
      peer.closeReply(undefined)
      return true
    }
    if (r.remaining < CALL_TARGET_BYTES) return false
    const prog = r.uint32()
    const vers = r.uint32()
    const proc = r.uint32()
    const credential = readAuth(peer.credentials, r)
    if (typeof credential === 'number') {
      refuseAuth(peer, xid, credential)
      return true
    }
    const procedure = this.#find(peer, xid, prog, vers, proc)
    if (procedure === undefined) return true
    if (credential === undefined) {
      refuseAuth(peer, xid, auth_stat.AUTH_TOOWEAK)
      return true
    }
    const call = new Call(peer, xid, credential, ownedBytes)
    if (procedure.once !== true || this.#replies === undefined) {
      const args = this.#decode(procedure, call, r)
      if (!call.answered) this.#run(procedure, call, args)
    } else {
      const checksum = r.checksum(uidOf(credential))
      const key = { client: peer.caller.address, xid, prog, vers, proc, checksum }
      this.#runOnce(procedure, call, r, this.#replies, key)
    }
    return true
  }

  /** The procedure that is called; undefined where the call is answered by this already. */
  #find(
    peer: Peer,
    xid: number,
    prog: number,
    vers: number,
    proc: number,
  ): Procedure<unknown> | undefined {
    const versions = this.#programs.get(prog)
    if (versions === undefined) return accept(peer, xid, accept_stat.PROG_UNAVAIL)
    for (const version of versions) {
      if (version.vers !== vers) continue
      if (proc === NULL_PROCEDURE) return accept(peer, xid, accept_stat.SUCCESS)
      return version.procedures[proc] ?? accept(peer, xid, accept_stat.PROC_UNAVAIL)
    }
    const offered = versions.map((version) => version.vers)
    writeProgMismatch(peer.openReply(), xid, Math.min(...offered), Math.max(...offered))
    peer.closeReply(undefined)
    return undefined
  }

  #runOnce(
    procedure: Procedure<unknown>,
    call: Call,
    r: XdrReader,
    replies: ReplyCache,
    key: CallKey,
  ): void {
    const before = replies.find(key)
    if (before?.answered) call.answer(replies.results(before))
    else if (before === undefined) {
      const args = this.#decode(procedure, call, r)
      if (call.answered) return
      call.remember(replies, key)
      this.#run(procedure, call, args)
    } else if (call.isOf(before.peer)) call.drop()
    else {
      replies.follow(before, call)
      call.hold()
    }
  }

  /** The arguments; where they are malformed, the call is answered. */
  #decode(procedure: Procedure<unknown>, call: Call, r: XdrReader): unknown {
    try {
      return procedure.args.decode(r)
    } catch (error) {
      if (error instanceof XdrError) call.fail(accept_stat.GARBAGE_ARGS)
      else this.#bug(call, error)
      return undefined
    }
  }

  #run(procedure: Procedure<unknown>, call: Call, args: unknown): void {
    try {
      procedure.handle(call, args, call)
      if (call.open) throw new Error('a procedure returned between begin and end of its reply')
      if (!call.answered) call.hold()
    } catch (error) {
      this.#bug(call, error)
    }
  }

  #bug(call: Call, error: unknown): void {
    this.reportBug(error)
    if (!call.answered) call.fail()
  }
}

/** The credential, undefined where its flavor is not served, or why it is refused. */
function readAuth(credentials: CredentialReader, r: XdrReader): Credential | undefined | auth_stat {
  let stat: auth_stat = auth_stat.AUTH_BADCRED
  try {
    const credential = credentials.read(r)
    stat = auth_stat.AUTH_BADVERF
    // A verifier says nothing with the flavors that are served; it only must be one.
    r.uint32()
    r.skipOpaque(AUTH_BYTES_MAX)
    return credential
  } catch (error) {
    assert(error instanceof XdrError, 'a reader throws XdrError alone')
    return stat
  }
}

/** Who asks, as a number. */
function uidOf(credential: Credential): number {
  return credential.flavor === 'AUTH_SYS' ? credential.uid : NOBODY
}

function refuseAuth(peer: Peer, xid: number, stat: auth_stat): void {
  writeAuthError(peer.openReply(), xid, stat)
  peer.closeReply(undefined)
}

/** Answers without results; the value is `#find`'s. */
function accept(peer: Peer, xid: number, stat: accept_stat): undefined {
  writeAccepted(peer.openReply(), xid, stat)
  peer.closeReply(undefined)
}
