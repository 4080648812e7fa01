/**
 * Registers our programs with the portmapper that the system runs on port 111, by the first way
 * (rpcbind-ways.ts) that works.
 *
 * What stands there for a program of ours is replaced, so that what a killed server left behind is
 * no hindrance; but not where another server still answers at that address. Of RQUOTA the host may
 * have a server of its own, for its own disks: that one stays, and we serve all the rest.
 */
import { voidType } from '../xdr/codec.ts'
import { RpcClient } from './client.ts'
import type { Registrar, Service } from './portmap-host.ts'
import { PMAP_PORT } from './portmap-wire.ts'
import { RQUOTA_PROGRAM } from './program.ts'
import { isWildcard, loopbackOf } from './rpcbind-address.ts'
import { pmapWay, rpcbindWay, type Way } from './rpcbind-ways.ts'

/** Where rpcbind listens for callers of this host. */
export const RPCBIND_SOCKET = '/run/rpcbind.sock'

/** How long a portmapper of this host may take for one answer: serving has to wait for it. */
const TIMEOUT_MS = 2000

export interface SystemRegistrarOptions {
  /** User id of this process: rpcbind lets the same user, or root, take registrations back. */
  readonly uid: number
  /** Other than the standard ones in tests only. */
  readonly socketPath?: string
  readonly port?: number
}

/** Programs that may be another server's: nobody's mount depends on them. */
const OPTIONAL: ReadonlySet<number> = new Set([RQUOTA_PROGRAM])

/** Somebody else serves what we would register: no other way may replace it either. */
class ServedAlready extends Error {}

export class SystemRegistrar implements Registrar {
  readonly #ways: readonly Way[]
  /** What was registered, and how; undefined while nothing is. */
  #registered: { readonly way: Way; readonly services: readonly Service[] } | undefined

  constructor(options: SystemRegistrarOptions) {
    const { uid, socketPath = RPCBIND_SOCKET, port = PMAP_PORT } = options
    this.#ways = [rpcbindWay(socketPath, uid), pmapWay('tcp', port), pmapWay('udp', port)]
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
      await withClient(way, (client) => unsetAll(way, client, services))
    } catch {
      // The portmapper is gone, and our registrations with it.
    }
  }

  async #registerBy(way: Way, services: readonly Service[]): Promise<void> {
    if (services.length === 0) throw new Error('it knows no IPv6')
    await withClient(way, async (client) => {
      const ours = await notServed(await way.dump(client), services)
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
