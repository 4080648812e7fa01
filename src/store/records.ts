/**
 * What the store keeps, as values in memory. codecs.ts has their bytes on disk.
 *
 * Invariants:
 * - A value is never changed once it is stored: a change stores a new value.
 * - Bytes in it (names, targets, inline data) are its own, never views of a buffer that is reused.
 */
import type { Time } from './time.ts'

/** Bytes of a block, the unit of allocation, of checksums and of copy-on-write. */
export const BLOCK_BYTES = 4096
/** Blocks of file that one chunk record maps: 1 MiB. */
export const CHUNK_BLOCKS = 256
export const CHUNK_BYTES = BLOCK_BYTES * CHUNK_BLOCKS
/** A file of at most this many bytes lives inside its chunk record. */
export const INLINE_BYTES_MAX = 2048
/** READDIR cookies per page of a directory. */
export const PAGE_COOKIES = 32
/** Fan-out of the bitmaps that tell which pages or chunks exist. */
export const BITMAP_BITS = 512

/** RFC 1813 §2.6 ftype3. */
export const FileType = { REG: 1, DIR: 2, BLK: 3, CHR: 4, LNK: 5, SOCK: 6, FIFO: 7 } as const
export type FileType = (typeof FileType)[keyof typeof FileType]

/** One file of any type. Fields that its type has no use for are 0, or undefined. */
export interface Inode {
  readonly type: FileType
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  /** Bytes. */
  readonly size: number
  /** Bytes allocated: blocks that the file maps, or its inline data. */
  readonly used: number
  readonly atime: Time
  readonly mtime: Time
  readonly ctime: Time
  /** With the ino never used again; at most 16 bits. */
  readonly generation: number
  /** BLK and CHR: major and minor number. */
  readonly major: number
  readonly minor: number
  /** REG: the number under which its chunks are kept; restores and truncations exchange it. */
  readonly content: number
  /** REG: the verifier of an EXCLUSIVE create (8 bytes) until the first SETATTR or WRITE. */
  readonly verifier: Uint8Array | undefined
  /**
   * A directory that it has, or last got, a name in, and the cookie of that name there. The name of
   * a directory is always there; the root has its own number and cookie 0. A file of several names
   * may have lost that one since: a hint, to be verified.
   */
  readonly parent: number
  readonly cookie: number
  /** DIR: how many names it has, `.` and `..` not counted. */
  readonly entries: number
  /** DIR: the cookie of the next name; cookies only grow and are never used again. */
  readonly nextCookie: number
  /** LNK: where it points. */
  readonly target: Uint8Array | undefined
}

/** What a name of a directory stands for. */
export interface NameRecord {
  readonly ino: number
  readonly type: FileType
  readonly cookie: number
}

/** A name in READDIR order. */
export interface PageEntry extends NameRecord {
  readonly name: Uint8Array
}

/** The names of a directory whose cookies lie in one page, in the order of their cookies. */
export type Page = readonly PageEntry[]

/**
 * One MiB of a file: its bytes while the whole file is small, or where its blocks are.
 *
 * The arrays have one element a block, from the chunk's first to its last mapped one. Address 0 is
 * a hole. `birth` is the epoch in which the block came into this file: a snapshot of that epoch or
 * a later one may hold it too.
 */
export interface Chunk {
  readonly inline: Uint8Array | undefined
  readonly address: Float64Array
  readonly checksum: Uint32Array
  readonly birth: Uint32Array
}
export const EMPTY_CHUNK: Chunk = {
  inline: undefined,
  address: new Float64Array(0),
  checksum: new Uint32Array(0),
  birth: new Uint32Array(0),
}

/** One version of a record that is history: written in epoch `birth`, superseded in epoch `end`. */
export interface Version {
  readonly birth: number
  readonly end: number
}

/** Chunks of a file that is gone, to be freed in the background; the epoch in which it went. */
export interface Orphan {
  readonly content: number
  readonly end: number
}

/** What the live files of a dataset take. */
export interface Usage {
  /** Bytes: the sum of all inodes' `used`. */
  readonly bytes: number
  readonly inodes: number
}
export const NO_USAGE: Usage = { bytes: 0, inodes: 0 }

/** What the live files take, or took when a snapshot was made, and what of it was written when. */
export interface Account extends Usage {
  /** Bytes of data that came into files after the snapshot before, and are still held. */
  readonly written: number
}
export const NO_ACCOUNT: Account = { ...NO_USAGE, written: 0 }

