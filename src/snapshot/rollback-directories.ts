/**
 * The first part of a rollback: every directory that the snapshot has is where it was.
 *
 * Those above come first, so the way from the root to a place is already what it was when a
 * directory goes there: it cannot come to lie in itself. What has its name now, a file, or a
 * directory that belongs elsewhere or nowhere, is put aside under another one.
 */
import { strict as assert } from 'node:assert'
import { findName } from '../fs/directory.ts'
import type { Located } from './paths.ts'
import { hintedPlace } from './paths-of.ts'
import {
  changedDirectories,
  onlyPlace,
  pathIn,
  type RollbackScope,
  requireFree,
} from './rollback-scope.ts'

export class RollbackDirectories {
  readonly #scope: RollbackScope
  readonly #placed = new Set<number>()

  constructor(scope: RollbackScope) {
    this.#scope = scope
  }

  async run(): Promise<void> {
    for (const { ino } of changedDirectories(this.#scope)) await this.#place(ino)
  }

  async #place(ino: number): Promise<void> {
    const { past, live, pause } = this.#scope
    const chain: Located[] = []
    for (let at = ino; at !== live.dataset.root && !this.#placed.has(at); ) {
      const inode = past.inodes.get(at)
      assert(inode !== undefined, 'a directory of a snapshot is below its root')
      chain.push({ ino: at, inode })
      at = inode.parent
    }
    for (const directory of chain.reverse()) {
      this.#placed.add(directory.ino)
      this.#one(directory)
      await pause()
    }
  }

  #one(source: Located): void {
    const { past, live, hand, note, fail } = this.#scope
    const { ino, inode } = source
    const spot = hintedPlace(past, ino, inode)
    assert(spot !== undefined, 'the hint of a directory is right')
    const existing = findName(live.reader, spot.dir, spot.name)
    if (existing?.ino === ino) return
    const path = () => pathIn(past, live.dataset.root, spot)
    try {
      requireFree(live, spot)
      if (existing !== undefined) hand.park(spot)
      const from = onlyPlace(this.#scope, ino, inode)
      if (from === undefined) {
        hand.makeDirectory(spot, source)
        note('create', path, 0)
      } else {
        hand.move(from, spot)
        note('move', path, 0)
      }
    } catch (error) {
      fail(path, error)
    }
  }
}
