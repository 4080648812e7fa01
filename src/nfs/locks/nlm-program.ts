/**
 * The Network Lock Manager, program 100021 in versions 1, 3 and 4.
 *
 * Each procedure has two forms. The synchronous one is answered in its reply. The other one, _MSG,
 * has an empty reply; its answer is a call of ours, _RES, to the lock manager of the client.
 *
 *     1 TEST   2 LOCK   3 CANCEL   4 UNLOCK   5 GRANTED        6..10 _MSG   11..15 _RES
 *     16 news from the NSM (Linux)   20 SHARE   21 UNSHARE   22 NM_LOCK   23 FREE_ALL
 *
 * GRANTED is for clients; from others' servers it is answered DENIED, since nobody waits here.
 */
import { FsError } from '../../fs/error.ts'
import { type CallContext, NLM_PROG, type Procedure, type Program } from '../../rpc/program.ts'
import { type Codec, voidType } from '../../xdr/codec.ts'
import type { Service } from '../procedure.ts'
import { lockedFile, type Purpose } from './files.ts'
import type { Journal } from './journal.ts'
import type { LockManager } from './manager.ts'
import {
  NLM_VERSIONS,
  type NlmTypes,
  type NlmVersion,
  nlm_notify,
  nlm_reboot,
  type nlm_testres,
  nlmTypes,
} from './nlm-types.ts'
import type { Peer } from './peers.ts'
import { LAST_BYTE, rangeOf } from './range.ts'
import { type Alock, nlm4_stats, type Request } from './request.ts'

const { NLM4_GRANTED, NLM4_DENIED, NLM4_DENIED_NOLOCKS, NLM4_FBIG } = nlm4_stats

const [TEST, LOCK, CANCEL, UNLOCK, GRANTED] = [1, 2, 3, 4, 5]
/** From a procedure to its _MSG, and from that to its _RES. */
const MSG = 5
const RES = 10
const [NSM_NEWS, SHARE, UNSHARE, NM_LOCK, FREE_ALL] = [16, 20, 21, 22, 23]
const PROCEDURES = 24

export interface NlmParts {
  readonly service: Service
  readonly manager: LockManager
  readonly journal: Journal
  /** Calls a procedure without results of the lock manager at an address. Never throws. */
  readonly send: <A>(to: Peer, proc: number, codec: Codec<A>, args: A) => void
  /** A client has answered a GRANTED_MSG. */
  readonly onGrantedRes: (cookie: Uint8Array, status: nlm4_stats) => void
  /** This host's NSM tells that a host has restarted. */
  readonly onNews: (news: nlm_reboot) => void
}

/** What all answers have. */
interface Answer {
  readonly cookie: Uint8Array
  readonly status: nlm4_stats
}

/** @typeParam R the answer, told when it is on stable storage what it says */
interface Operation<A, R extends Answer> {
  readonly args: Codec<A>
  readonly results: Codec<R>
  run(context: CallContext, args: A): R
}

export function nlmPrograms(parts: NlmParts): readonly Program[] {
  return NLM_VERSIONS.map((vers) => ({
    prog: NLM_PROG,
    vers,
    procedures: new NlmProgram(parts, vers).procedures(),
  }))
}

class NlmProgram {
  readonly #parts: NlmParts
  readonly #vers: NlmVersion
  readonly #types: NlmTypes

  constructor(parts: NlmParts, vers: NlmVersion) {
    this.#parts = parts
    this.#vers = vers
    this.#types = nlmTypes(vers)
  }

