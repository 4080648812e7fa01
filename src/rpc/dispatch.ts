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
 *     a bug of ours              SYSTEM_ERR, and it is reported
 */
import assert from 'node:assert/strict'
import { XdrError, type XdrReader } from '../xdr/reader.ts'
import type { XdrWriter } from '../xdr/writer.ts'
import type { CredentialReader } from './auth.ts'
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
import type { CallContext, Caller, Credential, Procedure, Program, Reply } from './program.ts'

/** One connection, or one datagram, as its calls see it: where their replies go. */
export interface Peer {
  readonly caller: Caller
  readonly credentials: CredentialReader
  /** Makes room for one reply message; `closeReply` follows in the same turn. */
  openReply(): XdrWriter
  /** Queues what was written since `openReply`. `onSent` runs once, also when it cannot be sent. */
  closeReply(onSent: (() => void) | undefined): void
  /** A call goes on unanswered and may keep so many bytes of its arguments ... */
  hold(bytes: number): void
  /** ... until this. */
  release(bytes: number): void
}

/** Told of every exception that is a bug of ours. It must not throw. */
export type ReportBug = (error: unknown) => void

/** xid, msg_type and rpcvers; then prog, vers and proc. */
const CALL_HEAD_BYTES = 12
const CALL_TARGET_BYTES = 12

/** RFC 5531 §12.1: procedure 0 of every program does nothing. */
const NULL_PROCEDURE = 0

const WAITING = 0
const BEGUN = 1
const ANSWERED = 2

/** One call: what the procedure sees of it, and where its results go. */
class Call implements CallContext, Reply {
  readonly xid: number
  readonly credential: Credential
  readonly #peer: Peer
  /** Bytes of a record that is its own, else 0. */
  readonly #ownedBytes: number
  #held = false
  #writer: XdrWriter | undefined
  #start = 0
  #state = WAITING

  constructor(peer: Peer, xid: number, credential: Credential, ownedBytes: number) {
    this.#peer = peer
    this.xid = xid
    this.credential = credential
    this.#ownedBytes = ownedBytes
  }

  get argsOwned(): boolean {
    return this.#ownedBytes > 0
  }

  get caller(): Caller {
    return this.#peer.caller
  }

  get open(): boolean {
    return this.#state === BEGUN
  }

  get answered(): boolean {
    return this.#state === ANSWERED
  }

  begin(): XdrWriter {
    assert(this.#state === WAITING, 'a reply is begun once')
    this.#state = BEGUN
    const w = this.#peer.openReply()
    this.#writer = w
    this.#start = w.position
    writeAccepted(w, this.xid, accept_stat.SUCCESS)
    return w
  }

  end(onSent?: () => void): void {
    assert(this.#state === BEGUN, 'a reply ends once, after it was begun')
    this.#close(onSent)
  }

  fail(stat: accept_stat = accept_stat.SYSTEM_ERR): void {
    assert(this.#state !== ANSWERED, 'a call is answered once')
    const w = this.#writer ?? this.#peer.openReply()
    if (this.#writer !== undefined) w.rewind(this.#start)
    writeAccepted(w, this.xid, stat)
    this.#close(undefined)
  }

  /** The procedure has returned; the call counts against its peer's limits until it is answered. */
  hold(): void {
    this.#held = true
    this.#peer.hold(this.#ownedBytes)
  }

  #close(onSent: (() => void) | undefined): void {
    this.#state = ANSWERED
    this.#writer = undefined
    if (this.#held) this.#peer.release(this.#ownedBytes)
    this.#peer.closeReply(onSent)
  }
}

interface Version {
  readonly vers: number
  readonly procedures: readonly (Procedure<unknown> | undefined)[]
}

export class Dispatcher {
  readonly #programs = new Map<number, Version[]>()
  readonly reportBug: ReportBug

  constructor(programs: readonly Program[], reportBug: ReportBug) {
    this.reportBug = reportBug
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
    this.#run(procedure, new Call(peer, xid, credential, ownedBytes), r)
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

  #run(procedure: Procedure<unknown>, call: Call, r: XdrReader): void {
    let args: unknown
    try {
      args = procedure.args.decode(r)
    } catch (error) {
      if (error instanceof XdrError) call.fail(accept_stat.GARBAGE_ARGS)
      else this.#bug(call, error)
      return
    }
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
    r.opaque(AUTH_BYTES_MAX)
    return credential
  } catch (error) {
    assert(error instanceof XdrError, 'a reader throws XdrError alone')
    return stat
  }
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
