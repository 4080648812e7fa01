/**
 * Calls to programs of this host: its kernel's lock manager, and what else monitors hosts, with the
 * news that one has restarted; and the system's rpc.statd, where that is this host's NSM.
 */
import type { RpcClient } from '../../rpc/client.ts'
import { askPort } from '../../rpc/portmap-client.ts'
import { NLM_PROG, SM_PROG } from '../../rpc/program.ts'
import { connectReserved } from '../../rpc/reserved.ts'
import { voidType } from '../../xdr/codec.ts'
import { nlm_reboot } from './nlm-types.ts'
import type { MonitorId } from './nsm.ts'
import { mon, mon_id, SM_MON, SM_UNMON, SM_VERS, sm_stat_res } from './nsm-program.ts'

export interface HostCallsParts {
  /** Where the lock manager of this host's kernel listens; undefined where it does not. */
  readonly portHere: (vers: number, transport: 'tcp' | 'udp', address: string) => number | undefined
  /** 0 to 1. */
  readonly random: () => number
  /** Runs something later; what it returns calls that off. */
  readonly after: (ms: number, run: () => void) => () => void
  /** Is told of what fails for good. */
  readonly report: (message: string, error: unknown) => void
  /** Other than 111 in tests only. */
  readonly portmapPort?: number
}

const HERE = '127.0.0.1'
/** Longest wait for an answer. */
const ANSWER_MS = 3000
const BACKGROUND = { timeoutMs: ANSWER_MS, background: true }
/** How long to wait before each try, in milliseconds. */
const PAUSES_MS = [0, 1000, 5000, 15_000]
/** Calls under way; no more are made. */
const CALLS_MAX = 2048

/** What rpc.statd gives back to us with its news, to tell them from those for the kernel. */
export const OWN_PRIV = Buffer.from('zerofs-nfs locks')
/** In which form rpc.statd calls: it takes these numbers from no other program. */
const NEWS = { my_prog: NLM_PROG, my_vers: 4, my_proc: 16 }

export class HostCalls {
  readonly #parts: HostCallsParts
  readonly #pauses = new Set<() => void>()
  #calls = 0
  #stopped = false

  constructor(parts: HostCallsParts) {
    this.#parts = parts
  }

  stop(): void {
    this.#stopped = true
    for (const callOff of this.#pauses) callOff()
    this.#pauses.clear()
  }

  /** Tells a program of this host that `mon_name` has restarted, and is in `state` now. */
  tell(monitor: MonitorId & { readonly priv: Uint8Array }, state: number): void {
    const { my_prog, my_vers, my_proc, mon_name, priv } = monitor
    const what = `program ${my_prog} of this host cannot be told that ${mon_name} has restarted`
    this.#again(what, async () => {
      await this.#with(my_prog, my_vers, (client) => {
        const news = { mon_name, state, priv }
        return client.call(my_prog, my_vers, my_proc, nlm_reboot, news, voidType)
      })
    })
  }

  /** Has the system's rpc.statd monitor a host for us, or no longer. */
  monitor(host: string, my_name: string, wanted: boolean): void {
    const id = { mon_name: host, my_id: { my_name, ...NEWS } }
    const what = `rpc.statd cannot be asked to monitor ${host}`
    this.#again(what, async () => {
      await this.#with(SM_PROG, SM_VERS, async (client) => {
        if (!wanted) await client.call(SM_PROG, SM_VERS, SM_UNMON, mon_id, id, voidType)
        else {
          const args = { mon_id: id, priv: OWN_PRIV }
          const answer = await client.call(SM_PROG, SM_VERS, SM_MON, mon, args, sm_stat_res)
          if (answer.res_stat !== 0) throw new Error('it refuses')
        }
      })
    })
  }

  #again(what: string, run: () => Promise<void>, attempt = 0): void {
    const ms = PAUSES_MS[attempt] ?? 0
    if (this.#stopped || this.#calls >= CALLS_MAX) return
    this.#calls++
    const callOff = this.#parts.after(ms, () => {
      this.#pauses.delete(callOff)
      run()
        .catch((error: unknown) => {
          if (attempt + 1 < PAUSES_MS.length) this.#again(what, run, attempt + 1)
          else this.#parts.report(what, error)
        })
        .finally(() => {
          this.#calls--
        })
    })
    this.#pauses.add(callOff)
  }

  /** Linux believes news from a privileged port of this host only. */
  async #with(
    prog: number,
    vers: number,
    use: (client: RpcClient) => Promise<unknown>,
  ): Promise<void> {
    let failure: unknown = new Error('it is not registered')
    for (const transport of ['udp', 'tcp'] as const) {
      const port = await this.#port(prog, vers, transport)
      if (port === undefined) continue
      try {
        const to = { transport, host: HERE, port }
        const client = await connectReserved(to, BACKGROUND, this.#parts.random)
        try {
          await use(client)
          return
        } finally {
          await client.close()
        }
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  async #port(prog: number, vers: number, transport: 'tcp' | 'udp') {
    const { portHere, portmapPort } = this.#parts
    if (prog === NLM_PROG) return portHere(vers, transport, HERE)
    const options = { timeoutMs: ANSWER_MS, ...(portmapPort && { port: portmapPort }) }
    return askPort({ host: HERE, prog, vers, transport }, options)
  }
}
