/**
 * Who answers clients that ask this host's port 111 where our programs are: we ourselves, the
 * system's rpcbind with whom we register, or nobody.
 *
 *   auto     our own where port 111 is free on every address that we listen on and on loopback;
 *            else the system's; where that cannot be either, nobody, and the summary says why
 *   own      our own or an error
 *   system   the system's or an error
 *   off      nobody
 *
 * Our own portmapper listens on loopback whatever else it listens on: mount.nfs asks 127.0.0.1 for
 * statd, and the kernel's lockd and rpc.statd register on 127.0.0.1 and ::1.
 */
import type { ListenerLimits } from './listener.ts'
import { type PortmapOptions, portmapPrograms } from './portmap.ts'
import type { PortRegistry, Registration } from './portmap-registry.ts'
import { PMAP_PORT, PMAPVERS, RPCBVERS, RPCBVERS4 } from './portmap-wire.ts'
import { PMAP_PROG, type Program } from './program.ts'
import { canonicalHost, netidOf } from './rpcbind-address.ts'

export type PortmapMode = 'auto' | 'own' | 'system' | 'off'

/** One version of one program of ours, at one endpoint. */
export type Service = Omit<Registration, 'owner'>

/** The portmapper that was asked for cannot be had; the message is one sentence. */
export class PortmapError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'PortmapError'
  }
}

/** A socket that serves programs. */
export interface OpenListener {
  close(): Promise<void>
}

/** Registers with the system's portmapper (SystemRegistrar in rpcbind-registrar.ts). */
export interface Registrar {
  /** Never rejects: `summary` is one sentence, about how it went or why it did not. */
  register(services: readonly Service[]): Promise<{ registered: boolean; summary: string }>
  /** Takes back what was registered. Never rejects. */
  unregister(): Promise<void>
}

export interface PortmapHostOptions {
  readonly mode: PortmapMode
  /** Numeric addresses that our services listen on. */
  readonly listenHosts: readonly string[]
  readonly services: readonly Service[]
  /** Answers from it when the portmapper is our own. */
  readonly registry: PortRegistry
  readonly registrar: Registrar
  readonly clock: PortmapOptions['clock']
  /**
   * Opens a socket of one family only (`ipv6Only`), and rejects with the system's error (`code` is
   * `EADDRINUSE` and so on) where it cannot.
   */
  readonly open: (
    transport: 'tcp' | 'udp',
    host: string,
    port: number,
    programs: readonly Program[],
  ) => Promise<OpenListener>
  /** Other than 111 in tests only: clients ask no other. */
  readonly port?: number
}

/** How it turned out. */
export interface Portmap {
  readonly by: 'own' | 'system' | 'off'
  /** One sentence for people. */
  readonly summary: string
  /** Closes our sockets, or takes back our registrations. Never rejects. */
  close(): Promise<void>
}

/**
 * Limits for the TCP listeners of port 111: calls are short (a SET with the longest credential and
 * texts is under 2 KiB), and whoever asked stays connected for no reason but lockd's.
 */
export const PORTMAP_LIMITS: Partial<ListenerLimits> = {
  recordBytesMax: 4096,
  callsWaitingMax: 16,
  callBytesWaitingMax: 64 * 1024,
  replyBytesMax: 256 * 1024,
  connectionsMax: 128,
  idleSecondsMax: 120,
  stallSecondsMax: 30,
}

/** The owner that listings show with our own programs. */
const OWNER = 'zerofs-nfs'
const LOOPBACK_HOSTS = ['127.0.0.1', '::1']
/** What a host without that family, or without that address, says. */
const NO_SUCH_ADDRESS: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])
const NOT_PERMITTED: ReadonlySet<string> = new Set(['EACCES', 'EPERM'])

/** @throws PortmapError in mode `own` or `system`, when that cannot be had */
export async function choosePortmap(options: PortmapHostOptions): Promise<Portmap> {
  const { mode } = options
  if (mode === 'off') return nobody('no portmapper, as asked')
  if (mode === 'system') {
    const system = await registerWithSystem(options)
    if ('refusal' in system) throw new PortmapError(system.refusal)
    return system
  }
  const own = await openOwn(options)
  if (!('refusal' in own)) return own
  if (mode === 'own') throw new PortmapError(own.refusal)
  const system = await registerWithSystem(options)
  if (!('refusal' in system)) return system
  return nobody(`${own.refusal}; ${system.refusal}`)
}

