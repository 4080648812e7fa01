/**
 * Work in the background that leaves clients their speed: after each step it rests, for as long as
 * the event loop has little time to spare.
 *
 * How much it has is told by the time that it has waited for something to do. Where that is a fair
 * part, nobody is kept from anything, and the rests become short. Where it is not, or where many
 * wait for commits, which leave the loop idle and yet come later for every step, they become
 * longer, up to a multiple of what the steps take: then the work gets a small part of the loop's
 * time, and always gets that.
 */

/** What there is to know of the event loop. All times are in milliseconds, with fractions. */
export interface Loop {
  now(): number
  /** How long it has waited for something to do, since any time. */
  idle(): number
  /** Resolves after so long; after 0 in the next turn. */
  sleep(ms: number): Promise<void>
}

/** The loop has time to spare where it waits for more than this part of the time. */
const IDLE_MIN = 0.3
/** Commits that are waited for, each millisecond, from which on clients want them. */
const WAITERS_MIN = 0.4
/** How long it is watched before the rests become longer or shorter. */
const WATCHED_MS = 20
/** Rests are at most so many times as long as the work: that gets a ninth of the time. */
const RATIO_MAX = 8
/** The shortest ones, but for none. */
const RATIO_MIN = 0.25
/** What is owed is rested at once when a timer can tell it from the next turn. */
const REST_MS_MIN = 1
/** However long a step took, the work is not to stand still. */
const REST_MS_MAX = 100

/** Time that nobody measures: every rest ends with the turn. */
export const UNMEASURED_LOOP: Loop = {
  now: () => 0,
  idle: () => 0,
  sleep: () => new Promise((resolve) => setImmediate(resolve)),
}

export class Pace {
  readonly #loop: Loop
  /** Since when the loop is watched, and how long it had waited by then. */
  #since: number
  #idle: number
  /** Who has waited for a commit since then. */
  #waiters = 0
  /** How long the rests are, as a multiple of the work. */
  #ratio = 0
  /** Milliseconds that the work has not rested yet; less than 0 where it has rested longer. */
  #owed = 0

  constructor(loop: Loop) {
    this.#loop = loop
    this.#since = loop.now()
    this.#idle = loop.idle()
  }

  /** Somebody waits for a commit. */
  waits(): void {
    this.#waiters++
  }

  /** Does a step of the work: all of it in this turn. */
  step<T>(work: () => T): T {
    const started = this.#loop.now()
    try {
      return work()
    } finally {
      this.#owed += (this.#loop.now() - started) * this.#ratio
    }
  }

  /** So many milliseconds were worked, in one turn or in several. */
  worked(ms: number): void {
    this.#owed += ms * this.#ratio
  }

  /** Lets others have their turn. */
  async rest(): Promise<void> {
    this.#adjust()
    if (this.#owed < REST_MS_MIN) {
      await this.#loop.sleep(0)
      return
    }
    const started = this.#loop.now()
    await this.#loop.sleep(Math.min(this.#owed, REST_MS_MAX))
    this.#owed = Math.max(this.#owed - (this.#loop.now() - started), -REST_MS_MAX)
  }

  #adjust(): void {
    const now = this.#loop.now()
    if (now - this.#since < WATCHED_MS) return
    const idle = this.#loop.idle()
    const time = now - this.#since
    const isIdle = idle - this.#idle >= IDLE_MIN * time
    const hasTime = isIdle && this.#waiters < WAITERS_MIN * time
    const shorter = this.#ratio > RATIO_MIN ? this.#ratio / 2 : 0
    this.#ratio = hasTime ? shorter : Math.min(Math.max(2 * this.#ratio, RATIO_MIN), RATIO_MAX)
    if (this.#ratio === 0) this.#owed = 0
    this.#since = now
    this.#idle = idle
    this.#waiters = 0
  }
}
