/**
 * What the store keeps, as values in memory and as bytes on disk.
 *
 * On disk a record is XDR (RFC 4506), as the wire is:
 *
 *   birth:u32  the epoch in which this version was written, 0 for records without versions
 *   record     one of the codecs below
 *   crc:u32    CRC-32 of key, birth and record; verified whenever the record is read from disk
 *
 * Invariants:
 * - A value is never changed once it is stored: a change stores a new value.
 * - Decoded bytes (names, targets, inline data) are copies of their own, never views of a buffer
 *   that is reused.
 */
import { bool, type Codec, string, struct, uint32, uint64 } from '../xdr/codec.ts'
import type { XdrReader } from '../xdr/reader.ts'
import type { XdrWriter } from '../xdr/writer.ts'
import { type Time, timeCodec } from './time.ts'

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
  /** DIR: the directory above; the root's own number in the root. */
  readonly parent: number
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
  readonly crc: Uint32Array
  readonly birth: Uint32Array
}
export const EMPTY_CHUNK: Chunk = {
  inline: undefined,
  address: new Float64Array(0),
  crc: new Uint32Array(0),
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

const own = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)
const TARGET_BYTES_MAX = 4096
const NAME_BYTES_MAX = 255

export const inodeCodec: Codec<Inode> = {
  encode(w, inode) {
    w.uint32(inode.type)
    w.uint32(inode.mode)
    w.uint32(inode.nlink)
    w.uint32(inode.uid)
    w.uint32(inode.gid)
    w.uint64(inode.size)
    w.uint64(inode.used)
    timeCodec.encode(w, inode.atime)
    timeCodec.encode(w, inode.mtime)
    timeCodec.encode(w, inode.ctime)
    w.uint32(inode.generation)
    encodeBody(w, inode)
  },
  decode(r) {
    const type = r.uint32() as FileType
    const mode = r.uint32()
    const nlink = r.uint32()
    const uid = r.uint32()
    const gid = r.uint32()
    const size = r.uint64()
    const used = r.uint64()
    const atime = timeCodec.decode(r)
    const mtime = timeCodec.decode(r)
    const ctime = timeCodec.decode(r)
    const generation = r.uint32()
    const common = { type, mode, nlink, uid, gid, size, used, atime, mtime, ctime, generation }
    return { ...common, ...decodeBody(r, type) }
  },
}

function encodeBody(w: XdrWriter, inode: Inode): void {
  if (inode.type === FileType.REG) {
    w.uint64(inode.content)
    w.opaque(inode.verifier ?? NO_BYTES)
  } else if (inode.type === FileType.DIR) {
    w.uint64(inode.parent)
    w.uint64(inode.entries)
    w.uint64(inode.nextCookie)
  } else if (inode.type === FileType.LNK) {
    w.opaque(inode.target ?? NO_BYTES)
  } else {
    w.uint32(inode.major)
    w.uint32(inode.minor)
  }
}

const NO_BYTES = new Uint8Array(0)
const NO_BODY = {
  major: 0,
  minor: 0,
  content: 0,
  verifier: undefined as Uint8Array | undefined,
  parent: 0,
  entries: 0,
  nextCookie: 0,
  target: undefined as Uint8Array | undefined,
}

function decodeBody(r: XdrReader, type: FileType): typeof NO_BODY {
  if (type === FileType.REG) {
    const content = r.uint64()
    const verifier = r.opaque(8)
    return { ...NO_BODY, content, verifier: verifier.length === 0 ? undefined : own(verifier) }
  }
  if (type === FileType.DIR) {
    return { ...NO_BODY, parent: r.uint64(), entries: r.uint64(), nextCookie: r.uint64() }
  }
  if (type === FileType.LNK) return { ...NO_BODY, target: own(r.opaque(TARGET_BYTES_MAX)) }
  return { ...NO_BODY, major: r.uint32(), minor: r.uint32() }
}

export const nameCodec: Codec<NameRecord> = {
  encode(w, name) {
    w.uint64(name.ino)
    w.uint32(name.type)
    w.uint64(name.cookie)
  },
  decode: (r) => ({ ino: r.uint64(), type: r.uint32() as FileType, cookie: r.uint64() }),
}

export const pageCodec: Codec<Page> = {
  encode(w, page) {
    w.uint32(page.length)
    for (const entry of page) {
      nameCodec.encode(w, entry)
      w.opaque(entry.name)
    }
  },
  decode: (r) =>
    Array.from({ length: r.uint32() }, () => {
      const { ino, type, cookie } = nameCodec.decode(r)
      return { ino, type, cookie, name: own(r.opaque(NAME_BYTES_MAX)) }
    }),
}

