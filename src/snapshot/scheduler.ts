/**
 * The clock of a schedule: takes what is due, and prunes in the background afterwards.
 *
 * It looks when the next period begins, and once a minute whether somebody has set the clock: a
 * clock put forward makes due what lies in between, once; one put back makes nothing due until
 * another period begins. What fails is tried again every minute and reported once.
 */
import type { Store } from '../store/store.ts'
import type { Schedule } from './schedule.ts'

/** The longest sleep between two looks at the clock, in milliseconds. */
const SLEEP_MS_MAX = 60_000

export interface SchedulerHost {
  readonly store: Pick<Store, 'failure' | 'barrier'>
  readonly schedule: Schedule
  /** The wall clock, in milliseconds since 1970: it may jump. */
  readonly nowMs: () => number
  /** Calls `run` once, after about so many milliseconds. @returns what takes that back */
  readonly after: (ms: number, run: () => void) => () => void
  /** Is told of what cannot be taken or pruned. */
  readonly report: (message: string, error: unknown) => void
}

export class Scheduler {
  readonly #host: SchedulerHost
  #state: 'new' | 'running' | 'stopped' = 'new'
  /** Of periods that began until then everything is taken. */
  #doneMs = Number.NEGATIVE_INFINITY
  #lookedMs = Number.NEGATIVE_INFINITY
  /** When the next one begins; undefined where nothing is scheduled. */
  #nextMs: number | undefined
  #cancel: () => void = () => undefined
  /** What goes wrong at present, and why. */
  readonly #failures = new Map<string, string>()
  #pruneWanted = false
  #pruning: Promise<void> | undefined

  constructor(host: SchedulerHost) {
    this.#host = host
  }

  /** Why something cannot be taken or pruned; undefined while all is well. */
  get failure(): string | undefined {
    const told = [...this.#failures].map(([what, why]) => `${what}: ${why}`)
    return told.length === 0 ? undefined : told.join('; ')
  }

  /** Catches up what was missed, takes up an interrupted pruning, and goes on from there. */
  start(): void {
    this.#state = 'running'
    this.changed()
    this.#prune()
  }

  /** The schedule is another one now: takes at once what it wants of the periods that go on. */
  changed(): void {
    if (this.#state !== 'running') return
    this.#cancel()
    this.#failures.clear()
    this.#doneMs = Number.NEGATIVE_INFINITY
    this.#look(this.#host.nowMs())
  }

  /** Resolves when no pruning is under way. */
  async settled(): Promise<void> {
    await this.#pruning
  }

  /** Takes nothing more, and waits for the pruning, which ends when snapshots are stopped. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#cancel()
    await this.settled()
  }

  #wake(): void {
    const nowMs = this.#host.nowMs()
    const wentBack = nowMs < this.#lookedMs
    if (wentBack || (this.#nextMs !== undefined && nowMs >= this.#nextMs)) this.#look(nowMs)
    else this.#sleep(nowMs)
  }

  #look(nowMs: number): void {
    const { store, schedule } = this.#host
    // A store that has failed takes nothing more before it is opened again, by another process.
    if (store.failure !== undefined) return
    const what = 'a scheduled snapshot cannot be taken'
    this.#lookedMs = nowMs
    this.#nextMs = nowMs
    try {
      const taken = schedule.take(this.#doneMs)
      this.#doneMs = nowMs
      this.#nextMs = schedule.nextMs()
      this.#failures.delete(what)
      if (taken.length > 0) {
        store.barrier(() => undefined)
        this.#prune()
      }
    } catch (error) {
      this.#failed(what, error)
    }
    this.#sleep(nowMs)
  }

  #sleep(nowMs: number): void {
    if (this.#nextMs === undefined) return
    // What failed just now was due: it has a minute to get better.
    const ms = this.#nextMs > nowMs ? this.#nextMs - nowMs : SLEEP_MS_MAX
    this.#cancel = this.#host.after(Math.min(ms, SLEEP_MS_MAX), () => this.#wake())
  }

  #prune(): void {
    this.#pruneWanted = true
    this.#pruning ??= this.#pruneAll()
  }

  async #pruneAll(): Promise<void> {
    const what = 'snapshots cannot be pruned'
    while (this.#pruneWanted && this.#state === 'running') {
      this.#pruneWanted = false
      try {
        await this.#host.schedule.prune(() => undefined)
        this.#failures.delete(what)
      } catch (error) {
        if (this.#state === 'running') this.#failed(what, error)
      }
    }
    this.#pruning = undefined
  }

  #failed(what: string, error: unknown): void {
    // Why the store failed is reported by the store.
    if (this.#host.store.failure !== undefined) return
    const why = error instanceof Error ? error.message : String(error)
    if (this.#failures.get(what) === why) return
    this.#failures.set(what, why)
    this.#host.report(what, error)
  }
}
