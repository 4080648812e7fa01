/**
 * The server: a volume, the programs that serve it, and the sockets that they listen on.
 *
 * A call's way: a listener reads it (rpc/connection.ts), the dispatcher finds its program and
 * procedure (rpc/dispatch.ts), the procedure decodes its arguments and asks the FileSystem
 * (nfs/procedure.ts), a change waits for the store's barrier, and the reply leaves with the others
 * of its batch.
 */
import { hostname } from 'node:os'
import { controlProgram } from './control/program.ts'
import { openControlSocket } from './control/socket.ts'
import { type Endpoints, openEndpoints, servicesOf } from './endpoints.ts'
import { FsError } from './fs/error.ts'
import { limitHeap } from './heap.ts'
import { LocalOperations } from './local.ts'
import { LockService } from './locks.ts'
import { type MemoryPlan, planMemory } from './memory.ts'
import { StoreMounts } from './mount-journal.ts'
import { type ExportOptions, Exports } from './nfs/exports.ts'
import { FileHandles } from './nfs/fhandle.ts'
import { mountPrograms } from './nfs/mount.ts'
import { Mounts } from './nfs/mounts.ts'
import { nfsProgram } from './nfs/program.ts'
import { rquotaPrograms } from './nfs/rquota.ts'
import { KeptReplies } from './replies.ts'
import { BusyPoll } from './rpc/busypoll.ts'
import { Dispatcher } from './rpc/dispatch.ts'
import { Listener } from './rpc/listener.ts'
import {
  choosePortmap,
  mountOptions,
  PORTMAP_LIMITS,
  type Portmap,
  type PortmapMode,
} from './rpc/portmap-host.ts'
import type { Program } from './rpc/program.ts'
import { ReplyCache } from './rpc/replycache.ts'
import { isWildcard } from './rpc/rpcbind-address.ts'
import { UdpEndpoint } from './rpc/udp.ts'
import type { Datasets } from './snapshot/datasets.ts'
import type { CheckpointLimits } from './store/checkpointer.ts'
import { summedMemory } from './store/checksum.ts'
import { REPLY_SLOTS } from './store/reply.ts'
import { Volume, type VolumeOptions } from './volume.ts'
import { RecordBuffers } from './xdr/buffers.ts'

/** What holds for all exports; `aliases` are of the root. */
export type ExportRules = Omit<ExportOptions, 'dataset' | 'path' | 'durability' | 'securePorts'>

export interface ServeOptions {
  /** The data folder; made where it is missing. */
  readonly directory: string
  /** Numeric addresses to listen on; none: loopback. */
  readonly listen: readonly string[]
  /** undefined: 2049, or another where that is taken. */
  readonly port: number | undefined
  /** Of MOUNT and RQUOTA; undefined: they are served on the port of NFS. */
  readonly mountPort: number | undefined
  /** Whether NFS is served over UDP too. */
  readonly udp?: boolean
  readonly portmap: PortmapMode
  readonly durability: 'sync' | 'async'
  /** Who may do what. */
  readonly exports?: ExportRules
  /** How long clients may reclaim their locks after a restart, in seconds; 45 by default. */
  readonly graceSeconds?: number | undefined
  /** The most resident memory, in bytes: at least MEMORY_MIN. MEMORY_DEFAULT by default. */
  readonly memory?: number | undefined
  readonly version: string
  /** Is told what nobody asked for: failures of the store, bugs. */
  readonly report: (message: string, error: unknown) => void
  /** What the store's own files are on; the real disk unless told otherwise. */
  readonly disk?: VolumeOptions['disk']
  /** Where checkpoints shall begin earlier than they do by default. */
  readonly checkpointLimits?: Partial<CheckpointLimits>
  /** The schedules' clock and timers; the system's unless told otherwise. */
  readonly clock?: VolumeOptions['clock']
}

export interface Serving {
  /** `127.0.0.1:2049`, one for each address. */
  readonly addresses: readonly string[]
  readonly mount: {
    /** What to type on this machine. */
    readonly command: string
    /** Why it needs options; undefined where it needs none. */
    readonly why: string | undefined
  }
  /** One sentence: who answers clients that ask for our ports. */
  readonly portmap: string
  /** Records that recovery brought back. */
  readonly recovered: number
  /** Answers the calls that came, stores everything, and closes. */
  stop(): Promise<void>
}

