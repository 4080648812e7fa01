/** The sockets of NFS, MOUNT and RQUOTA: on which addresses, and on which port when the standard is taken. */

import { MOUNT_V1, MOUNT_V3 } from './nfs/mount.ts'
import { NFS_V3 } from './nfs/program.ts'
import { RQUOTA_V1, RQUOTA_V2 } from './nfs/rquota.ts'
import type { BusyPoll } from './rpc/busypoll.ts'
import type { Dispatcher } from './rpc/dispatch.ts'
import { Listener } from './rpc/listener.ts'
import type { Service } from './rpc/portmap-host.ts'
import { MOUNT_PROGRAM, NFS_PROGRAM, RQUOTA_PROGRAM } from './rpc/program.ts'
import type { Budget } from './rpc/replies.ts'
import { netidOf } from './rpc/rpcbind-address.ts'
import { UdpEndpoint } from './rpc/udp.ts'
import type { RecordBuffers } from './xdr/buffers.ts'

/** The registered port of NFS, and those tried where it is taken and nobody asked for it by name. */
const STANDARD_PORT = 2049
const SPARE_PORTS = [12049, 22049, 32049, 42049, 0]

/** Where nothing else is asked for. */
const LOOPBACK = ['127.0.0.1', '::1']

/** A socket that is open. */
interface Open {
  readonly host: string
  readonly transport: 'tcp' | 'udp'
  readonly port: number
  readonly connections: number
  close(deadlineMs: number): Promise<void>
}

export interface EndpointOptions {
  /** Numeric addresses; none: loopback, as far as the host has it. */
  readonly hosts: readonly string[]
  /** undefined: 2049, or a spare one where that is taken. */
  readonly port: number | undefined
  /** Of MOUNT and RQUOTA; undefined: they are served where NFS is. */
  readonly mountPort: number | undefined
  /** NFS, MOUNT and RQUOTA. */
  readonly dispatcher: Dispatcher
  /** MOUNT and RQUOTA alone. */
  readonly mountDispatcher: Dispatcher
  readonly budget: Budget
  /** Where the data of large WRITEs is received. */
  readonly buffers: RecordBuffers
  readonly busyPoll: BusyPoll
}

/** An address cannot be served; the message is one sentence. */
export class EndpointError extends Error {}

export interface Endpoints {
  readonly hosts: readonly string[]
  readonly port: number
  readonly mountPort: number
  /** Why NFS is not on its standard port; undefined where it is, or where another was asked for. */
  readonly why: string | undefined
  readonly sockets: readonly Open[]
}

/** @throws EndpointError */
export async function openEndpoints(options: EndpointOptions): Promise<Endpoints> {
  const candidates = options.port === undefined ? [STANDARD_PORT, ...SPARE_PORTS] : [options.port]
  let why: string | undefined
  for (const port of candidates) {
    try {
      return { ...(await openAll(options, port)), why }
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE' || options.port !== undefined) throw explain(error, port)
      why ??= `port ${port} is taken by another program`
    }
  }
  throw new EndpointError('no port could be had')
}

async function openAll(options: EndpointOptions, wanted: number): Promise<Omit<Endpoints, 'why'>> {
  const asked = options.hosts.length > 0
  const sockets: Open[] = []
  const hosts: string[] = []
  let port = wanted
  let mountPort = options.mountPort
  try {
    for (const host of asked ? options.hosts : LOOPBACK) {
      try {
        const nfs = await tcp(host, port, options.dispatcher, options)
        sockets.push(nfs)
        port = nfs.port
        if (mountPort !== undefined) {
          const mount = await tcp(host, mountPort, options.mountDispatcher, options)
          sockets.push(mount)
          mountPort = mount.port
        }
        sockets.push(await udp(host, mountPort ?? port, options.mountDispatcher))
        hosts.push(host)
      } catch (error) {
        // A host without IPv6 has no ::1, and nobody asked for it.
        if (asked || !ABSENT.has(codeOf(error))) throw error
      }
    }
    if (hosts.length === 0) throw new EndpointError('this host has no loopback address')
    return { hosts, port, mountPort: mountPort ?? port, sockets }
  } catch (error) {
    await Promise.all(sockets.map((socket) => socket.close(0)))
    throw error
  }
}

const ABSENT: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])

async function tcp(
  host: string,
  port: number,
  dispatcher: Dispatcher,
  { budget, buffers, busyPoll }: Pick<EndpointOptions, 'budget' | 'buffers' | 'busyPoll'>,
): Promise<Open> {
  const listener = await Listener.listen({ host, port }, dispatcher, { budget, buffers, busyPoll })
  const { address } = listener
  return {
    host,
    transport: 'tcp',
    port: typeof address === 'string' ? port : address.port,
    get connections() {
      return listener.connections
    },
    close: (deadlineMs) => listener.close(deadlineMs),
  }
}

async function udp(host: string, port: number, dispatcher: Dispatcher): Promise<Open> {
  const endpoint = await UdpEndpoint.listen({ host, port }, dispatcher)
  const close = (deadlineMs: number) => endpoint.close(deadlineMs)
  return { host, transport: 'udp', port: endpoint.address.port, connections: 0, close }
}

/** What a portmapper is to tell about the sockets. */
export function servicesOf({ hosts, port, mountPort }: Endpoints): Service[] {
  return hosts.flatMap((host) => [
    { prog: NFS_PROGRAM, vers: NFS_V3, netid: netidOf('tcp', host), host, port },
    ...[
      { prog: MOUNT_PROGRAM, vers: MOUNT_V1 },
      { prog: MOUNT_PROGRAM, vers: MOUNT_V3 },
      { prog: RQUOTA_PROGRAM, vers: RQUOTA_V1 },
      { prog: RQUOTA_PROGRAM, vers: RQUOTA_V2 },
    ].flatMap((program) => [
      { ...program, netid: netidOf('tcp', host), host, port: mountPort },
      { ...program, netid: netidOf('udp', host), host, port: mountPort },
    ]),
  ])
}

function codeOf(error: unknown): string {
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? '') : ''
}

function explain(error: unknown, port: number): Error {
  if (error instanceof EndpointError) return error
  const { address = '', port: at = port } = error as { address?: string; port?: number }
  const reasons: Record<string, string> = {
    EADDRINUSE: `port ${at} of ${address} is taken by another program; choose another with --port`,
    EACCES: `port ${at} needs root; choose one above 1023 with --port`,
    EADDRNOTAVAIL: `${address} is not an address of this host; give one with --listen`,
  }
  return new EndpointError(reasons[codeOf(error)] ?? `cannot listen: ${String(error)}`)
}
