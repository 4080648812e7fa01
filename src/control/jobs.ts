/**
 * Long calls. One is started and answers a number at once; asked by that number, it tells what it
 * reported since, and in the end its result, whose list comes in pages. With the last page it is
 * forgotten. It runs to its end whether or not anybody still asks.
 */
import { FsError } from '../fs/error.ts'
import { PAGE_LENGTH, type Poll, type PollArgs } from './types.ts'

/** Jobs that run, or whose result nobody has collected yet. */
export const JOBS_MAX = 32
/** How long a poll waits for the job's end before it tells how far it is. */
export const POLL_WAIT_MS = 200

/** What a job comes to: its result, and the list that goes with it. */
export interface Outcome<R, I> {
  readonly value: R
  readonly items: readonly I[]
}

interface Job<P, R, I> {
  /** What was reported since it was last asked, the newest PAGE_LENGTH of it. */
  progress: P[]
  outcome: Outcome<R, I> | FsError | undefined
  /** Polls that wait for its end. */
  readonly waiting: Set<() => void>
}

/** How many jobs there are over all kinds. */
export interface JobCount {
  readonly numbers: Map<number, { readonly ended: boolean; forget(): void }>
  next: number
}

export function jobCount(): JobCount {
  return { numbers: new Map(), next: 1 }
}

/** The jobs of one kind. */
export class Jobs<P, R, I> {
  readonly #count: JobCount
  readonly #jobs = new Map<number, Job<P, R, I>>()
  readonly #toError: (error: unknown) => FsError

  /** @param toError what a job that threw is answered with */
  constructor(count: JobCount, toError: (error: unknown) => FsError) {
    this.#count = count
    this.#toError = toError
  }

  /**
   * @param run reports by calling what it is given
   * @throws FsError JUKEBOX where too many are running
   */
  start(run: (report: (progress: P) => void) => Promise<Outcome<R, I>>): number {
    this.#makeRoom()
    const number = this.#count.next++
    const job: Job<P, R, I> = { progress: [], outcome: undefined, waiting: new Set() }
    this.#jobs.set(number, job)
    this.#count.numbers.set(number, {
      get ended() {
        return job.outcome !== undefined
      },
      forget: () => this.#forget(number),
    })
    const end = (outcome: Outcome<R, I> | FsError) => {
      job.outcome = outcome
      for (const wake of job.waiting) wake()
    }
    run((progress) => {
      if (job.progress.push(progress) > PAGE_LENGTH) job.progress.shift()
    }).then(end, (error) => end(this.#toError(error)))
    return number
  }

  /**
   * Answers when the job has ended, or after POLL_WAIT_MS.
   *
   * @throws FsError NOENT no such job
   */
  async poll({ job: number, from }: PollArgs): Promise<Poll<P, R, I>> {
    const job = this.#jobs.get(number)
    if (job === undefined) {
      throw new FsError('NOENT', `job ${number} is not known: its result was collected or dropped`)
    }
    if (job.outcome === undefined) await ended(job)
    const progress = job.progress
    job.progress = []
    if (job.outcome === undefined) return { progress, outcome: undefined }
    if (job.outcome instanceof FsError) {
      this.#forget(number)
      return { progress, outcome: { ok: false, error: job.outcome } }
    }
    const { value, items } = job.outcome
    const more = items.length > from + PAGE_LENGTH
    if (!more) this.#forget(number)
    const page = { value, items: items.slice(from, from + PAGE_LENGTH), more }
    return { progress, outcome: { ok: true, value: page } }
  }

  #forget(number: number): void {
    this.#jobs.delete(number)
    this.#count.numbers.delete(number)
  }

  /** Where there are JOBS_MAX, drops the oldest that has ended: whoever started it went away. */
  #makeRoom(): void {
    const { numbers } = this.#count
    if (numbers.size < JOBS_MAX) return
    for (const job of numbers.values()) {
      if (job.ended) {
        job.forget()
        return
      }
    }
    throw new FsError('JUKEBOX', `${JOBS_MAX} long jobs are running; wait until one has ended`)
  }
}

function ended(job: { readonly waiting: Set<() => void> }): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer)
      job.waiting.delete(wake)
      resolve()
    }
    const timer = setTimeout(wake, POLL_WAIT_MS)
    job.waiting.add(wake)
  })
}
