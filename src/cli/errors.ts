/** Exit codes, and which of them an error ends a command with. */
import { FsError } from '../fs/error.ts'
import { StoreError } from '../store/format.ts'

/** Documented in the README; scripts depend on them. */
export const Exit = {
  OK: 0,
  ERROR: 1,
  USAGE: 2,
  /** Some of the files could not be restored; they are listed. */
  PARTIAL: 3,
  /** No such snapshot, path, dataset or store. */
  NOT_FOUND: 4,
  /** Another process has the store open. */
  BUSY: 5,
  INTERRUPTED: 130,
} as const

/** The command line itself is wrong. */
export class UsageError extends Error {
  /** The name of the command that was meant, where that is known to whoever throws. */
  readonly command: string | undefined
  constructor(message: string, command?: string) {
    super(message)
    this.name = 'UsageError'
    this.command = command
  }
}

/** A command cannot do what it was asked; the message is a sentence, the code how it exits. */
export class CommandError extends Error {
  readonly exit: number
  constructor(message: string, exit: number = Exit.ERROR, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandError'
    this.exit = exit
  }
}

/** SIGINT or SIGTERM. */
export class Interrupted extends CommandError {
  constructor(message: string) {
    super(message, Exit.INTERRUPTED)
    this.name = 'Interrupted'
  }
}

export function exitOf(error: unknown): number {
  if (error instanceof UsageError) return Exit.USAGE
  if (error instanceof CommandError) return error.exit
  if (error instanceof FsError) return error.code === 'NOENT' ? Exit.NOT_FOUND : Exit.ERROR
  if (error instanceof StoreError) {
    if (error.code === 'BUSY') return Exit.BUSY
    return error.code === 'MISSING' ? Exit.NOT_FOUND : Exit.ERROR
  }
  return Exit.ERROR
}

/** Runs `run`, and rejects as soon as `signal` says so; what runs on then is nobody's concern. */
export function abortable<T>(signal: AbortSignal, run: Promise<T>, message: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new Interrupted(message))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
    run.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
