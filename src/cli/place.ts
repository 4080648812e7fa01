/**
 * In which dataset the paths of a command are: the one that `--dataset` names, or else the one whose
 * name they begin with. Clients see each dataset as a directory of the root, where nothing else has
 * its name, so that a path below what they have mounted leads to the same file here.
 */
import type { Operations, RestoreRequest } from '../control/operations.ts'
import { type Context, dataFolder } from './context.ts'
import { CommandError, Exit, exitOf, UsageError } from './errors.ts'
import { ofDataset, withOperations } from './operations.ts'
import type { Given } from './options.ts'
import { printable } from './text.ts'

const SLASH = Buffer.from('/')

export class Place {
  /** Of the dataset. */
  readonly operations: Operations
  /** Its name, where the paths begin with that; empty otherwise. */
  readonly #prefix: Uint8Array

  constructor(operations: Operations, prefix: string) {
    this.operations = operations
    this.#prefix = Buffer.from(prefix)
  }

  get prefix(): string {
    return Buffer.from(this.#prefix).toString()
  }

  /** Where in the dataset a path leads to that was given. */
  inside(path: Uint8Array): Uint8Array {
    return this.#prefix.length === 0 ? path : path.subarray(this.#prefix.length + SLASH.length)
  }

  /** A path of the dataset as it was given, or would be. */
  seen(path: Uint8Array): Uint8Array {
    if (this.#prefix.length === 0) return path
    return path.length === 0 ? this.#prefix : Buffer.concat([this.#prefix, SLASH, path])
  }

  /** The same with paths that are printed as they were given. */
  context(context: Context): Context {
    return { ...context, seen: (path) => this.seen(path) }
  }

  /**
   * The patterns of a restore as they are in the dataset: those from the root on lose its name.
   *
   * @throws UsageError for one that leads elsewhere
   */
  patterns({ include = [], exclude = [] }: Pick<RestoreRequest, 'include' | 'exclude'>) {
    return {
      include: include.map((glob) => this.#pattern('include', glob)),
      exclude: exclude.map((glob) => this.#pattern('exclude', glob)),
    }
  }

  #pattern(option: string, glob: string): string {
    const { prefix } = this
    if (prefix === '' || !glob.startsWith('/') || glob.startsWith('/**/')) return glob
    if (glob.startsWith(`/${prefix}/`) && !/^\/*$/.test(glob.slice(prefix.length + 1))) {
      return glob.slice(prefix.length + 1)
    }
    throw new UsageError(
      `--${option} '${glob}' counts from the root, as PATH does, and what is restored is in ` +
        `'${prefix}': write '/${prefix}/...'`,
    )
  }
}

/**
 * Runs `use` where the paths are.
 *
 * @param to where something goes to, in the same dataset
 * @throws UsageError where they are in several datasets, FsError NOENT, and as `withOperations`
 */
export function withPlace<T>(
  context: Context,
  given: Given,
  command: string,
  paths: { readonly from: readonly Uint8Array[]; readonly to?: Uint8Array | undefined },
  use: (place: Place, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const directory = dataFolder(context, given)
  return withOperations(context, directory, command, async (operations, signal) => {
    const place = await placeOf(operations, given, paths.from, paths.to)
    try {
      return await use(place, signal)
    } catch (error) {
      throw place.prefix === '' ? error : toldWhere(error, place.prefix)
    }
  })
}

/** Where something is not found, it is told in which dataset. */
function toldWhere(error: unknown, dataset: string): unknown {
  if (!(error instanceof Error) || exitOf(error) !== Exit.NOT_FOUND) return error
  const message = `${error.message} (in dataset '${dataset}')`
  return new CommandError(message, Exit.NOT_FOUND, { cause: error })
}

async function placeOf(
  operations: Operations,
  given: Given,
  from: readonly Uint8Array[],
  to: Uint8Array | undefined,
): Promise<Place> {
  if (given.flag('dataset')) return new Place(await ofDataset(operations, given), '')
  const all = [...from, ...(to === undefined ? [] : [to])]
  if (all.every((path) => path.length === 0)) return new Place(operations, '')
  const names = (await operations.datasets.list()).map(({ name }) => name)
  const datasets = [...new Set(from.map((path) => datasetOf(path, names)))]
  const [first = '', second] = datasets
  if (second !== undefined) {
    const told = datasets.map(shown).join(', ')
    throw new UsageError(`the paths are in several datasets (${told}): give those of one at a time`)
  }
  if (to !== undefined) requireSame(first, datasetOf(to, names), to)
  return new Place(first === '' ? operations : await operations.in(first), first)
}

/** The dataset that a path leads into; empty for the root dataset. */
function datasetOf(path: Uint8Array, names: readonly string[]): string {
  const end = path.indexOf(0x2f)
  const first = Buffer.from(end < 0 ? path : path.subarray(0, end))
  return names.find((name) => name !== '' && Buffer.from(name).equals(first)) ?? ''
}

const shown = (name: string): string => (name === '' ? '/' : `'${name}'`)

/** @throws UsageError */
function requireSame(from: string, to: string, path: Uint8Array): void {
  if (from === to) return
  const advice = to === '' ? `write --to ${from}/...` : 'copy them out of .snapshots instead'
  throw new UsageError(
    `a restore stays in one dataset: the files are in ${shown(from)}, and --to ` +
      `'${printable(path)}' is in ${shown(to)}; ${advice}`,
  )
}
