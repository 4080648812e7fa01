/** Files of a dataset's snapshots, for streaming them to the operator's disk. */
import { crc32 } from 'node:zlib'
import type { EntryInfo, Listing, Piece } from './control/operations.ts'
import { LIST_ENTRIES_MAX, READ_BYTES_MAX } from './control/operations.ts'
import type { ReadBuffers } from './fs/data-buffers.ts'
import { ContentReader } from './fs/data-read.ts'
import { FsError } from './fs/error.ts'
import { nextData, nextHole } from './snapshot/extents.ts'
import { listSome } from './snapshot/listing.ts'
import type { OpenDataset } from './snapshot/open-dataset.ts'
import { locate, namesOf } from './snapshot/paths.ts'
import type { BlockStore } from './store/blocks.ts'
import type { Reader, Snapshot } from './store/dataset.ts'
import { FileType, type Inode } from './store/records.ts'

const NO_BYTES = new Uint8Array(0)

/** A tree as a snapshot has it. */
export class SnapshotFiles {
  readonly #snapshot: Snapshot
  readonly #reader: Reader
  readonly #root: number

  /** @throws FsError NOENT where there is no such snapshot */
  constructor({ dataset, snapshots }: OpenDataset, name: string) {
    this.#snapshot = snapshots.get(name)
    this.#reader = dataset.at(this.#snapshot.epoch)
    this.#root = dataset.root
  }

  /** @throws FsError NOENT, NOTDIR */
  stat(path: Uint8Array): EntryInfo {
    const names = namesOf(path)
    const where = `snapshot '${this.#snapshot.name}'`
    const { ino, inode } = locate(this.#reader, this.#root, names, where)
    return entryInfo(names.at(-1) ?? NO_BYTES, ino, inode)
  }

  /** As Operations.list. @throws FsError NOENT, NOTDIR */
  list(ino: number, after: number): Listing {
    const inode = this.#inode(ino)
    if (inode.type !== FileType.DIR) throw new FsError('NOTDIR', `file ${ino} is no directory`)
    const found = listSome(this.#reader, ino, inode, after, LIST_ENTRIES_MAX)
    const entries = found.map((entry) => entryInfo(entry.name, entry.ino, this.#inode(entry.ino)))
    return { entries, next: found.length < LIST_ENTRIES_MAX ? undefined : found.at(-1)?.cookie }
  }

  /** As Operations.read. @throws FsError NOENT, INVAL, IO */
  async read(
    blocks: BlockStore,
    buffers: ReadBuffers,
    ino: number,
    offset: number,
    count: number,
  ): Promise<Piece> {
    const reader = this.#reader
    const inode = this.#inode(ino)
    if (inode.type !== FileType.REG) throw new FsError('INVAL', `file ${ino} is no regular file`)
    const start = nextData(reader, inode, offset)
    if (start > offset) return piece(NO_BYTES, start - offset, start >= inode.size)
    const wanted = Math.min(count, READ_BYTES_MAX)
    const end = nextHole(reader, inode, offset, Math.min(inode.size, offset + wanted))
    const content = new ContentReader(reader, blocks, buffers)
    const { data, release } = await content.read(ino, inode, offset, end - offset)
    const hole = nextData(reader, inode, end) - end
    const read = piece(new Uint8Array(data), hole, end + hole >= inode.size)
    release?.()
    return read
  }

  #inode(ino: number): Inode {
    const inode = this.#reader.inodes.get(ino)
    if (inode === undefined) throw new FsError('NOENT', `there is no file ${ino} in the snapshot`)
    return inode
  }
}

function piece(data: Uint8Array, hole: number, eof: boolean): Piece {
  return { data, crc: crc32(data), hole, eof }
}

function entryInfo(name: Uint8Array, ino: number, inode: Inode): EntryInfo {
  const { type, mode, uid, gid, nlink, size, used, major, minor, atime, mtime, target } = inode
  const numbers = { ino, type, mode, uid, gid, nlink, size, used, major, minor, atime, mtime }
  return { name, ...numbers, target: target ?? NO_BYTES }
}
