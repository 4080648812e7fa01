/**
 * Which live file each restored file of several names has become.
 *
 * Names that were one file in the snapshot become one file again, and those that were two become
 * two, whatever they are now. Files with one name in both are not remembered: a tree of any size
 * takes no memory for them.
 */
import type { Located } from './paths.ts'

export class RestoredLinks {
  /** Live inos by those of the snapshot. */
  readonly #live = new Map<number, number>()
  /** The other way round. */
  readonly #past = new Map<number, number>()

  /** The live file `live` is now what `past` was in the snapshot. */
  add(live: Located, past: Located): void {
    if (live.inode.nlink <= 1 && past.inode.nlink <= 1) return
    this.#live.set(past.ino, live.ino)
    this.#past.set(live.ino, past.ino)
  }

  /** The ino of the live file that `past` has become. */
  find(past: Located): number | undefined {
    return past.inode.nlink > 1 ? this.#live.get(past.ino) : undefined
  }

  /** Whether the live file has become what another file of the snapshot was. By their inos. */
  isAnother(live: number, past: number): boolean {
    const became = this.#past.get(live)
    return became !== undefined && became !== past
  }
}
