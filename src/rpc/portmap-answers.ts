/** What the portmapper answers, whatever the version that asks: the rules over the registry. */
import type { PortRegistry, Registrant, Registration } from './portmap-registry.ts'
import {
  type mapping,
  NC_TPI_CLTS,
  NC_TPI_COTS_ORD,
  type rpcb,
  type rpcb_entry,
} from './portmap-wire.ts'
import type { Caller } from './program.ts'
import {
  belongsTo,
  type Endpoint,
  fromUniversal,
  IPPROTO_TCP,
  IPPROTO_UDP,
  isNetid,
  isWildcard,
  loopbackOf,
  NETIDS,
  type Netid,
  netidOf,
  toUniversal,
  wildcardOf,
} from './rpcbind-address.ts'

/** Ports below this one are bound by privileged programs only. */
const PRIVILEGED_PORT_END = 1024
const PORT_MAX = 0xffff

export class PortmapAnswers {
  readonly #registry: PortRegistry
  readonly #listenHost: string

  constructor(registry: PortRegistry, listenHost: string) {
    this.#registry = registry
    this.#listenHost = listenHost
  }

  /** PMAPPROC_SET. The port is all that it says about where: the address is any. */
  setMapping(caller: Caller, { prog, vers, prot, port }: mapping): boolean {
    const netid = netidOfProtocol(prot)
    return netid !== undefined && this.#set(caller, prog, vers, netid, wildcardOf(netid), port)
  }

  /** RPCBPROC_SET. */
  set(caller: Caller, { r_prog, r_vers, r_netid, r_addr }: rpcb): boolean {
    const endpoint = fromUniversal(r_addr)
    if (endpoint === undefined || !isNetid(r_netid)) return false
    return this.#set(caller, r_prog, r_vers, r_netid, endpoint.host, endpoint.port)
  }

