/**
 * Every key in the database. Integers are big-endian, so that byte order is numeric order.
 *
 *   ds:u32 'I' ino:u64                    inode
 *   ds:u32 'N' dir:u64 name:bytes         what a name stands for; the name is last, so it needs no end
 *   ds:u32 'P' dir:u64 page:u64           a page of a directory, in READDIR order
 *   ds:u32 'X' owner:u64 level:u8 n:u64   which pages of a directory, or chunks of a file, exist
 *   ds:u32 'C' content:u64 index:u64      a chunk of a file
 *
 *   The five above have versions. A superseded one, and how to find it:
 *   ds:u32 'H' key end:u32                the record as it was until epoch `end`; `key` without its ds
 *   ds:u32 'V' key                        all versions of `key` in history, oldest first
 *   ds:u32 'D' end:u32 birth:u32 key      the same, in the order in which snapshots let go of them
 *
 *   ds:u32 'O' content:u64                chunks of a file that is gone, to be freed
 *   ds:u32 'U' epoch:u64                  account (accounts.ts): of the live files (0), of snapshots
 *   ds:u32 'R' 0:u64                      schedule: which snapshots are taken, and how many kept
 *
 *   0:u32  'S' 0:u64                      superblock
 *   0:u32  'T' ds:u64                     dataset
 *   0:u32  'Z' snapshot:u64               snapshot
 *   0:u32  'G' group:u64                  reference counts of a group of blocks
 *   0:u32  'M' 0:u64                      checkpoint: up to which log entry the database is complete
 *   0:u32  'L' lock:u64                   a lock, or a share reservation, that a client holds
 *   0:u32  'K' client:u64                 a client that holds locks
 *   0:u32  'Q' 0:u64                      the state that the NSM tells, and where this host's lockd is
 *   0:u32  'W' monitor:u64                a program of this host that the NSM has news for
 *   0:u32  'A' mount:u64                  who has mounted what, as clients are shown it
 *
 * In memory a key is a number, or a short text which a Map finds quickly; this module is the only
 * place that knows both forms:
 *
 *   I O U R               the number
 *   S T Z G M L K Q W A   the number
 *   N              `dir/name`, the name as latin1
 *   P C            `owner/n`
 *   X              `owner/level/n`
 *   V              the letter and the key: `N17/name`
 *   H              the same, `@` and the end: `N17/name@5`
 *   D              `end/birth/` and the same: `5/3/N17/name`
 */
import { strict as assert } from 'node:assert'

/** The letters above. */
export const Kind = {
  INODE: 'I',
  NAME: 'N',
  PAGE: 'P',
  BITMAP: 'X',
  CHUNK: 'C',
  HISTORY: 'H',
  VERSIONS: 'V',
  DEAD: 'D',
  ORPHAN: 'O',
  USAGE: 'U',
  SCHEDULE: 'R',
  SUPERBLOCK: 'S',
  DATASET: 'T',
  SNAPSHOT: 'Z',
  GROUP: 'G',
  CHECKPOINT: 'M',
  LOCK: 'L',
  LOCK_CLIENT: 'K',
  NSM: 'Q',
  MONITOR: 'W',
  MOUNT: 'A',
} as const
export type Kind = (typeof Kind)[keyof typeof Kind]

/** The form a key has in memory. */
export type Key = number | string

/** A name as a Map's key: its bytes as latin1, so that no two names meet. */
export function nameKey(dir: number, name: Uint8Array): string {
  return `${dir}/${Buffer.from(name.buffer, name.byteOffset, name.length).toString('latin1')}`
}

export function pageKey(dir: number, page: number): string {
  return `${dir}/${page}`
}

/** @param owner a directory's ino, or a file's content number */
export function bitmapKey(owner: number, level: number, n: number): string {
  return `${owner}/${level}/${n}`
}

export function chunkKey(content: number, index: number): string {
  return `${content}/${index}`
}

export function versionsKey(kind: Kind, key: Key): string {
  return `${kind}${key}`
}

export function historyKey(kind: Kind, key: Key, end: number): string {
  return `${kind}${key}@${end}`
}

export function deadKey(kind: Kind, key: Key, birth: number, end: number): string {
  return `${end}/${birth}/${kind}${key}`
}

/** The longest key: a history record of a name of 255 bytes. */
const KEY_BYTES_MAX = 512
const scratch = Buffer.alloc(KEY_BYTES_MAX)

function putUint64(value: number, at: number): number {
  scratch.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at)
  scratch.writeUInt32BE(value >>> 0, at + 4)
  return at + 8
}