/** The registered port of NFS. */
export const NFS_PORT = 2049

/**
 * The options that `mount -t nfs` needs to find us; '' where none are needed.
 *
 * @param nfsPort,mountPort TCP ports of NFS and MOUNT on the address that is mounted
 * @param root whether we may take our place back from this host's kernel in the system's portmapper
 */
export function mountOptions(
  portmap: Pick<Portmap, 'by'>,
  nfsPort: number,
  mountPort: number,
  root: boolean,
): string {
  if (portmap.by === 'off') {
    return `vers=3,tcp,nolock,port=${nfsPort},mountport=${mountPort},mountproto=tcp`
  }
  // mount.nfs tries NFSv4 first, always at the standard port: someone else may answer there.
  const version = nfsPort === NFS_PORT ? [] : ['vers=3']
  return [...version, ...(portmap.by === 'system' && !root ? ['nolock'] : [])].join()
}

interface Refusal {
  /** One sentence. */
  readonly refusal: string
}

const nobody = (summary: string): Portmap => ({ by: 'off', summary, close: async () => undefined })

async function registerWithSystem(options: PortmapHostOptions): Promise<Portmap | Refusal> {
  const { registered, summary } = await options.registrar.register(options.services)
  if (!registered) return { refusal: summary }
  return { by: 'system', summary, close: () => options.registrar.unregister() }
}

async function openOwn(options: PortmapHostOptions): Promise<Portmap | Refusal> {
  const { registry, clock, port = PMAP_PORT } = options
  const opened: { listener: OpenListener; registrations: Registration[] }[] = []
  const close = async () => {
    await Promise.allSettled(opened.map(({ listener }) => listener.close()))
  }
  const places = hostsToServe(options.listenHosts).flatMap((host) => [
    { transport: 'tcp' as const, host },
    { transport: 'udp' as const, host },
  ])
  for (const { transport, host } of places) {
    try {
      const programs = portmapPrograms(registry, { listenHost: host, clock })
      const listener = await options.open(transport, host, port, programs)
      opened.push({ listener, registrations: ownRegistrations(transport, host, port) })
    } catch (error) {
      if (NO_SUCH_ADDRESS.has(codeOf(error))) continue
      await close()
      return { refusal: refusalOf(error, transport, host, port) }
    }
  }
  if (opened.length === 0) return { refusal: `port ${port} could not be opened on any address` }
  registry.serve(opened.flatMap(({ registrations }) => registrations))
  registry.serve(options.services.map((service) => ({ ...service, owner: OWNER })))
  return { by: 'own', summary: `our own portmapper answers on port ${port}`, close }
}

/** The addresses to listen on, loopback included, none of them covered by another. */
function hostsToServe(listenHosts: readonly string[]): readonly string[] {
  const hosts = new Set([
    ...LOOPBACK_HOSTS,
    ...listenHosts.map((host) => canonicalHost(host) ?? host),
  ])
  return [...hosts].filter((host) => {
    const wildcard = host.includes(':') ? '::' : '0.0.0.0'
    return host === wildcard || !hosts.has(wildcard)
  })
}

function ownRegistrations(transport: 'tcp' | 'udp', host: string, port: number): Registration[] {
  const netid = netidOf(transport, host)
  return [PMAPVERS, RPCBVERS, RPCBVERS4].map((vers) => {
    return { prog: PMAP_PROG, vers, netid, host, port, owner: OWNER }
  })
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function refusalOf(error: unknown, transport: 'tcp' | 'udp', host: string, port: number): string {
  const code = codeOf(error)
  const place = `${transport.toUpperCase()} port ${port} of ${host}`
  if (code === 'EADDRINUSE') return `${place} is taken by another program`
  if (NOT_PERMITTED.has(code)) return `only root may open ${place}`
  return `${place} could not be opened (${code || String(error)})`
}
