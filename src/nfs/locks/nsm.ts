/**
 * The Network Status Monitor, where the system has none (rpc.statd): tells programs of this host
 * that another host has restarted, and other hosts that this one has.
 *
 *     another host restarts    its SM_NOTIFY -> its locks here are freed (onRestarted),
 *                              and whoever of this host monitors it is called
 *     this host restarts       SM_NOTIFY to all that are monitored: they forget what we had there
 *     this server restarts     SM_NOTIFY to those that have locks here: they reclaim them. Those
 *                              monitored by this host's kernel are not told: it still has its locks
 *
 * The state is odd while a host is up, and greater at each start; who hears a number twice does
 * nothing the second time. News are believed from the address of the host that they are about.
 */
import { FsError } from '../../fs/error.ts'

/** What SM_MON asks for: to call `my_prog` when `mon_name` has restarted. */
export interface MonitorId {
  /** A name or an address of the host that is monitored. */
  readonly mon_name: string
  readonly my_name: string
  readonly my_prog: number
  readonly my_vers: number
  readonly my_proc: number
}

export interface Monitor extends MonitorId {
  readonly id: number
  /** Comes back with the news. */
  readonly priv: Uint8Array
}

export interface MonitorJournal {
  /** @throws FsError IO */
  saveMonitor(monitor: Monitor): void
  /** @throws FsError IO */
  dropMonitors(ids: readonly number[]): void
}

export interface NsmParts {
  readonly journal: MonitorJournal
  readonly monitors: readonly Monitor[]
  /** Our state now; odd. */
  readonly state: number
  /** Whether a numeric address is one of this host's. */
  readonly isHere: (address: string) => boolean
  /** Another host has restarted: what it had locked here is free. */
  readonly onRestarted: (address: string, name: string, state: number) => void
  /** Calls a program of this host with the news. */
  readonly tell: (monitor: Monitor, state: number) => void
  /** SM_SIMU_CRASH: everybody is told of a new state, as if this host had restarted. */
  readonly onCrash: () => void
}

/** Most monitored hosts, each counted for each program that monitors it. */
export const MONITORS_MAX = 1024

export class Nsm {
  readonly #parts: NsmParts
  readonly #monitors = new Map<string, Monitor>()
  #nextId = 1
  #state: number

  constructor(parts: NsmParts) {
    this.#parts = parts
    this.#state = parts.state
    for (const monitor of parts.monitors) {
      this.#monitors.set(keyOf(monitor), monitor)
      this.#nextId = Math.max(this.#nextId, monitor.id + 1)
    }
  }

  get state(): number {
    return this.#state
  }

  set state(state: number) {
    this.#state = state
  }

  get monitors(): readonly Monitor[] {
    return [...this.#monitors.values()]
  }

  /** SM_MON. @returns false where there is no room, or the store has failed */
  monitor(wanted: Omit<Monitor, 'id'>): boolean {
    const key = keyOf(wanted)
    const old = this.#monitors.get(key)
    if (old === undefined && this.#monitors.size >= MONITORS_MAX) return false
    const monitor = { ...wanted, id: old?.id ?? this.#nextId++ }
    return orFail(() => {
      this.#parts.journal.saveMonitor(monitor)
      this.#monitors.set(key, monitor)
    })
  }

  /** SM_UNMON. */
  unmonitor(id: MonitorId): void {
    this.#drop(this.monitors.filter((other) => keyOf(other) === keyOf(id)))
  }

  /** SM_UNMON_ALL. */
  unmonitorAll(id: Omit<MonitorId, 'mon_name'>): void {
    this.#drop(this.monitors.filter((other) => programOf(other) === programOf(id)))
  }

  #drop(monitors: readonly Monitor[]): void {
    if (monitors.length === 0) return
    orFail(() => {
      this.#parts.journal.dropMonitors(monitors.map(({ id }) => id))
      for (const monitor of monitors) this.#monitors.delete(keyOf(monitor))
    })
  }

  /** SM_NOTIFY: the host at `address` says that it has restarted, and is called `name`. */
  notified(address: string, name: string, state: number): void {
    const { isHere, onRestarted, tell } = this.#parts
    // What restarts on this host is a status monitor, not its kernel with the locks.
    if (!isHere(address)) onRestarted(address, name, state)
    for (const monitor of this.monitors) {
      if (monitor.mon_name === address || monitor.mon_name === name) tell(monitor, state)
    }
  }

  /** The lock manager of this server has restarted: whoever of this host has locks reclaims. */
  tellRestart(): void {
    for (const monitor of this.monitors) {
      if (this.#isOurselves(monitor.mon_name)) this.#parts.tell(monitor, this.#state)
    }
  }

  /** Those that are monitored from here, and are other hosts. */
  get othersMonitored(): readonly string[] {
    const names = new Set(this.monitors.map(({ mon_name }) => mon_name))
    return [...names].filter((name) => !this.#isOurselves(name))
  }

  /** SM_SIMU_CRASH. */
  crash(): void {
    this.#parts.onCrash()
  }

  #isOurselves(name: string): boolean {
    return name === 'localhost' || this.#parts.isHere(name)
  }
}

const programOf = ({ my_name, my_prog, my_vers, my_proc }: Omit<MonitorId, 'mon_name'>): string =>
  [my_prog, my_vers, my_proc, my_name].join(' ')

const keyOf = (id: MonitorId): string => `${programOf(id)} ${id.mon_name}`

/** @returns whether the journal took it */
function orFail(run: () => void): boolean {
  try {
    run()
    return true
  } catch (error) {
    if (error instanceof FsError) return false
    throw error
  }
}
