/** A host with a portmapper and a status monitor, which note what they are told. */
import { nlm_reboot } from '../../../src/nfs/locks/nlm-types.ts'
import { mon, mon_id, sm_stat_res, stat_chge } from '../../../src/nfs/locks/nsm-program.ts'
import { Dispatcher } from '../../../src/rpc/dispatch.ts'
import { portmapPrograms } from '../../../src/rpc/portmap.ts'
import { PortRegistry } from '../../../src/rpc/portmap-registry.ts'
import { NLM_PROG, type Procedure, type Program, SM_PROG } from '../../../src/rpc/program.ts'
import { UdpEndpoint } from '../../../src/rpc/udp.ts'
import { type Codec, uint32, voidType } from '../../../src/xdr/codec.ts'

const HOST = '127.0.0.1'
const [SM_MON, SM_UNMON, SM_NOTIFY, NLM_NEWS] = [2, 3, 6, 16]

export interface FakeHost {
  readonly portmapPort: number
  /** Of the status monitor and the lock manager. */
  readonly port: number
  /** What was told, a word or two each, and from a port below 1024 or not. */
  readonly told: string[]
  /** Makes the status monitor known to the portmapper. */
  register(): void
  /** Resolves when so much was told. */
  until(count: number): Promise<void>
}

export async function withFakeHost(use: (host: FakeHost) => Promise<void>): Promise<void> {
  const told: string[] = []
  const programs = programsOf(told)
  const registry = new PortRegistry()
  const at = { host: HOST, port: 0 }
  const report = (error: unknown) => told.push(String(error))
  const services = await UdpEndpoint.listen(at, new Dispatcher(programs, report))
  const portmap = portmapPrograms(registry, { listenHost: HOST, clock: () => 0 })
  const portmapper = await UdpEndpoint.listen(at, new Dispatcher(portmap, report))
  const { port } = services.address
  try {
    await use({
      ...{ portmapPort: portmapper.address.port, port, told },
      register: () =>
        registry.serve([{ prog: SM_PROG, vers: 1, netid: 'udp', host: HOST, port, owner: '' }]),
      async until(count) {
        while (told.length < count) await new Promise((resolve) => setTimeout(resolve, 1))
      },
    })
  } finally {
    await Promise.all([services.close(0), portmapper.close(0)])
  }
}

function programsOf(told: string[]): readonly Program[] {
  const noted = <A, R>(
    args: Codec<A>,
    results: Codec<R>,
    value: R,
    text: (args: A) => string,
  ): Procedure<unknown> => ({
    args,
    handle({ caller }, given, reply) {
      told.push(`${text(given as A)}${caller.port < 1024 ? ' privileged' : ''}`)
      results.encode(reply.begin(), value)
      reply.end()
    },
  })
  const sm: (Procedure<unknown> | undefined)[] = []
  const ok = { res_stat: 0, state: 1 } as const
  sm[SM_MON] = noted(mon, sm_stat_res, ok, ({ mon_id: { mon_name, my_id } }) => {
    return `mon ${mon_name} ${my_id.my_prog}/${my_id.my_vers}/${my_id.my_proc}`
  })
  sm[SM_UNMON] = noted(mon_id, uint32, 1, ({ mon_name }) => `unmon ${mon_name}`)
  sm[SM_NOTIFY] = noted(stat_chge, voidType, undefined, ({ mon_name, state }) => {
    return `notify ${mon_name} ${state}`
  })
  const nlm: (Procedure<unknown> | undefined)[] = []
  nlm[NLM_NEWS] = noted(nlm_reboot, voidType, undefined, ({ mon_name, state, priv }) => {
    return `news ${mon_name} ${state} ${Buffer.from(priv)}`
  })
  return [
    { prog: SM_PROG, vers: 1, procedures: sm },
    { prog: NLM_PROG, vers: 3, procedures: nlm },
  ]
}

/** Timers whose time comes when the test says so. */
export class Pauses {
  readonly #due: { readonly ms: number; readonly run: () => void }[] = []

  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = { ms, run }
    this.#due.push(timer)
    return () => {
      const at = this.#due.indexOf(timer)
      if (at !== -1) this.#due.splice(at, 1)
    }
  }

  get waiting(): number {
    return this.#due.length
  }

  /** The next pause is over, as soon as there is one. @returns its length in milliseconds */
  async next(): Promise<number> {
    while (this.#due.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    const timer = this.#due.shift()
    timer?.run()
    return timer?.ms ?? 0
  }
}