/** As long as the Linux server has clients reclaim their locks. */
const GRACE_SECONDS = 45
/** How long a stop waits for calls under way, in milliseconds. */
const DRAIN_MS = 1000
/** How long the process stays awake after a lone call: the time in which a client asks again. */
const BUSY_POLL_MS = 0.1

/** @throws StoreError, EndpointError, PortmapError, SocketError: each with one sentence */
export async function startServer(options: ServeOptions): Promise<Serving> {
  const { directory, report, disk, checkpointLimits: limits, clock } = options
  const command = 'zerofs-nfs serve'
  const memory = planMemory(options.memory)
  const buffers = new RecordBuffers(summedMemory(memory.recordBytes))
  const settings = { report, disk, limits, buffers, clock, memory }
  const volume = await Volume.open({ directory, create: true, command, ...settings })
  const opened: (() => unknown)[] = [limitHeap(memory.heapBytes), () => volume.close()]
  const close = async () => {
    for (const one of opened.reverse()) await one()
  }
  try {
    const programs = await nfsPrograms(volume, options)
    const { locks } = programs
    const replies = replyCache(volume)
    const endpoints = await serve(programs, buffers, replies, memory, options)
    opened.push(() => Promise.all(endpoints.sockets.map((socket) => socket.close(DRAIN_MS))))
    const portmap = await choose(endpoints, locks, options)
    opened.push(() => portmap.close())
    opened.push(() => locks.stop())
    locks.start(portmap)
    const operations = new LocalOperations(volume, statusOf(options, endpoints))
    const reportCall = (error: unknown) => report('a control call failed', error)
    const control = await openControlSocket(
      directory,
      controlProgram(operations, reportCall),
      reportCall,
    )
    opened.push(() => control.close(DRAIN_MS))
    volume.datasets.startSchedules()
    return serving(volume, endpoints, portmap, options, close)
  } catch (error) {
    await close()
    throw error
  }
}

interface Programs {
  readonly nfs: Program
  /** MOUNT, and RQUOTA beside it. */
  readonly mount: readonly Program[]
  readonly locks: LockService
}

async function nfsPrograms(volume: Volume, options: ServeOptions): Promise<Programs> {
  const { report, graceSeconds = GRACE_SECONDS, memory } = options
  refuseTaken(volume.datasets, options.exports?.aliases ?? [])
  const service = {
    fs: volume.fs,
    handles: new FileHandles(volume.store.superblock.handleKey, planMemory(memory).handles),
    exports: new Exports([]),
    report: (error: unknown) => report('a call failed', error),
  }
  const exportAll = () => service.exports.replace(exportsOf(volume.datasets, options))
  volume.datasets.onChange(exportAll)
  exportAll()
  const graceMs = graceSeconds * 1000
  const locks = await LockService.open(volume.store, { service, graceMs, report })
  const journal = new StoreMounts(volume.store)
  const onMount = (address: string) => locks.mounting(address)
  const mounts = new Mounts({ onMount, journal, kept: await journal.kept() })
  const rquota = rquotaPrograms(service, (dataset) => volume.datasets.byId(dataset)?.dataset)
  const mount = [...mountPrograms(service, mounts), ...rquota]
  return { nfs: nfsProgram(service), mount, locks }
}

/** @throws FsError where an alias is a dataset already */
function refuseTaken({ all }: Datasets, aliases: readonly string[]): void {
  const taken = aliases.find((alias) => all.some(({ name }) => alias === `/${name}`))
  if (taken === undefined) return
  const name = taken.slice(1)
  throw new FsError('EXIST', `there is a dataset '${name}': the alias of / needs another name`)
}

/**
 * Each dataset is exported by its name, all by the same rules. Where another dataset has the name
 * that is an alias of the root, that name is the other one's.
 */
