/** A store with the file system on it: what a server serves, and what a command works on alone. */
import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { BackupHost } from './backup/backup.ts'
import { type RepairReport, repairStore } from './check/repair.ts'
import { Scrub } from './check/scrub.ts'
import type { FileData } from './fs/data.ts'
import { ReadBuffers } from './fs/data-buffers.ts'
import type { FileSystem } from './fs/filesystem.ts'
import type { Live } from './fs/live.ts'
import { type MemoryPlan, planMemory } from './memory.ts'
import { Datasets } from './snapshot/datasets.ts'
import { RootFileSystem } from './snapshot/rootfs.ts'
import type { Schedule } from './snapshot/schedule.ts'
import type { Scheduler, SchedulerHost } from './snapshot/scheduler.ts'
import type { Snapshots } from './snapshot/snapshots.ts'
import type { CheckpointLimits } from './store/checkpointer.ts'
import type { Disk } from './store/disk.ts'
import { nodeDisk } from './store/node-disk.ts'
import { closeStore, type OpenOptions, openStore } from './store/open.ts'
import type { Loop } from './store/pace.ts'
import type { Store } from './store/store.ts'
import type { Time } from './store/time.ts'
import type { RecordBuffers } from './xdr/buffers.ts'

export interface VolumeOptions {
  readonly directory: string
  /** Makes a store where there is none. */
  readonly create: boolean
  /** What this process calls itself to another one that wants the store. */
  readonly command: string
  /** Where the data of large writes was received, if it is to be used again. */
  readonly buffers?: RecordBuffers | undefined
  /** Is told of what nobody asked for: a failed commit, an orphan that cannot be freed. */
  readonly report: (message: string, error: unknown) => void
  /** Where checkpoints shall begin earlier than they do by default. */
  readonly limits?: Partial<CheckpointLimits> | undefined
  /** What it may take of memory; that of a server by default. */
  readonly memory?: MemoryPlan | undefined
  /** What the store's own files are on; the real disk unless told otherwise. */
  readonly disk?: Disk | undefined
  /** The schedules' clock and timers; the system's unless told otherwise. */
  readonly clock?: Pick<SchedulerHost, 'nowMs' | 'after'> | undefined
}

/** How often dirty data and unasked commits are looked after. */
const TICK_MS = 1000

/** The system's clock, to the nanosecond; both halves are read together at the start. */
function wallClock(): () => Time {
  const startedMs = Date.now()
  const started = performance.now()
  return () => {
    const elapsedMs = performance.now() - started
    // The monotonic clock supplies the digits that the wall clock lacks; where the two have drifted
    // apart (somebody has set the clock) the wall clock is right.
    const wallMs = Date.now()
    const ms = Math.abs(startedMs + elapsedMs - wallMs) < 1000 ? startedMs + elapsedMs : wallMs
    const whole = Math.floor(ms / 1000)
    return { seconds: whole, nseconds: Math.floor((ms - whole * 1000) * 1e6) }
  }
}

/** This process's event loop. */
const LOOP: Loop = {
  now: () => performance.now(),
  idle: () => performance.eventLoopUtilization().idle,
  sleep: (ms) =>
    new Promise((resolve) => {
      if (ms > 0) setTimeout(resolve, ms)
      else setImmediate(resolve)
    }),
}

const SYSTEM_CLOCK: Pick<SchedulerHost, 'nowMs' | 'after'> = {
  nowMs: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms).unref()
    return () => clearTimeout(timer)
  },
}

/** How a process of this system opens a store. */
function openOptions(
  options: Pick<VolumeOptions, 'directory' | 'create' | 'command' | 'report'>,
): OpenOptions {
  const { directory, create, command, report } = options
  return {
    ...{ directory, create, report, disk: nodeDisk, wallClock: wallClock(), randomBytes },
    owner: { pid: process.pid, command },
    rootOwner: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
  }
}

/**
 * Repairs the store of a folder that nobody has open.
 *
 * @throws as `repairStore`
 */
export function repairVolume(
  options: Pick<VolumeOptions, 'directory' | 'command' | 'report'>,
  progress: (done: string) => void,
): Promise<RepairReport> {
  return repairStore(openOptions({ ...options, create: false }), progress)
}

export class Volume {
  readonly store: Store
  readonly datasets: Datasets
  /** What clients see: all datasets. */
  readonly fs: FileSystem
  /** Records that recovery brought back when the store was opened. */
  readonly recovered: number
  readonly #disk: Disk
  readonly #timer: NodeJS.Timeout
  /** Is told of what nobody asked for. */
  readonly report: VolumeOptions['report']
  readonly scrub: Scrub

  private constructor(store: Store, recovered: number, options: VolumeOptions) {
    const { report, buffers: recordBuffers } = options
    const { data: limits } = options.memory ?? planMemory()
    const shared = {
      buffers: new ReadBuffers(),
      recordBuffers,
      budget: { held: 0 },
      limits,
      report,
    }
    const clock = options.clock ?? SYSTEM_CLOCK
    this.store = store
    this.#disk = options.disk ?? nodeDisk
    this.recovered = recovered
    this.datasets = new Datasets(store, { ...shared, clock })
    this.fs = new RootFileSystem(this.datasets)
    this.report = report
    this.scrub = new Scrub(this.backupHost)
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
  }

  // Of the root dataset.

  get live(): Live {
    return this.datasets.root.live
  }

  get data(): FileData {
    return this.datasets.root.data
  }

  get snapshots(): Snapshots {
    return this.datasets.root.snapshots
  }

  get schedule(): Schedule {
    return this.datasets.root.schedule
  }

  get scheduler(): Scheduler {
    return this.datasets.root.scheduler
  }

  /** @throws StoreError where the store cannot be opened */
  static async open(options: VolumeOptions): Promise<Volume> {
    const { directory, create, command, report, limits, buffers, disk = nodeDisk } = options
    const { store: memory } = options.memory ?? planMemory()
    const { store, recovered } = await openStore({
      ...openOptions({ directory, create, command, report }),
      ...{ limits, buffers, disk, memory, loop: LOOP },
    })
    const volume = new Volume(store, recovered, options)
    await volume.datasets.resume()
    return volume
  }

  /** What long work beside clients needs. */
  get backupHost(): BackupHost {
    return {
      ...{ store: this.store, disk: this.#disk, now: LOOP.now, sleep: LOOP.sleep },
      settle: () => this.datasets.settleAll(),
      requireGoingOn: () => this.snapshots.requireGoingOn(),
      seconds: () => Math.floor(Date.now() / 1000),
    }
  }

  #tick(): void {
    if (this.store.failure !== undefined) return
    this.datasets.tick()
    this.store.tick()
  }

  /** Stores what is in memory, and closes. Nobody may use the file system any more. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.datasets.stop()
    if (this.store.failure === undefined) await this.#settle()
    await closeStore(this.store)
  }

  /** Makes dirty data part of the store, as much as there is room for. */
  async #settle(): Promise<void> {
    try {
      this.datasets.settleAll()
    } catch {
      // What was freed may be room enough, once a checkpoint has made it available.
      await this.store.checkpoint()
      try {
        this.datasets.settleAll()
      } catch (error) {
        this.report('data that no client has committed cannot be stored, and is lost', error)
      }
    }
  }
}
