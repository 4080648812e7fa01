/** The hand of a restore that is only planned: nothing changes, and what fails is told. */
import type { Live } from '../fs/live.ts'
import type { Inode } from '../store/records.ts'
import { child, type Located } from './paths.ts'
import type { RestoredLinks } from './restore-links.ts'
import { mayKeep, type RestoreHand, requireReplaceable, type Spot } from './restore-write.ts'

export class DryHand implements RestoreHand {
  readonly #live: Live
  readonly #links: RestoredLinks
  readonly #deleting: boolean
  #last = 0

  /** @param deleting whether directories that are in the way are emptied first */
  constructor(live: Live, links: RestoredLinks, deleting: boolean) {
    this.#deleting = deleting
    this.#live = live
    this.#links = links
  }

  makeDirectory(spot: Spot, _model: Inode | undefined): number {
    this.#there(spot)
    return --this.#last
  }

  /** Each is told by itself. */
  fill(): boolean {
    return false
  }

  setDirectory(): void {}

  async file(spot: Spot, source: Located): Promise<Located> {
    return this.special(spot, source)
  }

  special(spot: Spot, source: Located): Located {
    const existing = this.#there(spot)
    if (existing !== undefined && mayKeep(this.#links, existing, source)) return existing
    return { ino: --this.#last, inode: { ...source.inode, nlink: 1 } }
  }

  link(spot: Spot): void {
    this.#there(spot)
  }

  remove(): void {}

  #there({ dir, name }: Spot): Located | undefined {
    const existing = dir < 0 ? undefined : child(this.#live.reader, dir, name)
    if (!this.#deleting) requireReplaceable(existing)
    return existing
  }
}