/** 512 bits, least significant first within a byte. */
export const bitmapCodec: Codec<Uint8Array> = {
  encode: (w, bitmap) => w.opaqueFixed(bitmap),
  decode: (r) => own(r.opaqueFixed(BITMAP_BITS / 8)),
}

/** Runs of blocks that lie side by side on disk and came in one epoch, then a CRC a block. */
export const chunkCodec: Codec<Chunk> = {
  encode(w, chunk) {
    w.uint32(chunk.inline === undefined ? 0 : 1)
    if (chunk.inline !== undefined) {
      w.opaque(chunk.inline)
      return
    }
    const length = chunk.address.length
    w.uint32(length)
    for (let start = 0; start < length; ) {
      const end = runEnd(chunk, start)
      w.uint32(end - start)
      w.uint64(chunk.address[start] ?? 0)
      w.uint32(chunk.birth[start] ?? 0)
      if (chunk.address[start] !== 0) {
        for (let i = start; i < end; i++) w.uint32(chunk.crc[i] ?? 0)
      }
      start = end
    }
  },
  decode(r) {
    if (r.bool()) return { ...EMPTY_CHUNK, inline: own(r.opaque(INLINE_BYTES_MAX)) }
    const length = r.uint32()
    const chunk = newChunk(length)
    for (let start = 0; start < length; ) {
      const end = start + r.uint32()
      const address = r.uint64()
      const birth = r.uint32()
      for (let i = start; i < end; i++) {
        if (address === 0) continue
        chunk.address[i] = address + i - start
        chunk.birth[i] = birth
        chunk.crc[i] = r.uint32()
      }
      start = end
    }
    return chunk
  },
}

/** A chunk of `length` holes, to be filled in before it is stored. */
export function newChunk(length: number): Chunk {
  return {
    inline: undefined,
    address: new Float64Array(length),
    crc: new Uint32Array(length),
    birth: new Uint32Array(length),
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

export const versionsCodec: Codec<readonly Version[]> = {
  encode(w, versions) {
    w.uint32(versions.length)
    for (const { birth, end } of versions) {
      w.uint32(birth)
      w.uint32(end)
    }
  },
  decode: (r) => Array.from({ length: r.uint32() }, () => ({ birth: r.uint32(), end: r.uint32() })),
}

export const orphanCodec: Codec<Orphan> = {
  encode(w, orphan) {
    w.uint64(orphan.content)
    w.uint32(orphan.end)
  },
  decode: (r) => ({ content: uint64.decode(r), end: uint32.decode(r) }),
}

/** Bytes kept as they are: a superseded record as it was encoded. */
export const bytesCodec: Codec<Uint8Array> = {
  encode: (w, bytes) => w.opaque(bytes),
  decode: (r) => own(r.opaque(0xffff_ffff)),
}

/** A record that says all by its key. */
export const presenceCodec: Codec<true> = {
  encode: () => undefined,
  decode: () => true,
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
}

/** A snapshot: the state of its dataset at the end of `epoch`. Its number names it for ever. */
export interface SnapshotRecord {
  readonly dataset: number
  readonly name: string
  readonly epoch: number
  readonly created: Time
  /** Marked for deletion: nobody sees it, and what only it holds is being freed. */
  readonly deleting: boolean
}

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

/** Longest name of a dataset or snapshot, in bytes. */
const OBJSET_NAME_BYTES_MAX = 255

export const datasetCodec: Codec<DatasetRecord> = struct({
  name: string(OBJSET_NAME_BYTES_MAX),
  root: uint64,
  epoch: uint32,
  snapshotsChanged: timeCodec,
})

export const snapshotCodec: Codec<SnapshotRecord> = struct({
  dataset: uint32,
  name: string(OBJSET_NAME_BYTES_MAX),
  epoch: uint32,
  created: timeCodec,
  deleting: bool,
})

export const superblockCodec: Codec<Superblock> = {
  encode(w, superblock) {
    w.opaqueFixed(superblock.uuid)
    w.opaqueFixed(superblock.handleKey)
    w.uint32(superblock.starts)
    w.uint64(superblock.nextIno)
    w.uint32(superblock.nextObjset)
  },
  decode: (r) => ({
    uuid: own(r.opaqueFixed(16)),
    handleKey: own(r.opaqueFixed(16)),
    starts: r.uint32(),
    nextIno: r.uint64(),
    nextObjset: r.uint32(),
  }),
}
