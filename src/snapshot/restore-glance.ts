/**
 * Which files of a folder that was there are as they were, told at a glance: by records that are at
 * hand already, and without looking their names up. Where a glance does not tell, nothing is said.
 */
import { chunkLimit } from '../fs/chunks.ts'
import type { Live } from '../fs/live.ts'
import { chunkKey } from '../store/keys.ts'
import { FileType, type Inode } from '../store/records.ts'
import type { Located } from './paths.ts'
import type { Place } from './restore-folder.ts'
import type { SimpleFile } from './restore-fresh.ts'
import type { RestoredLinks } from './restore-links.ts'
import type { Overwrite } from './restore-request.ts'
import { sameAttributes, sameChunk } from './restore-same.ts'

export interface GlanceOptions {
  readonly live: Live
  readonly links: RestoredLinks
  readonly overwrite: Overwrite
}

export class RestoreGlance {
  readonly #options: GlanceOptions

  constructor(options: GlanceOptions) {
    this.#options = options
  }

  /** Whether the file, which still has its name, is as it was: every change gives it a new inode. */
  isUntouched(place: Place, { ino, inode }: Located): boolean {
    return this.#plain(place, ino, ino) === inode && inode.nlink === 1
  }

  /**
   * Whether another file of that name is what one was: an earlier restore may have made it.
   *
   * @param ino of the live file
   * @param past the ino that the snapshot's had
   */
  isRestored(place: Place, ino: number, past: number, { inode: then, chunk }: SimpleFile): boolean {
    const { reader } = this.#options.live
    const now = this.#plain(place, ino, past)
    if (now?.type !== FileType.REG || then.type !== FileType.REG || now.nlink !== 1) return false
    if (now.size !== then.size || now.used !== then.used || !sameAttributes(now, then)) return false
    if (chunkLimit(now.size) === 0) return true
    const mine = reader.chunks.get(chunkKey(now.content, 0))
    return mine === undefined || chunk === undefined ? mine === chunk : sameChunk(mine, chunk)
  }

  /** The live inode, where nothing stands against leaving it, and no data waits to be stored. */
  #plain({ dir, name }: Place, ino: number, past: number): Inode | undefined {
    const { live, links, overwrite } = this.#options
    if (overwrite === 'never' || overwrite === 'always') return undefined
    const inode = live.reader.inodes.get(ino)
    if (inode === undefined || live.current(ino, inode) !== inode) return undefined
    if (links.isAnother(ino, past) || live.isTaken(dir, name)) return undefined
    return inode
  }
}
