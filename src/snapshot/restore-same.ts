/** Whether a live file is what it was in a snapshot, as far as can be told without reading data. */
import { chunkLimit, chunksOf } from '../fs/chunks.ts'
import type { Live } from '../fs/live.ts'
import type { Reader } from '../store/dataset.ts'
import { type Chunk, FileType, type Inode } from '../store/records.ts'
import { compareTime } from '../store/time.ts'
import { listSome } from './listing.ts'
import { child, type Located } from './paths.ts'
import type { PastFile } from './restore-file.ts'

const NO_BYTES = new Uint8Array(0)
/** Names of a directory by which it is told: few, since they are looked at in one turn. */
const NAMES_LOOKED_AT = 64

/** Whether a live file of any type but a directory is as the past one was. */
export function sameFile(live: Live, { ino, inode }: Located, past: PastFile): boolean {
  if (inode.type !== past.inode.type) return false
  if (!sameAttributes(live.current(ino, inode), past.inode)) return false
  if (inode.type === FileType.REG) return sameContent(live, ino, inode, past)
  const { major, minor, target } = past.inode
  return (
    inode.major === major &&
    inode.minor === minor &&
    Buffer.compare(inode.target ?? NO_BYTES, target ?? NO_BYTES) === 0
  )
}

export function sameAttributes(a: Inode, b: Inode): boolean {
  return (
    a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && compareTime(a.mtime, b.mtime) === 0
  )
}

/**
 * Whether a live directory may be what an earlier restore, interrupted or not, has made of a past
 * one: its first names are all of the past one's, and files are as they were.
 */
export function mayBeOf(live: Live, there: Located, past: Reader, source: Located): boolean {
  if (there.inode.type !== FileType.DIR) return false
  const names = listSome(live.reader, there.ino, there.inode, 0, NAMES_LOOKED_AT)
  return names.every(({ name, ino }) => {
    const was = child(past, source.ino, name)
    const inode = live.reader.inodes.get(ino)
    if (was === undefined || inode?.type !== was.inode.type) return false
    const { type } = inode
    return type === FileType.DIR || sameFile(live, { ino, inode }, { reader: past, ...was })
  })
}

/** Whether a live file has the very blocks of the past one: then its bytes are the same. */
export function sameContent(live: Live, ino: number, inode: Inode, past: PastFile): boolean {
  const now = live.current(ino, inode)
  if (now !== inode || now.size !== past.inode.size || now.used !== past.inode.used) return false
  const limit = chunkLimit(inode.size)
  const mine = chunksOf(live.reader, inode.content, inode.size)
  const theirs = chunksOf(past.reader, past.inode.content, past.inode.size)
  for (let count = 0; count <= limit; count++) {
    const a = mine.next()
    const b = theirs.next()
    if (a.done || b.done) return a.done === b.done
    if (a.value[0] !== b.value[0] || !sameChunk(a.value[1], b.value[1])) return false
  }
  return true
}

export function sameChunk(a: Chunk, b: Chunk): boolean {
  if (a === b) return true
  if (a.inline !== undefined || b.inline !== undefined) {
    return (
      a.inline !== undefined && b.inline !== undefined && Buffer.compare(a.inline, b.inline) === 0
    )
  }
  return (
    a.address.length === b.address.length &&
    a.address.every((address, i) => address === b.address[i])
  )
}
