/** Whom a command asks: the running server, or, where none runs, the store itself. */
import { setTimeout as sleep } from 'node:timers/promises'
import { RemoteOperations } from '../control/client.ts'
import type { Operations } from '../control/operations.ts'
import { FsError } from '../fs/error.ts'
import { StoreError } from '../store/format.ts'
import { type Context, dataFolder } from './context.ts'
import { CommandError, Exit } from './errors.ts'
import type { Given } from './options.ts'
import { didYouMean } from './suggest.ts'
import { shellWord } from './text.ts'

/** A server that starts or stops has the store but no socket: it is asked again, this often. */
const TRIES = 10
const RETRY_MS = 200

/** How long an interrupted command may take to close what it opened. */
const CLOSE_MS = 5000

/**
 * Runs `use` with the operations of a data folder, and closes them.
 *
 * @param command what this process calls itself
 * @param use is told by the signal when the command is interrupted, and then ends soon
 * @throws CommandError, StoreError, and what `use` throws
 */
export async function withOperations<T>(
  context: Context,
  directory: string,
  command: string,
  use: (operations: Operations, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const interrupt = new AbortController()
  const { io } = context
  const stopListening = io.onSignal(() => {
    if (interrupt.signal.aborted) io.exit(Exit.INTERRUPTED)
    interrupt.abort()
  })
  try {
    const operations = await open(context, directory, command)
    try {
      return await use(operations, interrupt.signal)
    } finally {
      const late = interrupt.signal.aborted ? sleep(CLOSE_MS, undefined, { ref: false }) : undefined
      await Promise.race([operations.close(), ...(late === undefined ? [] : [late])])
    }
  } finally {
    stopListening()
  }
}

/**
 * As `withOperations`, with those of the dataset that `--dataset` names.
 *
 * @throws FsError NOENT where there is no such dataset
 */
export function withDataset<T>(
  context: Context,
  given: Given,
  command: string,
  use: (operations: Operations, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const directory = dataFolder(context, given)
  return withOperations(context, directory, command, async (operations, signal) =>
    use(await ofDataset(operations, given), signal),
  )
}

/** @throws FsError NOENT, with the name that may have been meant */
export async function ofDataset(operations: Operations, given: Given): Promise<Operations> {
  // It may be written as it is mounted.
  const name = given.value('dataset')?.replace(/^\/+|\/+$/g, '') ?? ''
  if (name === '') return operations
  try {
    return await operations.in(name)
  } catch (error) {
    if (!(error instanceof FsError) || error.code !== 'NOENT') throw error
    const names = (await operations.datasets.list()).map((one) => one.name)
    throw new FsError('NOENT', error.message + didYouMean(name, names.filter(Boolean)))
  }
}

async function open(context: Context, directory: string, command: string): Promise<Operations> {
  for (let left = TRIES; ; left--) {
    const running = await connect(directory)
    if (running !== undefined) return running
    try {
      return await openLocal(context, directory, command)
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'BUSY') throw error
      if (left === 0) {
        const advice = 'it does not answer: it starts, stops or hangs; try again'
        throw new CommandError(`${error.message}, and ${advice}`, Exit.BUSY, { cause: error })
      }
      await sleep(RETRY_MS)
    }
  }
}

/** The server that runs, if one does. */
async function connect(directory: string): Promise<Operations | undefined> {
  try {
    return await RemoteOperations.connect(directory)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') return undefined
    if (code === 'EACCES' || code === 'EPERM') {
      throw new CommandError(
        `you may not use ${directory}: it belongs to another user; run this as its owner or as root`,
      )
    }
    throw error
  }
}

async function openLocal(
  context: Context,
  directory: string,
  command: string,
): Promise<Operations> {
  const { parts, version, warn } = context
  const report = (message: string, error: unknown) =>
    warn(`zerofs-nfs: ${message}: ${error instanceof Error ? error.message : error}`)
  try {
    return await parts.openLocal({ directory, command: `zerofs-nfs ${command}`, version, report })
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'MISSING') throw error
    const advice = `--data DIR names another, and 'zerofs-nfs serve ${shellWord(directory)}' makes one`
    throw new CommandError(`${error.message}; ${advice}`, Exit.NOT_FOUND, { cause: error })
  }
}

/**
 * Adds to the error that a snapshot was not found which one may have been meant.
 *
 * @param asked its name, or the names of several in the order in which they are looked up
 */
export async function explained<T>(
  operations: Operations,
  asked: string | readonly string[],
  run: Promise<T>,
): Promise<T> {
  try {
    return await run
  } catch (error) {
    if (!(error instanceof FsError) || error.code !== 'NOENT') throw error
    const names = (await operations.listSnapshots()).map(({ name }) => name)
    const snapshot = [asked].flat().find((name) => !names.includes(name))
    if (snapshot === undefined) throw error
    throw new FsError('NOENT', error.message + didYouMean(snapshot, names))
  }
}
