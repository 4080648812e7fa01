/**
 * The lock service: the lock manager (NLM), the status monitor (NSM), what they keep in the store,
 * and where the kernel of this host has its own: it may be a client like others.
 */
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { StoreLocks } from './lock-journal.ts'
import type { Client } from './nfs/locks/clients.ts'
import { Granter } from './nfs/locks/granter.ts'
import { HostCalls, OWN_PRIV } from './nfs/locks/host-calls.ts'
import { LockManager } from './nfs/locks/manager.ts'
import { nlmPrograms } from './nfs/locks/nlm-program.ts'
import type { nlm_reboot } from './nfs/locks/nlm-types.ts'
import { Notifier } from './nfs/locks/notifier.ts'
import { type Monitor, Nsm } from './nfs/locks/nsm.ts'
import { nsmProgram } from './nfs/locks/nsm-program.ts'
import { Peers } from './nfs/locks/peers.ts'
import type { Service } from './nfs/procedure.ts'
import type { Portmap } from './rpc/portmap-host.ts'
import { PortRegistry } from './rpc/portmap-registry.ts'
import { NLM_PROG, type Program, SM_PROG } from './rpc/program.ts'
import { isNetid, netidOf } from './rpc/rpcbind-address.ts'
import { SystemRegistrar } from './rpc/rpcbind-registrar.ts'
import { RegistrationWatch } from './rpc/rpcbind-watch.ts'
import { FsError } from './store/error.ts'
import type { NsmRecord } from './store/lock-records.ts'
import type { Store } from './store/store.ts'

export interface LockOptions {
  readonly service: Service
  /** How long clients may reclaim their locks after a restart, in milliseconds. */
  readonly graceMs: number
  readonly report: (message: string, error: unknown) => void
}

/** The first state of our NSM: odd numbers are "up". */
const FIRST_STATE = 1
const RANDOM_STEPS = 2 ** 32

export class LockService {
  readonly #kept: StoreLocks
  readonly #registry: PortRegistry
  readonly #registrar: SystemRegistrar
  readonly #manager: LockManager
  readonly #granter: Granter
  readonly #nsm: Nsm
  readonly #peers: Peers
  readonly #notifier: Notifier
  readonly #hostCalls: HostCalls
  readonly #options: LockOptions
  readonly #bootId: string
  #portmap: Portmap['by'] = 'off'
  #watch: RegistrationWatch | undefined
  #statdAsked = false

  private constructor(kept: StoreLocks, about: NsmRecord, own: Monitors, options: LockOptions) {
    const { report } = options
    this.#kept = kept
    this.#options = options
    this.#bootId = about.bootId
    this.#registry = new PortRegistry(() => this.#keep())
    const peers = about.lockds.flatMap(({ netid, ...at }) =>
      isNetid(netid) ? [{ prog: NLM_PROG, netid, ...at }] : [],
    )
    const uid = process.getuid?.() ?? 0
    this.#registrar = new SystemRegistrar({ uid, peers, onPeer: () => this.#keep() })
    const portHere = this.#portHere
    const calls = { portHere, after, report }
    this.#peers = new Peers({ isHere, ...calls })
    this.#notifier = new Notifier({ names: ownNames(), after })
    this.#hostCalls = new HostCalls({ ...calls, random })
    this.#manager = this.#newManager()
    this.#granter = this.#newGranter()
    this.#nsm = this.#newNsm(about.state, own)
    for (const one of peers) this.#registry.set({ privileged: true }, { ...one, owner: 'kernel' })
  }

  /** @throws FsError IO */
  static async open(store: Store, options: LockOptions): Promise<LockService> {
    const kept = new StoreLocks(store)
    const before = kept.nsm
    const bootId = bootIdOf()
    const state = before === undefined ? FIRST_STATE : before.state + 2
    const rebooted = before !== undefined && before.bootId !== bootId
    const lockds = before === undefined || rebooted ? [] : before.lockds
    kept.saveNsm({ state, bootId, lockds })
    const monitors = await kept.monitors()
    const restored = await kept.restored()
    const about = { state, bootId, lockds }
    const service = new LockService(kept, about, rebooted ? [] : monitors, options)
    service.#manager.restore(restored)
    if (rebooted) service.#hostRestarted(monitors)
    return service
  }

