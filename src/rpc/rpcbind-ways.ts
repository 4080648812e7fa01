/**
 * The two ways to register with a portmapper that somebody else runs.
 *
 *   rpcbind version 4 over its Unix socket: by netid, IPv6 included, and rpcbind knows our user.
 *   PMAP version 2 over TCP or UDP at 127.0.0.1: IPv4 only, and any local user may take it back.
 *     For portmappers without the socket, or in another mount namespace.
 */
import { bool, voidType } from '../xdr/codec.ts'
import type { RpcClient } from './client.ts'
import type { ServerAddress } from './client-transport.ts'
import type { Service } from './portmap-host.ts'
import * as wire from './portmap-wire.ts'
import { PMAP_PROG } from './program.ts'
import {
  fromUniversal,
  IPPROTO_TCP,
  IPPROTO_UDP,
  isNetid,
  loopbackOf,
  toUniversal,
  wildcardOf,
} from './rpcbind-address.ts'

/** One way to speak to a portmapper. */
export interface Way {
  readonly name: string
  readonly address: ServerAddress
  /** What of our services this way can say, one registration for each program, version and netid. */
  select(services: readonly Service[]): readonly Service[]
  dump(client: RpcClient): Promise<readonly Service[]>
  set(client: RpcClient, service: Service): Promise<boolean>
  unset(client: RpcClient, service: Service): Promise<boolean>
}

/** @param uid user id of this process: rpcbind lets the same user, or root, take back what it SET */
export function rpcbindWay(path: string, uid: number): Way {
  const vers = wire.RPCBVERS4
  const given = (service: Service, r_addr: string) => ({
    r_prog: service.prog,
    r_vers: service.vers,
    r_netid: service.netid,
    r_addr,
    r_owner: String(uid),
  })
  return {
    name: `rpcbind version 4 at ${path}`,
    address: { transport: 'unix', path },
    select: oneEach,
    async dump(client) {
      const proc = wire.RPCBPROC_DUMP
      const entries = await client.call(PMAP_PROG, vers, proc, voidType, undefined, wire.rpcblist)
      return entries.flatMap(({ r_prog, r_vers, r_netid, r_addr }) => {
        const endpoint = fromUniversal(r_addr)
        if (endpoint === undefined || !isNetid(r_netid)) return []
        return [{ prog: r_prog, vers: r_vers, netid: r_netid, ...endpoint }]
      })
    },
    set: (client, service) =>
      client.call(
        PMAP_PROG,
        vers,
        wire.RPCBPROC_SET,
        wire.rpcb,
        given(service, toUniversal(service)),
        bool,
      ),
    unset: (client, service) =>
      client.call(PMAP_PROG, vers, wire.RPCBPROC_UNSET, wire.rpcb, given(service, ''), bool),
  }
}

export function pmapWay(transport: 'tcp' | 'udp', port: number): Way {
  const host = loopbackOf(transport)
  const vers = wire.PMAPVERS
  const given = ({ prog, vers, netid, port }: Service) => {
    return { prog, vers, prot: netid === 'tcp' ? IPPROTO_TCP : IPPROTO_UDP, port }
  }
  return {
    name: `PMAP version 2 over ${transport.toUpperCase()} at ${host}`,
    address: { transport, host, port },
    select: (services) => oneEach(services).filter(({ netid }) => !netid.endsWith('6')),
    async dump(client) {
      const proc = wire.PMAPPROC_DUMP
      const entries = await client.call(PMAP_PROG, vers, proc, voidType, undefined, wire.pmaplist)
      return entries.map(({ prog, vers, prot, port }) => {
        const netid = prot === IPPROTO_TCP ? 'tcp' : 'udp'
        return { prog, vers, netid, host: wildcardOf(netid), port }
      })
    },
    set: (client, service) =>
      client.call(PMAP_PROG, vers, wire.PMAPPROC_SET, wire.mapping, given(service), bool),
    unset: (client, service) =>
      client.call(PMAP_PROG, vers, wire.PMAPPROC_UNSET, wire.mapping, given(service), bool),
  }
}

/**
 * One registration for each program, version and netid, which is what a portmapper can hold: of
 * several addresses with the same port, the wildcard.
 */
function oneEach(services: readonly Service[]): readonly Service[] {
  const chosen = new Map<string, Service>()
  for (const service of services) {
    const { prog, vers, netid, port } = service
    const key = [prog, vers, netid].join()
    const other = chosen.get(key)
    if (other === undefined) chosen.set(key, service)
    else if (other.port === port) chosen.set(key, { ...service, host: wildcardOf(netid) })
  }
  return [...chosen.values()]
}
