/**
 * SM_PROG, program 100024 version 1 (XNFS chapter 11).
 *
 * SM_NOTIFY is for everybody; what it says is about its caller. Whom to monitor, only programs of
 * this host say (CERT CA-99.05): others are told STAT_FAIL.
 */
import { type CallContext, type Procedure, type Program, SM_PROG } from '../../rpc/program.ts'
import { type Codec, enumeration, opaqueFixed, struct, uint32, voidType } from '../../xdr/codec.ts'
import { nlmName, PRIV_BYTES } from './nlm-types.ts'
import type { Nsm } from './nsm.ts'

export const SM_VERS = 1
export const SM_MON = 2
export const SM_UNMON = 3
export const SM_NOTIFY = 6

const STAT_SUCC = 0
const STAT_FAIL = 1

export const sm_stat_res = struct({ res_stat: enumeration(STAT_SUCC, STAT_FAIL), state: uint32 })
const sm_stat = struct({ state: uint32 })

export const my_id = struct({ my_name: nlmName, my_prog: uint32, my_vers: uint32, my_proc: uint32 })
export const mon_id = struct({ mon_name: nlmName, my_id })
export const mon = struct({ mon_id, priv: opaqueFixed(PRIV_BYTES) })
export const stat_chge = struct({ mon_name: nlmName, state: uint32 })

/** Calls back once everything done before is on stable storage. */
type Barrier = (done: (error?: Error) => void) => void

export function nsmProgram(nsm: Nsm, barrier: Barrier): Program {
  return {
    prog: SM_PROG,
    vers: SM_VERS,
    procedures: [
      undefined,
      answer(struct({ mon_name: nlmName }), sm_stat_res, () => succ(nsm)),
      monitor(nsm, barrier),
      answer(mon_id, sm_stat, ({ caller }, { mon_name, my_id }) => {
        if (caller.local) nsm.unmonitor({ mon_name, ...my_id })
        return { state: nsm.state }
      }),
      answer(my_id, sm_stat, ({ caller }, id) => {
        if (caller.local) nsm.unmonitorAll(id)
        return { state: nsm.state }
      }),
      answer(voidType, voidType, ({ caller }) => {
        if (caller.local) nsm.crash()
      }),
      answer(stat_chge, voidType, ({ caller }, { mon_name, state }) =>
        nsm.notified(caller.address, mon_name, state),
      ),
    ],
  }
}

const succ = ({ state }: Nsm) => ({ res_stat: STAT_SUCC, state }) as const
const fail = ({ state }: Nsm) => ({ res_stat: STAT_FAIL, state }) as const

function monitor(nsm: Nsm, barrier: Barrier): Procedure<unknown> {
  const procedure: Procedure<{ mon_id: MonId; priv: Uint8Array }> = {
    args: mon,
    handle({ caller }, { mon_id: { mon_name, my_id }, priv }, reply) {
      const wanted = { mon_name, ...my_id, priv: new Uint8Array(priv) }
      const taken = caller.local && nsm.monitor(wanted)
      barrier((error) => {
        sm_stat_res.encode(reply.begin(), taken && error === undefined ? succ(nsm) : fail(nsm))
        reply.end()
      })
    },
  }
  return procedure as Procedure<unknown>
}

type MonId = ReturnType<typeof mon_id.decode>

function answer<A, R>(
  args: Codec<A>,
  results: Codec<R>,
  run: (context: CallContext, args: A) => R,
): Procedure<unknown> {
  const procedure: Procedure<A> = {
    args,
    handle(context, given, reply) {
      const value = run(context, given)
      results.encode(reply.begin(), value)
      reply.end()
    },
  }
  return procedure as Procedure<unknown>
}