  /** NLM and NSM. */
  get programs(): readonly Program[] {
    const service = this.#options.service
    const nlm = nlmPrograms({
      ...{ service, manager: this.#manager, journal: this.#kept },
      send: (peer, proc, codec, args) => this.#peers.send(peer, proc, codec, args),
      onGrantedRes: (cookie, status) => this.#granter.answered(cookie, status),
      onNews: (news) => this.#newsFromStatd(news),
    })
    return [...nlm, nsmProgram(this.#nsm, (done) => this.#kept.barrier(done))]
  }

  /** What our own portmapper answers from. */
  get registry(): PortRegistry {
    return this.#registry
  }

  /** Who registers us with the system's portmapper. */
  get registrar(): SystemRegistrar {
    return this.#registrar
  }

  /** Clients may come from now on: those that held locks are told that we have restarted. */
  start({ by }: Portmap): void {
    this.#portmap = by
    this.#keep()
    this.#manager.beginGrace()
    if (by === 'system') this.#watch = new RegistrationWatch(this.#registrar, after)
    if (by !== 'off') this.#tellRestart()
  }

  /** A client mounts. */
  mounting(address: string): void {
    if (isHere(address)) this.#watch?.hurry()
  }

  async stop(): Promise<void> {
    await this.#watch?.stop()
    this.#manager.stop()
    this.#granter.stop()
    this.#notifier.stop()
    this.#hostCalls.stop()
    await this.#peers.close()
  }

  // The parts, and what they tell one another.

  #newManager(): LockManager {
    return new LockManager({
      ...{ journal: this.#kept, graceMs: this.#options.graceMs, after },
      granted: (waiter) => void this.#granter.grant(waiter),
      monitor: (client, wanted) => this.#monitor(client, wanted),
    })
  }

  #newGranter(): Granter {
    const manager = this.#manager
    return new Granter({
      ...{ peers: this.#peers, after },
      isUntold: (waiter) => manager.isUntold(waiter),
      confirmed: (waiter) => manager.confirmed(waiter),
      refused: (waiter) => manager.refused(waiter),
      report: (error) => this.#options.report('a client cannot be told of its lock', error),
    })
  }

  #newNsm(state: number, monitors: Monitors): Nsm {
    return new Nsm({
      ...{ journal: this.#kept, monitors, state, isHere },
      onRestarted: (address, name, its) => this.#free(address, name, its),
      tell: (monitor, its) => this.#hostCalls.tell(monitor, its),
      onCrash: () => this.#crash(),
    })
  }

  /** Where the kernel of this host has its lock manager. */
  readonly #portHere = (
    vers: number,
    transport: 'tcp' | 'udp',
    address: string,
  ): number | undefined => {
    const netid = netidOf(transport, address)
    if (this.#portmap === 'system') return this.#registrar.peer(vers, netid)?.port
    return this.#registry.peer(NLM_PROG, vers, netid)?.port
  }

  /** Whether the system's rpc.statd is this host's NSM. */
  get #hasStatd(): boolean {
    return this.#portmap === 'system' && !this.#registrar.has(SM_PROG)
  }

  /** What must be known again after a restart, when the kernel does not tell it again. */
  #keep(): void {
    this.#askStatd()
    const peers =
      this.#portmap === 'system' ? this.#registrar.peers : this.#registry.peers(NLM_PROG)
    const lockds = peers.map(({ vers, netid, host, port }) => ({ vers, netid, host, port }))
    this.#orSaid(() => this.#kept.saveNsm({ state: this.#nsm.state, bootId: this.#bootId, lockds }))
  }

  /** Has rpc.statd monitor all who have locks, once it is there. */
  #askStatd(): void {
    if (this.#statdAsked || !this.#hasStatd) return
    this.#statdAsked = true
    const monitored = this.#manager.clients.filter((client) => client.monitored)
    for (const client of monitored) this.#monitor(client, true)
  }

  #monitor({ address }: Client, wanted: boolean): void {
    if (!this.#hasStatd || isHere(address)) return
    const others = this.#manager.clients.filter((client) => client.address === address)
    if (!wanted && others.some(({ monitored }) => monitored)) return
    this.#hostCalls.monitor(address, hostname(), wanted)
  }

  #free(address: string, name: string, state: number | undefined): void {
    this.#orSaid(() => this.#manager.freeAll(address, name, state))
  }

  /** rpc.statd calls us with its news for us, and with those for the kernel, whose place we took. */
  #newsFromStatd({ mon_name, state, priv }: nlm_reboot): void {
    const ours = OWN_PRIV.equals(priv)
    if (ours && !isHere(mon_name)) this.#free(mon_name, '', state)
    if (ours) return
    const kernel = { my_name: '', my_prog: NLM_PROG, my_vers: 4, my_proc: 16 }
    this.#hostCalls.tell({ ...kernel, mon_name, priv }, state)
  }

  #tellRestart(): void {
    const monitored = this.#manager.clients.filter((client) => client.monitored)
    for (const address of new Set(monitored.map((client) => client.address))) {
      const here = isHere(address)
      if (this.#hasStatd || !here) this.#notifier.notify(address, this.#nsm.state)
    }
    if (monitored.some(({ address }) => isHere(address))) this.#nsm.tellRestart()
  }

  /** This host has restarted: its kernel has no locks any more, neither here nor elsewhere. */
  #hostRestarted(monitors: Monitors): void {
    for (const { address, name } of this.#manager.clients) {
      if (isHere(address)) this.#free(address, name, undefined)
    }
    const others = new Set(monitors.map(({ mon_name }) => mon_name))
    for (const name of others) if (!isHere(name)) this.#notifier.notify(name, this.#nsm.state)
    this.#orSaid(() => this.#kept.dropMonitors(monitors.map(({ id }) => id)))
  }

  #crash(): void {
    this.#nsm.state += 2
    this.#keep()
    this.#manager.simulateCrash()
    this.#tellRestart()
    for (const name of this.#nsm.othersMonitored) this.#notifier.notify(name, this.#nsm.state)
  }

  /** Where the store has failed, that was said already. */
  #orSaid(run: () => void): void {
    try {
      run()
    } catch (error) {
      if (!(error instanceof FsError)) throw error
    }
  }
}

type Monitors = readonly Monitor[]

function after(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms).unref()
  return () => clearTimeout(timer)
}

const random = (): number => randomInt(RANDOM_STEPS) / RANDOM_STEPS

/** Whether a numeric address is one of this host's. */
function isHere(address: string): boolean {
  if (address === '::1' || address.startsWith('127.')) return true
  return Object.values(networkInterfaces()).some((one) =>
    one?.some((own) => own.address === address),
  )
}

function ownNames(): readonly string[] {
  const name = hostname()
  return [...new Set([name, name.split('.')[0] ?? name])]
}

/** Another one after each start of this host; empty where the system does not tell. */
function bootIdOf(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}