/** What the three arrays of a chunk take for each block: 8, 4 and 4 bytes. */
const CHUNK_BLOCK_BYTES = 16

/** A chunk of `length` holes, to be filled in before it is stored. */
export function newChunk(length: number): Chunk {
  // One piece of memory for all: for a large file, three take twice as long.
  const memory = new ArrayBuffer(length * CHUNK_BLOCK_BYTES)
  return {
    inline: undefined,
    address: new Float64Array(memory, 0, length),
    checksum: new Uint32Array(memory, length * 8, length),
    birth: new Uint32Array(memory, length * 12, length),
  }
}

/** Where the run of blocks that starts at `start` ends: holes, or neighbours on disk of one birth. */
export function runEnd(chunk: Chunk, start: number): number {
  const first = chunk.address[start] ?? 0
  const birth = chunk.birth[start]
  let end = start + 1
  while (
    end < chunk.address.length &&
    chunk.address[end] === (first === 0 ? 0 : first + end - start) &&
    (first === 0 || chunk.birth[end] === birth)
  ) {
    end++
  }
  return end
}

/** Of which snapshot a dataset is a clone, and reads what it has no record of its own of. */
export interface Origin {
  readonly dataset: number
  readonly snapshot: number
  /** The snapshot's. The clone's own epochs begin behind it. */
  readonly epoch: number
  /** What it has of the snapshot is being made its own. */
  readonly promoting: boolean
  /** Of the snapshot's files, in the order of their numbers: the last that is done, and how many are. */
  readonly doneIno: number
  readonly doneInodes: number
}

/** A dataset: a tree of files with snapshots of its own. */
export interface DatasetRecord {
  /** Empty for the root dataset. */
  readonly name: string
  /** The ino of its root directory. */
  readonly root: number
  /** The epoch of changes made now; a snapshot raises it. */
  readonly epoch: number
  /** When a snapshot was last made or deleted: the mtime of `.snapshots`. */
  readonly snapshotsChanged: Time
  readonly created: Time
  /** What its live files may take; 0 is no limit. */
  readonly quota: Usage
  /** Nobody sees it any more; what it held is being freed. */
  readonly deleting: boolean
  /** Undefined where it depends on no other dataset. */
  readonly origin: Origin | undefined
  /** It was a clone: tombstones are left, which hide nothing any more. */
  readonly tombstones: boolean
}

/** Longest comment of a snapshot, in bytes. */
export const COMMENT_BYTES_MAX = 1024
/** Most tags of a snapshot. */
export const TAGS_MAX = 32
/** Most holds of a snapshot. */
export const HOLDS_MAX = 32
/** Longest tag or hold, in bytes. */
export const WORD_BYTES_MAX = 64

/** What people note about a snapshot. */
export interface SnapshotNotes {
  /** One line of text, or none. */
  readonly comment: string
  /** Words, or `key=value`, none twice. */
  readonly tags: readonly string[]
  /** Who wants it kept, none twice: while there is one, it cannot be deleted. */
  readonly holds: readonly string[]
}

/** A snapshot: the state of its dataset at the end of `epoch`. Its number names it for ever. */
export interface SnapshotRecord extends SnapshotNotes {
  readonly dataset: number
  readonly name: string
  /** What the dataset's files took when it was made. */
  readonly referenced: Usage
  readonly epoch: number
  readonly created: Time
  /** Marked for deletion: nobody sees it, and what only it holds is being freed. */
  readonly deleting: boolean
}

/** The periods of a schedule, shortest first: one snapshot of each is taken when one begins. */
export const PERIODS = ['frequently', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const
export type Period = (typeof PERIODS)[number]
/** Most snapshots of one period that a schedule keeps. */
export const SCHEDULE_COUNT_MAX = 10_000

/** How many snapshots of each period a dataset's schedule keeps; where it is 0 it takes none. */
export type ScheduleRecord = Readonly<Record<Period, number>>

/** What is one of a kind in a store. */
export interface Superblock {
  /** 16 random bytes: which store this is. */
  readonly uuid: Uint8Array
  /** 16 random bytes under which file handles are signed. */
  readonly handleKey: Uint8Array
  /** How often the store was opened for writing. */
  readonly starts: number
  /** Inode numbers below this may be in use; from here on none is. */
  readonly nextIno: number
  /** The number of the next dataset or snapshot; what their fsid is made of. */
  readonly nextObjset: number
}
