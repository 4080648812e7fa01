/** One call that waits for its answer, and the peer that it came from. */
import assert from 'node:assert/strict'
import type { XdrWriter } from '../xdr/writer.ts'
import type { CredentialReader } from './auth.ts'
import { accept_stat, writeAccepted } from './message.ts'
import type { CallContext, Caller, Credential, Reply } from './program.ts'
import type { CallKey, Follower, Remembered } from './remembered.ts'
import type { ReplyCache } from './replycache.ts'

/** One connection, or one datagram, as its calls see it: where their replies go. */
export interface Peer {
  readonly caller: Caller
  readonly credentials: CredentialReader
  /** Whether another one's replies go where its own go. Left out: only it itself is. */
  isSame?(other: object | undefined): boolean
  /** Makes room for one reply message; `closeReply` follows in the same turn. */
  openReply(): XdrWriter
  /** Queues what was written since `openReply`. `onSent` runs once, also when it cannot be sent. */
  closeReply(onSent: (() => void) | undefined): void
  /** A call will not be answered: no `openReply` follows for it. */
  drop(): void
  /** A call goes on unanswered and may keep so many bytes of its arguments ... */
  hold(bytes: number): void
  /** ... until this. */
  release(bytes: number): void
}

const WAITING = 0
const BEGUN = 1
const ANSWERED = 2

/** What the procedure sees of a call, and where its results go. */
export class Call implements CallContext, Reply, Follower {
  readonly xid: number
  readonly credential: Credential
  readonly #peer: Peer
  /** Bytes of a record that is its own, else 0. */
  readonly #ownedBytes: number
  #held = false
  #writer: XdrWriter | undefined
  #start = 0
  /** Where the results begin. */
  #results = 0
  #state = WAITING
  #replies: ReplyCache | undefined
  #remembered: Remembered | undefined
  /** What `once` has encoded, where nobody remembers it. */
  #own: Uint8Array | undefined

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

  /** What it is answered is remembered, for when it comes again. */
  remember(replies: ReplyCache, key: CallKey): void {
    this.#replies = replies
    this.#remembered = replies.begin(key, this.#peer)
  }

  /** Whether it came from this peer: by the same connection, or from the same port. */
  isOf(peer: object | undefined): boolean {
    return this.#peer === peer || this.#peer.isSame?.(peer) === true
  }

  once(work: () => Uint8Array): void {
    if (this.#remembered === undefined) this.#own = new Uint8Array(work())
    else this.#replies?.run(this.#remembered, work)
  }

  begin(): XdrWriter {
    assert(this.#state === WAITING, 'a reply is begun once')
    this.#state = BEGUN
    const w = this.#peer.openReply()
    this.#writer = w
    this.#start = w.position
    writeAccepted(w, this.xid, accept_stat.SUCCESS)
    this.#results = w.position
    return w
  }

  end(onSent?: () => void): void {
    assert(this.#state === BEGUN, 'a reply ends once, after it was begun')
    const remembered = this.#remembered
    const results = remembered && this.#writer?.copySince(this.#results)
    this.#close(onSent)
    if (remembered !== undefined && results !== undefined) {
      this.#replies?.finish(remembered, results)
    }
  }

  answerOnce(): void {
    const remembered = this.#remembered
    const results = remembered === undefined ? this.#own : this.#replies?.results(remembered)
    assert(results !== undefined, 'what is done once is answered when it is done')
    this.answer(results)
    if (remembered !== undefined) this.#replies?.finish(remembered)
  }

  answer(results: Uint8Array): void {
    this.begin().opaqueFixed(results)
    this.#close(undefined)
  }

  fail(stat: accept_stat = accept_stat.SYSTEM_ERR): void {
    assert(this.#state !== ANSWERED, 'a call is answered once')
    const w = this.#writer ?? this.#peer.openReply()
    if (this.#writer !== undefined) w.rewind(this.#start)
    writeAccepted(w, this.xid, stat)
    this.#close(undefined)
    if (this.#remembered !== undefined) this.#replies?.abandon(this.#remembered)
  }

  /** It goes unanswered. */
  drop(): void {
    assert(this.#state === WAITING, 'a call that is answered is not dropped')
    this.#state = ANSWERED
    if (this.#held) this.#peer.release(this.#ownedBytes)
    this.#peer.drop()
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
