/** A lock manager with a journal in memory, whose clock the test moves by hand. */
import { FsError } from '../../../src/fs/error.ts'
import type { Restored } from '../../../src/nfs/locks/book.ts'
import type { Client } from '../../../src/nfs/locks/clients.ts'
import type { Journal, JournalChange } from '../../../src/nfs/locks/journal.ts'
import { LOCK_LIMITS, type LockLimits } from '../../../src/nfs/locks/limits.ts'
import { LockManager } from '../../../src/nfs/locks/manager.ts'
import { rangeOf } from '../../../src/nfs/locks/range.ts'
import {
  type LockRequest,
  nlm4_stats,
  type ShareRequest,
  type Waiter,
} from '../../../src/nfs/locks/request.ts'
import type { Reservation } from '../../../src/nfs/locks/shares.ts'
import type { Lock } from '../../../src/nfs/locks/table.ts'

export const GRACE_MS = 45_000

/** What would be on the disk. */
export class MemoryJournal implements Journal {
  readonly locks = new Map<number, Lock>()
  readonly shares = new Map<number, Reservation>()
  readonly clients = new Map<number, Client>()
  /** As after a failed commit: nothing is taken any more. */
  failed = false

  save(change: JournalChange): void {
    if (this.failed) throw new FsError('IO')
    for (const id of change.dropped ?? []) {
      this.locks.delete(id)
      this.shares.delete(id)
    }
    for (const lock of change.locks ?? []) this.locks.set(lock.id, lock)
    for (const share of change.shares ?? []) this.shares.set(share.id, share)
    for (const id of change.droppedClients ?? []) this.clients.delete(id)
    for (const client of change.clients ?? []) this.clients.set(client.id, client)
  }

  barrier(done: (error?: FsError) => void): void {
    if (this.failed) done(new FsError('IO'))
    else done()
  }

  get restored(): Restored {
    return {
      clients: [...this.clients.values()],
      locks: [...this.locks.values()],
      shares: [...this.shares.values()],
    }
  }
}

const NAMES = Object.fromEntries(Object.entries(nlm4_stats).map(([name, value]) => [value, name]))
/** `GRANTED` for NLM4_GRANTED. */
export const statusName = (status: number): string => NAMES[status]?.slice(5) ?? `${status}`

export interface Wanted extends Partial<LockRequest> {
  readonly from?: number
  readonly to?: number | 'end'
}

export class LockWorld {
  journal = new MemoryJournal()
  manager: LockManager
  /** Grants that clients are to be told of. */
  readonly granted: Waiter[] = []
  /** `+address name` and `-address name`. */
  readonly monitored: string[] = []
  readonly limits: LockLimits
  #timers: { readonly at: number; readonly run: () => void }[] = []
  #now = 0

  constructor(limits: Partial<LockLimits> = {}) {
    this.limits = { ...LOCK_LIMITS, ...limits }
    this.manager = this.#start()
  }

  #start(): LockManager {
    const manager = new LockManager({
      journal: this.journal,
      limits: this.limits,
      graceMs: GRACE_MS,
      after: (ms, run) => {
        const timer = { at: this.#now + ms, run }
        this.#timers.push(timer)
        return () => {
          this.#timers = this.#timers.filter((other) => other !== timer)
        }
      },
      granted: (waiter) => this.granted.push(waiter),
      monitor: ({ address, name }, wanted) =>
        this.monitored.push(`${wanted ? '+' : '-'}${address} ${name}`),
    })
    manager.restore(this.journal.restored)
    return manager
  }

  /** A new process on what the old one had stored. */
  restart(): void {
    this.manager.stop()
    this.#timers = []
    this.manager = this.#start()
  }

  advance(ms: number): void {
    this.#now += ms
    const due = this.#timers.filter(({ at }) => at <= this.#now)
    this.#timers = this.#timers.filter(({ at }) => at > this.#now)
    for (const { run } of due) run()
  }

  request(who: string, { from = 0, to = 9, ...more }: Wanted = {}): LockRequest {
    const [name = '', svid = '1'] = who.split(':')
    const l_offset = BigInt(from)
    const l_len = to === 'end' ? 0n : BigInt(to) - l_offset + 1n
    const oh = Buffer.from(`${svid}@${name}`)
    const file = more.file ?? '1/0/7/1'
    const alock = { caller_name: name, fh: Buffer.from(file), oh, svid: Number(svid) }
    return {
      ...{ address: `10.0.0.${name.length}`, alock: { ...alock, l_offset, l_len }, file },
      range: rangeOf(l_offset, l_len) ?? { first: 0n, last: 0n },
      ...{ exclusive: true, block: false, reclaim: false, state: 0, monitored: true, vers: 4 },
      ...more,
    }
  }

  lock(who: string, wanted: Wanted = {}): string {
    return statusName(this.manager.lock(this.request(who, wanted)))
  }

  unlock(who: string, wanted: Wanted = {}): string {
    return statusName(this.manager.unlock(this.request(who, wanted)))
  }

  cancel(who: string, wanted: Wanted = {}): string {
    return statusName(this.manager.cancel(this.request(who, wanted)))
  }

  test(who: string, wanted: Wanted = {}): string {
    return statusName(this.manager.test(this.request(who, wanted)).status)
  }

  share(who: string, access: number, deny: number, more: Partial<ShareRequest> = {}): string {
    return statusName(this.manager.share(this.shareRequest(who, access, deny, more)))
  }

  shareRequest(
    who: string,
    access: number,
    deny: number,
    more: Partial<ShareRequest> = {},
  ): ShareRequest {
    const { address, alock, file } = this.request(who)
    const { caller_name, oh } = alock
    return { address, caller_name, oh, file, deny, access, reclaim: false, ...more }
  }

  /** Who was told of a grant since the last call: `name:svid`. */
  takeGranted(): string[] {
    return this.granted.splice(0).map(({ alock }) => `${alock.caller_name}:${alock.svid}`)
  }
}
