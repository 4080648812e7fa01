/**
 * Registers our programs with the portmapper that the system runs on port 111, by the first way
 * (rpcbind-ways.ts) that works.
 *
 * What stands there for a program of ours is replaced, so that what a killed server left behind is
 * no hindrance; but not where another server still answers at that address.
 */
import type { Registrar, Service } from './portmap-host.ts'
import { PMAP_PORT } from './portmap-wire.ts'
import {
  type PortmapAddress,
  type PortmapClient,
  pmapWay,
  rpcbindWay,
  type Way,
} from './rpcbind-ways.ts'

/** Where rpcbind listens for callers of this host. */
export const RPCBIND_SOCKET = '/run/rpcbind.sock'

export interface SystemRegistrarOptions {
  /** Rejects where nobody listens. From a privileged port where the process may have one. */
  readonly connect: (address: PortmapAddress) => Promise<PortmapClient>
  /** Whether NULL of that program is answered there: is a registration somebody's still? */
  readonly isServed: (service: Service) => Promise<boolean>
  /** User id of this process: rpcbind lets the same user, or root, take registrations back. */
  readonly uid: number
  readonly socketPath?: string
  readonly port?: number
}

export class SystemRegistrar implements Registrar {
  readonly #options: SystemRegistrarOptions
  /** How the registrations were made; undefined while there are none. */
  #way: Way | undefined
  #services: readonly Service[] = []

  constructor(options: SystemRegistrarOptions) {
    this.#options = options
  }

  async register(services: readonly Service[]): Promise<{ registered: boolean; summary: string }> {
    const refusals: string[] = []
    const { uid, socketPath = RPCBIND_SOCKET, port = PMAP_PORT } = this.#options
    const ways = [rpcbindWay(socketPath, uid), pmapWay('tcp', port), pmapWay('udp', port)]
    for (const way of ways) {
      try {
        await this.#registerBy(way, way.select(services))
        return { registered: true, summary: `registered with the system's portmapper, ${way.name}` }
      } catch (error) {
        refusals.push(`${way.name}: ${messageOf(error)}`)
      }
    }
    return {
      registered: false,
      summary: `the system's portmapper did not take our programs (${refusals.join('; ')})`,
    }
  }

  async unregister(): Promise<void> {
    const way = this.#way
    if (way === undefined) return
    this.#way = undefined
    try {
      await withClient(this.#options.connect(way.address), async (client) => {
        for (const service of this.#services) await way.unset(client, service)
      })
    } catch {
      // The portmapper is gone, and our registrations with it.
    }
  }

  async #registerBy(way: Way, services: readonly Service[]): Promise<void> {
    if (services.length === 0) throw new Error('it knows no IPv6')
    await withClient(this.#options.connect(way.address), async (client) => {
      await this.#refuseWhereServed(await way.dump(client), services)
      this.#way = way
      this.#services = services
      // All UNSETs come first: version 2 removes TCP and UDP with either.
      for (const service of services) await way.unset(client, service)
      for (const service of services) {
        if (await way.set(client, service)) continue
        for (const each of services) await way.unset(client, each)
        this.#way = undefined
        throw new Error(`it refused program ${service.prog} version ${service.vers}`)
      }
    })
  }

  async #refuseWhereServed(
    registered: readonly Service[],
    services: readonly Service[],
  ): Promise<void> {
    for (const { prog, vers, netid, port } of services) {
      for (const other of registered) {
        const same = other.prog === prog && other.vers === vers && other.netid === netid
        if (!same || other.port === port || !(await this.#options.isServed(other))) continue
        throw new Error(
          `another server of program ${prog} version ${vers} is registered at ${netid} port ${other.port}, and answers`,
        )
      }
    }
  }
}

async function withClient(
  connecting: Promise<PortmapClient>,
  use: (client: PortmapClient) => Promise<void>,
): Promise<void> {
  const client = await connecting
  try {
    await use(client)
  } finally {
    client.close()
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