function putKey(kind: Kind, key: Key, from: number): number {
  scratch[from] = kind.charCodeAt(0)
  const at = from + 1
  if (typeof key === 'number') return putUint64(key, at)
  const slash = key.indexOf('/')
  switch (kind) {
    case Kind.NAME:
      return (
        putUint64(Number(key.slice(0, slash)), at) +
        scratch.write(key.slice(slash + 1), at + 8, 'latin1')
      )
    case Kind.PAGE:
    case Kind.CHUNK:
      return putUint64(Number(key.slice(slash + 1)), putUint64(Number(key.slice(0, slash)), at))
    case Kind.BITMAP: {
      const second = key.indexOf('/', slash + 1)
      const level = putUint64(Number(key.slice(0, slash)), at)
      scratch[level] = Number(key.slice(slash + 1, second))
      return putUint64(Number(key.slice(second + 1)), level + 1)
    }
    case Kind.VERSIONS:
      return putInner(key, at)
    case Kind.HISTORY: {
      const end = key.lastIndexOf('@')
      return scratch.writeUInt32BE(Number(key.slice(end + 1)), putInner(key.slice(0, end), at))
    }
    case Kind.DEAD: {
      const second = key.indexOf('/', slash + 1)
      scratch.writeUInt32BE(Number(key.slice(0, slash)), at)
      scratch.writeUInt32BE(Number(key.slice(slash + 1, second)), at + 4)
      return putInner(key.slice(second + 1), at + 8)
    }
    default:
      assert.fail(`no text keys of kind ${kind}`)
  }
}

function putInner(key: string, at: number): number {
  const kind = key.charAt(0) as Kind
  return putKey(kind, kind === Kind.INODE ? Number(key.slice(1)) : key.slice(1), at)
}

/** Views of the scratch, by their lengths: making one costs as much as all else about a key. */
const views: (Buffer | undefined)[] = new Array(KEY_BYTES_MAX + 1).fill(undefined)

/** A key's bytes. They stand in one shared buffer: valid until the next call. */
export function keyBytes(dataset: number, kind: Kind, key: Key): Buffer {
  scratch.writeUInt32BE(dataset, 0)
  const length = putKey(kind, key, 4)
  const known = views[length]
  if (known !== undefined) return known
  const view = scratch.subarray(0, length)
  views[length] = view
  return view
}

/** What `keyBytes` was given. */
export interface ParsedKey {
  readonly dataset: number
  readonly kind: Kind
  readonly key: Key
}

const uint64At = (bytes: Buffer, at: number): number =>
  bytes.readUInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)

function keyAt(bytes: Buffer, at: number, end: number): { kind: Kind; key: Key } {
  const kind = String.fromCharCode(bytes[at] ?? 0) as Kind
  const from = at + 1
  const inner = (start: number, stop: number): string => {
    const parsed = keyAt(bytes, start, stop)
    return `${parsed.kind}${parsed.key}`
  }
  switch (kind) {
    case Kind.NAME:
      return { kind, key: `${uint64At(bytes, from)}/${bytes.toString('latin1', from + 8, end)}` }
    case Kind.PAGE:
    case Kind.CHUNK:
      return { kind, key: `${uint64At(bytes, from)}/${uint64At(bytes, from + 8)}` }
    case Kind.BITMAP:
      return {
        kind,
        key: `${uint64At(bytes, from)}/${bytes[from + 8]}/${uint64At(bytes, from + 9)}`,
      }
    case Kind.VERSIONS:
      return { kind, key: inner(from, end) }
    case Kind.HISTORY:
      return { kind, key: `${inner(from, end - 4)}@${bytes.readUInt32BE(end - 4)}` }
    case Kind.DEAD:
      return {
        kind,
        key: `${bytes.readUInt32BE(from)}/${bytes.readUInt32BE(from + 4)}/${inner(from + 8, end)}`,
      }
    default:
      return { kind, key: uint64At(bytes, from) }
  }
}

/** The inverse of `keyBytes`. */
export function parseKey(bytes: Buffer): ParsedKey {
  return { dataset: bytes.readUInt32BE(0), ...keyAt(bytes, 4, bytes.length) }
}

/** What a DEAD key says. */
export function parseDeadKey(key: string): { end: number; birth: number; kind: Kind; key: Key } {
  const slash = key.indexOf('/')
  const second = key.indexOf('/', slash + 1)
  const kind = key.charAt(second + 1) as Kind
  const rest = key.slice(second + 2)
  return {
    end: Number(key.slice(0, slash)),
    birth: Number(key.slice(slash + 1, second)),
    kind,
    key: kind === Kind.INODE ? Number(rest) : rest,
  }
}

/** The range of all keys of one kind of a dataset. */
export function kindRange(dataset: number, kind: Kind): { gte: Buffer; lt: Buffer } {
  const gte = Buffer.alloc(5)
  gte.writeUInt32BE(dataset, 0)
  gte[4] = kind.charCodeAt(0)
  const lt = Buffer.from(gte)
  lt[4] = kind.charCodeAt(0) + 1
  return { gte, lt }
}

/** The range of the DEAD keys whose end lies in `from` to `to`, both included. */
export function deadRange(dataset: number, from: number, to: number): { gte: Buffer; lt: Buffer } {
  const bound = (end: number) => {
    const bytes = Buffer.alloc(9)
    bytes.writeUInt32BE(dataset, 0)
    bytes[4] = Kind.DEAD.charCodeAt(0)
    bytes.writeUInt32BE(end, 5)
    return bytes
  }
  return { gte: bound(from), lt: bound(to + 1) }
}
