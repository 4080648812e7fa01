/** Commented wire bytes in, the portmapper's answer out, without sockets. */
import { CredentialReader } from '../../src/rpc/auth.ts'
import { Dispatcher } from '../../src/rpc/dispatch.ts'
import { portmapPrograms } from '../../src/rpc/portmap.ts'
import { PortRegistry } from '../../src/rpc/portmap-registry.ts'
import type { Caller } from '../../src/rpc/program.ts'
import { XdrReader } from '../../src/xdr/reader.ts'
import { XdrWriter } from '../../src/xdr/writer.ts'

/** Lines of hexadecimal bytes; what follows a bar is a comment. */
export function bytes(text: string): Buffer {
  const hex = text
    .split('\n')
    .map((line) => line.split('|')[0])
    .join('')
  return Buffer.from(hex.replace(/\s/g, ''), 'hex')
}

export const NOW_SECONDS = 0x6543_2100

export const callers = {
  /** The kernel's lockd and a root rpc.statd speak from a privileged port. */
  root: { address: '127.0.0.1', port: 694, local: true, transport: 'tcp' },
  root6: { address: '::1', port: 932, local: true, transport: 'tcp' },
  user: { address: '127.0.0.1', port: 40000, local: true, transport: 'tcp' },
  userUdp: { address: '127.0.0.1', port: 40000, local: true, transport: 'udp' },
  user6: { address: '::1', port: 40000, local: true, transport: 'tcp' },
  remote: { address: '192.0.2.7', port: 700, local: false, transport: 'tcp' },
  remoteUdp: { address: '192.0.2.7', port: 700, local: false, transport: 'udp' },
} as const satisfies Record<string, Caller>

export const owner = 'zerofs-nfs'

/** NFS and MOUNT as a server that listens on loopback has them. */
export function serving(): PortRegistry {
  const registry = new PortRegistry()
  registry.serve([
    { prog: 100_003, vers: 3, netid: 'tcp', host: '127.0.0.1', port: 2049, owner },
    { prog: 100_003, vers: 3, netid: 'tcp6', host: '::1', port: 2049, owner },
    { prog: 100_005, vers: 3, netid: 'tcp', host: '127.0.0.1', port: 20048, owner },
    { prog: 100_005, vers: 3, netid: 'udp', host: '127.0.0.1', port: 20048, owner },
  ])
  return registry
}

/** The whole reply message to one whole call message. */
export function ask(
  registry: PortRegistry,
  caller: Caller,
  call: Uint8Array,
  listenHost = caller.address.includes(':') ? '::1' : '127.0.0.1',
): Buffer {
  const programs = portmapPrograms(registry, { listenHost, clock: () => NOW_SECONDS })
  const dispatcher = new Dispatcher(programs, (error) => {
    throw error
  })
  const w = new XdrWriter()
  let replies = 0
  const peer = {
    caller,
    credentials: new CredentialReader(),
    openReply: () => w,
    closeReply: () => void replies++,
    drop: () => undefined,
    hold: () => undefined,
    release: () => undefined,
  }
  if (!dispatcher.dispatch(peer, new XdrReader(call), 0)) throw new Error('no call')
  if (replies !== 1) throw new Error(`${replies} replies to one call`)
  return Buffer.from(w.finish())
}

/** A call of program 100000 with AUTH_NONE. */
export function call(vers: number, proc: number, args: Uint8Array = new Uint8Array()): Buffer {
  const w = new XdrWriter()
  for (const word of [0x1234_5678, 0, 2, 100_000, vers, proc, 0, 0, 0, 0]) w.uint32(word)
  return Buffer.concat([w.finish(), args])
}

/** The results behind a reply's accepted SUCCESS header (24 bytes). */
export function results(reply: Buffer): XdrReader {
  if (reply.readUInt32BE(20) !== 0) throw new Error(`accept_stat ${reply.readUInt32BE(20)}`)
  return new XdrReader(reply, 24)
}
