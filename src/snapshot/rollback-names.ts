/**
 * The second part of a rollback: every name that a file other than a directory had stands for it
 * again. Names that it has besides go later (rollback-removal.ts), so that no file is lost that
 * the snapshot has.
 *
 * A file that is gone comes back under its number. But where it had one name, and a file that came
 * since has that name now and no other, that one becomes what it was, which is how many programs
 * save: who has it open, or cached, sees the old content.
 */
import type { Inode } from '../store/records.ts'
import { FileType } from '../store/records.ts'
import { child, type Located } from './paths.ts'
import { hintedPlace } from './paths-of.ts'
import { sameFile } from './restore-same.ts'
import type { Spot } from './restore-write.ts'
import {
  changedDirectories,
  goneNames,
  hadOneName,
  onlyPlace,
  pathIn,
  type RollbackScope,
  requireFree,
  sameDetails,
} from './rollback-scope.ts'

export class RollbackNames {
  /** Files that came back: they are as they were. */
  readonly made = new Set<number>()
  readonly #scope: RollbackScope

  constructor(scope: RollbackScope) {
    this.#scope = scope
  }

  async run(): Promise<void> {
    const { past, live, pause, fail } = this.#scope
    for (const directory of changedDirectories(this.#scope)) {
      for (const { name, ino, type } of goneNames(this.#scope, directory)) {
        await pause()
        if (type === FileType.DIR) continue
        const spot = { dir: directory.ino, name }
        const inode = past.inodes.get(ino)
        try {
          if (inode !== undefined) await this.#name(spot, { ino, inode })
        } catch (error) {
          fail(() => pathIn(past, live.dataset.root, spot), error)
        }
      }
    }
  }

  async #name(spot: Spot, source: Located): Promise<void> {
    const { live, past, hand, note } = this.#scope
    const { ino, inode } = source
    const existing = child(live.reader, spot.dir, spot.name)
    if (existing?.ino === ino) return
    requireFree(live, spot)
    const path = () => pathIn(past, live.dataset.root, spot)
    if (live.reader.inodes.get(ino) !== undefined || this.made.has(ino)) {
      this.#clear(existing, spot)
      const from = onlyPlace(this.#scope, ino, inode)
      if (from === undefined) hand.link(spot, ino)
      else hand.move(from, spot)
      note(from !== undefined && this.#wasHinted(ino) ? 'move' : 'create', path, 0)
      return
    }
    const bytes = inode.type === FileType.REG ? inode.size : 0
    if (existing !== undefined && this.#mayBecome(existing, inode)) {
      if (this.#isAlready(existing, inode)) return
      await hand.become(existing.ino, source)
      note('replace', path, bytes)
      return
    }
    this.#clear(existing, spot)
    await hand.makeFile(spot, source)
    this.made.add(ino)
    note('create', path, bytes)
  }

  /** Whether its place was known all along: a file that was put aside has told of its name. */
  #wasHinted(ino: number): boolean {
    const { safety } = this.#scope
    const before = safety?.inodes.get(ino)
    if (safety === undefined || before === undefined) return true
    return hintedPlace(safety, ino, before) !== undefined
  }

  /** What the snapshot has elsewhere, and directories, are put aside; other files are replaced. */
  #clear(existing: Located | undefined, spot: Spot): void {
    if (existing === undefined) return
    const { type, nlink } = existing.inode
    const isLast = nlink === 1 && this.#scope.past.inodes.get(existing.ino) !== undefined
    if (type === FileType.DIR || isLast) this.#scope.hand.park(spot)
  }

  /** Whether a live file that came since may take the part of one that is gone. */
  #mayBecome(existing: Located, past: Inode): boolean {
    if (existing.inode.type !== past.type || existing.inode.type === FileType.DIR) return false
    if (this.#scope.past.inodes.get(existing.ino) !== undefined) return false
    return past.nlink === 1 && hadOneName(this.#scope, existing.ino, existing.inode)
  }

  #isAlready(existing: Located, past: Inode): boolean {
    const { live, past: reader } = this.#scope
    return sameDetails(existing.inode, past) && sameFile(live, existing, { reader, inode: past })
  }
}