function exportsOf(
  { all }: Datasets,
  { durability, exports: { aliases = [], ...rules } = {} }: ServeOptions,
): ExportOptions[] {
  const free = aliases.filter((alias) => !all.some(({ name }) => alias === `/${name}`))
  return all.map(({ name, dataset }) => ({
    ...rules,
    ...{ dataset: dataset.id, path: `/${name}`, durability },
    ...(name === '' && { aliases: free }),
  }))
}

/** With what was answered before the last stop. */
function replyCache({ store }: Volume): ReplyCache {
  const seconds = () => performance.now() / 1000
  const replies = new KeptReplies(store)
  return new ReplyCache({ callsMax: REPLY_SLOTS, seconds, store: replies }, replies.kept())
}

function serve(
  { nfs, mount, locks }: Programs,
  buffers: RecordBuffers,
  replies: ReplyCache,
  { networkBytes }: MemoryPlan,
  options: ServeOptions,
): Promise<Endpoints> {
  const report = (error: unknown) => options.report('a call failed', error)
  return openEndpoints({
    hosts: options.listen,
    port: options.port,
    mountPort: options.mountPort,
    udp: options.udp ?? false,
    dispatcher: new Dispatcher([nfs, ...mount, ...locks.programs], report, replies),
    mountDispatcher: new Dispatcher([...mount, ...locks.programs], report),
    lockDispatcher: new Dispatcher(locks.programs, report),
    budget: { used: 0, max: networkBytes },
    buffers,
    busyPoll: new BusyPoll(BUSY_POLL_MS, () => performance.now()),
  })
}

function choose(
  endpoints: Endpoints,
  { registry, registrar }: LockService,
  { portmap, report }: ServeOptions,
): Promise<Portmap> {
  return choosePortmap({
    mode: portmap,
    listenHosts: endpoints.hosts,
    services: servicesOf(endpoints),
    ...{ registry, registrar },
    clock: () => Math.floor(Date.now() / 1000),
    async open(transport, host, port, programs) {
      const dispatcher = new Dispatcher(programs, (error) => report('a portmap call failed', error))
      const listener =
        transport === 'tcp'
          ? await Listener.listen({ host, port }, dispatcher, { limits: PORTMAP_LIMITS })
          : await UdpEndpoint.listen({ host, port }, dispatcher)
      return { close: () => listener.close(DRAIN_MS) }
    },
  })
}

function statusOf(options: ServeOptions, endpoints: Endpoints) {
  const started = performance.now()
  return () => ({
    version: options.version,
    state: 'serving' as const,
    uptime: Math.floor((performance.now() - started) / 1000),
    durability: options.durability,
    addresses: addressesOf(endpoints),
    memory: { used: process.memoryUsage.rss(), max: planMemory(options.memory).total },
    connections: endpoints.sockets.reduce((sum, socket) => sum + socket.connections, 0),
  })
}

function addressesOf({ hosts, port }: Endpoints): string[] {
  return hosts.map((host) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`))
}

function serving(
  volume: Volume,
  endpoints: Endpoints,
  portmap: Portmap,
  options: ServeOptions,
  stop: () => Promise<void>,
): Serving {
  const root = process.getuid?.() === 0
  const needed = mountOptions(portmap, endpoints.port, endpoints.mountPort, root)
  const host = mountHost(endpoints.hosts)
  const reasons = [endpoints.why, portmap.by === 'off' ? portmap.summary : undefined]
  const asked = options.port === undefined ? [] : [`port ${options.port} was asked for`]
  const unlocked =
    !root && portmap.by === 'system' ? ['only root can serve locks to this host'] : []
  const given = reasons.filter((reason) => reason !== undefined)
  const why = [...given, ...asked, ...unlocked].join('; ')
  return {
    addresses: addressesOf(endpoints),
    mount: {
      command: `mount -t nfs ${needed === '' ? '' : `-o ${needed} `}${host}:/ /mnt`,
      why: needed === '' ? undefined : why,
    },
    portmap: portmap.summary,
    recovered: volume.recovered,
    stop,
  }
}

/** What this machine calls the server. */
function mountHost(hosts: readonly string[]): string {
  if (hosts.some((host) => host === '127.0.0.1' || host === '::1')) return 'localhost'
  const [host = 'localhost'] = hosts
  if (isWildcard(host)) return hostname()
  return host.includes(':') ? `[${host}]` : host
}
