/**
 * Records as bytes on disk: XDR (RFC 4506), as the wire is.
 *
 *   birth:u32  the epoch in which this version was written, 0 for records without versions
 *   record     one of the codecs below
 *   crc:u32    CRC-32 of key, birth and record; verified whenever the record is read from disk
 *
 * A birth alone is a tombstone: in a clone, it says that there is no such record, though the
 * snapshot that it was made of has one.
 */
import { array, bool, type Codec, optional, string, struct, uint32, uint64 } from '../xdr/codec.ts'
import type { XdrReader } from '../xdr/reader.ts'
import type { XdrWriter } from '../xdr/writer.ts'
import {
  type Account,
  BITMAP_BITS,
  type Chunk,
  COMMENT_BYTES_MAX,
  type DatasetRecord,
  EMPTY_CHUNK,
  FileType,
  HOLDS_MAX,
  INLINE_BYTES_MAX,
  type Inode,
  type NameRecord,
  newChunk,
  type Origin,
  type Orphan,
  type Page,
  runEnd,
  type ScheduleRecord,
  type SnapshotRecord,
  type Superblock,
  TAGS_MAX,
  type Usage,
  type Version,
  WORD_BYTES_MAX,
} from './records.ts'
import { timeCodec } from './time.ts'

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
    w.uint64(inode.parent)
    w.uint64(inode.cookie)
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
    const parent = r.uint64()
    const cookie = r.uint64()
    const { major, minor, content, verifier, entries, nextCookie, target } = decodeBody(r, type)
    // One literal: an object of so many properties put together from others takes V8 tens of
    // microseconds, and what is done with it later is slow as well.
    // biome-ignore format: it would take a line for each
    return {
      type, mode, nlink, uid, gid, size, used, atime, mtime, ctime, generation,
      major, minor, content, verifier, parent, cookie, entries, nextCookie, target,
    }
  },
}

function encodeBody(w: XdrWriter, inode: Inode): void {
  if (inode.type === FileType.REG) {
    w.uint64(inode.content)
    w.opaque(inode.verifier ?? NO_BYTES)
  } else if (inode.type === FileType.DIR) {
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
    return { ...NO_BODY, entries: r.uint64(), nextCookie: r.uint64() }
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

/** Runs of blocks that lie side by side on disk and came in one epoch, then a checksum a block. */
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
        for (let i = start; i < end; i++) w.uint32(chunk.checksum[i] ?? 0)
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
        chunk.checksum[i] = r.uint32()
      }
      start = end
    }
    return chunk
  },
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

/** Longest name of a dataset or snapshot, in bytes. */
const OBJSET_NAME_BYTES_MAX = 255

export const usageCodec: Codec<Usage> = struct({ bytes: uint64, inodes: uint64 })

const originCodec: Codec<Origin> = struct({
  dataset: uint32,
  snapshot: uint32,
  epoch: uint32,
  promoting: bool,
  doneIno: uint64,
  doneInodes: uint64,
})

export const accountCodec: Codec<Account> = struct({
  bytes: uint64,
  inodes: uint64,
  written: uint64,
})

export const datasetCodec: Codec<DatasetRecord> = struct({
  name: string(OBJSET_NAME_BYTES_MAX),
  root: uint64,
  epoch: uint32,
  snapshotsChanged: timeCodec,
  created: timeCodec,
  quota: usageCodec,
  deleting: bool,
  origin: optional(originCodec),
  tombstones: bool,
})

export const snapshotCodec: Codec<SnapshotRecord> = struct({
  dataset: uint32,
  name: string(OBJSET_NAME_BYTES_MAX),
  referenced: usageCodec,
  epoch: uint32,
  created: timeCodec,
  deleting: bool,
  comment: string(COMMENT_BYTES_MAX),
  tags: array(string(WORD_BYTES_MAX), TAGS_MAX),
  holds: array(string(WORD_BYTES_MAX), HOLDS_MAX),
})

export const scheduleCodec: Codec<ScheduleRecord> = struct({
  frequently: uint32,
  hourly: uint32,
  daily: uint32,
  weekly: uint32,
  monthly: uint32,
  yearly: uint32,
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