  procedures(): (Procedure<unknown> | undefined)[] {
    const table: (Procedure<unknown> | undefined)[] = new Array(PROCEDURES).fill(undefined)
    this.#both(table, TEST, this.#test())
    this.#both(table, LOCK, this.#lock(true))
    this.#both(table, CANCEL, this.#cancel())
    this.#both(table, UNLOCK, this.#unlock())
    this.#both(table, GRANTED, this.#granted())
    const ignored = quiet(voidType, () => undefined)
    for (const proc of [TEST, LOCK, CANCEL, UNLOCK]) table[proc + RES] = ignored
    table[GRANTED + RES] = quiet(this.#types.res, (_, { cookie, status }) =>
      this.#parts.onGrantedRes(cookie, status),
    )
    table[NSM_NEWS] = quiet(nlm_reboot, ({ caller }, news) => {
      if (caller.local) this.#parts.onNews({ ...news, priv: new Uint8Array(news.priv) })
    })
    // Version 1 ends here (XNFS §10).
    if (this.#vers === 1) return table
    table[SHARE] = this.#sync(this.#share(true))
    table[UNSHARE] = this.#sync(this.#share(false))
    table[NM_LOCK] = this.#sync(this.#lock(false))
    table[FREE_ALL] = quiet(nlm_notify, ({ caller }, { name }) => this.#freeAll(caller, name))
    return table
  }

  // The two forms.

  #both<A, R extends Answer>(
    table: (Procedure<unknown> | undefined)[],
    proc: number,
    operation: Operation<A, R>,
  ): void {
    table[proc] = this.#sync(operation)
    table[proc + MSG] = quiet(operation.args, (context, args: A) => {
      const peer = { address: context.caller.address, vers: this.#vers }
      this.#settle(operation.run(context, args), (answer) =>
        this.#parts.send(peer, proc + RES, operation.results, answer),
      )
    })
  }

  #sync<A, R extends Answer>({ args, results, run }: Operation<A, R>): Procedure<unknown> {
    const procedure: Procedure<A> = {
      args,
      handle: (context, given, reply) => {
        this.#settle(run(context, given), (answer) => {
          results.encode(reply.begin(), answer)
          reply.end()
        })
      },
    }
    return procedure as Procedure<unknown>
  }

  /** Tells an answer once it is true after a crash too. */
  #settle<R extends Answer>(answer: R, tell: (answer: R) => void): void {
    if (answer.status !== NLM4_GRANTED) tell(answer)
    else {
      this.#parts.journal.barrier((error) =>
        tell(error === undefined ? answer : { ...answer, status: NLM4_DENIED_NOLOCKS }),
      )
    }
  }

  // The operations.

  #test(): Operation<{ cookie: Uint8Array; exclusive: boolean; alock: Alock }, nlm_testres> {
    return {
      args: this.#types.testargs,
      results: this.#types.testres,
      run: (context, { cookie, exclusive, alock }) => {
        const request = this.#request(context, alock, exclusive, 'shared')
        if (typeof request !== 'number') return { cookie, ...this.#parts.manager.test(request) }
        // A DENIED here would have to say who holds it.
        return { cookie, status: request }
      },
    }
  }

  #lock(monitored: boolean) {
    const { lockargs: args, res: results } = this.#types
    return operation(args, results, (context, { cookie, exclusive, alock, ...given }) => {
      const purpose = exclusive ? 'exclusive' : 'shared'
      const request = this.#request(context, alock, exclusive, purpose)
      if (typeof request === 'number') return { cookie, status: request }
      const more = { ...given, state: given.state >>> 0, monitored, vers: this.#vers }
      return { cookie, status: this.#parts.manager.lock({ ...request, ...more }) }
    })
  }

  #cancel() {
    const { cancargs: args, res: results } = this.#types
    return operation(args, results, (context, { cookie, exclusive, alock }) => {
      const request = this.#request(context, alock, exclusive, 'release')
      if (typeof request === 'number') return { cookie, status: request }
      return { cookie, status: this.#parts.manager.cancel(request) }
    })
  }

  #unlock() {
    const { unlockargs: args, res: results } = this.#types
    return operation(args, results, (context, { cookie, alock }) => {
      const request = this.#request(context, alock, true, 'release')
      if (typeof request === 'number') return { cookie, status: request }
      return { cookie, status: this.#parts.manager.unlock(request) }
    })
  }

  #granted() {
    const { testargs: args, res: results } = this.#types
    return operation(args, results, (_, { cookie }) => ({ cookie, status: NLM4_DENIED }))
  }

  #share(wanted: boolean) {
    const { shareargs: args, shareres: results } = this.#types
    return operation(args, results, (context, { cookie, share, reclaim }) => {
      const { caller_name, fh, oh, mode: deny, access } = share
      const file = lockedFile(this.#parts.service, context, fh, wanted ? 'shared' : 'release')
      const answer = { cookie, sequence: 0 }
      if (typeof file === 'number') return { ...answer, status: file }
      const { address } = context.caller
      const request = { address, caller_name, oh, file, deny, access, reclaim }
      const { manager } = this.#parts
      return { ...answer, status: wanted ? manager.share(request) : manager.unshare(request) }
    })
  }

  #freeAll({ address }: CallContext['caller'], name: string): void {
    try {
      this.#parts.manager.freeAll(address, name, undefined)
    } catch (error) {
      // The store has failed, and said so.
      if (!(error instanceof FsError)) throw error
    }
  }

  #request(
    context: CallContext,
    alock: Alock,
    exclusive: boolean,
    purpose: Purpose,
  ): Request | nlm4_stats {
    const file = lockedFile(this.#parts.service, context, alock.fh, purpose)
    if (typeof file === 'number') return file
    const range = rangeOf(alock.l_offset, alock.l_len)
    if (range === undefined) {
      // What reaches beyond the end is released as far as there is something.
      if (purpose !== 'release') return NLM4_FBIG
      const rest = { first: alock.l_offset, last: LAST_BYTE }
      return { address: context.caller.address, alock, file, range: rest, exclusive }
    }
    return { address: context.caller.address, alock, file, range, exclusive }
  }
}

/** Gives an Operation its types, which follow from its codecs. */
function operation<A, R extends Answer>(
  args: Codec<A>,
  results: Codec<R>,
  run: (context: CallContext, args: A) => R,
): Operation<A, R> {
  return { args, results, run }
}

/** A procedure whose reply is empty. */
function quiet<A>(
  args: Codec<A>,
  run: (context: CallContext, args: A) => void,
): Procedure<unknown> {
  const procedure: Procedure<A> = {
    args,
    handle(context, given, reply) {
      reply.begin()
      reply.end()
      run(context, given)
    },
  }
  return procedure as Procedure<unknown>
}
