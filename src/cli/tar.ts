/**
 * Archives as POSIX's pax has them, which every tar reads: a header of 512 bytes in octal (ustar),
 * the data, zeros up to the next 512. What does not fit into a header (long names, names that are
 * not ASCII, large sizes and ids, parts of a second) stands in records before it:
 *
 *     x-header | "20 path=some-name\n" "30 mtime=1700000001.123456789\n" | header | data
 *
 * @see POSIX.1-2017, pax, "pax Interchange Format"
 */
import { FileType, type Time } from '../fs/filesystem.ts'

export const TAR_BLOCK_BYTES = 512
/** Two blocks of zeros end an archive; readers take it in records of this size. */
const RECORD_BYTES = 10_240

const NAME_BYTES_MAX = 100
/** What seven, and eleven, octal digits hold. */
const ID_MAX = 0o777_7777
const SIZE_MAX = 0o777_7777_7777

/** Sockets have none: there is no place for them in an archive. */
const TYPES: Partial<Record<FileType, string>> = {
  [FileType.REG]: '0',
  [FileType.LNK]: '2',
  [FileType.CHR]: '3',
  [FileType.BLK]: '4',
  [FileType.DIR]: '5',
  [FileType.FIFO]: '6',
}
const HARD_LINK = '1'
const RECORDS = 'x'

export interface TarEntry {
  readonly path: Uint8Array
  readonly type: FileType
  /** Of the data that follows: 0 but for regular files. */
  readonly size: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly major: number
  readonly minor: number
  readonly mtime: Time
  /** Of a symlink. */
  readonly target: Uint8Array
  /** The path of the entry that this is a further name of. */
  readonly linkTo: Uint8Array | undefined
}

export function canBeInTar(type: FileType): boolean {
  return TYPES[type] !== undefined
}

/** Everything that comes before an entry's data. */
export function tarHeader(entry: TarEntry): Buffer {
  const { type, linkTo, size, uid, gid, mtime } = entry
  const path = type === FileType.DIR ? Buffer.concat([entry.path, Buffer.from('/')]) : entry.path
  const link = linkTo ?? entry.target
  const records = Buffer.concat([
    ...(isPlain(path) ? [] : [record('path', path)]),
    ...(isPlain(link) ? [] : [record('linkpath', link)]),
    ...(size > SIZE_MAX ? [record('size', String(size))] : []),
    ...(uid > ID_MAX ? [record('uid', String(uid))] : []),
    ...(gid > ID_MAX ? [record('gid', String(gid))] : []),
    ...(mtime.nseconds > 0 ? [record('mtime', exactly(mtime))] : []),
  ])
  const typeflag = linkTo === undefined ? (TYPES[type] ?? '0') : HARD_LINK
  const header = block({ ...entry, path, typeflag, link })
  if (records.length === 0) return header
  const about = { ...entry, mode: 0o644, uid: 0, gid: 0, major: 0, minor: 0, size: records.length }
  const name = Buffer.from('pax-header')
  const first = block({ ...about, path: name, typeflag: RECORDS, link: Buffer.alloc(0) })
  return Buffer.concat([first, records, padding(records.length), header])
}

/** Zeros up to the next block. */
export function padding(bytes: number): Buffer {
  return Buffer.alloc((TAR_BLOCK_BYTES - (bytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES)
}

/** What ends an archive that has so many bytes. */
export function tarEnd(bytes: number): Buffer {
  const end = bytes + 2 * TAR_BLOCK_BYTES
  return Buffer.alloc(Math.ceil(end / RECORD_BYTES) * RECORD_BYTES - bytes)
}

const isPlain = (bytes: Uint8Array) =>
  bytes.length <= NAME_BYTES_MAX && bytes.every((byte) => byte < 0x80)

const exactly = ({ seconds, nseconds }: Time) =>
  `${seconds}.${String(nseconds).padStart(9, '0').replace(/0+$/, '')}`

/** `20 path=some-name\n`: the number is the length of all of it. */
function record(key: string, value: Uint8Array | string): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length)
    length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

interface Block extends Omit<TarEntry, 'type' | 'target' | 'linkTo'> {
  readonly typeflag: string
  readonly link: Uint8Array
}

function block(entry: Block): Buffer {
  const header = Buffer.alloc(TAR_BLOCK_BYTES)
  const octal = (value: number, at: number, bytes: number, most: number) => {
    const digits = Math.min(value, most)
      .toString(8)
      .padStart(bytes - 1, '0')
    header.write(digits, at, 'latin1')
  }
  header.set(entry.path.subarray(0, NAME_BYTES_MAX), 0)
  octal(entry.mode & 0o7777, 100, 8, ID_MAX)
  octal(entry.uid, 108, 8, ID_MAX)
  octal(entry.gid, 116, 8, ID_MAX)
  octal(entry.size, 124, 12, SIZE_MAX)
  octal(entry.mtime.seconds, 136, 12, SIZE_MAX)
  header.write(' '.repeat(8), 148, 'latin1')
  header.write(entry.typeflag, 156, 'latin1')
  header.set(entry.link.subarray(0, NAME_BYTES_MAX), 157)
  header.write('ustar\u000000', 257, 'latin1')
  octal(entry.major, 329, 8, ID_MAX)
  octal(entry.minor, 337, 8, ID_MAX)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148, 'latin1')
  return header
}
