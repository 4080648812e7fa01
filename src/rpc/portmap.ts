/**
 * The portmapper: program 100000 in PMAP version 2 and rpcbind versions 3 and 4 (RFC 1833), all
 * over one PortRegistry.
 *
 * - SET and UNSET are for callers of this host; others are told FALSE.
 * - CALLIT, BCAST and INDIRECT, which would send calls on for anybody, are PROC_UNAVAIL: 24 bytes,
 *   less than the call.
 * - Over UDP a source address proves nothing, so the answers that are much longer than their calls
 *   (DUMP, GETADDRLIST, GETSTAT) go to local callers only there: others get SYSTEM_ERR, and ask
 *   over TCP, as rpcinfo does. A listing over UDP ends where its datagram is full.
 */
import { bool, type Codec, uint32, voidType } from '../xdr/codec.ts'
import type { XdrWriter } from '../xdr/writer.ts'
import { PortmapAnswers } from './portmap-answers.ts'
import type { PortRegistry } from './portmap-registry.ts'
import * as wire from './portmap-wire.ts'
import { type CallContext, PMAP_PROG, type Procedure, type Program } from './program.ts'
import { fromUniversal, toUniversal } from './rpcbind-address.ts'
import { fromSockaddr, toSockaddr } from './rpcbind-sockaddr.ts'

/** Longest list in one datagram, in bytes: libtirpc receives 8800, the reply's header included. */
export const UDP_LIST_BYTES_MAX = 8192

export interface PortmapOptions {
  /** The address that these programs listen on: where it is no wildcard, callers reached it. */
  readonly listenHost: string
  /** Whole seconds since 1970, for RPCBPROC_GETTIME. */
  readonly clock: () => number
}

/** The three versions of program 100000, for one listening address. */
export function portmapPrograms(registry: PortRegistry, options: PortmapOptions): Program[] {
  const answers = new PortmapAnswers(registry, options.listenHost)
  const tables: [number, Table][] = [
    [wire.PMAPVERS, version2(answers)],
    [wire.RPCBVERS, version3(answers, options.clock)],
    [wire.RPCBVERS4, version4(answers, options.clock, registry)],
  ]
  return tables.map(([vers, table]) => {
    return { prog: PMAP_PROG, vers, procedures: counted(registry, vers, table) }
  })
}

/** Procedures by number. */
type Table = Record<number, Procedure<unknown>>

function version2(answers: PortmapAnswers): Table {
  return {
    [wire.PMAPPROC_SET]: answer(wire.mapping, bool, ({ caller }, given) =>
      answers.setMapping(caller, given),
    ),
    [wire.PMAPPROC_UNSET]: answer(wire.mapping, bool, ({ caller }, given) =>
      answers.unsetMapping(caller, given),
    ),
    [wire.PMAPPROC_GETPORT]: answer(wire.mapping, uint32, ({ caller }, given) =>
      answers.port(caller, given),
    ),
    [wire.PMAPPROC_DUMP]: listing(voidType, wire.mapping, () => answers.mappings()),
  }
}

function version3(answers: PortmapAnswers, clock: () => number): Table {
  return {
    [wire.RPCBPROC_SET]: answer(wire.rpcb, bool, ({ caller }, given) => answers.set(caller, given)),
    [wire.RPCBPROC_UNSET]: answer(wire.rpcb, bool, ({ caller }, given) =>
      answers.unset(caller, given),
    ),
    [wire.RPCBPROC_GETADDR]: answer(wire.rpcb, wire.rpcbString, ({ caller }, given) =>
      answers.address(caller, given, 'any'),
    ),
    [wire.RPCBPROC_DUMP]: listing(voidType, wire.rpcb, () => answers.registrations()),
    [wire.RPCBPROC_GETTIME]: answer(voidType, uint32, clock),
    [wire.RPCBPROC_UADDR2TADDR]: answer(wire.rpcbString, wire.netbuf, (_, text) => {
      const endpoint = fromUniversal(text)
      const buf = endpoint === undefined ? new Uint8Array() : toSockaddr(endpoint)
      return { maxlen: buf.length, buf }
    }),
    [wire.RPCBPROC_TADDR2UADDR]: answer(wire.netbuf, wire.rpcbString, (_, { buf }) => {
      const endpoint = fromSockaddr(buf)
      return endpoint === undefined ? '' : toUniversal(endpoint)
    }),
  }
}

function version4(answers: PortmapAnswers, clock: () => number, registry: PortRegistry): Table {
  return {
    ...version3(answers, clock),
    [wire.RPCBPROC_GETVERSADDR]: answer(wire.rpcb, wire.rpcbString, ({ caller }, given) =>
      answers.address(caller, given, 'exact'),
    ),
    [wire.RPCBPROC_GETADDRLIST]: listing(wire.rpcb, wire.rpcb_entry, ({ caller }, given) =>
      answers.addressList(caller, given),
    ),
    [wire.RPCBPROC_GETSTAT]: trustedOverUdp(
      // What was asked for by whom is nobody's business, so those two lists stay empty.
      answer(voidType, wire.rpcb_stat_byvers, () =>
        registry.calls.map((info) => ({
          info,
          setinfo: info[wire.RPCBPROC_SET] ?? 0,
          unsetinfo: info[wire.RPCBPROC_UNSET] ?? 0,
          addrinfo: [],
          rmtinfo: [],
        })),
      ),
    ),
  }
}

/** A procedure that always has results, at once. */
function answer<A, R>(
  args: Codec<A>,
  results: Codec<R>,
  run: (context: CallContext, given: A) => R,
): Procedure<A> {
  return {
    args,
    handle(context, given, reply) {
      const value = run(context, given)
      results.encode(reply.begin(), value)
      reply.end()
    },
  }
}

/** A procedure whose result is a list by optional-data (RFC 4506 §4.19). */
function listing<A, T>(
  args: Codec<A>,
  element: Codec<T>,
  run: (context: CallContext, given: A) => readonly T[],
): Procedure<A> {
  return trustedOverUdp({
    args,
    handle(context, given, reply) {
      const values = run(context, given)
      const datagram = context.caller.transport === 'udp'
      encodeList(reply.begin(), element, values, datagram ? UDP_LIST_BYTES_MAX : Infinity)
      reply.end()
    },
  })
}

function encodeList<T>(w: XdrWriter, element: Codec<T>, values: readonly T[], bytesMax: number) {
  const start = w.position
  for (const value of values) {
    const before = w.position
    w.uint32(1)
    element.encode(w, value)
    if (w.position + 4 - start > bytesMax) {
      w.rewind(before)
      break
    }
  }
  w.uint32(0)
}

/** Over UDP for local callers only: see the head of this file. */
function trustedOverUdp<A>(procedure: Procedure<A>): Procedure<A> {
  return {
    args: procedure.args,
    handle(context, given, reply) {
      if (context.caller.transport === 'udp' && !context.caller.local) reply.fail()
      else procedure.handle(context, given, reply)
    },
  }
}

/** The table as an array by number, each call counted for RPCBPROC_GETSTAT. */
function counted(registry: PortRegistry, vers: number, table: Table): Program['procedures'] {
  const calls = registry.calls[vers - wire.PMAPVERS]
  return Array.from({ length: wire.RPCBSTAT_HIGHPROC }, (_, number) => {
    const procedure = table[number]
    if (procedure === undefined || calls === undefined) return undefined
    return {
      args: procedure.args,
      handle(context, given, reply) {
        calls[number] = (calls[number] ?? 0) + 1
        procedure.handle(context, given, reply)
      },
    }
  })
}
