/**
 * Registers our programs with the portmapper that the system runs on port 111, by the first way
 * (rpcbind-ways.ts) that works.
 *
 * What stands there for a program of ours is replaced, so that what a killed server left behind is
 * no hindrance; but not where another server still answers there. Three programs are other:
 *
 *   NLM     is this host's kernel's too, as soon as it mounts something. Its clients must find ours,
 *           so ours replaces it, again and again (`renew`); where the kernel's is is remembered, and
 *           put back in the end.
 *   NSM     is the system's where rpc.statd runs: that one stays.
 *   RQUOTA  the host may serve for its own disks: that one stays too, and we serve all the rest.
 */
import { voidType } from '../xdr/codec.ts'
import { RpcClient } from './client.ts'
import type { Registrar, Service } from './portmap-host.ts'
import { PMAP_PORT } from './portmap-wire.ts'
import { NLM_PROG, RQUOTA_PROGRAM, SM_PROG } from './program.ts'
import { isWildcard, loopbackOf, type Netid } from './rpcbind-address.ts'
import { pmapWay, rpcbindWay, type Way } from './rpcbind-ways.ts'

/** Where rpcbind listens for callers of this host. */
export const RPCBIND_SOCKET = '/run/rpcbind.sock'

/** How long a portmapper of this host may take for one answer: serving has to wait for it. */
const TIMEOUT_MS = 5000

export interface SystemRegistrarOptions {
  /** User id of this process: rpcbind lets the same user, or root, take registrations back. */
  readonly uid: number
  /** Other than the standard ones in tests only. */
  readonly socketPath?: string
  readonly port?: number
  /** Where this host's kernel had its lock manager when it was last seen. */
  readonly peers?: readonly Service[]
  /** Runs when `peers` has changed, or rpc.statd has come. */
  readonly onPeer?: () => void
}

/** Programs that may be another server's, and are as good then. */
const OPTIONAL: ReadonlySet<number> = new Set([RQUOTA_PROGRAM, SM_PROG])

/** Somebody else serves what we would register: no other way may replace it either. */
class ServedAlready extends Error {}

export class SystemRegistrar implements Registrar {
  readonly #ways: readonly Way[]
  /** What was registered, and how; undefined while nothing is. */
  #registered: { readonly way: Way; readonly services: readonly Service[] } | undefined
  #peers: readonly Service[]
  readonly #onPeer: () => void
  /** What was missing when `renew` last looked for that. */
  #missing: ReadonlySet<Service> = new Set()

  constructor(options: SystemRegistrarOptions) {
    this.#peers = options.peers ?? []
    this.#onPeer = options.onPeer ?? (() => undefined)
    const { uid, socketPath = RPCBIND_SOCKET, port = PMAP_PORT } = options
    this.#ways = [rpcbindWay(socketPath, uid), pmapWay('tcp', port), pmapWay('udp', port)]
  }

  /** Where this host's kernel has its lock manager. */
  get peers(): readonly Service[] {
    return this.#peers
  }

  /** As `peers`, of one version and transport. */
  peer(vers: number, netid: Netid): Service | undefined {
    return this.#peers.find((one) => one.vers === vers && one.netid === netid)
  }

  /** Whether `prog` is registered as ours. */
  has(prog: number): boolean {
    return this.#registered?.services.some((service) => service.prog === prog) ?? false
  }

  async register(services: readonly Service[]): Promise<{ registered: boolean; summary: string }> {
    const refusals: string[] = []
    for (const way of this.#ways) {
      try {
        await this.#registerBy(way, way.select(services))
        return { registered: true, summary: `registered with the system's portmapper, ${way.name}` }
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        if (error instanceof ServedAlready) return { registered: false, summary: message }
        refusals.push(`${way.name}: ${message}`)
      }
    }
    return {
      registered: false,
      summary: `no portmapper of the system took our programs (${refusals.join('; ')})`,
    }
  }

