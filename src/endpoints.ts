/** The sockets of NFS, MOUNT and RQUOTA: on which addresses, and on which port when the standard is taken. */

import { NLM_VERSIONS } from './nfs/locks/nlm-types.ts'
import { SM_VERS } from './nfs/locks/nsm-program.ts'
import { MOUNT_V1, MOUNT_V3 } from './nfs/mount.ts'
import { NFS_V3 } from './nfs/program.ts'
import { RQUOTA_V1, RQUOTA_V2 } from './nfs/rquota.ts'
import type { BusyPoll } from './rpc/busypoll.ts'
import type { Dispatcher } from './rpc/dispatch.ts'
import { Listener } from './rpc/listener.ts'
import type { Service } from './rpc/portmap-host.ts'
import { MOUNT_PROGRAM, NFS_PROGRAM, NLM_PROG, RQUOTA_PROGRAM, SM_PROG } from './rpc/program.ts'
import type { Budget } from './rpc/replies.ts'
import { isWildcard, netidOf } from './rpc/rpcbind-address.ts'
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
  /** Whether NFS is served over UDP too, on the same port. */
  readonly udp: boolean
  /** NFS, MOUNT, RQUOTA and the lock service. */
  readonly dispatcher: Dispatcher
  /** MOUNT, RQUOTA and the lock service. */
  readonly mountDispatcher: Dispatcher
  /** The lock service alone, which this host's kernel and rpc.statd call on loopback. */
  readonly lockDispatcher: Dispatcher
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
  readonly udp: boolean
  /** Why NFS is not on its standard port; undefined where it is, or where another was asked for. */
  readonly why: string | undefined
  readonly sockets: readonly Open[]
  readonly locks: LockEndpoints
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
        sockets.push(...(await udpOf(options, host, port, mountPort)))
        hosts.push(host)
      } catch (error) {
        // A host without IPv6 has no ::1, and nobody asked for it.
        if (asked || !ABSENT.has(codeOf(error))) throw error
      }
    }
    if (hosts.length === 0) throw new EndpointError('this host has no loopback address')
    const files = { hosts, port, mountPort: mountPort ?? port, udp: options.udp }
    return { ...files, locks: await openLocks(options, files, sockets), sockets }
  } catch (error) {
    await Promise.all(sockets.map((socket) => socket.close(0)))
    throw error
  }
}

/** NFS, if it is wanted, and MOUNT: on one port or on two. */
async function udpOf(
  { udp: wanted, dispatcher, mountDispatcher }: EndpointOptions,
  host: string,
  port: number,
  mountPort: number | undefined,
): Promise<Open[]> {
  if (!wanted) return [await udp(host, mountPort ?? port, mountDispatcher)]
  const nfs = await udp(host, port, dispatcher)
  if (mountPort === undefined) return [nfs]
  try {
    return [nfs, await udp(host, mountPort, mountDispatcher)]
  } catch (error) {
    await nfs.close(0)
    throw error
  }
}

const ABSENT: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])

/** Where the lock service is: on all of `hosts`, and on loopback. */
export interface LockEndpoints {
  readonly hosts: readonly string[]
  readonly tcpPort: number
  readonly udpPort: number
}

/** How often a port is looked for that is free on all addresses. */
const LOCK_PORT_TRIES = 5

/**
 * The lock service is where NFS is. But this host's kernel and rpc.statd call it on loopback: where
 * NFS is not there, it has a port of its own on all addresses. (NFS's own it must not be: mount.nfs
 * takes what it finds there for an NFS server.)
 */
async function openLocks(
  options: EndpointOptions,
  files: Pick<Endpoints, 'hosts' | 'port' | 'mountPort'>,
  sockets: Open[],
): Promise<LockEndpoints> {
  const { hosts, port, mountPort } = files
  const covers = (host: string, loopback: string) =>
    host === loopback || (isWildcard(host) && netidOf('tcp', host) === netidOf('tcp', loopback))
  const bare = LOOPBACK.filter((loopback) => !hosts.some((host) => covers(host, loopback)))
  for (let i = 0; i < LOCK_PORT_TRIES && bare.length > 0; i++) {
    const opened = await openLockPort(options, [...hosts, ...bare])
    if (opened === undefined) continue
    sockets.push(...opened)
    const own = opened[0]?.port ?? 0
    const there = [...new Set(opened.map(({ host }) => host))]
    return { hosts: there, tcpPort: own, udpPort: own }
  }
  return { hosts, tcpPort: port, udpPort: mountPort }
}

/** @returns undefined where the port was not free everywhere */
async function openLockPort(
  options: EndpointOptions,
  hosts: readonly string[],
): Promise<readonly Open[] | undefined> {
  const opened: Open[] = []
  const { lockDispatcher } = options
  for (const host of hosts) {
    try {
      const listener = await tcp(host, opened[0]?.port ?? 0, lockDispatcher, options)
      opened.push(listener)
      opened.push(await udp(host, listener.port, lockDispatcher))
    } catch (error) {
      if (ABSENT.has(codeOf(error))) continue
      await Promise.all(opened.map((socket) => socket.close(0)))
      return undefined
    }
  }
  return opened
}

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
export function servicesOf(endpoints: Endpoints): Service[] {
  const { hosts, port, mountPort, udp } = endpoints
  const locks = endpoints.locks.hosts.flatMap((host) => lockServices(host, endpoints.locks))
  const files = hosts.flatMap((host) => [
    { prog: NFS_PROGRAM, vers: NFS_V3, netid: netidOf('tcp', host), host, port },
    ...(udp ? [{ prog: NFS_PROGRAM, vers: NFS_V3, netid: netidOf('udp', host), host, port }] : []),
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
  return [...files, ...locks]
}

function lockServices(host: string, { tcpPort, udpPort }: LockEndpoints): Service[] {
  const programs = [
    ...NLM_VERSIONS.map((vers) => ({ prog: NLM_PROG, vers })),
    { prog: SM_PROG, vers: SM_VERS },
  ]
  return programs.flatMap((program) => [
    { ...program, netid: netidOf('tcp', host), host, port: tcpPort },
    { ...program, netid: netidOf('udp', host), host, port: udpPort },
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
