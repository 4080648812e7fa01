/** Runs commands in this process, with a terminal, signals and a store of the test's own. */

import type { Environment, Io, Output, StopSignal } from '../../src/cli/io.ts'
import { main } from '../../src/cli/main.ts'
import type { Parts } from '../../src/cli/parts.ts'
import type { Operations } from '../../src/control/operations.ts'
import { controlProgram } from '../../src/control/program.ts'
import { openControlSocket } from '../../src/control/socket.ts'
import { StoreError } from '../../src/store/format.ts'
import { withTempDir } from '../control/tempdir.ts'

/** Sunday, 2025-11-22 22:14:05 UTC: two hours after the first snapshot of FakeOperations. */
export const NOW_MS = (1_763_842_445 + 7200) * 1000

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** Codes that the process was ended with at once. */
  readonly exits: readonly number[]
}

export interface World {
  readonly operations?: Operations
  readonly parts?: Partial<Parts>
  readonly env?: Environment
  readonly cwd?: string
  readonly uid?: number
  /** Width of the terminal; undefined: none. */
  readonly terminal?: number
  /** What a person types, line by line; undefined: nobody sits there. */
  readonly answers?: readonly string[]
  /** Milliseconds that pass each time somebody looks at the clock. */
  readonly tickMs?: number
  /** Is given the way to send signals. */
  readonly onStart?: (send: (signal: StopSignal) => void) => void
  /** Is given the bytes that went to stdout. */
  readonly onBytes?: (bytes: Buffer) => void
  /** Runs whenever something is printed. */
  readonly onPrint?: (text: string, send: (signal: StopSignal) => void) => void
}

export async function cli(argv: readonly string[], world: World = {}): Promise<Ran> {
  const printed = { stdout: '', stderr: '' }
  const handlers = new Set<(signal: StopSignal) => void>()
  const send = (signal: StopSignal) => {
    for (const handle of handlers) handle(signal)
  }
  const output = (name: 'stdout' | 'stderr'): Output => ({
    isTTY: world.terminal !== undefined,
    columns: world.terminal ?? 80,
    write(text) {
      printed[name] += text
      world.onPrint?.(text, send)
    },
  })
  const exits: number[] = []
  const answers = [...(world.answers ?? [])]
  const archive: Buffer[] = []
  let now = NOW_MS
  const io: Io = {
    ...{ stdout: output('stdout'), stderr: output('stderr'), env: world.env ?? {} },
    writeBytes: async (bytes) => {
      archive.push(Buffer.from(bytes))
    },
    ...{ cwd: world.cwd ?? '/work', uid: world.uid ?? 1000 },
    now: () => {
      now += world.tickMs ?? 0
      return now
    },
    onSignal(handle) {
      handlers.add(handle)
      return () => handlers.delete(handle)
    },
    exit: (code) => exits.push(code),
    ask:
      world.answers === undefined
        ? undefined
        : async (question) => {
            io.stderr.write(question)
            return answers.shift()
          },
  }
  const parts: Parts = {
    async openLocal({ directory }) {
      if (world.operations !== undefined) return world.operations
      throw new StoreError('MISSING', `there is no store at ${directory}`)
    },
    async repair() {
      throw new Error('this test has nothing to repair')
    },
    async startServer() {
      throw new Error('this test has no server')
    },
    ...world.parts,
  }
  world.onStart?.(send)
  const code = await main(argv, io, parts)
  world.onBytes?.(Buffer.concat(archive))
  return { code, exits, ...printed }
}

/** Runs commands against `operations` served on a socket, as a running server does. */
export async function withServed<T>(
  operations: Operations,
  use: (run: (argv: readonly string[], world?: World) => Promise<Ran>) => Promise<T>,
): Promise<T> {
  return withTempDir(async (directory) => {
    const socket = await openControlSocket(directory, controlProgram(operations), () => undefined)
    try {
      return await use((argv, world) => cli([...argv, '--data', directory], world))
    } finally {
      await socket.close(1000)
    }
  })
}
