/**
 * Universal addresses (RFC 5665 §5.2.3): how rpcbind writes where a service listens.
 *
 *   IPv4   h1.h2.h3.h4.p1.p2     127.0.0.1.8.1   is port 8 * 256 + 1 = 2049 of 127.0.0.1
 *   IPv6   x:x:x:x:x:x:x:x.p1.p2 ::1.8.1         is port 2049 of ::1
 *
 * Hosts are numeric and canonical (RFC 5952) once they have passed `canonicalHost`, so that equal
 * addresses are equal strings.
 */
import { isIP, isIPv6, SocketAddress } from 'node:net'

/** The transports on which we serve and hold registrations (RFC 5665 §4.1). */
export type Netid = 'tcp' | 'udp' | 'tcp6' | 'udp6'
export const NETIDS: readonly Netid[] = ['udp', 'tcp', 'udp6', 'tcp6']

/** One place to reach a service: a numeric host and a port. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** IP protocol numbers, as PMAP version 2 spells a transport (RFC 1833 §3.1). */
export const IPPROTO_TCP = 6
export const IPPROTO_UDP = 17

export const isNetid = (text: string): text is Netid => NETIDS.some((netid) => netid === text)

/** The netid of a transport in the family of `host`: `tcp6` for TCP and `::1`. */
export function netidOf(transport: 'tcp' | 'udp', host: string): Netid {
  return isIPv6(host) ? `${transport}6` : transport
}

const isIPv6Netid = (netid: Netid) => netid === 'tcp6' || netid === 'udp6'

/** The address that stands for all addresses of the netid's family. */
export const wildcardOf = (netid: Netid): string => (isIPv6Netid(netid) ? '::' : '0.0.0.0')

/** The loopback address of the netid's family. */
export const loopbackOf = (netid: Netid): string => (isIPv6Netid(netid) ? '::1' : '127.0.0.1')

export const isWildcard = (host: string): boolean => host === '::' || host === '0.0.0.0'

/** True where `host` is an address of the netid's family. */
export const belongsTo = (host: string, netid: Netid): boolean =>
  isIP(host) === (isIPv6Netid(netid) ? 6 : 4)

/**
 * The one spelling of a numeric address, without its zone (a universal address has no place for
 * it; clients put back the zone of the server they asked). Undefined where it is no address.
 */
export function canonicalHost(text: string): string | undefined {
  const family = isIP(text)
  if (family === 0) return undefined
  return new SocketAddress({ address: text, family: family === 6 ? 'ipv6' : 'ipv4' }).address
}

export const toUniversal = ({ host, port }: Endpoint): string =>
  `${host}.${port >>> 8}.${port & 0xff}`

/** Reads a universal address; undefined where the text is none. */
export function fromUniversal(text: string): Endpoint | undefined {
  const parts = /^(.+)\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (parts === null) return undefined
  const host = canonicalHost(parts[1] ?? '')
  const high = Number(parts[2])
  const low = Number(parts[3])
  if (host === undefined || high > 0xff || low > 0xff) return undefined
  return { host, port: high * 256 + low }
}
