/** What a command sees of the world around it, so that a test can be that world. */

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
  /** Whether somebody sits there to be asked. */
  readonly interactive: boolean
  /** A line that somebody types; undefined where nothing comes, or Ctrl-C. */
  ask(question: string): Promise<string | undefined>
  readonly cwd: string
  /** The user's number; 0 is root. */
  readonly uid: number
  /** Milliseconds since 1970. */
  now(): number
  /** Calls back for each signal until the result is called. */
  onSignal(handle: (signal: StopSignal) => void): () => void
  /** Ends the process at once, whatever still runs. */
  exit(code: number): void
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

async function ask(question: string): Promise<string | undefined> {
  const { createInterface } = await import('node:readline')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await new Promise((resolve) => {
      lines.on('close', () => resolve(undefined))
      lines.question(question, resolve)
    })
  } finally {
    lines.close()
  }
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
    interactive: process.stdin.isTTY === true && process.stderr.isTTY === true,
    ask,
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
  }
}