  async unregister(): Promise<void> {
    const registered = this.#registered
    if (registered === undefined) return
    this.#registered = undefined
    const { way, services } = registered
    try {
      await withClient(way, async (client) => {
        await unsetAll(way, client, services)
        for (const peer of this.#peers) await way.set(client, peer)
      })
    } catch {
      // The portmapper is gone, and our registrations with it.
    }
  }

  /**
   * Replaces an NLM that stands where ours stood by ours. What replaced anything else stays.
   *
   * @param settled whether to put back what is missing too, the second time that it is. The kernel
   *   removes ours before it registers its own: should ours be there again in between, it would
   *   take that for a failure, and mount nothing
   * @throws RpcError, or the system's error, where the portmapper is gone
   */
  async renew(settled: boolean): Promise<void> {
    const registered = this.#registered
    if (registered === undefined) return
    const { way, services } = registered
    await withClient(way, async (client) => {
      const listed = await way.dump(client)
      const there = (service: Service) => listed.find((one) => isOf(one, service))
      const replaced = services.filter(isNlm).filter((service) => {
        const { port = service.port } = there(service) ?? {}
        return port !== service.port
      })
      await unsetAll(way, client, replaced)
      for (const service of replaced) await way.set(client, service)
      if (replaced.length > 0 || settled) await this.#learnPeers(listed, services, settled)
      if (!settled) return
      await this.#considerStatd(listed)
      const missing = services.filter((service) => there(service) === undefined)
      for (const service of missing) {
        if (this.#missing.has(service)) await way.set(client, service)
      }
      this.#missing = new Set(missing)
    })
  }

  /** rpc.statd was started after us, and has taken the place of our NSM: it is the host's now. */
  async #considerStatd(listed: readonly Service[]): Promise<void> {
    const { way, services } = this.#registered ?? { services: [] }
    if (way === undefined || !services.some(({ prog }) => prog === SM_PROG)) return
    if (!(await hasStatd(listed, services))) return
    this.#registered = { way, services: services.filter(({ prog }) => prog !== SM_PROG) }
    this.#onPeer()
  }

  async #registerBy(way: Way, services: readonly Service[]): Promise<void> {
    if (services.length === 0) throw new Error('it knows no IPv6')
    await withClient(way, async (client) => {
      const listed = await way.dump(client)
      const nlm = services.filter(isNlm)
      const others = services.filter((service) => !isNlm(service))
      const ours = [...(await notServed(listed, others)), ...nlm]
      await this.#learnPeers(listed, ours, false)
      // All UNSETs come first: version 2 removes TCP and UDP with either.
      await unsetAll(way, client, ours)
      for (const service of ours) {
        if ((await way.set(client, service)) || OPTIONAL.has(service.prog)) continue
        await unsetAll(way, client, ours)
        throw new Error(`it refused program ${service.prog} version ${service.vers}`)
      }
      this.#registered = { way, services: ours }
    })
  }

  /**
   * Where somebody else's NLM is registered, and answers, that is the kernel's.
   *
   * @param settled whether none at all means that the kernel has ended its own
   */
  async #learnPeers(
    listed: readonly Service[],
    services: readonly Service[],
    settled: boolean,
  ): Promise<void> {
    const own = services.filter(isNlm)
    const others = listed.filter(isNlm).filter((other) => !own.some((one) => isAt(one, other)))
    const served: Service[] = []
    for (const other of others) if (await isServed(other)) served.push(other)
    const ended = settled && !listed.some(isNlm)
    const kept = this.#peers.filter((peer) => !ended && !served.some((one) => isOf(one, peer)))
    const peers = [...kept, ...served]
    if (JSON.stringify(peers) === JSON.stringify(this.#peers)) return
    this.#peers = peers
    this.#onPeer()
  }
}

const isNlm = ({ prog }: Service): boolean => prog === NLM_PROG

function isOf(one: Service, other: Pick<Service, 'prog' | 'vers' | 'netid'>): boolean {
  return one.prog === other.prog && one.vers === other.vers && one.netid === other.netid
}

/** Whether two registrations are of one socket. */
function isAt(one: Service, other: Service): boolean {
  return one.port === other.port && one.netid === other.netid
}

/** Whether somebody else serves the NSM. */
async function hasStatd(listed: readonly Service[], own: readonly Service[]): Promise<boolean> {
  for (const other of listed) {
    if (other.prog !== SM_PROG || own.some((one) => isAt(one, other))) continue
    if (await isServed(other)) return true
  }
  return false
}

async function unsetAll(way: Way, client: RpcClient, services: readonly Service[]): Promise<void> {
  for (const service of services) await way.unset(client, service)
}

/**
 * The services that are ours to register: without the optional programs that somebody else serves.
 *
 * @throws ServedAlready where somebody else serves one of the others
 */
async function notServed(
  registered: readonly Service[],
  services: readonly Service[],
): Promise<readonly Service[]> {
  const others = new Set<number>()
  for (const { prog, vers, netid, port } of services) {
    for (const other of registered) {
      if (other.prog !== prog || other.vers !== vers || other.netid !== netid) continue
      if (others.has(prog) || other.port === port || !(await isServed(other))) continue
      const what = `program ${prog} version ${vers}`
      if (!OPTIONAL.has(prog)) {
        throw new ServedAlready(
          `another server of ${what} is registered with the system's portmapper, at ${netid} port ${other.port}`,
        )
      }
      others.add(prog)
    }
  }
  return services.filter(({ prog }) => !others.has(prog))
}

/** Whether NULL of that program is answered there: is the registration still somebody's? */
async function isServed({ prog, vers, netid, host, port }: Service): Promise<boolean> {
  const transport = netid.startsWith('udp') ? 'udp' : 'tcp'
  const at = { transport, host: isWildcard(host) ? loopbackOf(netid) : host, port } as const
  try {
    const client = await RpcClient.connect(at, { timeoutMs: TIMEOUT_MS })
    try {
      await client.call(prog, vers, 0, voidType, undefined, voidType)
      return true
    } finally {
      await client.close()
    }
  } catch {
    return false
  }
}

async function withClient(way: Way, use: (client: RpcClient) => Promise<void>): Promise<void> {
  const client = await RpcClient.connect(way.address, { timeoutMs: TIMEOUT_MS })
  try {
    await use(client)
  } finally {
    await client.close()
  }
}