  #set(
    caller: Caller,
    prog: number,
    vers: number,
    netid: Netid,
    host: string,
    port: number,
  ): boolean {
    if (!caller.local || !belongsTo(host, netid) || port === 0 || port > PORT_MAX) return false
    const registrant = registrantOf(caller)
    const owner = registrant.privileged ? 'superuser' : 'unknown'
    return this.#registry.set(registrant, { prog, vers, netid, host, port, owner })
  }

  /** RFC 1833 §3.2: PMAPPROC_UNSET ignores protocol and port, and removes both protocols. */
  unsetMapping(caller: Caller, { prog, vers }: mapping): boolean {
    if (!caller.local) return false
    const registrant = registrantOf(caller)
    const tcp = this.#registry.unset(registrant, prog, vers, 'tcp')
    return this.#registry.unset(registrant, prog, vers, 'udp') && tcp
  }

  /** RPCBPROC_UNSET: an empty netid is all of them. */
  unset(caller: Caller, { r_prog, r_vers, r_netid }: rpcb): boolean {
    if (!caller.local) return false
    const registrant = registrantOf(caller)
    if (r_netid === '') return this.#registry.unset(registrant, r_prog, r_vers)
    // A transport that we do not know has no registrations, so none are left.
    return !isNetid(r_netid) || this.#registry.unset(registrant, r_prog, r_vers, r_netid)
  }

  /** PMAPPROC_GETPORT: 0 is "not registered". */
  port(caller: Caller, { prog, vers, prot }: mapping): number {
    const netid = netidOfProtocol(prot)
    if (netid === undefined) return 0
    const found = this.#registry.find(prog, vers, netid)
    return endpointFor(found, this.#reached(caller, netid, ''))?.port ?? 0
  }

  /** RPCBPROC_GETADDR (any version will do) and RPCBPROC_GETVERSADDR; '' is "not registered". */
  address(caller: Caller, asked: rpcb, version: 'any' | 'exact'): string {
    const { r_prog, r_vers, r_netid, r_addr } = asked
    // RFC 1833 §2.2.1 has the netid follow from the transport of the call. Clients ask over the
    // transport that they mean, so what they spell is the same, and more exact where it is not.
    const netid = isNetid(r_netid) ? r_netid : netidOfCaller(caller)
    const found =
      version === 'any'
        ? this.#registry.find(r_prog, r_vers, netid)
        : this.#registry.findVersion(r_prog, r_vers, netid)
    const endpoint = endpointFor(found, this.#reached(caller, netid, r_addr))
    return endpoint === undefined ? '' : toUniversal(endpoint)
  }

  /** RPCBPROC_GETADDRLIST: the program's addresses in the family that the caller came by. */
  addressList(caller: Caller, { r_prog, r_vers, r_addr }: rpcb): readonly rpcb_entry[] {
    const v6 = netidOfCaller(caller).endsWith('6')
    return NETIDS.filter((netid) => netid.endsWith('6') === v6).flatMap((netid) => {
      const found = this.#registry.findVersion(r_prog, r_vers, netid)
      const endpoint = endpointFor(found, this.#reached(caller, netid, r_addr))
      return endpoint === undefined ? [] : [entryOf(netid, endpoint)]
    })
  }

  /** PMAPPROC_DUMP: version 2 can say TCP and UDP over IPv4, and no addresses. */
  mappings(): readonly mapping[] {
    const rows = new Map<string, mapping>()
    for (const { prog, vers, netid, port } of this.#registry.entries()) {
      if (netid !== 'tcp' && netid !== 'udp') continue
      const prot = netid === 'tcp' ? IPPROTO_TCP : IPPROTO_UDP
      rows.set([prog, vers, prot, port].join(), { prog, vers, prot, port })
    }
    return [...rows.values()]
  }

  /** RPCBPROC_DUMP. */
  registrations(): readonly rpcb[] {
    return this.#registry.entries().map((entry) => ({
      r_prog: entry.prog,
      r_vers: entry.vers,
      r_netid: entry.netid,
      r_addr: toUniversal(entry),
      r_owner: entry.owner,
    }))
  }

  /** The addresses by which the caller may reach this host, most certain first. */
  #reached(caller: Caller, netid: Netid, r_addr: string): readonly string[] {
    const asked = fromUniversal(r_addr)?.host ?? ''
    const hosts = [asked, this.#listenHost, caller.local ? loopbackOf(netid) : '']
    return hosts.filter((host) => belongsTo(host, netid) && !isWildcard(host))
  }
}

/**
 * The endpoint to give a caller that reaches this host by `reached`: one that listens there, else
 * one that listens everywhere with the caller's own address for it, else any.
 */
function endpointFor(
  found: readonly Registration[],
  reached: readonly string[],
): Endpoint | undefined {
  for (const host of reached) {
    const there = found.find((entry) => entry.host === host)
    if (there !== undefined) return there
  }
  const everywhere = found.find(({ host }) => isWildcard(host))
  if (everywhere === undefined) return found[0]
  return { host: reached[0] ?? everywhere.host, port: everywhere.port }
}

const registrantOf = ({ port }: Caller): Registrant => ({
  privileged: port > 0 && port < PRIVILEGED_PORT_END,
})

const netidOfCaller = ({ transport, address }: Caller): Netid =>
  netidOf(transport === 'udp' ? 'udp' : 'tcp', address)

function netidOfProtocol(prot: number): 'tcp' | 'udp' | undefined {
  if (prot === IPPROTO_TCP) return 'tcp'
  return prot === IPPROTO_UDP ? 'udp' : undefined
}

function entryOf(netid: Netid, endpoint: Endpoint): rpcb_entry {
  const datagrams = netid.startsWith('udp')
  return {
    r_maddr: toUniversal(endpoint),
    r_nc_netid: netid,
    r_nc_semantics: datagrams ? NC_TPI_CLTS : NC_TPI_COTS_ORD,
    r_nc_protofmly: netid.endsWith('6') ? 'inet6' : 'inet',
    r_nc_proto: datagrams ? 'udp' : 'tcp',
  }
}
