/** Servers in processes of their own, one always loaded and waiting for its turn. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { CheckpointLimits } from '../../src/store/checkpointer.ts'
import { BUNDLE_OPTIONS, bundled } from './bundle.ts'
import type { Arming } from './points.ts'

export interface ToServer {
  readonly directory: string
  readonly checkpointLimits: Partial<CheckpointLimits>
  /** Where it kills itself. */
  readonly arming?: Arming
}

/** While it serves: where it kills itself, or that it does not. */
export interface ToArm {
  readonly arming: Arming | undefined
}

export interface FromServer {
  readonly loaded?: true
  readonly armed?: true
  readonly addresses?: readonly string[]
  readonly recovered?: number
  /** What the server reported: nothing in these tests gives it a reason. */
  readonly problem?: string
}

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url))
/** Longest that a server may take to start, recovery included. */
const START_MS_MAX = 20_000

export class ServerProcess {
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown>
  readonly #loaded: Promise<void>
  #serving: (message: FromServer) => void = () => undefined
  #armed: () => void = () => undefined
  readonly problems: string[] = []
  #stderr = ''

  constructor() {
    const stdio: ('ignore' | 'pipe' | 'ipc')[] = ['ignore', 'ignore', 'pipe', 'ipc']
    this.#child = fork(bundled(CHILD), { execArgv: BUNDLE_OPTIONS, stdio })
    this.#exit = once(this.#child, 'exit')
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    this.#loaded = new Promise((resolve) => {
      this.#child.on('message', (message: FromServer) => {
        if (message.loaded) resolve()
        if (message.armed) this.#armed()
        if (message.problem !== undefined) this.problems.push(message.problem)
        if (message.addresses !== undefined) this.#serving(message)
      })
    })
  }

  /** Has it open the store; it may be killed before that is done. */
  async begin(how: ToServer): Promise<void> {
    await Promise.race([this.#loaded, this.#ended()])
    this.#child.send(how)
  }

  /** Resolves when it serves. @throws Error where it ends instead */
  async serving(how: ToServer): Promise<{ host: string; port: number; recovered: number }> {
    const ready = new Promise<FromServer>((resolve) => {
      this.#serving = resolve
    })
    await this.begin(how)
    let late: NodeJS.Timeout | undefined
    const timeout = new Promise<never>((_, reject) => {
      const error = new Error(`the server does not serve after ${START_MS_MAX} ms`)
      late = setTimeout(reject, START_MS_MAX, error)
    })
    const { addresses, recovered } = await Promise.race([ready, this.#ended(), timeout]).finally(
      () => clearTimeout(late),
    )
    const [host = '', port = ''] = addresses?.[0]?.split(':') ?? []
    return { host, port: Number(port), recovered: recovered ?? 0 }
  }

  async #ended(): Promise<never> {
    await this.#exit
    throw new Error(`the server ended by itself:\n${this.#stderr}`)
  }

  /** Has it kill itself somewhere; resolves when it knows, or is dead. */
  async arm(arming: Arming | undefined): Promise<void> {
    const armed = new Promise<void>((resolve) => {
      this.#armed = resolve
    })
    if (!this.#child.connected) return
    this.#child.send({ arming } satisfies ToArm, () => undefined)
    await Promise.race([armed, this.#exit])
  }

  /** Resolves when it has killed itself. @throws Error where it ended otherwise */
  async died(): Promise<void> {
    await this.#exit
    if (this.#child.signalCode !== 'SIGKILL') throw new Error(`it ended:\n${this.#stderr}`)
  }

  /** As a power switch does: nothing of the process runs any more when this resolves. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exit
  }

  /** @returns the exit code after SIGTERM */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM')
    await this.#exit
    return this.#child.exitCode
  }

  /** What it wrote where errors go. */
  get stderr(): string {
    return this.#stderr
  }
}

export class Servers {
  #next = new ServerProcess()
  readonly #all = new Set<ServerProcess>([this.#next])

  /** One that is loaded, or about to be. */
  take(): ServerProcess {
    const taken = this.#next
    this.#next = new ServerProcess()
    this.#all.add(this.#next)
    return taken
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((server) => server.kill()))
  }
}
