/**
 * Which entries of a tree are wanted: those that match one of the patterns to include, or all where
 * there are none, without those that match one to exclude. What is said of a folder is said of all
 * that is below it; to exclude counts more than to include, whatever the order.
 */
import { type Glob, globMatches, nameText, parseGlob } from './glob.ts'

export interface Patterns {
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
}

/** `through`: a folder that is not wanted itself, but what is below it may be. */
export type Wanted = 'yes' | 'through' | 'no'

/** How things stand at one folder of the tree, for what is in it. */
export interface Position {
  readonly names: readonly string[]
  readonly wanted: Wanted
}

/** Most patterns of either kind. */
export const PATTERNS_MAX = 1024

export class Filter {
  readonly #include: readonly Glob[]
  readonly #exclude: readonly Glob[]

  /** @throws FsError INVAL where something is no pattern */
  constructor({ include = [], exclude = [] }: Patterns) {
    this.#include = include.map(parseGlob)
    this.#exclude = exclude.map(parseGlob)
  }

  /** How things stand at the root directory. */
  get root(): Position {
    return { names: [], wanted: this.#include.length === 0 ? 'yes' : 'through' }
  }

  /** An entry of the folder at `above`. @param folder whether it is one itself */
  below(above: Position, name: Uint8Array, folder: boolean): Position {
    if (this.isEmpty) return above
    const names = [...above.names, nameText(name)]
    return { names, wanted: above.wanted === 'no' ? 'no' : this.#wanted(above, names, folder) }
  }

  /** Whether everything is wanted. */
  get isEmpty(): boolean {
    return this.#include.length === 0 && this.#exclude.length === 0
  }

  #wanted(above: Position, names: readonly string[], folder: boolean): Wanted {
    const isOne = (glob: Glob) => globMatches(glob, names, folder)
    if (this.#exclude.some(isOne)) return 'no'
    if (above.wanted === 'yes' || this.#include.some(isOne)) return 'yes'
    return folder ? 'through' : 'no'
  }

  /** The path's own position, folder by folder from the root directory on. */
  at(path: readonly Uint8Array[], folder: boolean): Position {
    let position = this.root
    for (const [i, name] of path.entries()) {
      position = this.below(position, name, folder || i < path.length - 1)
    }
    return position
  }
}
