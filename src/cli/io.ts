/** What a command sees of the world around it, so that a test can be that world. */

import { createInterface } from 'node:readline'

/** A text stream of this process. */
export interface Output {
  readonly isTTY: boolean
  /** Width of the terminal in characters. */
  readonly columns: number
  write(text: string): void
}

export type StopSignal = 'SIGINT' | 'SIGTERM'

/** The variables of the environment that are looked at. */
export interface Environment {
  /** The data folder, where none is named. */
  readonly ZEROFS_NFS_DATA?: string | undefined
  /** Prints where an error came from. */
  readonly ZEROFS_NFS_DEBUG?: string | undefined
  readonly NO_COLOR?: string | undefined
  readonly TERM?: string | undefined
}

export interface Io {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Environment
  /** Writes to stdout, and waits until it has gone. @throws the system's error, EPIPE */
  writeBytes(bytes: Uint8Array): Promise<void>
  readonly cwd: string
  /** The user's number; 0 is root. */
  readonly uid: number
  /** Milliseconds since 1970. */
  now(): number
  /** Calls back for each signal until the result is called. */
  onSignal(handle: (signal: StopSignal) => void): () => void
  /** Ends the process at once, whatever still runs. */
  exit(code: number): void
  /**
   * Asks a person for a line; undefined where nobody sits there.
   *
   * @returns what was typed; undefined at the end of input, and when `signal` says so
   */
  readonly ask: ((question: string, signal: AbortSignal) => Promise<string | undefined>) | undefined
}

const COLUMNS_DEFAULT = 80

function output(stream: NodeJS.WriteStream): Output {
  // Whoever read what we print may go away (`| head`): what is printed then goes nowhere.
  stream.on('error', () => undefined)
  return {
    isTTY: stream.isTTY === true,
    get columns() {
      // A terminal that nobody has told its size has none.
      return stream.columns || COLUMNS_DEFAULT
    },
    write(text) {
      stream.write(text)
    },
  }
}

function ask(question: string, signal: AbortSignal): Promise<string | undefined> {
  process.stderr.write(question)
  // Without `terminal`, Ctrl-C stays a signal of this process.
  const lines = createInterface({ input: process.stdin, terminal: false, signal })
  return new Promise((resolve) => {
    lines.once('line', (line) => {
      resolve(line)
      lines.close()
    })
    lines.once('close', () => resolve(undefined))
  })
}

/** This process. */
export function processIo(): Io {
  return {
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    env: process.env,
    writeBytes: (bytes) =>
      new Promise((resolve, reject) => {
        process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()))
      }),
    cwd: process.cwd(),
    uid: process.getuid?.() ?? -1,
    now: () => Date.now(),
    onSignal(handle) {
      process.on('SIGINT', handle)
      process.on('SIGTERM', handle)
      return () => {
        process.off('SIGINT', handle)
        process.off('SIGTERM', handle)
      }
    },
    exit: (code) => process.exit(code),
    ask: process.stdin.isTTY && process.stderr.isTTY ? ask : undefined,
  }
}
