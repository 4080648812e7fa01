/** The types of lists about the past (history.ts), in RFC 4506's terms, and their procedures. */
import { FileType } from '../fs/filesystem.ts'
import { VERSION_SNAPSHOTS_MAX } from '../snapshot/versions.ts'
import {
  array,
  bool,
  type Codec,
  enumeration,
  optional,
  struct,
  uint32,
  uint64,
} from '../xdr/codec.ts'
import type {
  DeletedEntry,
  DeletedRequest,
  DiffEntry,
  DiffKind,
  DiffRequest,
  FileVersion,
} from './history.ts'
import type { StreamPage } from './streams.ts'
import { PAGE_LENGTH, path, snapshotName, time, word } from './types.ts'

/** Each `begin` answers a number, which `next` is asked by until there is no more. */
export const HISTORYPROC = {
  END: 40,
  DIFF: 41,
  DIFF_NEXT: 42,
  VERSIONS: 43,
  VERSIONS_NEXT: 44,
  DELETED: 45,
  DELETED_NEXT: 46,
} as const

export const streamNumber = uint32

function page<T>(item: Codec<T>): Codec<StreamPage<T>> {
  return struct({ items: array(item, PAGE_LENGTH), more: bool })
}

const type = enumeration(...Object.values(FileType))

export const diffRequest: Codec<DiffRequest> = struct({
  from: snapshotName,
  to: optional(snapshotName),
})

export const diffEntry: Codec<DiffEntry> = struct({
  kind: word<DiffKind>('added', 'removed', 'changed', 'renamed', 'linked', 'unlinked'),
  type,
  path,
  from: optional(path),
  content: bool,
  attributes: bool,
  replaced: bool,
  size: uint64,
})
export const diffPage = page(diffEntry)

export const fileVersion: Codec<FileVersion> = struct({
  type,
  size: uint64,
  mtime: time,
  mode: uint32,
  uid: uint32,
  gid: uint32,
  isNow: bool,
  snapshots: array(snapshotName, VERSION_SNAPSHOTS_MAX),
  snapshotCount: uint32,
  since: optional(time),
})
export const versionsPage = page(fileVersion)
export const versionsPath = path

export const deletedRequest: Codec<DeletedRequest> = struct({ path, all: bool })

export const deletedEntry: Codec<DeletedEntry> = struct({
  path,
  type,
  snapshot: snapshotName,
  mtime: time,
  size: uint64,
  files: uint64,
  isElsewhere: bool,
  now: optional(path),
})
export const deletedPage = page(deletedEntry)
