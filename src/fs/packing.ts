/** How listings are taken packed (filesystem.ts). */
import type { DirectoryEntry } from './filesystem.ts'

/**
 * How a protocol packs entries of a listing with attributes, for a file system that keeps what it
 * has packed and hands it over again as long as nothing about these entries has changed.
 */
export interface Packing {
  /** Stands for the form that entries are packed into; the same object, the same form. */
  readonly owner: object
  /** @returns what `take` understands; its length in bytes */
  pack(entries: readonly DirectoryEntry[]): { readonly length: number }
  /**
   * Takes entries out of what `pack` has made, from the one at `from` on.
   *
   * @returns how many; where there were more, no more fit
   */
  take(packed: object, from: number): number
}
