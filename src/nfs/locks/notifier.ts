/**
 * Tells hosts that this server, or this host, has restarted: SM_NOTIFY to their NSM, in the
 * background, a few at a time, again and again for a quarter of an hour where nobody answers.
 */

import { RpcClient } from '../../rpc/client.ts'
import { askPort } from '../../rpc/portmap-client.ts'
import { SM_PROG } from '../../rpc/program.ts'
import { voidType } from '../../xdr/codec.ts'
import { SM_NOTIFY, SM_VERS, stat_chge } from './nsm-program.ts'

export interface NotifierParts {
  /** The names by which others may know us; each is told. */
  readonly names: readonly string[]
  /** Runs something later; what it returns calls that off. */
  readonly after: (ms: number, run: () => void) => () => void
  /** Other than 111 in tests only. */
  readonly portmapPort?: number
}

/** How long to wait before each try, in milliseconds. */
const PAUSES_MS = [0, 2000, 4000, 8000, 16_000, 32_000, 60_000, 120_000, 240_000, 420_000]
/** How long a portmapper or an NSM may take for an answer. */
const ANSWER_MS = 3000
/** Hosts that are called at the same time. */
const AT_ONCE = 16

export class Notifier {
  readonly #parts: NotifierParts
  readonly #queue: (() => Promise<void>)[] = []
  readonly #pauses = new Set<() => void>()
  #working = 0
  #stopped = false

  constructor(parts: NotifierParts) {
    this.#parts = parts
  }

  /** @param host a numeric address, or a name; one that does not answer is given up some day */
  notify(host: string, state: number): void {
    this.#later(host, state, 0)
  }

  stop(): void {
    this.#stopped = true
    this.#queue.length = 0
    for (const callOff of this.#pauses) callOff()
    this.#pauses.clear()
  }

  #later(host: string, state: number, attempt: number): void {
    const ms = PAUSES_MS[attempt]
    if (ms === undefined || this.#stopped) return
    const callOff = this.#parts.after(ms, () => {
      this.#pauses.delete(callOff)
      this.#queue.push(async () => {
        if (!(await this.#tell(host, state))) this.#later(host, state, attempt + 1)
      })
      this.#work()
    })
    this.#pauses.add(callOff)
  }

  #work(): void {
    while (this.#working < AT_ONCE) {
      const run = this.#queue.shift()
      if (run === undefined) return
      this.#working++
      void run().finally(() => {
        this.#working--
        this.#work()
      })
    }
  }

  /** @returns whether it was told */
  async #tell(host: string, state: number): Promise<boolean> {
    const { names, portmapPort } = this.#parts
    for (const transport of ['udp', 'tcp'] as const) {
      if (this.#stopped) return false
      try {
        const question = { host, prog: SM_PROG, vers: SM_VERS, transport }
        const options = { timeoutMs: ANSWER_MS, ...(portmapPort && { port: portmapPort }) }
        const port = await askPort(question, options)
        if (port === undefined) continue
        const how = { timeoutMs: ANSWER_MS, background: true }
        const client = await RpcClient.connect({ transport, host, port }, how)
        try {
          for (const mon_name of names) {
            const args = { mon_name, state }
            await client.call(SM_PROG, SM_VERS, SM_NOTIFY, stat_chge, args, voidType)
          }
          return true
        } finally {
          await client.close()
        }
      } catch {
        // Not there, or no answer: it is tried by the other way, and later.
      }
    }
    return false
  }
}
