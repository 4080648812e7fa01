/**
 * The bytes of a `struct sockaddr`, which RPCBPROC_UADDR2TADDR and RPCBPROC_TADDR2UADDR carry in a
 * netbuf (RFC 1833 §2.1). The layout is the server's own by nature; ours is Linux's:
 *
 *   sockaddr_in   family u16 host order = 2  | port u16 | address 4  | zero 8            16 b
 *   sockaddr_in6  family u16 host order = 10 | port u16 | flow u32 | address 16 | scope u32 28 b
 */
import { isIPv4 } from 'node:net'
import { endianness } from 'node:os'
import { canonicalHost, type Endpoint } from './rpcbind-address.ts'

const AF_INET = 2
const AF_INET6 = 10
const SOCKADDR_IN_BYTES = 16
const SOCKADDR_IN6_BYTES = 28
const LITTLE_ENDIAN = endianness() === 'LE'

export function toSockaddr({ host, port }: Endpoint): Uint8Array {
  const v4 = isIPv4(host)
  const bytes = new Uint8Array(v4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, v4 ? AF_INET : AF_INET6, LITTLE_ENDIAN)
  view.setUint16(2, port)
  bytes.set(v4 ? host.split('.').map(Number) : ipv6Bytes(host), v4 ? 4 : 8)
  return bytes
}

/** Undefined where the bytes are no IPv4 or IPv6 socket address. */
export function fromSockaddr(bytes: Uint8Array): Endpoint | undefined {
  if (bytes.length < SOCKADDR_IN_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const family = view.getUint16(0, LITTLE_ENDIAN)
  const port = view.getUint16(2)
  if (family === AF_INET) return { host: bytes.subarray(4, 8).join('.'), port }
  if (family !== AF_INET6 || bytes.length < SOCKADDR_IN6_BYTES) return undefined
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(8 + i * 2).toString(16))
  const host = canonicalHost(groups.join(':'))
  return host === undefined ? undefined : { host, port }
}

/** @param host a valid IPv6 address, without a zone */
function ipv6Bytes(host: string): Uint8Array {
  const [head = '', tail] = host.split('::')
  const front = groupsOf(head)
  const back = tail === undefined ? [] : groupsOf(tail)
  const gap = new Array<number>(8 - front.length - back.length).fill(0)
  return new Uint8Array([...front, ...gap, ...back].flatMap((group) => [group >>> 8, group & 0xff]))
}

/** The 16-bit groups of one side of `::`, a dotted quad (`::ffff:1.2.3.4`) included. */
function groupsOf(side: string): number[] {
  if (side === '') return []
  return side.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}
