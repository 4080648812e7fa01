/** Who called, from a socket's addresses. */
import type { Caller } from './program.ts'

const MAPPED_IPV4 = '::ffff:'

/** A caller by TCP or UDP. */
export function networkCaller(address: string, port: number, transport: 'tcp' | 'udp'): Caller {
  const plain = address.startsWith(MAPPED_IPV4) ? address.slice(MAPPED_IPV4.length) : address
  return { address: plain, port, local: plain === '::1' || plain.startsWith('127.'), transport }
}

/** A caller by Unix socket. */
export const UNIX_CALLER: Caller = { address: '', port: 0, local: true, transport: 'unix' }
