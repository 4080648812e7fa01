/** What changed about a file that both trees have. */
import { chunkLimit } from '../fs/chunks.ts'
import type { BlockReader } from '../fs/data-read.ts'
import type { Reader } from '../store/dataset.ts'
import { FileType, type Inode } from '../store/records.ts'
import { compareTime } from '../store/time.ts'
import type { Superseded } from './diff-scan.ts'
import type { Pause } from './paths-of.ts'
import type { PastFile } from './restore-file.ts'
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
  readonly #superseded: Pick<Superseded, 'chunks'> | undefined

  /** @param superseded between the two trees; without it, all of each content is looked at */
  constructor(blocks: BlockReader, pause: Pause, superseded?: Pick<Superseded, 'chunks'>) {
    this.#contents = new ContentComparison(blocks, pause)
    this.#superseded = superseded
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
      return this.#sameBytes(a, { reader: newer, inode: after })
    }
    return (
      before.major === after.major &&
      before.minor === after.minor &&
      Buffer.compare(before.target ?? NO_BYTES, after.target ?? NO_BYTES) === 0
    )
  }

  /** Of a large file with one content number, only the chunks that changed are looked at. */
  async #sameBytes(a: PastFile, b: PastFile): Promise<boolean> {
    const { content, size, used } = a.inode
    if (size !== b.inode.size) return false
    if (content === b.inode.content && this.#superseded !== undefined) {
      const chunks = this.#superseded.chunks.get(content) ?? []
      // A chunk that came where none was adds to `used`, unless another one went.
      if (chunks.length === 0 && used === b.inode.used) return true
      for (const index of chunks) {
        if (index >= chunkLimit(size)) continue
        if (!(await this.#contents.sameChunk(a, b, index))) return false
      }
    }
    return this.#contents.same(a, b)
  }
}
