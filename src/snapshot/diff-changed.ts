/** What changed about a file that both trees have. */
import type { BlockReader } from '../fs/data-read.ts'
import type { Reader } from '../store/dataset.ts'
import { FileType, type Inode } from '../store/records.ts'
import { compareTime } from '../store/time.ts'
import type { Pause } from './paths-of.ts'
import { ContentComparison } from './same-content.ts'

/** Two inodes, each with the records of its tree. */
export interface Two {
  readonly older: Reader
  readonly newer: Reader
  readonly before: Inode
  readonly after: Inode
}

export interface Changed {
  /** Its bytes, where it points (a symlink), or its device numbers. */
  readonly content: boolean
  /**
   * Mode, owner or group; or the mtime of a file whose content did not change. Times of a directory
   * are those of its names, which are told themselves.
   */
  readonly attributes: boolean
}

const NO_BYTES = new Uint8Array(0)

export class Changes {
  readonly #contents: ContentComparison

  constructor(blocks: BlockReader, pause: Pause) {
    this.#contents = new ContentComparison(blocks, pause)
  }

  /** @throws FsError IO where a block that has to be read fails its checksum */
  async between(two: Two): Promise<Changed> {
    const { before, after } = two
    const content = !(await this.#sameContent(two))
    const owner = before.uid === after.uid && before.gid === after.gid
    const sameTime = after.type === FileType.DIR || compareTime(before.mtime, after.mtime) === 0
    const same = owner && before.mode === after.mode && (content || sameTime)
    return { content, attributes: !same }
  }

  async #sameContent({ older, newer, before, after }: Two): Promise<boolean> {
    if (after.type === FileType.REG) {
      const a = { reader: older, inode: before }
      return this.#contents.same(a, { reader: newer, inode: after })
    }
    return (
      before.major === after.major &&
      before.minor === after.minor &&
      Buffer.compare(before.target ?? NO_BYTES, after.target ?? NO_BYTES) === 0
    )
  }
}
