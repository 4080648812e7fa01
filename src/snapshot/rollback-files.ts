/**
 * The third part of a rollback: files of the snapshot that are there get their content and their
 * attributes back, each at once. The last part does so for directories, whose times change with
 * every name.
 */
import { FileType, type Inode } from '../store/records.ts'
import type { Located } from './paths.ts'
import { hintedPlace } from './paths-of.ts'
import { changedChunks } from './rollback-content.ts'
import {
  changedDirectories,
  changedFiles,
  directoryPath,
  pathIn,
  type RollbackScope,
  sameDetails,
} from './rollback-scope.ts'

const NO_BYTES = new Uint8Array(0)

/** @param made files that have come back with their names, and are as they were */
export async function rollBackFiles(
  scope: RollbackScope,
  made: ReadonlySet<number>,
): Promise<void> {
  const { live, hand, note, fail, pause } = scope
  for (const source of changedFiles(scope)) {
    await pause()
    const { ino, inode } = source
    if (made.has(ino)) continue
    const now = live.reader.inodes.get(ino)
    // What is gone was told with its name, or a client has removed it meanwhile.
    if (now === undefined) continue
    const path = () => anyPath(scope, source)
    try {
      const content = !isSameContent(scope, { ino, inode: now }, inode)
      if (!content && sameDetails(live.current(ino, now), inode)) continue
      const bytes = content && inode.type === FileType.REG ? inode.size : 0
      await hand.become(ino, source)
      note(content ? 'replace' : 'attributes', path, bytes)
    } catch (error) {
      fail(path, error)
    }
  }
}

function isSameContent(scope: RollbackScope, now: Located, past: Inode): boolean {
  if (past.type === FileType.REG) {
    const then = { reader: scope.past, inode: past }
    return now.inode.size === past.size && changedChunks(scope.live, now, then, scope)?.length === 0
  }
  const [a, b] = [now.inode, past]
  const target = Buffer.compare(a.target ?? NO_BYTES, b.target ?? NO_BYTES)
  return a.major === b.major && a.minor === b.minor && target === 0
}

/** Where a file was; one that had several names may have lost the one that it tells of. */
function anyPath({ past, live }: RollbackScope, { ino, inode }: Located): Uint8Array {
  const spot = hintedPlace(past, ino, inode)
  return spot === undefined ? Buffer.from(`inode ${ino}`) : pathIn(past, live.dataset.root, spot)
}

export async function rollBackAttributes(scope: RollbackScope): Promise<void> {
  const { live, past, safety, hand, note, fail, pause } = scope
  for (const { ino, inode } of changedDirectories(scope)) {
    await pause()
    const now: Inode | undefined = live.reader.inodes.get(ino)
    if (now === undefined || sameDetails(now, inode)) continue
    const path = () => directoryPath(past, live.dataset.root, ino)
    try {
      hand.setDirectory(ino, inode)
      // What only the rollback itself has changed is no news.
      const before = safety === undefined ? now : safety.inodes.get(ino)
      if (before !== undefined && !sameDetails(before, inode)) note('attributes', path, 0)
    } catch (error) {
      fail(path, error)
    }
  }
}
